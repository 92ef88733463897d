"""The child that does the work: `python -m worker.trainer JOBDIR`. It sees files only: no database, broker or store.

It prints one JSON event a line on stdout, reads "stop" from stdin, and ends at once when stdin ends: its parent died.
What went wrong is left in JOBDIR/error.json.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synthgen.errors import InternalError, LimitError, Stopped, SynthgenError, Unavailable, trail
from synthgen.runtime import Event, RunContext, memory_of_process
from synthgen.service.tether import ask_the_kernel, watch_pipe
from synthgen.training import devices
from worker import full_disk

PROGRESS_EVERY = 0.2  # seconds between two progress events of one stage
ORPHANED = 70


class Reporter:
    """Writes events to the parent, thinned so that a fast loop does not flood it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.lock = threading.Lock()
        self.last: tuple[object, float] = (None, 0.0)

    def __call__(self, event: Event) -> None:
        """Send one event."""
        if event.kind == "progress" and not self._due(event):
            return
        line = json.dumps({"kind": event.kind, "payload": dict(event.payload)}, default=float) + "\n"
        with self.lock:
            view = memoryview(line.encode())
            while view:
                view = view[os.write(self.descriptor, view) :]

    def _due(self, event: Event) -> bool:
        stage, now = event.payload.get("stage"), time.monotonic()
        finished = event.payload.get("done") == event.payload.get("total")
        if self.last[0] == stage and now - self.last[1] < PROGRESS_EVERY and not finished:
            return False
        self.last = (stage, now)
        return True


def main(directory: Path) -> int:
    """Run the job described in `directory`; 0 when it succeeded."""
    stop = threading.Event()
    watch_pipe(0, lambda data: stop.set(), lambda: os._exit(ORPHANED))
    report = Reporter(_private_stdout())
    try:
        job = json.loads((directory / "job.json").read_text())
        ask_the_kernel(job["parent"])
        _limit_memory(job.get("address_space"))
        JOBS[job["kind"]](job, directory, _context(job, directory, report, stop))
    except Exception as error:
        _leave_error(directory, error)
        return 1
    return 0


def _context(job: dict[str, Any], directory: Path, report: Reporter, stop: threading.Event) -> RunContext:
    return RunContext(
        seed=job["spec"].get("seed", 0),
        device=job["device"],
        listener=report,
        stop=stop.is_set,
        checkpoints=directory / "checkpoint",
        checkpoint_seconds=job["checkpoint_seconds"],
        live=directory / "live",
        features=_features(job),
        memory=min(job["memory"], memory_of_process()),
    )


def _features(job: dict[str, Any]) -> Path | None:
    """The network that scores of images look through, where the operator configured one."""
    given = job["image_features"] if job["spec"].get("modality") == "images" else ""
    return Path(given) if given else None


def _inspect(job: dict[str, Any], directory: Path, ctx: RunContext) -> None:
    from synthgen import pipeline

    pipeline.inspect(directory / job["source"], job["name"], _spec(job), ctx, directory / "outputs")


def _fit(job: dict[str, Any], directory: Path, ctx: RunContext) -> None:
    from synthgen import pipeline

    pipeline.run(directory / job["source"], job["name"], _spec(job), ctx, directory / "outputs")


def _sample(job: dict[str, Any], directory: Path, ctx: RunContext) -> None:
    from synthgen import pipeline

    model = directory / "inputs" / "model"
    pipeline.sample(directory / job["source"], job["name"], model, _spec(job), ctx, directory / "outputs")


def _impute(job: dict[str, Any], directory: Path, ctx: RunContext) -> None:
    from synthgen import pipeline

    model = directory / "inputs" / "model"
    pipeline.fill(directory / job["source"], job["name"], model, _spec(job), ctx, directory / "outputs")


def _export(job: dict[str, Any], directory: Path, ctx: RunContext) -> None:
    from synthgen import pipeline
    from synthgen.contracts import Release

    pipeline.export(directory / "inputs" / "outputs", Release(**job["release"]), directory / "outputs")


JOBS: dict[str, Callable[[dict[str, Any], Path, RunContext], None]] = {
    "inspect": _inspect,
    "fit": _fit,
    "sample": _sample,
    "impute": _impute,
    "export": _export,
}


def _spec(job: dict[str, Any]) -> Any:
    from synthgen.spec import RunSpec

    return RunSpec.model_validate(job["spec"])


def _private_stdout() -> int:
    """Keep stdout for events: whatever a library prints goes to stderr, the log."""
    private = os.dup(1)
    os.dup2(2, 1)
    return private


def _limit_memory(address_space: int | None) -> None:
    """Have the kernel refuse memory over the limit; not for training: torch reserves far more than it uses."""
    if address_space:
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))


def _leave_error(directory: Path, error: Exception) -> None:
    """Write down what went wrong, in words for the job's owner; class and place are for the worker's log."""
    if isinstance(error, MemoryError):
        said: SynthgenError = LimitError(
            "The job needed more memory than it may use.",
            "Use fewer rows, columns or images, or ask the operator for more.",
        )
    elif gpu := devices.in_words(error):
        said = gpu
    elif full_disk.is_full(error):
        said = Unavailable(full_disk.MESSAGE, full_disk.HINT)
    elif isinstance(error, SynthgenError):
        said = error
    else:
        said = InternalError(uuid.uuid4().hex[:10])
    # The run is seeded: an unknown exception comes again when it is repeated, unless the machine caused it.
    retryable = said.retryable and isinstance(error, (SynthgenError, OSError, *devices.hardware_errors()))
    left = {
        "code": said.code,
        "message": said.message,
        "hint": said.hint,
        "retryable": retryable,
        "stopped": isinstance(error, Stopped),
        "trail": trail(error),
    }
    (directory / "error.json").write_text(json.dumps(left))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
