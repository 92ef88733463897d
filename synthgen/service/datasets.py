"""Datasets: upload, look, erase. Nothing here parses a file: that happens in the limited child of a worker."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from synthgen.errors import Conflict, InputError, LimitError, NotFound
from synthgen.service import outcomes, quota
from synthgen.service.artifacts import keys
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Artifact, Dataset, Job
from synthgen.service.db.unit_of_work import UnitOfWork, new_id
from synthgen.service.read_models import Actor, DatasetView, JobView
from synthgen.service.submission import Request, submit
from synthgen.service.views import dataset_view, job_view

LONGEST_NAME = 150


def add(
    app: Application,
    actor: Actor,
    *,
    name: str,
    filename: str,
    chunks: Iterable[bytes],
    idempotency_key: str | None = None,
) -> DatasetView:
    """Stream an upload to the store and queue the job that reads it."""
    filename = _clean(PurePosixPath(filename.replace("\\", "/")).name, "file name")
    name = _clean(name or filename, "name")
    if (known := _uploaded(app, idempotency_key)) is not None:
        return _same(known, filename, *_measured(_limited(chunks, app.settings.max_upload_bytes)))
    with app.unit(read_only=True) as unit:
        quota.refuse_if_full(app.settings, unit)
    dataset_id = new_id()
    key = keys.source(actor.project_id, dataset_id)
    stored = app.store.put(key, _limited(chunks, app.settings.max_upload_bytes))
    try:
        if stored.size == 0:
            raise InputError(
                "The upload is empty.", "Choose a table with a header line and at least one row, or labelled images."
            )
        with app.unit() as unit:
            row: Dataset = unit.add(
                Dataset,
                id=dataset_id,
                name=name,
                filename=filename,
                size=stored.size,
                sha256=stored.sha256,
                source_key=key,
                state="inspecting",
                idempotency_key=idempotency_key,
                created_by=actor.name,
            )
            job = submit(app.settings, unit, actor, Request("inspect", dataset_id))
            row.inspect_job_id = job.id
            unit.audit(actor.user_id, "dataset.added", dataset_id, size=stored.size, sha256=stored.sha256)
            return dataset_view(row)
    except BaseException as error:
        app.store.delete_all(keys.dataset_folder(actor.project_id, dataset_id))
        if isinstance(error, IntegrityError) and (known := _uploaded(app, idempotency_key)) is not None:
            return _same(known, filename, stored.size, stored.sha256)
        raise


def list_all(app: Application, actor: Actor) -> list[DatasetView]:
    """Every dataset, newest first, erased ones as tombstones."""
    with app.unit(read_only=True) as unit:
        newest = (
            select(Dataset)
            .where(Dataset.project_id == actor.project_id)
            .order_by(Dataset.created_at.desc(), Dataset.id)
        )
        return [dataset_view(row) for row in unit.session.scalars(newest)]


def get(app: Application, actor: Actor, dataset_id: str) -> DatasetView:
    """One dataset."""
    with app.unit(read_only=True) as unit:
        return dataset_view(find(unit, actor, dataset_id))


def schema(app: Application, actor: Actor, dataset_id: str) -> dict[str, Any]:
    """What each column was read as, and why; of images their size, their classes and what was done to read them."""
    return _inspected(app, actor, dataset_id, "schema.json")


def preview(app: Application, actor: Actor, dataset_id: str) -> dict[str, Any]:
    """First rows and small histograms, or some images of each class; real values."""
    return _inspected(app, actor, dataset_id, "preview.json")


def erase(app: Application, actor: Actor, dataset_id: str) -> JobView:
    """Queue the erasure of a dataset with its models and every set that was not released; its jobs are cancelled."""
    with app.unit() as unit:
        row = find(unit, actor, dataset_id)
        unit.session.refresh(row, with_for_update=True)
        if row.state in {"erasing", "erased"}:
            raise Conflict(f"This dataset is {row.state} already.", "Nothing more needs to be done.")
        row.state = "erasing"
        for job in unit.session.scalars(select(Job).where(Job.dataset_id == dataset_id, *_active(actor))):
            job.cancel_requested = True
            if job.state == "queued":
                outcomes.cancelled(unit, job)
        job = submit(app.settings, unit, actor, Request("erase", dataset_id))
        unit.audit(actor.user_id, "dataset.erase", dataset_id)
        return job_view(job, row.name)


def find(unit: UnitOfWork, actor: Actor, dataset_id: str) -> Dataset:
    """The row of a dataset of the actor's project."""
    row: Dataset | None = unit.get(Dataset, dataset_id) if actor.project_id == unit.project_id else None
    if row is None:
        raise NotFound("There is no such dataset.", "Look at the list of datasets.")
    return row


