"""One fit in a child process of its own: CPU seconds and memory of its whole tree, a limit, and a cache by content."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).resolve().parent / "results"
CACHE = RESULTS / "cache"
POLL_SECONDS = 0.5
# One thread each: two that wait for each other burn CPU seconds on a busy machine. The limit also holds for libraries
# that ask for threads of their own accord, as the judge's LightGBM does; its figures do not depend on it.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
LIMIT_SECONDS = 1800.0
MIB = 1 << 20


def once(
    key: str, command: Sequence[str], out: Path, limit: float = LIMIT_SECONDS, cache: Path = CACHE
) -> dict[str, Any]:
    """What the child behind `command` made and measured, from the cache where the same `key` ran before.

    The command is given two more arguments, the CSV to write and a JSON file for its facts. Returns those facts with
    `cpu_seconds` and `peak_memory_mib` of the whole tree; `status` is ok, cut (over `limit` CPU seconds) or failed.
    The synthetic CSV is copied to `out`.
    """
    folder = cache / key
    facts = _kept(folder / "facts.json")
    if facts is None or (facts["status"] == "cut" and facts["limit"] < limit):
        facts = _run(command, folder, limit)
    if facts["status"] == "ok":
        shutil.copyfile(folder / "synthetic.csv", out)
    return facts


def remembered(key: str, measure: Callable[[], dict[str, Any]], cache: Path = CACHE) -> dict[str, Any]:
    """The figures of `measure`, from the cache where they were measured before under the same `key`."""
    path = cache / f"{key}.json"
    if not path.exists():
        figures = measure()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures))
    return dict(json.loads(path.read_text()))


def publish(found: dict[str, Any], folder: Path, name: str) -> None:
    """Write a result as `name`.json into `folder`, where `benchmarks.report` reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def peak_memory() -> int:
    """The most memory this process ever held, in bytes; `ru_maxrss` would keep its parent's peak through exec."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def measured(command: Sequence[str], log: Path, limit: float) -> dict[str, Any]:
    """Run a command to its end or to `limit` CPU seconds of its tree; seconds, memory and status."""
    began = time.monotonic()
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        tree, cpu, peak, cut = psutil.Process(process.pid), {}, 0, False
        try:
            while process.poll() is None:
                peak = max(peak, _look(tree, cpu))
                if sum(cpu.values()) > limit:
                    cut = True
                    break
                time.sleep(POLL_SECONDS)
        finally:  # also when somebody stops the benchmark: nothing is left running
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()
    status = "cut" if cut else "failed" if process.returncode else "ok"
    return {
        "status": status,
        "limit": limit,
        "cpu_seconds": round(sum(cpu.values()), 1),
        "wall_seconds": round(time.monotonic() - began, 1),
        "peak_memory_mib": peak // MIB,
    }


def _run(command: Sequence[str], folder: Path, limit: float) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    made, told = folder / "synthetic.csv", folder / "told.json"
    facts = measured([*command, str(made), str(told)], folder / "log.txt", limit)
    if facts["status"] == "ok":
        facts |= json.loads(told.read_text())
        (folder / "facts.json").write_text(json.dumps(facts, indent=1))
    elif facts["status"] == "cut":
        (folder / "facts.json").write_text(json.dumps(facts, indent=1))
    else:
        facts["why"] = (folder / "log.txt").read_text()[-600:]
    return facts


def _look(root: psutil.Process, cpu: dict[int, float]) -> int:
    """Resident bytes of a process and all below it; their CPU seconds are kept in `cpu`, also of those that ended."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                cpu[process.pid] = times.user + times.system
                total += process.memory_info().rss
    return total


def _kept(path: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    return None
