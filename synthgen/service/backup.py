"""Back-up and restore of a whole installation, whatever it runs on: rows as one SQLite file, the store as a folder.

The rows are read in one snapshot, then the objects are copied while the service goes on working. Objects that came
later are known to no row; those that a job deleted meanwhile are listed as missing, and matter only where a row still
needs them. A back-up made on SQLite and a folder can be restored into PostgreSQL and S3, and the other way round.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, insert, select, update

import synthgen
from synthgen.errors import Conflict, InputError, NotFound
from synthgen.service import outcomes, turns
from synthgen.service.artifacts.base import ArtifactStore, Stored, file_frames
from synthgen.service.artifacts.local import LocalArtifacts
from synthgen.service.bootstrap import Application, prepare
from synthgen.service.db import tables
from synthgen.service.db.connection import connect
from synthgen.service.db.migrate import is_current, migrate
from synthgen.service.db.tables import Base, Job, OutboxMessage, SessionToken, WorkerRow
from synthgen.service.db.unit_of_work import UnitOfWork

ROWS, STORE, MANIFEST = "rows.db", "store", "manifest.json"
PAGE = 1000  # rows copied at a time
Say = Callable[[str], None]


@dataclass(frozen=True)
class Summary:
    """What a back-up holds; `missing` and `damaged` are keys that rows name and the store does not give as they say."""

    version: str
    made_at: str
    rows: dict[str, int]
    objects: int
    size: int
    missing: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


def save(app: Application, folder: Path, say: Say = lambda line: None) -> Summary:
    """Write a back-up into `folder`, which must be new or empty; it holds real data and is closed to everybody else.

    Its manifest is written last: a folder without one is no back-up. Raises Conflict, or Unavailable for a part that
    does not answer.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict("The folder of the back-up is not empty.", "Name a new one.")
    if not is_current(app.engine):
        raise Conflict("The database does not have the schema of this version.", "Run the migrations first.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    counts = _save_rows(app, folder / ROWS)
    say(f"{sum(counts.values()):,} rows")
    with _opened(folder / ROWS) as engine:
        expected = _digests(engine)
    copied = {stored.key: stored for stored in _copy_store(app.store, LocalArtifacts(folder / STORE))}
    found = Summary(
        version=synthgen.__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        rows=counts,
        objects=len(copied),
        size=sum(stored.size for stored in copied.values()),
        missing=tuple(sorted(set(expected) - set(copied))),
        damaged=tuple(sorted(key for key, digest in expected.items() if _differs(copied.get(key), digest))),
    )
    (folder / MANIFEST).write_text(json.dumps(asdict(found), indent=1))
    say(f"{found.objects:,} files, {found.size / 1e6:,.1f} MB")
    return found


def restore(app: Application, folder: Path, say: Say = lambda line: None) -> Summary:
    """Fill an empty database and the store from a back-up, of this version or an older one.

    Jobs that were running are queued again, without counting the attempt; everybody has to sign in again; tokens stay.
    """
    found = manifest(folder)
    prepare(app)
    _check_empty(app.engine)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / ROWS
        shutil.copyfile(folder / ROWS, copy)
        with _opened(copy) as engine:
            migrate(engine)
            objects = list(_copy_store(LocalArtifacts(folder / STORE), app.store))
            say(f"{len(objects):,} files")
            counts = _copy_rows(engine, app.engine)
    say(f"{sum(counts.values()):,} rows")
    for project in turns.projects(app):
        with app.of_project(project).unit() as unit:
            _wake(unit, {stored.key for stored in objects})
    return found


def manifest(folder: Path) -> Summary:
    """What a back-up says of itself. Raises InputError for a folder that is none, or was not finished."""
    try:
        return Summary(**json.loads((folder / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError):
        raise InputError(
            "This folder holds no finished back-up.", "Name a folder that `synthgen backup` made."
        ) from None


def _save_rows(app: Application, path: Path) -> dict[str, int]:
    with _opened(path) as target:
        migrate(target)
        counts = _copy_rows(app.engine, target)
    path.chmod(0o600)
    return counts


@contextmanager
def _opened(path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{path}")
    try:
        yield engine
    finally:
        engine.dispose()


def _copy_rows(source: Engine, target: Engine) -> dict[str, int]:
    """Every table, read in one snapshot and written in one transaction; rows of each."""
    with _snapshot(source) as reader, target.begin() as writer:
        return {table.name: _copy_table(table, reader, writer) for table in Base.metadata.sorted_tables}


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees the rows as they were when it began, and holds nobody up."""
    level = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with engine.execution_options(read_only=True, **level).connect() as connection, connection.begin():
        yield connection


def _copy_table(table: Table, reader: Connection, writer: Connection) -> int:
    count = 0
    rows = reader.execution_options(yield_per=PAGE).execute(select(table)).mappings()
    for page in rows.partitions(PAGE):
        writer.execute(insert(table), [dict(row) for row in page])
        count += len(page)
    return count


def _copy_store(source: ArtifactStore, target: ArtifactStore) -> Iterator[Stored]:
    """Every object, one after the other at constant memory; one that is deleted meanwhile is left out."""
    with tempfile.TemporaryDirectory() as scratch:
        between = (
            Path(scratch) / "object"
        )  # one store cannot write what another is giving it: their runtime is the same
        for key in source.keys("projects"):
            with contextlib.suppress(NotFound):
                with between.open("wb") as file:
                    file.writelines(source.open(key))
                yield target.put(key, file_frames(between))


def _digests(engine: Engine) -> dict[str, str | None]:
    """The keys that rows name, with the SHA-256 that they should have where it is known."""
    sources = select(tables.Dataset.source_key, tables.Dataset.sha256).where(tables.Dataset.erased_at.is_(None))
    bundles = select(tables.ReleaseRow.bundle_key, tables.ReleaseRow.sha256)
    written = bundles.where(tables.ReleaseRow.bundle_key.is_not(None))
    with engine.connect() as connection:
        specs = {str(key): None for key in connection.scalars(select(Job.spec_key).where(Job.spec_key.is_not(None)))}
        made = [select(tables.Artifact.key, tables.Artifact.sha256), sources, written]
        return specs | {str(key): digest for query in made for key, digest in connection.execute(query)}


def _differs(stored: Stored | None, digest: str | None) -> bool:
    return stored is not None and digest is not None and stored.sha256 != digest


def _check_empty(engine: Engine) -> None:
    """Restoring over what is there would mix two histories."""
    with engine.connect() as connection:
        for table in (tables.Person, tables.Dataset, Job):
            if connection.scalar(select(func.count()).select_from(table)):
                said = "The database already holds accounts, datasets or jobs."
                raise Conflict(said, "Restore into an empty database and store.")


def _wake(unit: UnitOfWork, stored: set[str]) -> None:
    """Make the rows of one project fit for work: nobody is signed in, no worker lives, no message was sent."""
    mine = {"project_id": unit.project_id}
    for job in unit.session.scalars(select(Job).filter_by(state="running", **mine)):
        job.attempts = max(job.attempts - 1, 0)
        outcomes.requeue(unit, job, because="restored from a back-up")
    for job in unit.session.scalars(select(Job).filter_by(state="queued", **mine)):
        if any(file["key"] not in stored for file in job.checkpoint):
            job.checkpoint = []
    for table, values in _settled(unit).items():
        unit.session.execute(update(table).filter_by(**mine).values(**values))
    unit.audit("system", "restored")


def _settled(unit: UnitOfWork) -> Mapping[Any, dict[str, Any]]:
    return {
        SessionToken: {"ended_at": unit.now},
        WorkerRow: {"stopped_at": unit.now, "running": 0},
        OutboxMessage: {"published_at": None},
    }
