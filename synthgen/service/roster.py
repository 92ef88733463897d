"""The workers report themselves here, so that operators see who is alive."""

from __future__ import annotations

import os
import socket

from sqlalchemy import select

from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import WorkerRow


def sign_on(app: Application) -> str:
    """Enter a new worker process; returns its id."""
    with app.unit() as unit:
        host, queues = socket.gethostname()[:200], ",".join(app.settings.queues)
        row = unit.add(WorkerRow, host=host, pid=os.getpid(), queues=queues, last_seen=unit.now)
        return str(row.id)


def report(app: Application, worker_id: str, running: int) -> None:
    """The worker is alive and runs so many jobs."""
    with app.unit() as unit:
        row: WorkerRow = unit.get(WorkerRow, worker_id)
        row.last_seen, row.running = unit.now, running


def alive_here(app: Application) -> bool:
    """Whether a worker on this host reported itself within three heartbeats."""
    with app.unit(read_only=True) as unit:
        fresh = select(WorkerRow.id).where(
            WorkerRow.project_id == unit.project_id,
            WorkerRow.host == socket.gethostname()[:200],
            WorkerRow.stopped_at.is_(None),
            WorkerRow.last_seen > unit.after(-3 * app.settings.heartbeat_seconds),
        )
        return unit.session.scalar(fresh.limit(1)) is not None


def sign_off(app: Application, worker_id: str) -> None:
    """The worker is gone for good."""
    with app.unit() as unit:
        row: WorkerRow = unit.get(WorkerRow, worker_id)
        row.stopped_at, row.running = unit.now, 0
