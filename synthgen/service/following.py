"""What happened in many jobs at once since each was last looked at: two queries, however many clients follow them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import and_, or_, select

from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Job, JobEvent
from synthgen.service.db.unit_of_work import UnitOfWork
from synthgen.service.read_models import EventView
from synthgen.service.views import event_view

AT_ONCE = 100  # jobs in one query: a database plans longer ones badly
MOST = 500  # events of all those jobs in one query; the rest comes with the next


@dataclass(frozen=True)
class News:
    """Events of one job after those known, oldest first, and the state of its row; `last` numbers its newest event."""

    state: str
    last: int
    events: tuple[EventView, ...]


def news(app: Application, known: Mapping[str, int]) -> dict[str, News]:
    """For each job whose history is longer than `known` says (or, known as -1, for the first time): what is new."""
    with app.unit(read_only=True) as unit:
        found: dict[str, News] = {}
        for part in _parts(sorted(known), AT_ONCE):
            rows = select(Job.id, Job.event_seq, Job.state).where(Job.project_id == unit.project_id, Job.id.in_(part))
            longer = {row.id: row for row in unit.session.execute(rows) if row.event_seq != known[row.id]}
            events = _events(unit, {job: known[job] for job in longer if known[job] >= 0})
            for job, row in longer.items():
                found[job] = News(row.state, row.event_seq, tuple(events.get(job, ())))
        return found


def _events(unit: UnitOfWork, after: Mapping[str, int]) -> dict[str, list[EventView]]:
    if not after:
        return {}
    newer = or_(*(and_(JobEvent.job_id == job, JobEvent.seq > seq) for job, seq in after.items()))
    lines = select(JobEvent).where(JobEvent.project_id == unit.project_id, newer)
    found: dict[str, list[EventView]] = {}
    for row in unit.session.scalars(lines.order_by(JobEvent.job_id, JobEvent.seq).limit(MOST)):
        found.setdefault(row.job_id, []).append(event_view(row))
    return found


def _parts(names: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]
