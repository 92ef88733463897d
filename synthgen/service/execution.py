"""What a worker may do to a job it claimed; every step checks the fence, so that a worker too late changes nothing."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update

from synthgen.errors import InternalError, SynthgenError, Unavailable
from synthgen.service import outcomes
from synthgen.service.artifacts.base import Stored
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Dataset, Job, JobEvent, OutboxMessage
from synthgen.service.db.unit_of_work import UnitOfWork
from synthgen.service.outcomes import Failure
from synthgen.service.states import overall_progress, planned, remaining_seconds

ASK_AGAIN = 0.5  # seconds between two questions whether a claim was made
FIRST_DELAY = 2.0  # seconds before a job that failed for a passing reason is tried again; doubles each time


class LeaseLost(Exception):
    """Somebody else owns the job now, or it is over: stop, publish nothing."""


@dataclass(frozen=True)
class Claim:
    """The right to run one attempt of one job, for as long as the lease is renewed. `fence` numbers the attempt."""

    job_id: str
    dataset_id: str
    kind: str
    fence: int
    attempt: int


def claim(app: Application, job_id: str, worker: str) -> Claim | None:
    """Take a queued job, or None when it is not there to be taken: somebody was faster, or it was cancelled.

    A connection that breaks at the commit leaves open whether the job was taken; its history then says by which claim.
    """
    mark = uuid.uuid4().hex[:12]
    try:
        return _claim(app, job_id, worker, mark)
    except Unavailable:
        return _claimed_after_all(app, job_id, mark)


def _claim(app: Application, job_id: str, worker: str, mark: str) -> Claim | None:
    with app.unit() as unit:
        taken = (
            update(Job)
            .where(Job.id == job_id, Job.project_id == unit.project_id, Job.state == "queued")
            .values(
                state="running",
                fence=Job.fence + 1,
                attempts=Job.attempts + 1,
                lease_until=unit.after(app.settings.lease_seconds),
                worker=worker,
            )
            .returning(Job)
            .execution_options(synchronize_session=False)
        )
        job = unit.session.scalars(taken).one_or_none()
        if job is None:
            return None
        job.started_at = job.started_at or unit.now
        unit.session.execute(delete(OutboxMessage).where(OutboxMessage.job_id == job_id))
        said = {"state": "running", "attempt": job.attempts, "worker": worker, "claim": mark}
        unit.record(job_id, [("state", said)])
        return Claim(job_id, job.dataset_id, job.kind, job.fence, job.attempts)


def _claimed_after_all(app: Application, job_id: str, mark: str) -> Claim | None:
    """The claim with that mark if it was made; asked until the database answers, for as long as the lease would last.

    Raises Unavailable; what was taken then waits for the reaper.
    """
    until = time.monotonic() + app.settings.lease_seconds
    while True:
        time.sleep(ASK_AGAIN)
        try:
            return _marked(app, job_id, mark)
        except Unavailable:
            if time.monotonic() > until:
                raise


def _marked(app: Application, job_id: str, mark: str) -> Claim | None:
    with app.unit(read_only=True) as unit:
        job: Job | None = unit.get(Job, job_id)
        newest = select(JobEvent.payload).where(JobEvent.job_id == job_id, JobEvent.kind == "state")
        said = unit.session.scalar(newest.order_by(JobEvent.seq.desc()).limit(1))
        if job is None or job.state != "running" or (said or {}).get("claim") != mark:
            return None
        return Claim(job_id, job.dataset_id, job.kind, job.fence, job.attempts)


def heartbeat(app: Application, held: Claim) -> None:
    """Renew the lease. Raises LeaseLost."""
    with app.unit() as unit:
        _held(unit, held).lease_until = unit.after(app.settings.lease_seconds)


def cancel_requested(app: Application, held: Claim) -> bool:
    """Whether somebody asked the job to stop. Raises LeaseLost."""
    with app.unit(read_only=True) as unit:
        return _held(unit, held, lock=False).cancel_requested


def record(app: Application, held: Claim, events: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Append what the child reported to the job's history and bring its progress up to date. Raises LeaseLost."""
    with app.unit() as unit:
        job = _held(unit, held)
        unit.record(held.job_id, list(events))
        for kind, payload in events:
            if kind == "progress":
                _advance(job, payload)


