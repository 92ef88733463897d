"""How much memory and time a child may take, and how long it may say nothing; past that it is ended, and told why."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from synthgen.errors import LimitError, SynthgenError
from synthgen.service.settings import Settings
from worker.child import Child

LOOK_EVERY = 0.3  # seconds between two looks at the memory
BUDGETS = 20  # a job may take this many times its training budget
REST_SECONDS = 3600  # and this long for everything else


class Stalled(SynthgenError):
    """A child that reported nothing for too long: it hangs, and may not the next time."""

    code = "stalled"
    retryable = True


@dataclass
class Limits:
    """Bytes of resident memory, seconds of wall-clock time, and seconds without a word."""

    memory: int
    seconds: float
    silence: float
    looked: float = field(default=0.0)

    def enforce(self, child: Child) -> None:
        """End a child over its limits and raise LimitError, or Stalled."""
        now = time.monotonic()
        if now - child.started > self.seconds:
            child.kill()
            raise LimitError(
                f"The job took longer than the {self.seconds:,.0f} seconds it may take.",
                "Use fewer rows, columns or images, a smaller time budget, or ask the operator for more time.",
            )
        if now - child.heard > self.silence:
            child.kill()
            raise Stalled(
                f"The job reported no progress for {self.silence:,.0f} seconds and was ended.",
                "Try again; if it comes back, use fewer rows, columns or images, or ask the operator.",
            )
        if now - self.looked < LOOK_EVERY:
            return
        self.looked = now
        used = child.memory()
        if used > self.memory:
            child.kill()
            raise LimitError(
                f"The job needed more than the {self.memory / 1e9:,.1f} GB of memory it may use.",
                "Use fewer rows, columns or images, or ask the operator for more memory.",
            )


def limits_for(settings: Settings, kind: str, directory: Path) -> Limits:
    """The limits of one kind of job; a fit's time follows from its own budget unless the operator set one."""
    memory = memory_for(settings, kind)
    if kind == "inspect":
        return Limits(memory, settings.inspect_seconds, settings.stall_seconds)
    budget = json.loads((directory / "job.json").read_text())["spec"].get("time_budget", 0)
    return Limits(memory, settings.job_seconds or budget * BUDGETS + REST_SECONDS, settings.stall_seconds)


def memory_for(settings: Settings, kind: str) -> int:
    """Bytes that the child of one kind of job may hold; it is told, and refuses up front what will take more."""
    return settings.inspect_memory_bytes if kind == "inspect" else settings.job_memory_bytes
