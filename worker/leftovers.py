"""What attempts leave in the store: everything that no committed job refers to is deleted, and nothing else."""

from __future__ import annotations

import logging

from synthgen.errors import SynthgenError
from synthgen.service.artifacts import keys
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Dataset, Job
from synthgen.service.execution import Claim
from worker import staging

log = logging.getLogger(__name__)


def keep_log(app: Application, held: Claim, lines: str) -> None:
    """Keep the end of an attempt's log with the job, for those who may see the source; never fails the job.

    The log is the attempt's own, so that a worker too late overwrites nobody's. It is written first, and deleted where
    another attempt has begun or the dataset is being erased: their cleaning may have been before.
    """
    if not lines:
        return
    try:
        job = _job(app, held)
        app.store.put(keys.log(job, held.fence), [lines.encode()])
        if is_past(app, held):
            app.store.delete_all(keys.log_folder(job, held.fence))
    except SynthgenError:
        log.warning("job %s: the end of its log could not be kept", held.job_id)


def after_commit(app: Application, held: Claim) -> None:
    """The job is done: delete its checkpoints, its log, its live pictures and what earlier attempts left."""
    job = _job(app, held)
    for attempt in _attempts(app, job, held.fence - 1):
        app.store.delete_all(keys.attempt_folder(job, attempt))
    app.store.delete_all(f"{keys.attempt_folder(job, held.fence)}/checkpoint")
    app.store.delete_all(keys.log_folder(job, held.fence))
    app.store.delete_all(keys.live_folder(job, held.fence))


def after_failure(app: Application, held: Claim) -> None:
    """The attempt has no result: only its log is left, not those of earlier ones, and a checkpoint for a retry."""
    job = _job(app, held)
    for attempt in _attempts(app, job, held.fence):
        app.store.delete_all(f"{keys.attempt_folder(job, attempt)}/outputs")
        app.store.delete_all(keys.live_folder(job, attempt))
        if attempt < held.fence:
            app.store.delete_all(keys.log_folder(job, attempt))
    app.store.delete_all(staging.outputs_prefix(app, held))


def after_cancel(app: Application, held: Claim) -> None:
    """Somebody stopped the job: as after a failure, and there is nothing to explain."""
    after_failure(app, held)
    app.store.delete_all(keys.log_folder(_job(app, held), held.fence))


def after_loss(app: Application, held: Claim) -> None:
    """Somebody else owns the job: delete what this attempt wrote, unless it is what the job goes on from."""
    job = _job(app, held)
    if job.state == "succeeded" and job.fence == held.fence:
        return  # it is this very attempt that was committed, only the answer was lost
    folder = keys.attempt_folder(job, held.fence)
    if not any(file["key"].startswith(f"{folder}/") for file in job.checkpoint):
        app.store.delete_all(folder)
    app.store.delete_all(staging.outputs_prefix(app, held))


def _job(app: Application, held: Claim) -> Job:
    with app.unit(read_only=True) as unit:
        job: Job = unit.get(Job, held.job_id)
        return job


def _attempts(app: Application, job: Job, newest: int) -> list[int]:
    """The numbers of the attempts up to `newest` that left files."""
    return [fence for fence in keys.attempts(job, app.store.keys(keys.job_folder(job))) if fence <= newest]


def is_past(app: Application, held: Claim) -> bool:
    """Whether another attempt of the job has begun, or its dataset is erased or about to be."""
    with app.unit(read_only=True) as unit:
        job: Job = unit.get(Job, held.job_id)
        dataset: Dataset = unit.get(Dataset, held.dataset_id)
        return job.fence != held.fence or dataset.state in {"erasing", "erased"}
