"""`synthgen up` as a person meets it: one command starts everything, one signal ends everything."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest

from synthgen.service import operations, people
from synthgen.service.bootstrap import build
from synthgen.service.settings import Settings

pytestmark = [pytest.mark.valkey, pytest.mark.timeout(150)]
PATIENCE = 90


class Up:
    """A running `synthgen up` on its own home and port."""

    def __init__(self, home):
        self.settings = Settings(home=home, port=operations.any_port(), stop_grace_seconds=5.0)
        self.environment = {**os.environ, **self.settings.environment()}
        self.process = self.start()
        self.lines = []

    def start(self):
        command = [sys.executable, "-m", "synthgen.cli", "up"]
        out = subprocess.PIPE
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, text=True, env=self.environment)

    def said(self, pattern):
        """Read its output until a line matches."""
        for line in self.process.stdout:
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found
        pytest.fail(f"it ended without saying {pattern}: {''.join(self.lines)}")

    def family(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def get(self, path):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.settings.address}{path}", timeout=20) as answer:
            return json.load(answer)


@pytest.fixture
def up(tmp_path):
    started = Up(tmp_path / "home")
    yield started
    if started.process.poll() is None:
        started.process.kill()
    started.process.wait()


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    pytest.fail(f"waited in vain for {what}")


def gone(processes):
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_up_starts_everything_heals_it_and_takes_everything_down(up):
    link = up.said(r"/account/setup\?token=(\S+)")
    assert up.get("/api/healthz") == {"status": "ok"}
    until(lambda: up.get("/api/readyz")["ok"], "all parts to answer")

    app = build(up.settings)
    actor = people.create_first_account(app, link[1], "eva", "correct horse battery staple")
    until(lambda: len(operations.workers(app, actor)) == 2, "two workers")

    second = up.start()
    output, _ = second.communicate(timeout=60)
    assert second.returncode != 0
    assert "already" in output
    assert "Traceback" not in output

    worker = operations.workers(app, actor)[0]
    os.kill(worker.pid, signal.SIGKILL)
    up.said(r"worker-\w+ had ended and was started again")
    until(lambda: worker.pid not in {w.pid for w in operations.workers(app, actor)[1:]}, "another worker")
    app.close()

    family = up.family()
    assert len(family) >= 4
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(timeout=40) == 0
    assert gone(family)
    assert not up.settings.broker_socket.exists()


def test_a_killed_up_leaves_no_process(up):
    up.said("synthgen is up")
    family = up.family()
    assert len(family) >= 4
    up.process.send_signal(signal.SIGKILL)
    until(lambda: gone(family), "the end of everything it started")
