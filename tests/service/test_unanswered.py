"""Connections that break around a commit, brokers that forget, files that nobody asks for."""

import time

import pytest
from committing import SUMMARY, finish, ready_dataset
from sqlalchemy import update

from synthgen.errors import NotFound, Unavailable
from synthgen.service import datasets, execution, jobs, orphans, relay
from synthgen.service.artifacts import keys
from synthgen.service.db.tables import Job, OutboxMessage
from synthgen.service.queue import make_queue
from synthgen.service.settings import Settings
from synthgen.spec import RunSpec


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", broker_url="memory://", republish_seconds=0.2)


@pytest.fixture
def job(app, actor):
    return jobs.submit_fit(app, actor, ready_dataset(app, actor).id, RunSpec())


class Cut:
    """Breaks the connection at the next commit of the engine: after it was made, or before."""

    def __init__(self, app, made):
        self.dialect, self.made = app.engine.dialect, made
        self.commit = self.dialect.do_commit
        self.dialect.do_commit = self

    def __call__(self, connection):
        self.dialect.do_commit = self.commit
        if self.made:
            self.commit(connection)
        raise self.dialect.loaded_dbapi.OperationalError("the connection was cut")


@pytest.mark.parametrize("made", [True, False])
def test_a_claim_without_an_answer_is_ours_only_if_it_was_made(app, actor, job, made):
    Cut(app, made)
    held = execution.claim(app, job.id, "test")
    assert (held is not None) == made
    assert jobs.get(app, actor, job.id).state == ("running" if made else "queued")
    if held is not None:
        execution.succeed(app, held, SUMMARY, {})
        assert jobs.get(app, actor, job.id).attempts == 1


def test_a_commit_without_an_answer_is_read_in_the_row(app, job):
    held = execution.claim(app, job.id, "test")
    assert execution.ended_as(app, held) is None
    Cut(app, made=True)
    with pytest.raises(Unavailable):
        execution.succeed(app, held, SUMMARY, {})
    with pytest.raises(execution.LeaseLost):
        execution.succeed(app, held, SUMMARY, {})
    assert execution.ended_as(app, held) == "succeeded"


def test_a_result_that_comes_after_the_cancel_is_not_committed(app, actor, job):
    held = execution.claim(app, job.id, "test")
    kept = [{"name": "state.json", "key": "somewhere"}]
    execution.keep_checkpoint(app, held, kept)
    jobs.cancel(app, actor, job.id)
    assert execution.succeed(app, held, SUMMARY, {}) == "cancelled"
    assert jobs.get(app, actor, job.id).set_id is None
    with app.unit(read_only=True) as unit:
        assert unit.get(Job, job.id).checkpoint == kept  # for a retry, and so that it is no orphan


def test_a_reaper_that_had_to_wait_for_the_database_takes_no_job(app, actor, job, monkeypatch):
    execution.claim(app, job.id, "test")
    with app.unit() as unit:
        unit.get(Job, job.id).lease_until = unit.after(-1)
    clock = iter([0.0, app.settings.heartbeat_seconds + 1])
    with monkeypatch.context() as slow:
        slow.setattr(execution.time, "monotonic", lambda: next(clock))
        with pytest.raises(Unavailable):
            execution.reap(app)
    assert jobs.get(app, actor, job.id).state == "running"
    assert execution.reap(app) == 1


def heard(queue, name):
    """Take every message out of one queue of the broker."""
    count = 0
    with queue.connection_for_read() as connection:
        box = connection.SimpleQueue(name)
        while box.qsize():
            box.get(block=False).ack()
            count += 1
    return count


def test_a_broker_that_lost_everything_is_told_again_without_the_growing_pause(app, job):
    queue = make_queue(app.settings)
    with app.unit() as unit:  # it was announced often: the next time would be in a minute
        unit.session.execute(update(OutboxMessage).values(times=10))
    heard(queue, "cpu")
    relay.relay(app, queue)
    time.sleep(0.4)
    assert relay.republish(app, queue) == 0  # the message is still there
    assert heard(queue, "cpu") == 1
    assert relay.republish(app, queue) == 1
    assert relay.relay(app, queue) == 1


def put(app, *names):
    for name in names:
        app.store.put(name, [b"something"])


def test_what_lost_attempts_left_is_swept_and_what_rows_name_is_kept(app, actor, job):
    lost = execution.claim(app, job.id, "lost")
    with app.unit() as unit:
        row = unit.get(Job, job.id)
        row.lease_until = unit.after(-1)
        folder, jobs_of_dataset = keys.job_folder(row), keys.jobs_folder(row.project_id, row.dataset_id)
    put(app, f"{folder}/{lost.fence}/outputs/half.txt", f"{folder}/{lost.fence}/checkpoint/1/state.json")
    execution.reap(app)
    assert orphans.delete_orphans(app, age=-1) == 0  # the job is not over
    held = finish(app, job.id, scorecard_json={})
    put(app, f"{folder}/{held.fence}/checkpoint/7/state.json", f"{jobs_of_dataset}/{'0' * 32}/spec.json")
    put(app, f"{keys.releases_folder('default')}/{'1' * 32}/1/bundle.zip")
    before = set(app.store.keys("projects"))
    assert orphans.delete_orphans(app, age=3600) == 0
    assert set(app.store.keys("projects")) == before
    assert orphans.delete_orphans(app, age=-1) >= 4
    left = {key.removeprefix(f"{folder}/") for key in app.store.keys("projects") if key.startswith(folder)}
    assert left == {"spec.json", f"{held.fence}/outputs/scorecard.json"}
    assert not [key for key in app.store.keys("projects") if "0" * 32 in key or "1" * 32 in key]
    assert datasets.get(app, actor, job.dataset_id).state == "ready"
    assert b"".join(app.store.open(keys.source("default", job.dataset_id)))


def test_a_log_of_a_job_that_succeeded_is_not_kept(app, actor, job):
    finish(app, job.id)
    with pytest.raises(NotFound):
        jobs.log(app, actor, job.id)


def test_a_write_that_cannot_be_made_durable_leaves_nothing_and_a_failed_overwrite_the_old(app, monkeypatch):
    app.store.put("projects/kept", [b"old"])

    def broken():
        yield b"new"
        raise OSError(28, "No space left on device")

    with pytest.raises(Unavailable):
        app.store.put("projects/kept", broken())
    assert b"".join(app.store.open("projects/kept")) == b"old"

    def no_room(key):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(app.store, "_make_durable", no_room)
    with pytest.raises(Unavailable, match="disk of the artifact store is full"):
        app.store.put("projects/fresh", [b"new"])
    assert list(app.store.keys("projects")) == ["projects/kept"]
