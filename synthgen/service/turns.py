"""Fair share between projects: whoever is rung takes the next job of the project whose turn it is.

A message says that there is work in a queue. Which job is taken follows from the rows: of the projects with a job that
waits there, the one with the fewest running; among equals the one that was served longest ago. So a project's single
job waits for at most one job of another project that has hundreds. Within a project the oldest job goes first.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ScalarSelect, bindparam, func, select, text

from synthgen.errors import Unavailable
from synthgen.service import execution
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Job, OutboxMessage, Project, Turn, UtcTime
from synthgen.service.db.unit_of_work import UnitOfWork
from synthgen.service.execution import Claim

TRIES = 20  # claims lost to other workers before this one waits for the next bell


@dataclass(frozen=True)
class Next:
    """The job whose turn it is."""

    project_id: str
    job_id: str


def claim_next(app: Application, rung: str, worker: str) -> tuple[Application, Claim] | None:
    """Claim the job whose turn it is in the queue of the job `rung`; the service of its project, and the claim.

    None: nothing waits there now.
    """
    queue = _queue_of(app, rung)
    for _ in range(TRIES):
        chosen = None if queue is None else next_job(app, queue)
        if chosen is None or queue is None:
            return None
        owner = app.of_project(chosen.project_id)
        held = execution.claim(owner, chosen.job_id, worker)
        if held is not None:
            with suppress(Unavailable):  # the job is ours: it must not be let go for a note about whose turn is next
                _served(owner, queue)
            return owner, held
    return None


def next_job(app: Application, queue: str) -> Next | None:
    """The job that should run next in `queue`, of whatever project; None when none waits that is due."""
    with app.unit(read_only=True) as unit:
        rows = unit.session.execute(
            select(Project.project_id, _running(queue), _last_served(queue), _oldest(unit, queue))
        )
        waiting = [(count, at or datetime.min, project, job) for project, count, at, job in rows if job is not None]
    if not waiting:
        return None
    _, _, project, job = min(waiting, key=lambda row: (row[0], row[1].replace(tzinfo=None), row[2]))
    return Next(project, job)


def projects(app: Application) -> list[str]:
    """Every project that has rows in this database, and that of the settings."""
    with app.unit(read_only=True) as unit:
        known = list(unit.session.scalars(select(Project.project_id).order_by(Project.project_id)))
    return known if app.settings.project in known else [*known, app.settings.project]


def _queue_of(app: Application, job_id: str) -> str | None:
    with app.unit(read_only=True) as unit:
        return unit.session.scalar(select(Job.queue).where(Job.id == job_id))


def _running(queue: str) -> ScalarSelect[int]:
    running = select(func.count()).where(
        Job.project_id == Project.project_id, Job.state == "running", Job.queue == queue
    )
    return running.scalar_subquery()


def _last_served(queue: str) -> ScalarSelect[datetime]:
    return select(Turn.served_at).where(Turn.project_id == Project.project_id, Turn.queue == queue).scalar_subquery()


def _oldest(unit: UnitOfWork, queue: str) -> ScalarSelect[str]:
    """The job that was submitted first of those that wait, retries whose pause is not over left out."""
    due = select(OutboxMessage.id).where(
        OutboxMessage.project_id == Job.project_id, OutboxMessage.job_id == Job.id, OutboxMessage.due_at <= unit.now
    )
    waiting = select(Job.id).where(
        Job.project_id == Project.project_id, Job.state == "queued", Job.queue == queue, due.exists()
    )
    return waiting.order_by(Job.created_at).limit(1).scalar_subquery()


def _served(app: Application, queue: str) -> None:
    """Remember when the project was served."""
    with app.unit() as unit:
        insert = (
            "insert into turns (project_id, queue, served_at) values (:project, :queue, :now) "
            "on conflict (project_id, queue) do update set served_at = excluded.served_at"
        )
        served = text(insert).bindparams(bindparam("now", unit.now, UtcTime()), project=unit.project_id, queue=queue)
        unit.session.execute(served)
