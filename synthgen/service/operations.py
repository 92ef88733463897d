"""Operations: which workers are alive, whether the parts answer, which port is free."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from synthgen.errors import SynthgenError
from synthgen.service import queue
from synthgen.service.bootstrap import Application
from synthgen.service.db.migrate import is_current
from synthgen.service.db.tables import WorkerRow
from synthgen.service.read_models import Actor, WorkerView
from synthgen.service.settings import Settings
from synthgen.service.views import worker_view

SILENT_SECONDS = 60.0  # a worker not heard of for this long is not shown


def workers(app: Application, actor: Actor) -> list[WorkerView]:
    """The worker processes heard of lately: they serve every project of the database."""
    with app.unit(read_only=True) as unit:
        alive = select(WorkerRow).where(
            WorkerRow.stopped_at.is_(None),
            WorkerRow.last_seen > unit.after(-SILENT_SECONDS),
        )
        return [worker_view(row) for row in unit.session.scalars(alive.order_by(WorkerRow.created_at))]


def health(app: Application) -> dict[str, Any]:
    """Whether database, broker and store answer, for a monitor; names no secret."""
    checks: dict[str, Callable[[], Any]] = {
        "database": lambda: _current(app),
        "broker": lambda: queue.check(app.settings),
        "store": lambda: next(iter(app.store.keys("check")), None),
    }
    found = {name: answer(check) for name, check in checks.items()}
    return {"ok": all(text == "ok" for text in found.values()), **found}


def port_is_free(settings: Settings) -> bool:
    """Whether the web server could listen."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            return False
    return True


def any_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _current(app: Application) -> None:
    if not is_current(app.engine):
        raise SynthgenError("the schema is not the newest", "Run the migrations.")


def answer(check: Callable[[], Any]) -> str:
    """ "ok", or what went wrong, in words that hold no secret."""
    try:
        check()
    except SynthgenError as error:
        return error.message
    except Exception as error:  # a monitor must get an answer whatever the driver raises
        return type(error).__name__
    return "ok"
