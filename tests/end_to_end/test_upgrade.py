"""An installation of the release before, with jobs that wait and run, under the code of today.

`tests/service/vendored/release_0004` is what that release left in its database and store: a table that was read, one
that waits to be read, a training that waits, and one whose worker is gone.
"""

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from synthgen.service import bootstrap, broker, jobs
from synthgen.service.processes import Part
from synthgen.service.read_models import Actor
from synthgen.service.settings import Settings

LEFT = Path(__file__).resolve().parents[1] / "service" / "vendored" / "release_0004"
EVA = Actor(user_id="1", name="eva", project_id="default")
PATIENCE = 300.0
OLD_INSERT = """
insert into jobs (id, project_id, created_at, kind, state, dataset_id, spec, spec_digest, fence, attempts,
                  cancel_requested, checkpoint, event_seq, stage, progress, created_by, queued_at)
select 'old', project_id, created_at, 'fit', 'queued', dataset_id, spec, '', 0, 0,
       0, '[]', 0, '', 0, 'eva', queued_at from jobs limit 1
"""


@pytest.fixture
def app(tmp_path):
    """The old installation's home, not yet upgraded, under today's settings."""
    settings = Settings(home=tmp_path / "home", lease_seconds=3.0, heartbeat_seconds=1.0, republish_seconds=2.0,
                        sweep_seconds=0.3)  # fmt: skip
    shutil.copytree(LEFT / "store", settings.root / "store")
    with sqlite3.connect(settings.root / "synthgen.db") as database:
        database.executescript((LEFT / "rows.sql").read_text())
    database.close()
    built = bootstrap.build(settings)
    yield built
    built.close()


def test_jobs_keep_their_place_and_the_old_release_may_go_on_writing(app):
    before = dict(_rows(app, "select id, state from jobs"))
    bootstrap.prepare(app)
    assert {job.id: job.state for job in jobs.list_all(app, EVA)} == before
    queues = dict(_rows(app, "select kind, queue from jobs"))
    assert queues == {"inspect": "quick", "fit": "cpu"}
    assert {queue for (queue,) in _rows(app, "select queue from outbox")} == {"quick", "cpu"}
    with app.engine.begin() as connection:  # as a web server of the release before would, beside us
        connection.execute(text(OLD_INSERT))
    assert jobs.get(app, EVA, "old").state == "queued"


@pytest.mark.slow
@pytest.mark.valkey
@pytest.mark.timeout(400)
def test_jobs_of_the_old_release_are_done_by_the_new_one(app):
    bootstrap.prepare(app)
    environment = {**os.environ, **app.settings.environment(), "OMP_NUM_THREADS": "1"}
    path, arguments = broker.command(app.settings)
    parts = [
        Part("broker", "exec", path, arguments, environment, app.settings.root / "logs"),
        Part("worker", "module", "worker", (), environment, app.settings.root / "logs"),
    ]
    try:
        for part in parts:
            part.start()
        until = time.monotonic() + PATIENCE
        while any(job.state in {"queued", "running"} for job in jobs.list_all(app, EVA)) and time.monotonic() < until:
            time.sleep(0.3)
        ended = jobs.list_all(app, EVA)
        assert [(job.kind, job.state, job.error) for job in ended if job.state != "succeeded"] == [], parts[1].log_tail(
            30
        )
        assert {jobs.spec(app, EVA, job.id).seed for job in ended if job.kind == "fit"} == {1, 2}
    finally:
        for part in reversed(parts):
            if part.process is not None:
                part.process.kill()
                part.stop(5)


def _rows(app, query):
    with app.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]
