"""The workers report themselves here, so that operators see who is alive."""

from __future__ import annotations

import os
import socket

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


def sign_off(app: Application, worker_id: str) -> None:
    """The worker is gone for good."""
    with app.unit() as unit:
        row: WorkerRow = unit.get(WorkerRow, worker_id)
        row.stopped_at, row.running = unit.now, 0
