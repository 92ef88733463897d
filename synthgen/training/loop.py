"""The training loop: renew weights, step, validate, keep the best, save, stop. The same for every modality.

All randomness of a task is derived from its seed and the step's number, so a run that was killed and resumed from a
checkpoint ends with exactly the weights of a run that was not; on a GPU but for the order in which it adds numbers up.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from synthgen.errors import InputError, Stopped, TrainingError
from synthgen.runtime import RunContext
from synthgen.training import checkpoint
from synthgen.training.checkpoint import State

REPORT_SECONDS = 1.0


class Task(Protocol):
    """What is trained."""

    def step(self, step: int) -> float:
        """Do optimisation step number `step` and return its loss."""
        ...

    def renew(self, step: int) -> None:
        """Renew what the steps are weighted by (critics, group weights)."""
        ...

    def validate(self) -> float:
        """The score of the current model on validation records; lower is better."""
        ...

    def keep(self) -> None:
        """Remember the current model as the best so far."""
        ...

    def state(self) -> State: ...
    def restore(self, state: State) -> None: ...


@dataclass(frozen=True)
class Plan:
    """Steps planned before the first one is taken, from sizes and a time budget, never from the clock.

    `renew_at` are the steps before which the task is renewed; `patience` is how many validations without a new best
    end the stage.
    """

    stage: str
    steps: int
    validate_every: int
    patience: int = 5
    renew_at: tuple[int, ...] = ()
    fingerprint: str = ""


@dataclass
class Progress:
    """Where a stage stands; JSON-ready, part of every checkpoint."""

    step: int = 0
    best: float = math.inf
    best_step: int = 0
    waited: int = 0
    stopped: str = ""
    loss: float = math.nan
    curve: list[dict[str, float]] = field(default_factory=list)


def run(task: Task, plan: Plan, ctx: RunContext) -> Progress:
    """Train `task` to the end of `plan`, or until validation, the deadline or the user ends it.

    Resumes from `ctx.checkpoints` when that holds a checkpoint of the same plan. Raises Stopped on request, after
    saving, and TrainingError when the loss is no longer a number.
    """
    progress, saver = _resume(task, plan, ctx), _Saver(task, plan, ctx)
    began = _Clock(progress.step)
    while not progress.stopped:
        if ctx.should_stop():
            saver.save(progress)
            ctx.check_stop()
        if progress.step in plan.renew_at:
            task.renew(progress.step)
        progress.loss = _finite(task.step(progress.step), progress.step)
        progress.step += 1
        if progress.step % plan.validate_every == 0 or progress.step == plan.steps:
            _validate(task, plan, progress, ctx)
            began.report(progress, plan, ctx)
        began.report_if_due(progress, plan, ctx)
        progress.stopped = _reason(progress, plan, ctx)
        saver.save_if_due(progress)
    if saver.saved_step != progress.step:
        saver.save(progress)
    return progress


def _validate(task: Task, plan: Plan, progress: Progress, ctx: RunContext) -> None:
    score = _finite(task.validate(), progress.step)
    progress.curve.append({"step": progress.step, "validation": round(score, 5), "loss": round(progress.loss, 5)})
    ctx.curve(progress.step, validation=score, loss=progress.loss)
    if score < progress.best:
        progress.best, progress.best_step, progress.waited = score, progress.step, 0
        task.keep()
    else:
        progress.waited += 1


def _reason(progress: Progress, plan: Plan, ctx: RunContext) -> str:
    """Why the stage ends now, or an empty text."""
    if progress.step >= plan.steps:
        return "all planned steps done"
    if progress.waited > plan.patience:
        return "validation no longer improved"
    if ctx.out_of_time() and progress.best_step > 0:
        return "out of time"
    return ""


def _finite(value: float, step: int) -> float:
    if not math.isfinite(value):
        raise TrainingError(
            f"The loss was not a finite number at step {step}.",
            "Lower the learning rate, or report this table's shape.",
        )
    return value


class _Clock:
    """Speed and time left, for people only: nothing is decided by it."""

    def __init__(self, step: int) -> None:
        self.first, self.since = step, time.monotonic()
        self.told = self.since

    def report_if_due(self, progress: Progress, plan: Plan, ctx: RunContext) -> None:
        """Report between validations too, about once a second."""
        if time.monotonic() - self.told >= REPORT_SECONDS:
            self.report(progress, plan, ctx)

    def report(self, progress: Progress, plan: Plan, ctx: RunContext) -> None:
        self.told = time.monotonic()
        seconds = self.told - self.since
        left = seconds / max(progress.step - self.first, 1) * (plan.steps - progress.step)
        if ctx.deadline is not None:
            left = min(left, max(ctx.deadline - self.told, 0.0))
        figures = {"validation": progress.curve[-1]["validation"]} if progress.curve else {}
        ctx.progress(plan.stage, progress.step, plan.steps, eta_seconds=round(left, 1), **figures)


class _Saver:
    """Writes a checkpoint every `ctx.checkpoint_seconds`, if there is a place for it."""

    def __init__(self, task: Task, plan: Plan, ctx: RunContext) -> None:
        self.task, self.plan, self.ctx = task, plan, ctx
        self.last, self.saved_step = time.monotonic(), -1

    def save_if_due(self, progress: Progress) -> None:
        if time.monotonic() - self.last >= self.ctx.checkpoint_seconds:
            self.save(progress)

    def save(self, progress: Progress) -> None:
        folder = _folder(self.plan, self.ctx)
        if folder is None:
            return
        state = self.task.state()
        facts: Mapping[str, Any] = {
            "task": dict(state.facts),
            "progress": asdict(progress),
            "fingerprint": self.plan.fingerprint,
        }
        checkpoint.write(State(state.tensors, facts), folder)
        self.last, self.saved_step = time.monotonic(), progress.step


def _folder(plan: Plan, ctx: RunContext) -> Path | None:
    return None if ctx.checkpoints is None else ctx.checkpoints / plan.stage


def _resume(task: Task, plan: Plan, ctx: RunContext) -> Progress:
    """The progress of a checkpoint of this very plan, its task restored; a fresh start otherwise."""
    state = _saved(plan, ctx)
    if state is None or state.facts["fingerprint"] != plan.fingerprint:
        return Progress()
    task.restore(State(state.tensors, state.facts["task"]))
    progress = Progress(**state.facts["progress"])
    ctx.log(f"Resumed {plan.stage} at step {progress.step} of {plan.steps}.")
    return progress


def _saved(plan: Plan, ctx: RunContext) -> State | None:
    """The checkpoint; one that cannot be read is told and left unused, since steps lost are less than the job lost."""
    folder = _folder(plan, ctx)
    try:
        return None if folder is None else checkpoint.read(folder)
    except InputError as problem:
        ctx.log(f"{problem.message} {plan.stage} starts afresh.")
        return None


__all__ = ["Plan", "Progress", "Stopped", "Task", "run"]
