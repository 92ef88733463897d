"""`synthgen up`: broker, migrations, workers and web on one machine, as an ordinary user, without a network."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from synthgen.errors import Conflict, Unavailable
from synthgen.service import bootstrap, broker, operations, people
from synthgen.service.processes import Part
from synthgen.service.settings import Settings

WEB = "dashboard.asgi:app"
START_SECONDS = 60.0
LOOK_EVERY = 0.3


def up(
    settings: Settings | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    home: Path | None = None,
    say: Callable[[str], None] | None = None,
    web: bool = True,
) -> None:
    """Run everything until SIGINT or SIGTERM; `say` gets the lines meant for the person at the terminal.

    `host`, `port` (0: any that is free) and `home` go before the settings.
    Raises Conflict when this home is in use already, Unavailable when a part does not start.
    """
    settings = _chosen(settings or bootstrap.read_settings(), host, port, home)
    say = say or _to_terminal
    bootstrap.make_home(settings)
    stop = threading.Event()
    with _signals(stop), _only_one(settings):
        parts = _parts(settings, web=web)
        try:
            _start(settings, parts, web=web)
            for line in welcome(settings):
                say(line)
            _look_after(parts, stop, say)
        finally:
            say("Stopping ...")
            _take_down(settings, parts)


def welcome(settings: Settings) -> list[str]:
    """The address, and the one-time set-up link as long as there is no account."""
    lines = [f"synthgen is up: {settings.address}"]
    with bootstrap.running(settings) as app:
        if people.setup_needed(app):
            link = f"{settings.address}/account/setup?token={people.new_setup_token(app)}"
            lines.append(f"Create the first account (this link works once): {link}")
    return [*lines, "Press Ctrl-C to stop."]


def _chosen(settings: Settings, host: str | None, port: int | None, home: Path | None) -> Settings:
    wanted = {"host": host, "port": operations.any_port() if port == 0 else port, "home": home}
    return settings.model_copy(update={name: value for name, value in wanted.items() if value is not None})


def _to_terminal(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parts(settings: Settings, *, web: bool) -> list[Part]:
    """The processes, in the order they start."""
    logs, environment = settings.root / "logs", {**os.environ, **settings.environment()}
    parts = []
    if not settings.broker_url.get_secret_value():
        path, arguments = broker.command(settings)
        parts.append(Part("broker", "exec", path, arguments, environment, logs))
    for queue in settings.queues:
        served = {**environment, "SYNTHGEN_WORKER_QUEUES": queue}
        parts.append(Part(f"worker-{queue}", "module", "worker", (), served, logs))
    if web:
        listen = ("--host", settings.host, "--port", str(settings.port), "--no-access-log")
        leave = ("--timeout-graceful-shutdown", "5")  # clients that follow a job would keep it alive, and come again
        parts.append(Part("web", "module", "uvicorn", (WEB, *listen, *leave), environment, logs))
    return parts


def _start(settings: Settings, parts: list[Part], *, web: bool) -> None:
    if web and not operations.port_is_free(settings):
        raise Conflict(f"Port {settings.port} is in use.", "Stop what uses it, or set SYNTHGEN_PORT to another port.")
    for part in parts:
        if part.title != "broker":
            continue
        part.start()
        _wait(part, lambda: broker.answers(settings.broker_socket))
    with bootstrap.running(settings):
        pass  # leaves the database at the newest schema
    for part in parts:
        if part.title == "broker":
            continue
        part.start()
    for part in parts:
        if part.title == "web":
            _wait(part, lambda: _web_answers(settings))


def _wait(part: Part, ready: Callable[[], bool]) -> None:
    until = time.monotonic() + START_SECONDS
    while not ready():
        if not part.alive() or time.monotonic() > until:
            raise Unavailable(f"The {part.title} did not start.", f"Its log ends with:\n{part.log_tail()}")
        time.sleep(0.1)


def _web_answers(settings: Settings) -> bool:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    reachable = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{reachable}:{settings.port}/api/healthz", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True  # it answers; what it thinks of its own health is for the operator
    except OSError:
        return False


def _look_after(parts: list[Part], stop: threading.Event, say: Callable[[str], None]) -> None:
    while not stop.wait(LOOK_EVERY):
        for part in parts:
            try:
                if part.start_again_if_dead():
                    say(f"The {part.title} had ended and was started again.")
            except OSError as error:  # no memory, no room on the disk: what runs must go on running
                say(f"The {part.title} has ended and cannot be started now: {error.strerror}.")


def _take_down(settings: Settings, parts: list[Part]) -> None:
    """Everything but the broker first, all at once; the broker last, so that workers can still speak to it."""
    others = [part for part in parts if part.title != "broker"]
    for part in others:
        part.ask_to_stop()
    for part in others:
        part.stop(settings.stop_grace_seconds + 10 if part.title.startswith("worker") else 10)
    for part in parts:
        part.stop(5)
    with contextlib.suppress(OSError):
        settings.broker_socket.unlink()


@contextlib.contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Hold the lock of this home; the kernel frees it however we end."""
    lock_path: Path = settings.root / "run" / "lock"
    lock_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock_path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                f"synthgen runs already on {settings.root}.", "Use it, stop it, or set SYNTHGEN_HOME to another folder."
            ) from None
        yield


@contextlib.contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """SIGINT, SIGTERM and the end of the terminal set `stop`."""
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in ends}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
