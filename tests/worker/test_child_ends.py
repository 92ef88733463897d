"""No child outlives the process that started it."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

STARTER = """
import sys, time
from pathlib import Path
from worker.child import Child
child = Child(Path(sys.argv[1]))
print(child.process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def job(tmp_path):
    """A job whose child waits for a file that never comes: a named pipe."""
    for name in ("inputs", "outputs", "checkpoint"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "job.json")
    return tmp_path


def gone(pid, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_the_trainer_ends_when_the_worker_is_killed(job):
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(job)], stdout=subprocess.PIPE, text=True)
    pid = int(starter.stdout.readline())
    time.sleep(1.0)
    assert psutil.pid_exists(pid)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    assert gone(pid)


def test_the_trainer_ends_when_its_input_ends(job):
    child = subprocess.Popen(
        [sys.executable, "-m", "worker.trainer", str(job)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        time.sleep(1.0)
        assert child.poll() is None
        child.stdin.close()
        assert child.wait(timeout=10) == 70
    finally:
        child.kill()


def test_a_stray_print_does_not_reach_the_event_stream(tmp_path):
    for name in ("inputs", "outputs", "checkpoint"):
        (tmp_path / name).mkdir()
    (tmp_path / "inputs" / "source.csv").write_text("a,b\n" + "1,x\n2,y\n" * 20)
    described = {
        "kind": "inspect",
        "name": "t",
        "source": "inputs/source.csv",
        "spec": {},
        "device": "cpu",
        "checkpoint_seconds": 1,
        "memory": 2**32,
        "parent": os.getpid(),
    }
    (tmp_path / "job.json").write_text(json.dumps(described))
    code = "import sys, pathlib, worker.trainer as t; f = t._inspect\n"
    code += "def noisy(*a):\n    print('noise', flush=True); f(*a)\n"
    code += "t.JOBS['inspect'] = noisy; sys.exit(t.main(pathlib.Path(sys.argv[1])))"
    with (tmp_path / "log").open("wb") as log:
        pipe = subprocess.PIPE
        child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=pipe, stdout=pipe, stderr=log)
    lines = [json.loads(line) for line in child.stdout]
    assert child.wait(timeout=20) == 0
    assert "noise" in (tmp_path / "log").read_text()
    assert {line["kind"] for line in lines} == {"progress"}
