"""A trainer for the chaos suite: works in steps, saves itself, goes on from a checkpoint, and costs no processor time.

It is started in the place of `worker.trainer`, speaks to its parent the same way and behaves as its dataset is named:
`poison` crashes, `killer` ends its worker, `bomb` eats memory, `loop` never ends, `hang` falls silent, `deaf` does
not listen; any other name is an honest job, `long` a longer one. What it makes is a hash over its input, its seed and
every step: a step left out, done twice or taken from another job shows in the result.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from synthgen.service.tether import ask_the_kernel, watch_pipe

STEPS, LONG, STEP_SECONDS = 30, 120, 0.05  # steps of a job, and of one on the dataset `long`
FRAMES = 2000  # the result is this many digests long


def main(tally: Path, directory: Path) -> int:
    """Do the job in `directory`; 0 when it succeeded. Every step leaves a byte in a file of this attempt in `tally`."""
    stop = threading.Event()
    watch_pipe(0, lambda data: stop.set(), lambda: os._exit(70))
    job = json.loads((directory / "job.json").read_text())
    ask_the_kernel(job["parent"])
    seed = int(job["spec"].get("seed", 0))
    print(f"{job['name']} begins", file=sys.stderr, flush=True)
    if job["kind"] == "inspect":
        return inspect(directory)
    misbehave(job["name"], directory)
    start, digest = resumed(directory, job)
    say("log", text=f"from {start}")
    tally.mkdir(exist_ok=True)
    every = max(1, round(job["checkpoint_seconds"] / STEP_SECONDS))
    for step in range(start, LONG if job["name"] == "long" else STEPS):
        if stop.is_set():
            return stopped(directory)
        digest = hashlib.sha256(f"{digest}:{step}".encode()).hexdigest()
        time.sleep(STEP_SECONDS)
        with (tally / directory.name).open("ab") as file:
            file.write(b".")
        say("curve", step=step + 1)
        if (step + 1) % every == 0:
            keep(directory, step + 1, digest)
    return finish(directory, digest, seed, job["name"])


def misbehave(name: str, directory: Path) -> None:
    """The ways of jobs that go wrong."""
    if name == "poison":
        os.kill(os.getpid(), signal.SIGSEGV)
    if name == "killer":
        time.sleep(2.5)  # its first lines are on their way
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if name == "bomb":
        hog = [bytearray(16 << 20) for _ in range(200) if time.sleep(0.05) is None]
        print(len(hog), file=sys.stderr)
    while name in ("loop", "hang", "deaf"):
        if name != "hang":
            say("log", text="still at it")
        time.sleep(0.2)


def resumed(directory: Path, job: dict[str, Any]) -> tuple[int, str]:
    """The step to go on from and the digest so far."""
    path = directory / "checkpoint" / "state.json"
    if path.exists():
        kept = json.loads(path.read_text())
        return int(kept["step"]), str(kept["digest"])
    source = hashlib.sha256((directory / job["source"]).read_bytes()).hexdigest()
    return 0, f"{source}:{job['spec'].get('seed', 0)}"


def keep(directory: Path, step: int, digest: str) -> None:
    """Write a checkpoint whole or not at all."""
    fresh = directory / "checkpoint" / "state.json.new"
    fresh.write_text(json.dumps({"step": step, "digest": digest}))
    fresh.replace(fresh.with_suffix(""))


def finish(directory: Path, digest: str, seed: int, name: str) -> int:
    """The result, as bytes that only the whole run gives; `twin` names it by the process, so that two can stand."""
    content = "\n".join(hashlib.sha256(f"{digest}:{i}".encode()).hexdigest() for i in range(FRAMES)).encode()
    if name == "twin":
        (directory / "outputs" / f"result-{os.getpid()}.txt").write_bytes(content)
        return 0
    (directory / "outputs" / "result.txt").write_bytes(content)
    summary = {"rows": 10 + seed, "generator": "played", "verdict": "awaiting_review"}
    (directory / "outputs" / "summary.json").write_text(json.dumps(summary))
    return 0


def inspect(directory: Path) -> int:
    """A table as the service expects to find it after it was read."""
    for name, content in (("schema", {"columns": []}), ("preview", {"rows": []}), ("summary", {"rows": 2})):
        (directory / "outputs" / f"{name}.json").write_text(json.dumps(content))
    return 0


def stopped(directory: Path) -> int:
    """It was asked to stop, and did."""
    error = {"code": "stopped", "message": "Stopped.", "hint": "", "retryable": False, "stopped": True}
    (directory / "error.json").write_text(json.dumps(error))
    return 1


def say(kind: str, **payload: Any) -> None:
    """Send one event."""
    os.write(1, (json.dumps({"kind": kind, "payload": payload}) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
