"""The real web process over a temporary home, without broker or worker; for the tests of dashboard and command line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from synthgen.service import bootstrap, people
from synthgen.service.settings import Settings

NAME, PASSWORD = "steward", "a few unrelated words"


@dataclass(frozen=True)
class Web:
    """A running web process."""

    url: str
    process: subprocess.Popen[bytes]
    settings: Settings
    setup: str
    log: Path

    def memory(self) -> int:
        """The most memory the process ever used, in bytes."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


@contextmanager
def running_web(home: Path) -> Iterator[Web]:
    """Start it and wait until it answers; it ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings(home=home, port=port, host="127.0.0.1")
    with bootstrap.running(settings) as app:
        setup = people.new_setup_token(app)
    command = [sys.executable, "-m", "uvicorn", "dashboard.asgi:app", "--port", str(port)]
    log = home / "web.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=os.environ | settings.environment(), stdout=out, stderr=out)
    running = Web(f"http://127.0.0.1:{port}", process, settings, setup, log)
    try:
        _wait(running)
        yield running
    finally:
        process.terminate()
        process.wait(20)


def _wait(web: Web) -> None:
    for _ in range(300):
        try:
            if httpx.get(f"{web.url}/healthz").status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(f"the web process did not start: {web.log.read_text()[-2000:]}")
