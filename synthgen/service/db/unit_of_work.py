"""One transaction: the clock, the rows, the audit line and the messages of a use case succeed or fail together."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from synthgen.errors import Unavailable
from synthgen.service.db import tables
from synthgen.service.db.connection import turn

CLOCKS = {
    "sqlite": "select strftime('%Y-%m-%dT%H:%M:%f', 'now')",
    "postgresql": "select to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')",
}


def new_id() -> str:
    """A random identifier: 32 hexadecimal digits."""
    return uuid.uuid4().hex


class UnitOfWork:
    """An open transaction on one project. `now` is the database's clock, read once."""

    def __init__(self, session: Session, project_id: str) -> None:
        self.session = session
        self.project_id = project_id
        clock = session.scalar(text(CLOCKS[session.get_bind().dialect.name]))
        self.now = datetime.fromisoformat(str(clock)).replace(tzinfo=UTC)

    def after(self, seconds: float) -> datetime:
        """The database's clock plus `seconds`."""
        return self.now + timedelta(seconds=seconds)

    def add(self, table: type[tables.InProject], /, **values: Any) -> Any:
        """Insert a row of this project with a fresh id (unless given) and return it."""
        row = table(**{"id": new_id(), "project_id": self.project_id, "created_at": self.now, **values})
        self.session.add(row)
        self.session.flush()
        return row

    def get(self, kind: type[tables.InProject], row_id: str) -> Any:
        """The row of this project with that id, or None."""
        return self.session.scalar(select(kind).where(kind.id == row_id, kind.project_id == self.project_id))

    def announce(self, job: tables.Job, delay: float = 0.0) -> None:
        """Leave word for the relay that `job` can be claimed."""
        due = self.after(delay)
        self.add(tables.OutboxMessage, job_id=job.id, queue=job.queue, due_at=due)

    def record(self, job_id: str, events: list[tuple[str, dict[str, Any]]]) -> None:
        """Append events to a job's history with the next sequence numbers."""
        if not events:
            return
        counted = (
            update(tables.Job)
            .where(tables.Job.id == job_id)
            .values(event_seq=tables.Job.event_seq + len(events))
            .returning(tables.Job.event_seq)
            .execution_options(synchronize_session=False)
        )
        last = self.session.execute(counted).scalar_one()
        first = last - len(events) + 1
        self.session.add_all(
            tables.JobEvent(
                job_id=job_id, seq=first + i, project_id=self.project_id, kind=kind, at=self.now, payload=payload
            )
            for i, (kind, payload) in enumerate(events)
        )

    def audit(self, person_id: str, action: str, subject: str = "", **detail: Any) -> None:
        """Write down who did what."""
        self.add(tables.AuditRow, person_id=person_id, action=action, subject=subject, detail=detail)

    def seen_lately(self, person_id: str, action: str, subject: str, seconds: float = 600.0) -> bool:
        """Whether the same look by the same person was written down a moment ago: a page that redraws is one look."""
        same = select(tables.AuditRow.id).where(
            tables.AuditRow.project_id == self.project_id,
            tables.AuditRow.created_at > self.after(-seconds),
            tables.AuditRow.person_id == person_id,
            tables.AuditRow.action == action,
            tables.AuditRow.subject == subject,
        )
        return self.session.scalar(same.limit(1)) is not None


@contextmanager
def unit_of_work(engine: Engine, project_id: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
    """Open a transaction; commit on success, roll back on any error.

    `read_only` lets SQLite readers run beside a writer.
    """
    bound = engine.execution_options(read_only=True) if read_only else engine
    try:
        with (
            nullcontext() if read_only else turn(engine),
            Session(bound, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield UnitOfWork(session, project_id)
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise _unanswered(error) from error


def _unanswered(error: Exception) -> Unavailable:
    """Why the database took nothing, in words; SQLite and PostgreSQL call a full disk by these names."""
    if any(words in str(getattr(error, "orig", "")) for words in ("is full", "No space left on device")):
        return Unavailable("The disk of the database is full.", "Ask the operator to free some space, then try again.")
    return Unavailable("The database did not answer.", "Try again; if it stays so, ask the operator.")
