"""Routes for jobs: submit, follow, cancel, retry."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from pydantic import BaseModel

from synthgen.api.access import App, SignedIn
from synthgen.api.downloads import headers as download_headers
from synthgen.api.following import PAGE, Following
from synthgen.service import jobs
from synthgen.service.read_models import EventView, JobState, JobView
from synthgen.spec import GatePolicy, RunSpec, SampleSpec

router = APIRouter(prefix="/jobs", tags=["jobs"])


class FitRequest(BaseModel):
    """Train on a dataset, sample, score and decide."""

    dataset_id: str
    spec: RunSpec = RunSpec()


class SampleRequest(BaseModel):
    """Draw another synthetic set from a model that is there already."""

    sample: SampleSpec
    policy: GatePolicy | str | None = None


@router.post("", status_code=201)
def submit(
    body: FitRequest, app: App, actor: SignedIn, idempotency_key: Annotated[str | None, Header()] = None
) -> JobView:
    """Submit a training job."""
    return jobs.submit_fit(app, actor, body.dataset_id, body.spec, idempotency_key=idempotency_key)


@router.post("/{job_id}/sample", status_code=201)
def sample(
    job_id: str,
    body: SampleRequest,
    app: App,
    actor: SignedIn,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> JobView:
    """Draw another set from the model that `job_id` trained."""
    return jobs.submit_sample(app, actor, job_id, body.sample, policy=body.policy, idempotency_key=idempotency_key)


@router.post("/{job_id}/impute", status_code=201)
def impute(job_id: str, app: App, actor: SignedIn, idempotency_key: Annotated[str | None, Header()] = None) -> JobView:
    """Fill the missing cells of the dataset from the model that `job_id` trained."""
    return jobs.submit_imputation(app, actor, job_id, idempotency_key=idempotency_key)


@router.get("/{job_id}/filled", response_class=StreamingResponse)
def filled(job_id: str, app: App, actor: SignedIn) -> StreamingResponse:
    """The table that an imputation filled. It holds real people; each download is written to the audit trail."""
    found = jobs.filled(app, actor, job_id)
    headers = download_headers(found.filename, found.size, f'"{found.sha256}"')
    return StreamingResponse(found.pieces, headers=headers, media_type="application/octet-stream")


@router.get("")
def list_all(
    app: App, actor: SignedIn, limit: Annotated[int, Query(ge=1, le=1000)] = 100, state: JobState | None = None
) -> list[JobView]:
    """Jobs, newest first."""
    return jobs.list_all(app, actor, limit=limit, state=state)


@router.get("/{job_id}")
def get(job_id: str, app: App, actor: SignedIn) -> JobView:
    """One job."""
    return jobs.get(app, actor, job_id)


@router.get("/{job_id}/events")
def events(
    job_id: str,
    app: App,
    actor: SignedIn,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    kind: Annotated[str | None, Query(max_length=40)] = None,
) -> list[EventView]:
    """The job's history after sequence number `after`; `kind` picks one kind of event, such as "health"."""
    return jobs.events(app, actor, job_id, after=after, limit=limit, kind=kind)


@router.get("/{job_id}/stream", response_class=StreamingResponse)
def stream(
    request: Request,
    job_id: str,
    app: App,
    actor: SignedIn,
    after: Annotated[int, Query(ge=0)] = 0,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
) -> StreamingResponse:
    """The job's history as it grows, as server-sent events after `Last-Event-ID` or `after`; `end` is the last one."""
    following: Following = request.app.state.following
    following.check_room()
    start = after if last_event_id is None else last_event_id
    events = following.stream(actor, job_id, start, jobs.events(app, actor, job_id, after=start, limit=PAGE))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # a proxy must pass each event on at once
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


@router.get("/{job_id}/log", response_class=PlainTextResponse)
def log(job_id: str, app: App, actor: SignedIn) -> str:
    """The last lines that a failed attempt of the job printed; they may hold real values."""
    return jobs.log(app, actor, job_id)


@router.get("/{job_id}/picture", response_class=Response)
def picture(job_id: str, app: App, actor: SignedIn) -> Response:
    """What a job on images generates just now, as a PNG, for those who may see the source."""
    return Response(jobs.picture(app, actor, job_id), media_type="image/png", headers={"Cache-Control": "no-store"})


@router.post("/{job_id}/cancel")
def cancel(job_id: str, app: App, actor: SignedIn) -> JobView:
    """Ask a job to stop at the next safe point."""
    return jobs.cancel(app, actor, job_id)


@router.post("/{job_id}/retry")
def retry(job_id: str, app: App, actor: SignedIn) -> JobView:
    """Queue a failed or cancelled job again."""
    return jobs.retry(app, actor, job_id)
