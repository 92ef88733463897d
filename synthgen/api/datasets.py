"""Routes for datasets: upload, look, erase. Nothing here parses a file."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool

from synthgen.api import uploads
from synthgen.api.access import App, SignedIn
from synthgen.service import datasets, overrides
from synthgen.service.read_models import DatasetView, JobView
from synthgen.spec import ColumnOverride

router = APIRouter(prefix="/datasets", tags=["datasets"])


@router.post("", status_code=201)
async def add(
    request: Request,
    app: App,
    actor: SignedIn,
    name: Annotated[str, Query(max_length=200)] = "",
    filename: Annotated[str, Query(max_length=300)] = "",
    idempotency_key: Annotated[str | None, Header()] = None,
) -> DatasetView:
    """Upload a table or images as the request body or as a multipart form; the schema follows from an inspect job."""
    limit = app.settings.max_upload_bytes
    uploads.check_declared_size(request, limit + uploads.CHUNK)
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        file = await uploads.form_file(request, limit)
        filename = uploads.clean_filename(filename or file.filename)
        chunks = uploads.pieces(file)
    else:
        filename = uploads.clean_filename(filename or name)
        chunks = uploads.pulled(uploads.counted(request, limit))
    return await run_in_threadpool(
        datasets.add,
        app,
        actor,
        name=name or filename,
        filename=filename,
        chunks=chunks,
        idempotency_key=idempotency_key,
    )


@router.get("")
def list_all(app: App, actor: SignedIn) -> list[DatasetView]:
    """Every dataset, newest first."""
    return datasets.list_all(app, actor)


@router.get("/{dataset_id}")
def get(dataset_id: str, app: App, actor: SignedIn) -> DatasetView:
    """One dataset."""
    return datasets.get(app, actor, dataset_id)


@router.get("/{dataset_id}/schema")
def schema(dataset_id: str, app: App, actor: SignedIn) -> dict[str, Any]:
    """What each column was read as, and why; of images their size, their classes and what was done to read them."""
    return datasets.schema(app, actor, dataset_id)


@router.get("/{dataset_id}/preview")
def preview(dataset_id: str, app: App, actor: SignedIn) -> dict[str, Any]:
    """First rows and small histograms, or some images of each class; real values."""
    return datasets.preview(app, actor, dataset_id)


@router.get("/{dataset_id}/overrides")
def get_overrides(dataset_id: str, app: App, actor: SignedIn) -> dict[str, ColumnOverride]:
    """What the owner says about columns; offer it to the next job as `columns` of its specification."""
    return overrides.get(app, actor, dataset_id)


@router.put("/{dataset_id}/overrides")
def save_overrides(
    dataset_id: str, body: dict[str, ColumnOverride], app: App, actor: SignedIn
) -> dict[str, ColumnOverride]:
    """Keep what the owner says about columns with the dataset, in the place of what was said before."""
    return overrides.save(app, actor, dataset_id, body)


@router.delete("/{dataset_id}", status_code=202)
def erase(dataset_id: str, app: App, actor: SignedIn) -> JobView:
    """Erase a dataset with everything made from it that was not released."""
    return datasets.erase(app, actor, dataset_id)
