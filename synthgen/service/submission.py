"""How a job comes into being: its row, its first event and the message for the relay in one transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import select

from synthgen.errors import Conflict
from synthgen.release.typed_values import safe_spec
from synthgen.service import quota, routing
from synthgen.service.artifacts import keys
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Dataset, Job
from synthgen.service.db.unit_of_work import UnitOfWork, new_id
from synthgen.service.read_models import Actor, JobKind
from synthgen.service.settings import Settings
from synthgen.spec import RunSpec


@dataclass(frozen=True)
class Request:
    """A job somebody asks for."""

    kind: JobKind
    dataset_id: str
    spec: RunSpec | None = None
    parent_id: str | None = None
    set_id: str | None = None
    release_id: str | None = None
    idempotency_key: str | None = None

    @property
    def digest(self) -> str:
        """What makes two requests the same."""
        return self.spec.digest() if self.spec else ""


def earlier(unit: UnitOfWork, request: Request) -> Job | None:
    """The job that an earlier request with the same idempotency key made; `Conflict` if it asked for something else."""
    if request.idempotency_key is None:
        return None
    found = unit.session.scalar(
        select(Job).where(Job.project_id == unit.project_id, Job.idempotency_key == request.idempotency_key)
    )
    if found is None:
        return None
    same = (found.kind, found.dataset_id, found.parent_id, found.spec_digest)
    if same != (request.kind, request.dataset_id, request.parent_id, request.digest):
        raise Conflict(
            "This idempotency key was used for a different request.", "Send a new key, or repeat the request unchanged."
        )
    return found


def submit(
    settings: Settings,
    unit: UnitOfWork,
    actor: Actor,
    request: Request,
    *,
    job_id: str | None = None,
    spec_key: str = "",
) -> Job:
    """Insert the job and leave word for the relay. Raises TooManyJobs when the project has as many as it may."""
    quota.admit(settings, unit, request.kind)
    dataset: Dataset = unit.get(Dataset, request.dataset_id)
    job: Job = unit.add(
        Job,
        id=job_id or new_id(),
        kind=request.kind,
        queue=routing.queue_for(settings, request.kind, dataset, request.spec),
        state="queued",
        dataset_id=request.dataset_id,
        parent_id=request.parent_id,
        set_id=request.set_id,
        release_id=request.release_id,
        spec=safe_spec(request.spec) if request.spec else {},  # rows hold column names, never cell values
        spec_key=spec_key or None,
        spec_digest=request.digest,
        idempotency_key=request.idempotency_key,
        created_by=actor.name,
        queued_at=unit.now,
    )
    unit.record(job.id, [("state", {"state": "queued"})])
    unit.announce(job)
    unit.audit(actor.user_id, f"job.submitted.{request.kind}", job.id, dataset_id=request.dataset_id)
    return job


def keep_spec(app: Application, project_id: str, dataset_id: str, job_id: str, spec: RunSpec) -> str:
    """Write the whole specification to the store, where values a person typed in may be; returns its key."""
    key = keys.spec(project_id, dataset_id, job_id)
    app.store.put(key, [spec.canonical().encode()])
    return key


def kept_spec(app: Application, job: Job) -> RunSpec:
    """The whole specification of a job."""
    if job.spec_key is None:
        return RunSpec()
    return RunSpec.model_validate(json.loads(b"".join(app.store.open(job.spec_key))))
