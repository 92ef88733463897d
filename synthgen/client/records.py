"""What the service answers with, as the client sees it; unknown fields are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Base of every answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ApiToken(Answer):
    """A token for programs, without the secret; `current`: this request came with it."""

    id: str
    label: str
    created_at: datetime
    current: bool = False


class Dataset(Answer):
    """One uploaded file: a table of `rows` and `columns`, or ("images") so many images of so many classes."""

    id: str
    name: str
    filename: str
    size: int
    state: str
    modality: str = "tabular"
    rows: int | None = None
    columns: int | None = None
    created_at: datetime
    error: str | None = None


class Job(Answer):
    """One job; `progress` runs from 0 to 1."""

    id: str
    kind: str
    state: str
    dataset_id: str
    dataset_name: str = ""
    set_id: str | None = None
    spec: Mapping[str, Any] = {}
    stage: str = ""
    progress: float = 0.0
    eta_seconds: float | None = None
    attempts: int = 0
    cancel_requested: bool = False
    error: str | None = None
    hint: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to this job by itself."""
        return self.state in ("succeeded", "failed", "cancelled")


class JobEvent(Answer):
    """One line of a job's history."""

    seq: int
    kind: str
    at: datetime
    payload: Mapping[str, Any] = {}


class SyntheticSetInfo(Answer):
    """One synthetic set and where it stands."""

    id: str
    job_id: str
    dataset_id: str
    dataset_name: str = ""
    rows: int
    generator: str
    state: str
    summary: Mapping[str, Any] = {}
    created_at: datetime
    release_id: str | None = None


class Override(Answer):
    """What two people say about a set that the gate blocked; `confirmed_by` is None until the second one did."""

    set_id: str
    reason: str
    failed: tuple[str, ...] = ()
    requested_by: str
    requested_at: datetime
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None


class Release(Answer):
    """One release; `ready` once the bundle can be downloaded."""

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