def keep_checkpoint(app: Application, held: Claim, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Make `files` the checkpoint the next attempt starts from; returns the one it replaces. Raises LeaseLost."""
    with app.unit() as unit:
        job = _held(unit, held)
        before, job.checkpoint = job.checkpoint, [dict(file) for file in files]
        return before


def succeed(app: Application, held: Claim, summary: Mapping[str, Any], files: Mapping[str, Stored]) -> str:
    """Commit the result, once; returns the state the job ended in. Raises LeaseLost.

    A job that somebody cancelled meanwhile, or whose dataset is being erased, ends cancelled.
    """
    with app.unit() as unit:
        job = _held(unit, held)
        dataset: Dataset = unit.get(Dataset, job.dataset_id)
        erased = dataset.state in {"erasing", "erased"} and job.kind not in {"erase", "export"}
        if erased or job.cancel_requested:
            outcomes.cancelled(unit, job)
        else:
            outcomes.succeeded(unit, job, summary, files)
            job.checkpoint = []
        return job.state


def fail(app: Application, held: Claim, failure: Failure) -> str:
    """Record why an attempt failed; a failure that may pass goes back into the queue, but not for ever."""
    with app.unit() as unit:
        job = _held(unit, held)
        _fail_or_requeue(unit, job, failure, app.settings.max_attempts)
        return job.state


def cancelled(app: Application, held: Claim) -> str:
    """The child stopped because somebody asked. Raises LeaseLost."""
    with app.unit() as unit:
        job = _held(unit, held)
        outcomes.cancelled(unit, job)
        return job.state


def give_back(app: Application, held: Claim) -> str:
    """The worker is shutting down: the job goes back into the queue and the attempt does not count."""
    with app.unit() as unit:
        job = _held(unit, held)
        if job.cancel_requested:
            outcomes.cancelled(unit, job)
        else:
            job.attempts -= 1
            outcomes.requeue(unit, job, because="the worker is shutting down")
        return job.state


def ended_as(app: Application, held: Claim) -> str | None:
    """The state in which the attempt left its job, for a worker that got no answer; None while it runs, or another."""
    with app.unit(read_only=True) as unit:
        job: Job = unit.get(Job, held.job_id)
        return job.state if job.fence == held.fence and job.state != "running" else None


def reap(app: Application) -> int:
    """Take jobs whose worker fell silent away from it; returns how many. After the last attempt a job fails.

    Raises Unavailable also where the database let us wait so long that living workers may have missed a heartbeat.
    """
    with app.unit(read_only=True) as unit:
        if not unit.session.scalar(_expired(unit).limit(1)):
            return 0
    began = time.monotonic()
    with app.unit() as unit:
        if time.monotonic() - began > app.settings.heartbeat_seconds:  # who waited for us could not renew either
            raise Unavailable("The database let us wait.", "Leases are looked at again later.")
        jobs = list(unit.session.scalars(_expired(unit).with_for_update(skip_locked=True)))
        for job in jobs:
            _reap_one(unit, job, app.settings.max_attempts)
        return len(jobs)


def others_running(app: Application, held: Claim) -> int:
    """How many other jobs of the same dataset are running."""
    with app.unit(read_only=True) as unit:
        running = select(Job.id).where(
            Job.project_id == unit.project_id,
            Job.dataset_id == held.dataset_id,
            Job.state == "running",
            Job.id != held.job_id,
        )
        return len(unit.session.scalars(running).all())


def unknown(error: BaseException | None = None) -> tuple[Failure, str]:
    """A failure nobody foresaw, with the reference under which the log has it."""
    reference = uuid.uuid4().hex[:10]
    return Failure.of(error if isinstance(error, SynthgenError) else InternalError(reference)), reference


def _held(unit: UnitOfWork, held: Claim, *, lock: bool = True) -> Job:
    query = select(Job).where(
        Job.id == held.job_id,
        Job.project_id == unit.project_id,
        Job.state == "running",
        Job.fence == held.fence,
    )
    job = unit.session.scalar(query.with_for_update() if lock else query)
    if job is None:
        raise LeaseLost(held.job_id)
    return job


def _advance(job: Job, payload: Mapping[str, Any]) -> None:
    job.stage = str(payload.get("stage", ""))[:80]
    done, total = float(payload.get("done", 0)), float(payload.get("total", 0))
    plan = planned(job.kind, str(job.spec.get("modality", "")))
    share = overall_progress(plan, job.stage, done, total)
    job.progress = max(job.progress, min(share or 0.0, 0.99))
    eta = payload.get("eta_seconds")
    if eta is not None and total and done >= total:
        return  # the stage is over, which says nothing of those to come
    job.eta_seconds = None if eta is None else round(remaining_seconds(plan, job.stage, done, total, eta), 1)


def _fail_or_requeue(unit: UnitOfWork, job: Job, failure: Failure, max_attempts: int) -> None:
    if job.cancel_requested:
        outcomes.cancelled(unit, job)
    elif failure.retryable and job.attempts < max_attempts:
        unit.record(job.id, [("error", {"error": failure.message, "error_code": failure.code})])
        outcomes.requeue(unit, job, because=failure.message, delay=FIRST_DELAY * 2 ** (job.attempts - 1))
    else:
        outcomes.failed(unit, job, failure)


def _expired(unit: UnitOfWork) -> Any:
    return select(Job).where(Job.project_id == unit.project_id, Job.state == "running", Job.lease_until < unit.now)


def _reap_one(unit: UnitOfWork, job: Job, max_attempts: int) -> None:
    job.lost_leases += 1
    if job.cancel_requested:
        outcomes.cancelled(unit, job)
    elif job.attempts < max_attempts:
        outcomes.requeue(unit, job, because="its worker stopped answering")
    else:
        outcomes.failed(unit, job, _poison(job.attempts))


def _poison(attempts: int) -> Failure:
    return Failure(
        "worker_lost",
        f"The job was started {attempts} times and the worker running it stopped answering each time.",
        "It may need more memory than the machine has: try fewer rows, columns or images, or ask the operator.",
        False,
    )
