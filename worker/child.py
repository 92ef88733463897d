"""One child process: started with nothing but files, watched, stopped, and killed with everything it started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

TRAINER = (sys.executable, "-P", "-m", "worker.trainer")
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")
KEPT_PREFIXES = ("OMP_", "MKL_", "OPENBLAS_", "NVIDIA_", "CUDA_", "CUBLAS_", "TORCH_", "PYTORCH_")
NOTHING: Mapping[str, str] = {}
MOST_WAITING_EVENTS = 10_000
LOG = "log"  # what the child and its libraries print, in its directory


class Child:
    """A running trainer. Its environment holds no credential; its session is its own."""

    def __init__(
        self, directory: Path, program: Sequence[str] = TRAINER, variables: Mapping[str, str] = NOTHING
    ) -> None:
        self.directory = directory
        self.log = directory / LOG
        self.events: deque[tuple[str, dict[str, Any]]] = deque(maxlen=MOST_WAITING_EVENTS)
        self.started = self.heard = time.monotonic()
        self.asked_to_stop: float | None = None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*program, str(directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=directory,
                env={**_environment(directory), **variables},
                start_new_session=True,
            )
        self.reader = threading.Thread(target=self._read, name=f"child-{self.process.pid}", daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # a torn last line of a killed child
                event = json.loads(line, parse_constant=lambda name: None)
                self.heard = time.monotonic()
                self.events.append((str(event["kind"]), dict(event["payload"])))

    def running(self) -> bool:
        """Whether the child still works."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Ask the child to stop at its next safe point; asking again changes nothing."""
        if self.asked_to_stop is None:
            self.asked_to_stop = time.monotonic()
            assert self.process.stdin is not None
            with contextlib.suppress(OSError):
                self.process.stdin.write(b"stop\n")
                self.process.stdin.flush()

    def memory(self) -> int:
        """Bytes of memory that the child and everything it started hold."""
        try:
            root = psutil.Process(self.process.pid)
            return sum(_resident(process) for process in (root, *root.children(recursive=True)))
        except psutil.Error:
            return 0

    def kill(self) -> None:
        """End the child and everything it started, now."""
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """Leave nothing running and nothing open."""
        self.kill()
        self.reader.join(timeout=5)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def drain(self) -> list[tuple[str, dict[str, Any]]]:
        """The events that came since the last call, oldest first; of each stage's progress only the newest."""
        taken = [self.events.popleft() for _ in range(len(self.events))]
        newest = {payload.get("stage"): i for i, (kind, payload) in enumerate(taken) if kind == "progress"}
        return [e for i, e in enumerate(taken) if e[0] != "progress" or newest[e[1].get("stage")] == i]

    def error(self) -> dict[str, Any] | None:
        """What the child left behind about its failure, if it could."""
        try:
            found: dict[str, Any] = json.loads((self.directory / "error.json").read_text())
            return found
        except (OSError, ValueError):
            return None


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _environment(directory: Path) -> dict[str, str]:
    """What the child may know of the machine: an allow-list, so that no secret slips through."""
    kept = {k: v for k, v in os.environ.items() if k in KEPT_VARIABLES or k.startswith(KEPT_PREFIXES)}
    scratch = directory / "tmp"
    scratch.mkdir(exist_ok=True)
    return {**kept, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}
