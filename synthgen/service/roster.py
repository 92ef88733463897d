"""The workers report themselves here, so that operators see who is alive."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

import synthgen
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import WorkerRow


def sign_on(app: Application, slots: int = 1) -> str:
    """Enter a new worker process that runs `slots` jobs at a time; returns its id."""
    with app.unit() as unit:
        row = unit.add(
            WorkerRow,
            host=socket.gethostname()[:200],
            pid=os.getpid(),
            queues=",".join(app.settings.queues),
            slots=slots,
            version=synthgen.__version__,
            last_seen=unit.now,
        )
        return str(row.id)


def report(app: Application, worker_id: str, running: int, devices: Sequence[Mapping[str, Any]] = ()) -> None:
    """The worker is alive, runs so many jobs, and sees these GPUs."""
    with app.unit() as unit:
        row: WorkerRow = unit.get(WorkerRow, worker_id)
        row.last_seen, row.running, row.devices = unit.now, running, [dict(device) for device in devices]


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