def read_artifact(app: Application, actor: Actor, job_id: str, name: str, action: str) -> Any:
    """A JSON artifact of a committed job for a person to see; looking at it is written down."""
    found = parsed_artifact(app, actor, job_id, name)
    with app.unit(read_only=True) as unit:
        known = unit.seen_lately(actor.user_id, action, job_id)
    if not known:
        with app.unit() as unit:
            unit.audit(actor.user_id, action, job_id)
    return found


def parsed_artifact(app: Application, actor: Actor, job_id: str, name: str) -> Any:
    """A JSON artifact of a committed job, for a check by the service itself."""
    with app.unit(read_only=True) as unit:
        artifact = unit.session.scalar(
            select(Artifact).where(
                Artifact.project_id == actor.project_id, Artifact.job_id == job_id, Artifact.name == name
            )
        )
    if artifact is None:
        raise NotFound("This is not there: it was never made, or has been erased.", "Look at the job's state.")
    return json.loads(b"".join(app.store.open(artifact.key)))


def _inspected(app: Application, actor: Actor, dataset_id: str, name: str) -> dict[str, Any]:
    row = get(app, actor, dataset_id)
    if row.state != "ready":
        raise Conflict(f"This dataset is not ready: {row.state}.", row.error or "Wait until it has been read.")
    found: dict[str, Any] = read_artifact(app, actor, row.inspect_job_id or "", name, "dataset.seen")
    return found


def _active(actor: Actor) -> tuple[Any, ...]:
    return (Job.project_id == actor.project_id, Job.state.in_(("queued", "running")))


def _uploaded(app: Application, idempotency_key: str | None) -> DatasetView | None:
    if idempotency_key is None:
        return None
    with app.unit(read_only=True) as unit:
        row = unit.session.scalar(
            select(Dataset).where(Dataset.project_id == unit.project_id, Dataset.idempotency_key == idempotency_key)
        )
        return None if row is None else dataset_view(row)


def _measured(chunks: Iterable[bytes]) -> tuple[int, str]:
    """Size and SHA-256 of a stream."""
    size, digest = 0, hashlib.sha256()
    for chunk in chunks:
        size += len(chunk)
        digest.update(chunk)
    return size, digest.hexdigest()


def _same(known: DatasetView, filename: str, size: int, sha256: str) -> DatasetView:
    """The dataset an earlier request with the same idempotency key made; `Conflict` if that sent another file."""
    if (known.filename, known.size, known.sha256) != (filename, size, sha256):
        raise Conflict(
            "This idempotency key was used for a different file.", "Send a new key, or repeat the request unchanged."
        )
    return known


def _limited(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise LimitError(
                f"The upload is larger than the limit of {limit / 1e6:,.0f} MB.",
                "Upload fewer rows, columns or images, a compressed file, or ask the operator to raise the limit.",
            )
        yield chunk


def _clean(text: str, what: str) -> str:
    cleaned = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not cleaned:
        raise InputError(f"The {what} is empty.", f"Give a {what} of 1 to {LONGEST_NAME} characters.")
    return cleaned if len(cleaned) <= LONGEST_NAME else cleaned[: LONGEST_NAME // 2] + cleaned[-LONGEST_NAME // 2 :]
