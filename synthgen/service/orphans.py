"""What lies in the store and no row will ever ask for: whoever wrote it died before the row was written."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from sqlalchemy import select

from synthgen.service.artifacts import keys
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Artifact, Dataset, Job, ReleaseRow
from synthgen.service.db.unit_of_work import UnitOfWork

log = logging.getLogger(__name__)

AGE = 24 * 3600.0  # seconds; no upload takes longer
OVER = ("succeeded", "failed", "cancelled")


def delete_orphans(app: Application, age: float = AGE) -> int:
    """Delete uploads without a dataset, jobs without a row, and what lost attempts left; returns how many folders."""
    return _uploads(app, age) + sum(_of_jobs(app, dataset_id, age) for dataset_id in _living(app)) + _bundles(app, age)


def _uploads(app: Application, age: float) -> int:
    """What belongs to a dataset that has no row, or that was erased."""
    count = 0
    for folder in app.store.stale_folders(keys.datasets_folder(app.settings.project), age):
        with app.unit(read_only=True) as unit:
            row: Dataset | None = unit.get(Dataset, _name(folder))
        if row is None or row.state == "erased":
            count += _delete(app, folder)
    return count


def _living(app: Application) -> list[str]:
    with app.unit(read_only=True) as unit:
        kept = select(Dataset.id).where(Dataset.project_id == unit.project_id, Dataset.state != "erased")
        return list(unit.session.scalars(kept))


def _of_jobs(app: Application, dataset_id: str, age: float) -> int:
    """What jobs of a dataset left that are over; a job that waits or runs is not looked at."""
    count = 0
    for folder in app.store.stale_folders(keys.jobs_folder(app.settings.project, dataset_id), age):
        with app.unit(read_only=True) as unit:
            row: Job | None = unit.get(Job, _name(folder))
            asked_for = set(_asked_for(unit, row)) if row is not None else set()
        if row is None:
            count += _delete(app, folder)
        elif row.state in OVER:
            count += _sweep(app, folder, asked_for, age)
    return count


def _bundles(app: Application, age: float) -> int:
    """What exports left that were lost."""
    count = 0
    for folder in app.store.stale_folders(keys.releases_folder(app.settings.project), age):
        with app.unit(read_only=True) as unit:
            row: ReleaseRow | None = unit.get(ReleaseRow, _name(folder))
            exporting = row is not None and _exporting(unit, row.id)
        if not exporting:
            count += _sweep(app, folder, {row.bundle_key} if row is not None and row.bundle_key else set(), age)
    return count


def _exporting(unit: UnitOfWork, release_id: str) -> bool:
    at_work = select(Job.id).where(
        Job.project_id == unit.project_id, Job.release_id == release_id, Job.state.not_in(OVER)
    )
    return unit.session.scalar(at_work.limit(1)) is not None


def _asked_for(unit: UnitOfWork, job: Job) -> Iterator[str]:
    """The keys that the rows of a job name, and the log of its last attempt."""
    yield from unit.session.scalars(select(Artifact.key).where(Artifact.job_id == job.id))
    yield from (str(file["key"]) for file in job.checkpoint)
    yield from filter(None, (job.spec_key, keys.log(job, job.fence)))


def _sweep(app: Application, folder: str, asked_for: set[str], age: float) -> int:
    """Delete the folders below `folder` that hold nothing anybody asks for; returns how many."""
    count = 0
    for below in list(app.store.stale_folders(folder, age)):
        if below in asked_for:
            continue
        if any(key.startswith(f"{below}/") for key in asked_for):
            count += _sweep(app, below, asked_for, age)
        else:
            count += _delete(app, below)
    return count


def _delete(app: Application, folder: str) -> int:
    log.warning("deleting %s, which belongs to nothing", folder)
    app.store.delete_all(folder)
    return 1


def _name(folder: str) -> str:
    return folder.rsplit("/", 1)[1]
