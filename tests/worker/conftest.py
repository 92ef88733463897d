"""A worker's surroundings without a broker: a real service, a claimed job, programs that misbehave as children can."""

import os
import sys
import textwrap
import threading

import pytest

from synthgen.service import bootstrap, datasets, execution
from synthgen.service.read_models import Actor
from synthgen.service.settings import Settings
from worker.supervise import Attempt

EVA = Actor(user_id="1", name="eva", project_id="default")
PREAMBLE = """
import json, os, sys, time
from pathlib import Path
directory = Path(sys.argv[1])
def say(kind, **payload):
    print(json.dumps({"kind": kind, "payload": payload}), flush=True)
"""


@pytest.fixture
def settings(tmp_path):
    return Settings(
        home=tmp_path / "home",
        lease_seconds=2.0,
        heartbeat_seconds=0.3,
        checkpoint_seconds=0.2,
        stop_grace_seconds=1.0,
        inspect_memory_bytes=200_000_000,
        inspect_seconds=3.0,
    )


@pytest.fixture
def app(settings):
    with bootstrap.running(settings) as built:
        yield built


@pytest.fixture
def program(tmp_path):
    """Makes a child program from the lines of its body."""

    def make(body):
        path = tmp_path / "program.py"
        path.write_text(PREAMBLE + textwrap.dedent(body))
        return (sys.executable, str(path))

    return make


@pytest.fixture
def attempt(app, tmp_path):
    """Claims a fresh reading of a small table, to be run with any program."""

    def make(program, content=b"a,b\n1,2\n3,4\n", draining=None):
        view = datasets.add(app, EVA, name="t", filename="t.csv", chunks=[content])
        held = execution.claim(app, view.inspect_job_id, f"test-{os.getpid()}")
        return Attempt(app, held, tmp_path / "work" / held.job_id, draining or threading.Event(), program)

    return make
