"""`synthgen up` under test, run as an ordinary user without network: `python -m benchmarks.chaos_up HOME`.

Prints one line of JSON: seconds until everything answers, whether a second one is refused, what is left after a
SIGKILL, and how many of the jobs that were queued or running then are done after the next start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from synthgen.service import bootstrap, datasets, jobs, operations, people
from synthgen.service.bootstrap import Application
from synthgen.service.read_models import Actor
from synthgen.service.settings import Settings

JOBS = 6
PATIENCE = 180.0
ROWS = 20_000


def main(home: Path) -> None:
    """Start, look, kill, start again."""
    settings = Settings(home=home, port=operations.any_port(), lease_seconds=3.0, heartbeat_seconds=0.5)
    first = start(settings)
    began = time.monotonic()
    until(lambda: first.poll() is not None or healthy(settings), "health")
    if first.poll() is not None:
        raise RuntimeError((home.parent / "up.log").read_text()[-2000:])
    found: dict[str, Any] = {"healthy": round(time.monotonic() - began, 1), "jobs": JOBS}
    app = bootstrap.build(settings)
    actor = people.create_first_account(app, people.new_setup_token(app), "up", "correct horse battery staple")
    found["refused"] = int(start(settings).wait(timeout=60) != 0)
    ids = [upload(app, actor, i) for i in range(JOBS)]
    until(lambda: "running" in states(app, actor, ids), "a running job")
    family = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.wait()
    _, left = psutil.wait_procs(family, timeout=10)
    found |= {"family": len(family) + 1, "left": len([p for p in left if p.status() != psutil.STATUS_ZOMBIE])}
    second = start(settings)
    until(lambda: not {"queued", "running"} & set(states(app, actor, ids)), "the end of all jobs")
    found["succeeded"] = states(app, actor, ids).count("succeeded")
    found["reachable"] = len([name for name in psutil.net_if_addrs() if name != "lo"])
    app.close()
    second.terminate()
    second.wait(timeout=60)
    print(json.dumps(found))


def start(settings: Settings) -> subprocess.Popen[bytes]:
    """`synthgen up` on that home."""
    command = [sys.executable, "-m", "synthgen.cli", "up"]
    environment = {**os.environ, **settings.environment()}
    with (settings.root.parent / "up.log").open("ab") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def healthy(settings: Settings) -> bool:
    """Whether web server, database, broker and store answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{settings.address}/api/readyz", timeout=5) as answer:
            return bool(json.load(answer)["ok"])
    except (urllib.error.URLError, OSError):
        return False


def upload(app: Application, actor: Actor, number: int) -> str:
    """A table that takes a moment to read; the id of the job that reads it."""
    lines = "\n".join(f"{i % 97},{i * number % 89},{i}" for i in range(ROWS))
    content = f"a,b,c\n{lines}\n".encode()
    view = datasets.add(app, actor, name=f"table {number}", filename="table.csv", chunks=[content])
    assert view.inspect_job_id is not None
    return view.inspect_job_id


def states(app: Application, actor: Actor, ids: list[str]) -> list[str]:
    """The states of jobs."""
    return [jobs.get(app, actor, one).state for one in ids]


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
