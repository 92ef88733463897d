"""Processes that the embedded service starts: tied to their parent, logged to a file, started again when they die."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LOG_LIMIT = 10_000_000  # bytes; a longer log is set aside at the next start
SHORTEST_LIFE = 5.0  # seconds; a process that lives shorter is started again only after a pause
PAUSE = 2.0


@dataclass
class Part:
    """One process of the embedded service; `how` and `name` say what to run, see `tether`."""

    title: str
    how: str
    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    logs: Path
    process: subprocess.Popen[bytes] | None = field(default=None)
    started: float = 0.0
    starts: int = 0

    def start(self) -> None:
        """Start the process; it dies with us, and a signal to our terminal does not reach it."""
        self.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.logs / f"{self.title}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        tether = [sys.executable, "-P", "-m", "synthgen.service.tether", str(os.getpid()), self.how, self.name]
        with path.open("ab") as log:
            self.process = subprocess.Popen(
                [*tether, *self.arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=dict(self.environment),
                start_new_session=True,
            )
        self.started = time.monotonic()
        self.starts += 1

    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    def start_again_if_dead(self) -> bool:
        """Start a dead process again, after a pause if it died young; whether it did.

        Raises OSError where the machine has no room for one; the next try comes after the same pause.
        """
        if self.alive() or time.monotonic() - self.started < (PAUSE if self._died_young() else 0.0):
            return False
        self._close()
        self.started = time.monotonic()
        self.start()
        return True

    def _died_young(self) -> bool:
        return time.monotonic() - self.started < SHORTEST_LIFE

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self.process is not None and self.alive():
            with contextlib.suppress(OSError):
                self.process.send_signal(signal.SIGTERM)

    def stop(self, grace: float) -> None:
        """Wait for the end, at most `grace` seconds, then force it."""
        self.ask_to_stop()
        if self.process is None:
            return
        try:
            self.process.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._close()

    def _close(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    def log_tail(self, lines: int = 15) -> str:
        """The end of its log."""
        try:
            return "\n".join((self.logs / f"{self.title}.log").read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""
