"""The worker process: a Celery consumer that hears job ids, and a sweep that relays, reaps and reports."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import shutil
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from celery import Celery, signals

from synthgen.errors import SynthgenError, Unavailable, trail
from synthgen.service import bootstrap, gpus, logs, orphans, relay, roster, turns
from synthgen.service.bootstrap import Application
from synthgen.service.db.migrate import is_current
from synthgen.service.queue import RUN_JOB, make_queue
from synthgen.service.settings import Settings
from worker.reaper import Reaper
from worker.slots import Slots
from worker.supervise import Attempt

TIDY_SECONDS = 6 * 3600.0  # between two searches for orphaned uploads
HELD: list[Any] = []  # lock files kept open: the kernel drops a lock when its process ends, however it ends
log = logging.getLogger(__name__)


class Worker:
    """Everything one worker process shares between its threads."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.draining = threading.Event()
        self.finished = threading.Event()
        self.slots = Slots(app.settings)
        self.id = roster.sign_on(app, self.slots.count)
        self.scratch = claim_scratch(app.settings, self.id)
        self.reaper = Reaper(app.settings.lease_seconds)
        self.lock = threading.Lock()
        self.running = 0

    def run_job(self, job_id: str) -> None:
        """Claim the job whose turn it is in the queue of this one, and see it through; none is left to take: return."""
        if self.draining.is_set():
            return  # it stays queued and is announced again
        with self.slots.one() as pinned:
            claimed = turns.claim_next(self.app, job_id, self.id)
            if claimed is None:
                return
            owner, held = claimed
            self._count(+1)
            try:
                directory = self.scratch / f"{held.job_id}-{held.fence}"
                with logs.about(held.job_id):
                    Attempt(owner, held, directory, self.draining, variables=pinned).run()
            finally:
                self._count(-1)

    def sweep(self, queue: Celery) -> None:
        """Until the process ends: publish what is due, take jobs from silent workers, report that we live."""
        reported, tidied = 0.0, 0.0
        while not self.finished.wait(self.app.settings.sweep_seconds):
            for app in self._projects():
                _attempt(partial(self.reaper.reap, app))
                _attempt(partial(relay.republish, app, queue))
                _attempt(partial(relay.relay, app, queue))
            if time.monotonic() - reported > self.app.settings.heartbeat_seconds:
                reported = time.monotonic()
                _attempt(lambda: roster.report(self.app, self.id, self.running, self._gpus()))

            if time.monotonic() - tidied > TIDY_SECONDS or not tidied:
                tidied = time.monotonic()
                for app in self._projects():
                    _attempt(partial(orphans.delete_orphans, app))

    def _projects(self) -> list[Application]:
        """The service of each project; of our own while the database does not answer."""
        try:
            return [self.app.of_project(name) for name in turns.projects(self.app)]
        except SynthgenError:
            return [self.app]

    def _gpus(self) -> list[dict[str, Any]]:
        """The machine's GPUs, for a worker that uses them."""
        return gpus.seen() if self.app.settings.device != "cpu" else []

    def _count(self, change: int) -> None:
        with self.lock:
            self.running += change


def serve(settings: Settings | None = None) -> None:
    """Work until SIGTERM: then running children stop at a checkpoint and their jobs go back into the queue."""
    app = bootstrap.build(settings)
    logs.configure(app.settings)
    signals.setup_logging.connect(_leave_logging_alone)
    _wait_for_schema(app)
    worker, queue = Worker(app), make_queue(app.settings)
    queue.task(name=RUN_JOB, ignore_result=True)(worker.run_job)
    drain = _on_shutdown(worker)
    sweeper = threading.Thread(target=worker.sweep, args=(make_queue(app.settings),), name="sweep", daemon=True)
    sweeper.start()
    try:
        queue.worker_main(_arguments(app.settings, worker.slots.count))
    finally:
        signals.worker_shutting_down.disconnect(drain)
        worker.finished.set()
        sweeper.join(timeout=10)
        _attempt(lambda: roster.sign_off(app, worker.id))
        shutil.rmtree(worker.scratch, ignore_errors=True)
        app.close()


def claim_scratch(settings: Settings, worker_id: str) -> Path:
    """A private directory for this process; those of processes that died, with the data in them, are deleted."""
    settings.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in settings.scratch.glob("*.lock"):
        with contextlib.suppress(OSError), left.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left.with_suffix(""), ignore_errors=True)
            left.unlink()
    unlisted = settings.scratch / f"{worker_id}.new"
    lock_file = unlisted.open("w")
    fcntl.flock(lock_file, fcntl.LOCK_EX)
    unlisted.rename(unlisted.with_suffix(".lock"))  # listed only once it is locked, or a sibling would take it for dead
    HELD.append(lock_file)
    scratch = settings.scratch / worker_id
    scratch.mkdir(mode=0o700)
    return scratch


def _arguments(settings: Settings, slots: int) -> list[str]:
    return [
        "worker",
        "--pool=threads",
        f"--concurrency={slots}",
        f"--queues={','.join(settings.queues)}",
        f"--loglevel={settings.log_level}",
        "--disable-prefetch",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]


def _leave_logging_alone(**ignored: object) -> None:
    """Celery sets up handlers of its own, whose lines are of another form, where nobody says that it was done."""


def _on_shutdown(worker: Worker) -> Any:
    def drain(**ignored: object) -> None:
        worker.draining.set()

    signals.worker_shutting_down.connect(drain, weak=False)
    return drain


def _wait_for_schema(app: Application) -> None:
    """The migration may still be running beside us."""
    until = time.monotonic() + 60
    while not is_current(app.engine):
        if time.monotonic() > until:
            raise Unavailable("The database does not have the newest schema.", "Run the migrations first.")
        time.sleep(0.5)


def _attempt(task: Any) -> None:
    """The sweep outlives whatever fails for a while."""
    try:
        task()
    except SynthgenError as error:
        log.warning("%s", error)
    except Exception as error:
        log.error("sweep: %s", trail(error))
