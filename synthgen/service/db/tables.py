"""The tables. `project_id` is in every one; times are the database's clock; no cell value is in any row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Index,
    Integer,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TABLES = "tabular"


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time; stored naive, so that SQLite and PostgreSQL keep and compare the same text."""

    impl = DateTime(timezone=False)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware to naive UTC."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Naive UTC to aware."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base of every table."""

    type_annotation_map = {datetime: UtcTime, str: String(200), dict[str, Any]: JSON, list[Any]: JSON}


class Project(Base):
    """A tenant: every row says which it belongs to. Workers serve all of them, each web server one."""

    __tablename__ = "projects"
    project_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime]


class InProject(Base):
    """What every other table shares."""

    __abstract__ = True
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    project_id: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class Person(InProject):
    """A local account."""

    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("project_id", "name", name="one_name"),)
    name: Mapped[str]
    role: Mapped[str] = mapped_column(String(20), default="admin")
    password_hash: Mapped[str] = mapped_column(Text)
    disabled_at: Mapped[datetime | None]


class SignInFailure(InProject):
    """Failed sign-ins of one name (known or not), for throttling."""

    __tablename__ = "sign_in_failures"
    __table_args__ = (UniqueConstraint("project_id", "name", name="one_count"),)
    name: Mapped[str]
    failures: Mapped[int] = mapped_column(Integer, default=0)
    last_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]


class SetupToken(InProject):
    """A one-time token that creates an account: the first, or that of a person somebody invited; only its hash."""

    __tablename__ = "setup_tokens"
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    invited_by: Mapped[str | None] = mapped_column(String(32))


class SessionToken(InProject):
    """A signed-in browser; only the token's hash."""

    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[str] = mapped_column(String(32))
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ApiToken(InProject):
    """A token for programs; only its hash."""

    __tablename__ = "tokens"
    __table_args__ = (Index("tokens_by_person", "project_id", "person_id"),)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[str] = mapped_column(String(32))
    label: Mapped[str]
    revoked_at: Mapped[datetime | None]


class Dataset(InProject):
    """One uploaded file of records, a table or labelled images; its content lies in the store."""

    __tablename__ = "datasets"
    __table_args__ = (
        UniqueConstraint("project_id", "idempotency_key", name="one_upload"),
        Index("datasets_newest", "project_id", "created_at"),
    )
    name: Mapped[str]
    filename: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    source_key: Mapped[str] = mapped_column(String(400))
    overrides_key: Mapped[str | None] = mapped_column(String(400))
    state: Mapped[str] = mapped_column(String(20))
    modality: Mapped[str] = mapped_column(String(20), default=TABLES, server_default=TABLES)  # known once it was read
    rows: Mapped[int | None] = mapped_column(BigInteger)  # or images
    columns: Mapped[int | None]  # or classes
    error: Mapped[str | None] = mapped_column(Text)
    inspect_job_id: Mapped[str | None] = mapped_column(String(32))
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    created_by: Mapped[str]
    erased_at: Mapped[datetime | None]


class Job(InProject):
    """One unit of work; this row, never the broker, is the truth about it."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("project_id", "idempotency_key", name="one_submission"),
        Index("jobs_newest", "project_id", "created_at"),
        Index("jobs_by_state", "project_id", "state", "lease_until"),
        Index("jobs_by_dataset", "project_id", "dataset_id"),
        Index("jobs_waiting", "project_id", "state", "queue", "created_at"),
        Index("jobs_finished", "project_id", "finished_at"),
    )
    kind: Mapped[str] = mapped_column(String(20))
    queue: Mapped[str] = mapped_column(String(20), default="cpu", server_default="cpu")  # by need, see `routing`
    state: Mapped[str] = mapped_column(String(20))
    dataset_id: Mapped[str] = mapped_column(String(32))
    parent_id: Mapped[str | None] = mapped_column(String(32))
    set_id: Mapped[str | None] = mapped_column(String(32))
    release_id: Mapped[str | None] = mapped_column(String(32))
    spec: Mapped[dict[str, Any]] = mapped_column(default=dict)  # without the values a person typed in
    spec_key: Mapped[str | None] = mapped_column(String(400))  # the whole specification, in the store
    spec_digest: Mapped[str] = mapped_column(String(64), default="")
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    lost_leases: Mapped[int] = mapped_column(default=0, server_default="0")  # how often its worker fell silent
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    checkpoint: Mapped[list[Any]] = mapped_column(default=list)
    event_seq: Mapped[int] = mapped_column(default=0)
    stage: Mapped[str] = mapped_column(String(80), default="")
    progress: Mapped[float] = mapped_column(default=0.0)
    eta_seconds: Mapped[float | None]
    error_code: Mapped[str | None] = mapped_column(String(40))
    error: Mapped[str | None] = mapped_column(Text)
    hint: Mapped[str | None] = mapped_column(Text)
    worker: Mapped[str | None]
    created_by: Mapped[str]
    queued_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class JobEvent(Base):
    """One line of a job's history; only ever appended."""

    __tablename__ = "job_events"
    job_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    project_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]
    payload: Mapped[dict[str, Any]]


