"""The queues and the workers as they stand, for operators; of other projects only how many slots their jobs hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select

from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Job, WorkerRow
from synthgen.service.db.unit_of_work import UnitOfWork
from synthgen.service.read_models import Actor, QueueView, WorkerView
from synthgen.service.views import worker_view

SILENT_HEARTBEATS = 3  # a worker not heard of for so many is not counted


@dataclass(frozen=True)
class Depth:
    """Jobs of one project in one queue: how many wait and run; how many seconds the first in line has waited."""

    project: str
    queue: str
    waiting: int
    running: int
    oldest_seconds: float | None


def overview(app: Application, actor: Actor) -> list[QueueView]:
    """The queues that are offered or hold jobs of the actor's project, with the workers that serve them."""
    with app.unit(read_only=True) as unit:
        depths = {depth.queue: depth for depth in project_depths(unit, actor.project_id)}
    serving = alive(app)
    names = [*app.settings.offered, *(name for name in depths if name not in app.settings.offered)]
    return [_view(name, depths.get(name), serving) for name in names]


def project_depths(unit: UnitOfWork, project_id: str) -> list[Depth]:
    """Each queue in which jobs of a project wait or run."""
    rows = unit.session.execute(
        select(Job.queue, Job.state, func.count(), func.min(Job.created_at))
        .where(Job.project_id == project_id, Job.state.in_(("queued", "running")))
        .group_by(Job.queue, Job.state)
    )
    found = {(queue, state): (count, oldest) for queue, state, count, oldest in rows}
    depths = []
    for queue in sorted({queue for queue, _ in found}):
        waiting, oldest = found.get((queue, "queued"), (0, None))
        seconds = None if oldest is None else max((unit.now - oldest).total_seconds(), 0.0)
        depths.append(Depth(project_id, queue, waiting, found.get((queue, "running"), (0, None))[0], seconds))
    return depths


def alive(app: Application) -> list[WorkerView]:
    """The workers heard of within three heartbeats, whatever project they were started for: they serve all."""
    with app.unit(read_only=True) as unit:
        fresh = select(WorkerRow).where(
            WorkerRow.stopped_at.is_(None),
            WorkerRow.last_seen > unit.after(-SILENT_HEARTBEATS * app.settings.heartbeat_seconds),
        )
        return [worker_view(row) for row in unit.session.scalars(fresh.order_by(WorkerRow.created_at))]


def serving(queue: str, workers: Iterable[WorkerView]) -> list[WorkerView]:
    """The workers that take jobs of a queue."""
    return [worker for worker in workers if queue in worker.queues.split(",")]


def _view(name: str, depth: Depth | None, workers: Iterable[WorkerView]) -> QueueView:
    served = serving(name, workers)
    return QueueView(
        name=name,
        waiting=depth.waiting if depth else 0,
        running=depth.running if depth else 0,
        oldest_seconds=depth.oldest_seconds if depth else None,
        workers=len(served),
        slots=sum(worker.slots for worker in served),
    )
