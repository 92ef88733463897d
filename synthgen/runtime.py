"""What a run carries with it: the seed tree, the device, progress, the wish to stop, where checkpoints go."""

from __future__ import annotations

import hashlib
import os
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from synthgen.errors import Stopped


@dataclass(frozen=True)
class Event:
    """Something a run reports while it works.

    `kind` is "progress", "log", "curve" or "health". `payload` is JSON-ready and holds no cell value; a log line that
    the owner should not miss has `warning` in it, one that says what training will be `auto`, `estimate` or `planned`.
    """

    kind: str
    payload: Mapping[str, Any]


def ignore(event: Event) -> None:
    """The default listener: nobody is watching."""


def memory_of_process() -> int:
    """The machine's memory, less where the process has a limit of its own on its address space."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), resource.getrlimit(resource.RLIMIT_AS)[0]]
    return min(limit for limit in limits if limit > 0)


def never() -> bool:
    """The default stop signal: run to the end."""
    return False


@dataclass(frozen=True)
class RunContext:
    """Everything a step may use besides its data; no step reads a global.

    `path` names the place in the seed tree: the same seed and path give the same random numbers, whatever else ran.
    `deadline` is a `time.monotonic()` value after which a planned run may end early (it is never planned from).
    `memory` is how many bytes the process may take; None: what the machine and the process's own limit leave.
    """

    seed: int = 0
    device: str = "cpu"
    listener: Callable[[Event], None] = ignore
    stop: Callable[[], bool] = never
    checkpoints: Path | None = None
    checkpoint_seconds: float = 20.0
    deadline: float | None = None
    memory: int | None = None
    attacks: Any = None  # the spec.AttackPlan that the privacy metrics follow; None: the standard one
    features: Path | None = None  # a network that scores of images look through instead of their own; see `given`
    live: Path | None = None  # a folder for pictures of a run at work, which only those who may see the source see
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)  # what metrics of one scoring share
    path: tuple[str, ...] = field(default=())

    def at(self, name: str) -> RunContext:
        """The same run, one branch down the seed tree."""
        return replace(self, path=(*self.path, name))

    def seed_for(self, name: str) -> int:
        """A 63-bit seed that depends on the run's seed, this branch and `name` only."""
        text = "/".join((str(self.seed), *self.path, name))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1

    def rng(self, name: str) -> np.random.Generator:
        """A NumPy generator for `name`, independent of every other name."""
        return np.random.default_rng(self.seed_for(name))

    def progress(self, stage: str, done: float, total: float, **figures: float) -> None:
        """Report that `done` of `total` units of `stage` are finished, with any live figures."""
        self.listener(Event("progress", {"stage": stage, "done": done, "total": total, **figures}))

    def log(self, text: str, **facts: Any) -> None:
        """Report one line for the job's log, with what marks it for those who listen; no cell values."""
        self.listener(Event("log", {"text": text, **facts}))

    def warn(self, text: str) -> None:
        """Report a line of the job's log that its owner should not miss; no cell values."""
        self.listener(Event("log", {"text": text, "warning": True}))

    def curve(self, step: int, **figures: float) -> None:
        """Report one point of the live training curves."""
        self.listener(Event("curve", {"step": step, **figures}))

    def should_stop(self) -> bool:
        """Whether somebody asked this run to stop."""
        return self.stop()

    def check_stop(self) -> None:
        """Raise `Stopped` if somebody asked this run to stop."""
        if self.stop():
            raise Stopped("The run was stopped on request.", "Nothing was published; submit it again to start over.")

    def memory_limit(self) -> int:
        """Bytes that the process may take in all."""
        return self.memory if self.memory is not None else memory_of_process()

    def out_of_time(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() > self.deadline
