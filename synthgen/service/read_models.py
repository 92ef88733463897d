"""What the use cases answer with: plain frozen records, no database object, no cell value outside artifact views."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

JobKind = Literal["inspect", "fit", "sample", "impute", "export", "erase"]
JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
DatasetState = Literal["inspecting", "ready", "failed", "erasing", "erased"]
SetState = Literal["blocked", "awaiting_review", "exporting", "released", "rejected", "withdrawn", "erased"]


class View(BaseModel):
    """Base of every read model."""

    model_config = ConfigDict(frozen=True)


class Actor(View):
    """Who asks. Every use case takes one; permissions are checked in the service."""

    user_id: str
    name: str
    project_id: str
    role: Literal["admin", "member"] = "admin"


class PersonView(View):
    """One account of the project."""

    id: str
    name: str
    role: str
    created_at: datetime
    disabled: bool = False


class TokenView(View):
    """A token for programs, without the secret; `current`: the request that asks came with it."""

    id: str
    label: str
    created_at: datetime
    current: bool = False


class DatasetView(View):
    """One uploaded file: a table of `rows` and `columns`, or ("images") so many images of so many classes."""

    id: str
    name: str
    filename: str
    size: int
    sha256: str
    state: DatasetState
    modality: str = "tabular"
    rows: int | None = None
    columns: int | None = None
    created_at: datetime
    created_by: str = ""
    error: str | None = None
    inspect_job_id: str | None = None


class JobView(View):
    """One job as its row tells it. `progress` is 0..1 over the whole job; `eta_seconds` is None when unknown."""

    id: str
    kind: JobKind
    state: JobState
    dataset_id: str
    dataset_name: str = ""
    parent_id: str | None = None
    set_id: str | None = None
    spec: Mapping[str, Any] = {}
    stage: str = ""
    progress: float = 0.0
    eta_seconds: float | None = None
    attempts: int = 0
    cancel_requested: bool = False
    error_code: str | None = None
    error: str | None = None
    hint: str | None = None
    worker: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    created_by: str = ""


class EventView(View):
    """One line of a job's append-only history."""

    seq: int
    kind: str
    at: datetime
    payload: Mapping[str, Any] = {}


class SetView(View):
    """One synthetic set: the verdict is on it, never on the model."""

    id: str
    job_id: str
    dataset_id: str
    dataset_name: str = ""
    rows: int
    generator: str
    state: SetState
    summary: Mapping[str, Any] = {}
    created_at: datetime
    release_id: str | None = None


class OverrideView(View):
    """Why a blocked set should be released all the same: who asked, and who confirmed it, once somebody has."""

    set_id: str
    reason: str
    failed: tuple[str, ...]
    requested_by_id: str
    requested_by: str
    requested_at: datetime
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None


class ReleaseView(View):
    """One release of one set. `ready` once the bundle has been written; downloads only then."""

    id: str
    set_id: str
    purpose: str
    recipient: str
    released_by: str
    released_at: datetime
    expires_at: datetime | None = None
    withdrawn_at: datetime | None = None
    ready: bool = False
    size: int | None = None
    sha256: str | None = None
    export_job_id: str | None = None


class WorkerView(View):
    """One worker process as last seen."""

    id: str
    host: str
    pid: int
    last_seen: datetime
    running: int
    queues: str = ""
    slots: int = 1
    version: str = ""
    devices: tuple[Mapping[str, Any], ...] = ()


class QueueView(View):
    """One queue as it stands: jobs that wait and run, and how long (in seconds) the first in line has waited."""

    name: str
    waiting: int
    running: int
    oldest_seconds: float | None
    workers: int
    slots: int
