"""The one place where the parts are put together; nothing else reads the environment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine

from synthgen.service.artifacts.base import ArtifactStore
from synthgen.service.artifacts.local import LocalArtifacts
from synthgen.service.artifacts.s3 import S3Artifacts
from synthgen.service.db.connection import connect
from synthgen.service.db.migrate import migrate
from synthgen.service.db.unit_of_work import UnitOfWork, unit_of_work
from synthgen.service.settings import Settings


@dataclass(frozen=True)
class Application:
    """The composed service that every use case takes first."""

    settings: Settings
    engine: Engine
    store: ArtifactStore

    def unit(self, *, read_only: bool = False) -> AbstractContextManager[UnitOfWork]:
        """A transaction on this installation's project."""
        return unit_of_work(self.engine, self.settings.project, read_only=read_only)

    def of_project(self, project_id: str) -> Application:
        """The same parts, for the rows and keys of another project."""
        if project_id == self.settings.project:
            return self
        return replace(self, settings=self.settings.model_copy(update={"project": project_id}))

    def close(self) -> None:
        """Give the database connections back."""
        self.engine.dispose()


def read_settings() -> Settings:
    """The settings from the environment."""
    return Settings()


def build(settings: Settings | None = None) -> Application:
    """Connect everything that `settings` name (default: the environment)."""
    chosen = settings or read_settings()
    make_home(chosen)
    return Application(chosen, connect(chosen.database), artifact_store(chosen))


def make_home(settings: Settings) -> None:
    """The home directory, closed to everybody else on the machine: database, source data and models lie in it."""
    settings.root.mkdir(parents=True, exist_ok=True, mode=0o700)


def artifact_store(settings: Settings) -> ArtifactStore:
    """The store that the settings name."""
    if settings.store.startswith("s3://"):
        return S3Artifacts(settings)
    return LocalArtifacts(Path(settings.store.removeprefix("file://")))


def prepare(app: Application) -> None:
    """Bring the database to the newest schema."""
    migrate(app.engine)


@contextmanager
def running(settings: Settings | None = None) -> Iterator[Application]:
    """A built and migrated application, closed at the end."""
    app = build(settings)
    try:
        prepare(app)
        yield app
    finally:
        app.close()
