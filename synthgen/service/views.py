"""From rows to read models."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from synthgen.service.db import tables
from synthgen.service.db.unit_of_work import UnitOfWork
from synthgen.service.read_models import DatasetView, EventView, JobView, OverrideView, ReleaseView, SetView, WorkerView


def dataset_view(row: tables.Dataset) -> DatasetView:
    """A dataset as others see it."""
    fields = {name: getattr(row, name) for name in DatasetView.model_fields}
    return DatasetView(**fields)


def job_view(row: tables.Job, dataset_name: str = "") -> JobView:
    """A job as others see it."""
    fields = {name: getattr(row, name) for name in JobView.model_fields if name != "dataset_name"}
    return JobView(**fields, dataset_name=dataset_name)


def event_view(row: tables.JobEvent) -> EventView:
    """One line of a job's history."""
    return EventView(seq=row.seq, kind=row.kind, at=row.at, payload=row.payload)


def set_view(row: tables.SyntheticSetRow, dataset_name: str = "") -> SetView:
    """A synthetic set as others see it."""
    fields = {name: getattr(row, name) for name in SetView.model_fields if name != "dataset_name"}
    return SetView(**fields, dataset_name=dataset_name)


def override_view(row: tables.GateOverrideRow) -> OverrideView:
    """What two people say about a blocked set."""
    fields = {name: getattr(row, name) for name in OverrideView.model_fields if name != "requested_at"}
    return OverrideView(**fields, requested_at=row.created_at)


def release_view(row: tables.ReleaseRow) -> ReleaseView:
    """A release as others see it."""
    kept = {name for name in ReleaseView.model_fields if name not in {"ready", "released_at"}}
    fields = {name: getattr(row, name) for name in kept}
    return ReleaseView(**fields, released_at=row.created_at, ready=row.bundle_key is not None)


def worker_view(row: tables.WorkerRow) -> WorkerView:
    """A worker process as last seen."""
    return WorkerView(**{name: getattr(row, name) for name in WorkerView.model_fields})


def dataset_names(unit: UnitOfWork, ids: set[str]) -> dict[str, str]:
    """The names of some datasets by id."""
    if not ids:
        return {}
    rows = select(tables.Dataset.id, tables.Dataset.name).where(
        tables.Dataset.project_id == unit.project_id, tables.Dataset.id.in_(ids)
    )
    return {row.id: row.name for row in unit.session.execute(rows)}


def as_utc(moment: datetime | None) -> datetime | None:
    """A time with its zone; one without is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
