"""One attempt of one job, from claim to commit: stage, spawn, watch, upload, commit or say why not."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from synthgen.errors import SynthgenError, Unavailable, trail
from synthgen.isolation import QUIET
from synthgen.service import execution
from synthgen.service.artifacts import keys
from synthgen.service.bootstrap import Application
from synthgen.service.execution import Claim, LeaseLost
from synthgen.service.outcomes import Failure
from worker import checkpoints, endings, full_disk, leftovers, live, staging
from worker.child import LOG, TRAINER, Child
from worker.lease import Lease
from worker.limits import limits_for
from worker.logbook import Logbook
from worker.patience import conclude, patiently

T = TypeVar("T")
log = logging.getLogger(__name__)

TICK = 0.1  # seconds between two looks at the child
FLUSH = 1.0  # seconds between two writes of its events
ERASE_WAIT = 120.0  # seconds that an erasure waits for the dataset's other jobs to end
CANCEL_GRACE = 8.0  # seconds a child may take to stop when nobody wants its result

CLEAN: dict[str, Callable[[Application, Claim], None]] = {
    "succeeded": leftovers.after_commit,
    "failed": leftovers.after_failure,
    "cancelled": leftovers.after_cancel,
}


@dataclass
class Attempt:
    """A claimed job being worked on in a private directory."""

    app: Application
    held: Claim
    directory: Path
    draining: threading.Event
    program: Sequence[str] = TRAINER
    variables: Mapping[str, str] = field(default_factory=dict)  # of the child's environment: its slot's device

    def run(self) -> None:
        """Work until the job is committed, failed, cancelled, given back or lost; never raises for the job's sake."""
        try:
            with Lease(self.app, self.held) as lease:
                self._work(lease)
        except LeaseLost:
            log.warning("job %s: attempt %d lost its lease, dropped", self.held.job_id, self.held.fence)
            with contextlib.suppress(SynthgenError):
                leftovers.after_loss(self.app, self.held)
        except Exception as error:
            self._explain(error)
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _work(self, lease: Lease) -> None:
        if self.held.kind == "erase":
            self._erase(lease)
            return
        self._patiently(lambda: staging.stage(self.app, self.held, self.directory), lease)
        few_threads = QUIET if self.held.kind == "inspect" else {}  # many would reserve more address space than allowed
        child = Child(self.directory, self.program, {**few_threads, **self.variables})
        try:
            keeper = checkpoints.Keeper(self.app, self.held, self.directory)
            self._watch(child, lease, keeper)
            self._conclude(child, lease, keeper)
        finally:
            child.close()

    def _watch(self, child: Child, lease: Lease, keeper: checkpoints.Keeper) -> None:
        """Until the child ends: forward what it makes, deliver cancel and drain, keep it inside its limits."""
        limits = limits_for(self.app.settings, self.held.kind, self.directory)
        pictures = live.Pictures(self.app, self.held, self.directory)
        logbook = Logbook(self.app, self.held, child.log)
        flushed, grace = 0.0, self.app.settings.stop_grace_seconds
        while child.running():
            lease.check()
            limits.enforce(child)
            keeper.keep_if_due()
            if time.monotonic() - flushed > FLUSH:
                flushed = time.monotonic()
                self._flush(child)
                pictures.show_if_due()
                logbook.keep_if_due()
                if cancelled := self._cancel_requested():
                    grace = min(grace, CANCEL_GRACE)
                if self.draining.is_set() or cancelled:
                    child.stop()
            self._kill_if_deaf(child, grace)
            time.sleep(TICK)
        child.reader.join(timeout=10)
        self._flush(child)

    def _flush(self, child: Child) -> None:
        """Write the child's events; a database that does not answer now gets them later."""
        events = child.drain()
        if not events:
            return
        try:
            execution.record(self.app, self.held, events)
        except Unavailable:
            child.events.extendleft(reversed(events))

    def _cancel_requested(self) -> bool:
        """Whether somebody asked; a database that does not answer now has nothing to say."""
        try:
            return execution.cancel_requested(self.app, self.held)
        except Unavailable:
            return False

    def _kill_if_deaf(self, child: Child, grace: float) -> None:
        if child.asked_to_stop is not None and time.monotonic() - child.asked_to_stop > grace:
            log.warning("job %s: the child did not stop within %s s, killed", self.held.job_id, grace)
            child.kill()

    def _conclude(self, child: Child, lease: Lease, keeper: checkpoints.Keeper) -> None:
        if child.process.returncode == 0:
            self._commit(lease)
        elif child.asked_to_stop is not None:
            self._stopped(keeper)
        else:
            self._fail(self._failure(child))

    def _commit(self, lease: Lease) -> None:
        """Upload first, then one transaction that checks the fence."""
        files = self._patiently(lambda: staging.upload_outputs(self.app, self.held, self.directory), lease)
        summary = staging.read_summary(self.directory)
        self._clean_up(conclude(self.app, self.held, lambda: execution.succeed(self.app, self.held, summary, files)))

    def _stopped(self, keeper: checkpoints.Keeper) -> None:
        """It stopped because it was asked to: for good, or because this worker is shutting down."""
        keeper.keep()
        self._clean_up(conclude(self.app, self.held, lambda: execution.give_back(self.app, self.held)))

    def _clean_up(self, state: str) -> None:
        """Delete what a job that ended so has no use for; a store that fails now is cleaned by the orphan sweep."""
        clean = CLEAN.get(state)
        if clean is not None:
            with contextlib.suppress(SynthgenError):
                clean(self.app, self.held)

    def _patiently(self, action: Callable[[], T], lease: Lease) -> T:
        return patiently(action, lease, self.app.settings.outage_seconds, self.draining)

    def _failure(self, child: Child) -> Failure:
        left = child.error()
        if left is not None:
            if left["code"] == "internal":
                log.error("job %s failed: %s %s", self.held.job_id, left["message"], left.get("trail", ""))
            return Failure(left["code"], left["message"], left["hint"], bool(left["retryable"]))
        _, reference = execution.unknown()
        code = child.process.returncode
        log.error("reference %s: job %s: child ended with %s", reference, self.held.job_id, code)
        return endings.failure(self.held.kind, code, endings.last_lines(child.log), reference)

    def _fail(self, failure: Failure) -> None:
        """Record why the attempt has no result, keep the end of its log with the job, and clean up."""
        if failure.retryable and self.draining.is_set():  # whatever it was, it may be our going down
            state = conclude(self.app, self.held, lambda: execution.give_back(self.app, self.held))
        else:
            state = conclude(self.app, self.held, lambda: execution.fail(self.app, self.held, failure))
        if state != "cancelled":
            leftovers.keep_log(self.app, self.held, endings.last_lines(self.directory / LOG))
        self._clean_up("cancelled" if state == "cancelled" else "failed")

    def _erase(self, lease: Lease) -> None:
        """Delete everything of a dataset once its other jobs have ended."""
        until = time.monotonic() + ERASE_WAIT
        while self._patiently(lambda: execution.others_running(self.app, self.held), lease):
            lease.check()
            if self.draining.wait(0.5):
                execution.give_back(self.app, self.held)
                return
            if time.monotonic() > until:
                raise Unavailable("Other jobs of this dataset have not ended yet.", "The erasure is tried again.")
        with self.app.unit(read_only=True) as unit:
            folder = keys.dataset_folder(unit.project_id, self.held.dataset_id)
        self._patiently(lambda: self.app.store.delete_all(folder), lease)
        conclude(self.app, self.held, lambda: execution.succeed(self.app, self.held, {}, {}))

    def _explain(self, error: Exception) -> None:
        """Something failed on this side: the store, the disk, the limits, or a mistake of ours."""
        if isinstance(error, SynthgenError):
            failure = Failure.of(error)
        elif full_disk.is_full(error):
            failure = endings.DISK_FULL
        else:
            failure, reference = execution.unknown()
            log.error("reference %s: job %s: %s", reference, self.held.job_id, trail(error))
        try:
            self._fail(failure)
        except (LeaseLost, SynthgenError):
            log.warning("job %s: could not record a failure; the reaper will find it", self.held.job_id)