class OutboxMessage(InProject):
    """A job to announce to the broker, written in the transaction that made the job claimable."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_due", "project_id", "published_at", "due_at"),
        Index("outbox_by_job", "project_id", "job_id"),
    )
    job_id: Mapped[str] = mapped_column(String(32))
    queue: Mapped[str] = mapped_column(String(20))
    due_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    times: Mapped[int] = mapped_column(default=0)


class Turn(Base):
    """When a project was last served from a queue: the one that waited longest is next among equals."""

    __tablename__ = "turns"
    project_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    queue: Mapped[str] = mapped_column(String(20), primary_key=True)
    served_at: Mapped[datetime]


class Artifact(InProject):
    """One file in the store that a committed job made; `name` is its path inside the job's outputs."""

    __tablename__ = "artifacts"
    __table_args__ = (
        UniqueConstraint("project_id", "job_id", "name", name="one_file"),
        Index("artifacts_by_dataset", "project_id", "dataset_id"),
    )
    dataset_id: Mapped[str] = mapped_column(String(32))
    job_id: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(300))
    key: Mapped[str] = mapped_column(String(600))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))


class SyntheticSetRow(InProject):
    """One synthetic set with its verdict; `summary` holds figures and column names only."""

    __tablename__ = "synthetic_sets"
    __table_args__ = (
        UniqueConstraint("project_id", "job_id", name="one_set"),
        Index("sets_newest", "project_id", "created_at"),
        Index("sets_by_dataset", "project_id", "dataset_id"),
    )
    job_id: Mapped[str] = mapped_column(String(32))
    dataset_id: Mapped[str] = mapped_column(String(32))
    rows: Mapped[int] = mapped_column(BigInteger)
    generator: Mapped[str]
    state: Mapped[str] = mapped_column(String(20))
    verdict: Mapped[str] = mapped_column(String(20))
    summary: Mapped[dict[str, Any]]
    release_id: Mapped[str | None] = mapped_column(String(32))
    reason: Mapped[str | None] = mapped_column(Text)


class GateOverrideRow(InProject):
    """One person's wish that a blocked set be released, and the second person's confirmation."""

    __tablename__ = "gate_overrides"
    __table_args__ = (UniqueConstraint("project_id", "set_id", name="one_override"),)
    set_id: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(Text)
    failed: Mapped[list[Any]]
    requested_by_id: Mapped[str] = mapped_column(String(32))
    requested_by: Mapped[str]
    confirmed_by_id: Mapped[str | None] = mapped_column(String(32))
    confirmed_by: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]


class ReleaseRow(InProject):
    """One release of one set: who, to whom, why, until when."""

    __tablename__ = "releases"
    __table_args__ = (
        Index("releases_newest", "project_id", "created_at"),
        Index("releases_by_set", "project_id", "set_id"),
    )
    set_id: Mapped[str] = mapped_column(String(32))
    dataset_id: Mapped[str] = mapped_column(String(32))
    purpose: Mapped[str] = mapped_column(Text)
    recipient: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, default="")
    released_by: Mapped[str]
    expires_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]
    withdrawn_because: Mapped[str | None] = mapped_column(Text)
    export_job_id: Mapped[str | None] = mapped_column(String(32))
    filename: Mapped[str] = mapped_column(String(200), default="")
    bundle_key: Mapped[str | None] = mapped_column(String(600))
    size: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))


class AuditRow(InProject):
    """Who did what, written in the same transaction as the deed."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_newest", "project_id", "created_at"),)
    person_id: Mapped[str] = mapped_column(String(32))
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(64), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class WorkerRow(InProject):
    """One worker process as it last reported itself."""

    __tablename__ = "workers"
    __table_args__ = (Index("workers_seen", "project_id", "last_seen"),)
    host: Mapped[str]
    pid: Mapped[int]
    queues: Mapped[str]
    slots: Mapped[int] = mapped_column(default=1, server_default="1")
    version: Mapped[str] = mapped_column(String(40), default="", server_default="")
    devices: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")  # GPUs: index, name, bytes of memory
    last_seen: Mapped[datetime]
    running: Mapped[int] = mapped_column(default=0)
    stopped_at: Mapped[datetime | None]
