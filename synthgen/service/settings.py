"""Where we run: environment variables with the prefix SYNTHGEN_, read once in `bootstrap`."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

GIB = 1 << 30
QUEUES = ("quick", "cpu", "gpu", "big-memory")
SOCKET_PATH_LIMIT = 100  # the kernel allows about 108 bytes for the path of a unix socket


class Settings(BaseSettings):
    """Everything that differs between installations; what to do for one job is in `RunSpec`, never here."""

    model_config = SettingsConfigDict(env_prefix="SYNTHGEN_", frozen=True, extra="ignore")

    home: Path = Field(Path("~/.local/share/synthgen"), description="Where the embedded service keeps everything.")
    database_url: SecretStr = Field(SecretStr(""), description="Empty: SQLite in the home directory.")
    broker_url: SecretStr = Field(SecretStr(""), description="Empty: the embedded Valkey on a unix socket.")
    store_url: str = Field("", description="A folder or s3://bucket/prefix. Empty: a folder in the home directory.")
    s3_endpoint: str = Field("", description="Address of an S3-compatible store; empty for AWS.")
    s3_region: str = "us-east-1"
    s3_access_key_id: str = ""
    s3_secret_access_key: SecretStr = SecretStr("")

    host: str = "127.0.0.1"
    port: int = Field(8765, ge=1, le=65535)
    public_url: str = Field("", description="The address people type; empty: made from host and port.")
    project: str = Field("default", pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    session_hours: float = Field(12.0, gt=0)
    setup_hours: float = Field(24.0, gt=0, description="How long the one-time set-up link works.")
    max_upload_bytes: int = Field(GIB, gt=0, description="The largest file that may be uploaded.")

    lease_seconds: float = Field(30.0, gt=0, description="A worker silent for this long loses its job.")
    heartbeat_seconds: float = Field(10.0, gt=0)
    sweep_seconds: float = Field(1.0, gt=0, description="How often each worker relays messages and reaps leases.")
    republish_seconds: float = Field(30.0, gt=0, description="An unclaimed job is announced again after this long.")
    max_attempts: int = Field(3, ge=1)
    checkpoint_seconds: float = Field(20.0, gt=0, description="A kill costs at most so much of training.")
    stop_grace_seconds: float = Field(30.0, gt=0, description="How long a child may take to stop when asked.")
    worker_concurrency: int = Field(1, ge=1, description="Jobs at a time in one worker process.")
    worker_queues: str = Field("cpu,quick", description="Which queues a worker serves, by commas.")
    worker_devices: str = Field(
        "", description="GPUs of this worker by commas, a slot for each; auto: all; empty: none."
    )
    offered_queues: str = Field("cpu,quick", description="Which of cpu, gpu, big-memory and quick some worker serves.")
    quota_jobs: int = Field(0, ge=0, description="Jobs of a project that may wait or run at once; 0: no limit.")
    work_directory: Path | None = Field(None, description="Private scratch space of workers; none: in the home.")
    device: str = Field("cpu", description="Where training runs: cpu or cuda.")
    image_features: Path | None = Field(None, description="TorchScript network that image scores look through.")
    job_memory_bytes: int = Field(8 * GIB, gt=0, description="The most memory a training job may use.")
    inspect_memory_bytes: int = Field(GIB, gt=0, description="The most memory reading an upload may use.")
    inspect_seconds: float = Field(120.0, gt=0, description="The most time reading an upload may take.")
    job_seconds: float = Field(0.0, ge=0, description="The most time any other job may take; 0: from its time budget.")
    stall_seconds: float = Field(1800.0, gt=0, description="A job that reports nothing for so long is ended.")
    outage_seconds: float = Field(300.0, ge=0, description="How long a job waits for a store that does not answer.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = Field("text", description="One JSON object a line, or text for people.")
    metrics_token: SecretStr = Field(SecretStr(""), description="Opens /metrics to a monitor; empty: to admins only.")
    max_streams: int = Field(1000, ge=1, description="Clients that may follow jobs at once in one web process.")

    @model_validator(mode="after")
    def _beats_within_lease(self) -> Self:
        """A lease that ends before the next heartbeat would lose every job."""
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError("SYNTHGEN_HEARTBEAT_SECONDS must be at most half of SYNTHGEN_LEASE_SECONDS")
        return self

    @model_validator(mode="after")
    def _offers_what_every_job_needs(self) -> Self:
        """A misspelt queue would take jobs that nobody ever runs."""
        offered = set(self.offered)
        if not offered <= set(QUEUES) or "quick" not in offered or not offered & {"cpu", "gpu"}:
            raise ValueError(f"SYNTHGEN_OFFERED_QUEUES needs quick, cpu or gpu, and takes only {', '.join(QUEUES)}")
        return self

    @property
    def root(self) -> Path:
        """The home directory, absolute."""
        return self.home.expanduser().absolute()

    @property
    def database(self) -> str:
        """The SQLAlchemy address of the database."""
        return self.database_url.get_secret_value() or f"sqlite:///{self.root / 'synthgen.db'}"

    @property
    def broker_socket(self) -> Path:
        """The unix socket of the embedded broker, in a short private place if the home's path is too long."""
        inside = self.root / "run" / "broker.sock"
        if len(str(inside).encode()) < SOCKET_PATH_LIMIT:
            return inside
        mark = hashlib.sha256(str(self.root).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"synthgen-{mark}" / "broker.sock"

    @property
    def broker(self) -> str:
        """The Celery address of the broker."""
        return self.broker_url.get_secret_value() or f"redis+socket://{self.broker_socket}?virtual_host=0"

    @property
    def store(self) -> str:
        """The folder or s3:// address of the artifact store."""
        return self.store_url or str(self.root / "store")

    @property
    def scratch(self) -> Path:
        """Where workers stage the files of running jobs."""
        return (self.work_directory or self.root / "work").expanduser().absolute()

    @property
    def address(self) -> str:
        """The address people type."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues a worker serves."""
        return _names(self.worker_queues)

    @property
    def offered(self) -> tuple[str, ...]:
        """The queues that some worker of this installation serves; jobs are sent to no other."""
        return _names(self.offered_queues)

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for the processes we start ourselves."""
        found: dict[str, str] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            text = value.get_secret_value() if isinstance(value, SecretStr) else value
            if text is not None:
                found[f"SYNTHGEN_{name.upper()}"] = str(text)
        return found


def _names(text: str) -> tuple[str, ...]:
    """Names by commas; a queue that was called training before 0.1 is the one for CPUs."""
    names = (name.strip() for name in text.split(",") if name.strip())
    return tuple("cpu" if name == "training" else name for name in names)
