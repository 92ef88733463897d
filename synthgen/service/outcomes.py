"""What the end of a job means for the rest: datasets, sets and releases follow their jobs, in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, update

from synthgen.errors import Conflict, SynthgenError
from synthgen.service.artifacts.base import Stored
from synthgen.service.db.tables import TABLES, Artifact, Dataset, Job, ReleaseRow, SyntheticSetRow
from synthgen.service.db.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Failure:
    """Why a job has no result: a stable code, one sentence for a data steward, what to do, whether it may pass."""

    code: str
    message: str
    hint: str
    retryable: bool

    @classmethod
    def of(cls, error: SynthgenError) -> Failure:
        """The failure that an error means."""
        return cls(error.code, error.message, error.hint, error.retryable)


def succeeded(unit: UnitOfWork, job: Job, summary: Mapping[str, Any], files: Mapping[str, Stored]) -> None:
    """The job is done: record its artifacts and what they mean."""
    for name, stored in files.items():
        unit.add(
            Artifact,
            dataset_id=job.dataset_id,
            job_id=job.id,
            name=name,
            key=stored.key,
            size=stored.size,
            sha256=stored.sha256,
        )
    _ON_SUCCESS[job.kind](unit, job, summary, files)
    _end(unit, job, "succeeded")
    job.progress, job.stage, job.eta_seconds = 1.0, "done", None


def failed(unit: UnitOfWork, job: Job, error: Failure) -> None:
    """The job is over without a result; its row says why in words a data steward understands."""
    job.error_code, job.error, job.hint = error.code, error.message, error.hint
    _end(unit, job, "failed", error_code=error.code, error=error.message, hint=error.hint)
    _without_result(unit, job, error.message)


def cancelled(unit: UnitOfWork, job: Job) -> None:
    """The job was stopped because somebody asked."""
    _end(unit, job, "cancelled")
    _without_result(unit, job, "Reading this file was cancelled.")


def requeue(unit: UnitOfWork, job: Job, because: str, delay: float = 0.0) -> None:
    """The job goes back into the queue, to be claimed again after `delay` seconds."""
    job.state, job.lease_until, job.worker, job.queued_at, job.eta_seconds = "queued", None, None, unit.now, None
    unit.record(job.id, [("state", {"state": "queued", "because": because, "attempts": job.attempts})])
    unit.announce(job, delay)


def before_retry(unit: UnitOfWork, job: Job) -> None:
    """Put the dataset, set or release of a job that ended back into the state it had while the job was waiting."""
    dataset: Dataset = unit.get(Dataset, job.dataset_id)
    if dataset.state in {"erasing", "erased"} and job.kind not in {"erase", "export"}:
        raise Conflict(f"The dataset of this job is {dataset.state}.", "Upload it again first.")
    if job.kind == "inspect":
        dataset.state, dataset.error = "inspecting", None
    if job.kind == "export":
        made: SyntheticSetRow = unit.get(SyntheticSetRow, job.set_id or "")
        release: ReleaseRow = unit.get(ReleaseRow, job.release_id or "")
        if made.state != "awaiting_review" or release.withdrawn_at is not None:
            raise Conflict(f"The set of this export is {made.state}.", "Release it again instead.")
        made.state, made.release_id = "exporting", release.id


def _end(unit: UnitOfWork, job: Job, state: str, **said: Any) -> None:
    job.state, job.lease_until, job.finished_at, job.eta_seconds = state, None, unit.now, None
    unit.record(job.id, [("state", {"state": state, **said})])


def _without_result(unit: UnitOfWork, job: Job, message: str) -> None:
    if job.kind == "inspect":
        dataset: Dataset = unit.get(Dataset, job.dataset_id)
        if dataset.state == "inspecting":
            dataset.state, dataset.error = "failed", message
    if job.kind == "export":
        made: SyntheticSetRow = unit.get(SyntheticSetRow, job.set_id or "")
        if made.state == "exporting":
            made.state, made.release_id = "awaiting_review", None


def _inspected(unit: UnitOfWork, job: Job, summary: Mapping[str, Any], files: Mapping[str, Stored]) -> None:
    dataset: Dataset = unit.get(Dataset, job.dataset_id)
    dataset.state, dataset.error = "ready", None
    dataset.modality = str(summary.get("modality", TABLES))
    dataset.rows, dataset.columns = summary.get("rows"), summary.get("columns")


def _made_a_set(unit: UnitOfWork, job: Job, summary: Mapping[str, Any], files: Mapping[str, Stored]) -> None:
    verdict = summary.get("verdict")
    state = "awaiting_review" if verdict == "awaiting_review" else "blocked"
    made = unit.add(
        SyntheticSetRow,
        job_id=job.id,
        dataset_id=job.dataset_id,
        rows=summary.get("rows", 0),
        generator=str(summary.get("generator", "")),
        state=state,
        verdict=state,
        summary=dict(summary),
    )
    job.set_id = made.id


def _imputed(unit: UnitOfWork, job: Job, summary: Mapping[str, Any], files: Mapping[str, Stored]) -> None:
    """What was filled goes into the history, column by column: names and counts."""
    columns = list(summary.get("columns", ()))
    cells = sum(c["missing"] - c["left"] for c in columns)
    where = "1 column" if len(columns) == 1 else f"{len(columns):,} columns"
    text = f"{cells:,} missing cells in {where} were filled in a table of {summary.get('rows', 0):,} rows."
    unit.record(job.id, [("imputed", {"text": text, "rows": summary.get("rows"), "columns": columns})])


def _exported(unit: UnitOfWork, job: Job, summary: Mapping[str, Any], files: Mapping[str, Stored]) -> None:
    release: ReleaseRow = unit.get(ReleaseRow, job.release_id or "")
    made: SyntheticSetRow = unit.get(SyntheticSetRow, job.set_id or "")
    bundle = files["bundle.zip"]
    release.bundle_key, release.size, release.sha256 = bundle.key, bundle.size, bundle.sha256
    if release.withdrawn_at is None:
        made.state = "released"


def _erased(unit: UnitOfWork, job: Job, summary: Mapping[str, Any], files: Mapping[str, Stored]) -> None:
    """Mark everything of the dataset; rows stay as tombstones, so that the history stays whole."""
    mine = job.dataset_id
    dataset: Dataset = unit.get(Dataset, mine)
    dataset.state, dataset.erased_at, dataset.overrides_key = "erased", unit.now, None
    unit.session.execute(delete(Artifact).where(Artifact.dataset_id == mine))
    unit.session.execute(update(Job).where(Job.dataset_id == mine).values(checkpoint=[], spec_key=None))
    unreleased = SyntheticSetRow.state.not_in(("released", "withdrawn"))
    made = update(SyntheticSetRow).where(SyntheticSetRow.dataset_id == mine, unreleased)
    unit.session.execute(made.values(state="erased"))


_ON_SUCCESS: dict[str, Callable[[UnitOfWork, Job, Mapping[str, Any], Mapping[str, Stored]], None]] = {
    "inspect": _inspected,
    "fit": _made_a_set,
    "sample": _made_a_set,
    "impute": _imputed,
    "export": _exported,
    "erase": _erased,
}
