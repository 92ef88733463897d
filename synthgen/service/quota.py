"""Back-pressure: a project may have only so many jobs waiting or running, and is told when to come again."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select, text

from synthgen.errors import SynthgenError
from synthgen.service.db.tables import Job, Project, UtcTime
from synthgen.service.db.unit_of_work import UnitOfWork
from synthgen.service.settings import Settings

NEVER_REFUSED: frozenset[str] = frozenset(
    {"erase", "export"}
)  # what was decided, or is a right, does not wait for room
SOONEST, LATEST, UNKNOWN = 5.0, 300.0, 30.0  # seconds until it is worth asking again


class TooManyJobs(SynthgenError):
    """The project has as many jobs as it may; `retry_after` says in how many seconds it is worth asking again."""

    code = "too_many"
    retryable = True

    def __init__(self, message: str, hint: str, retry_after: float) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


def admit(settings: Settings, unit: UnitOfWork, kind: str) -> None:
    """Let one more job in, or raise TooManyJobs. Until the transaction ends nobody else of the project is let in.

    SQLite writers come one at a time anyway; elsewhere the project's row is locked.
    """
    enter(unit)
    if settings.quota_jobs and kind not in NEVER_REFUSED:
        mine = select(Project.project_id).where(Project.project_id == unit.project_id)
        unit.session.execute(mine.with_for_update())
        refuse_if_full(settings, unit)


def refuse_if_full(settings: Settings, unit: UnitOfWork) -> None:
    """Raise TooManyJobs where there is no room now; asked early, it saves the work of taking what will be refused."""
    if settings.quota_jobs and open_jobs(unit) >= settings.quota_jobs:
        raise TooManyJobs(
            f"This project has {settings.quota_jobs:,} jobs waiting or running, which is its limit.",
            "Wait until some have ended, or cancel some.",
            _until_room(unit),
        )


def enter(unit: UnitOfWork) -> None:
    """Make sure that the project is known: workers look for jobs of the projects they know."""
    known = select(Project.project_id).where(Project.project_id == unit.project_id)
    if unit.session.scalar(known) is None:
        insert = "insert into projects (project_id, created_at) values (:project, :now) on conflict do nothing"
        now = bindparam("now", unit.now, UtcTime())
        unit.session.execute(text(insert).bindparams(now, project=unit.project_id))


def open_jobs(unit: UnitOfWork) -> int:
    """How many jobs of the project wait or run, those left out that are never refused."""
    waiting = select(func.count()).where(
        Job.project_id == unit.project_id,
        Job.state.in_(("queued", "running")),
        Job.kind.not_in(NEVER_REFUSED),
    )
    return unit.session.scalar(waiting) or 0


def _until_room(unit: UnitOfWork) -> float:
    """Seconds until the first running job is expected to end."""
    soonest = select(func.min(Job.eta_seconds)).where(Job.project_id == unit.project_id, Job.state == "running")
    expected = unit.session.scalar(soonest)
    return UNKNOWN if expected is None else min(max(expected, SOONEST), LATEST)
