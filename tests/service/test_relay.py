import time

import pytest
from committing import ready_dataset
from sqlalchemy import select

from synthgen.errors import Unavailable
from synthgen.service import bootstrap, execution, jobs, operations, relay
from synthgen.service.db.tables import OutboxMessage
from synthgen.service.queue import make_queue
from synthgen.service.settings import Settings
from synthgen.spec import RunSpec


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", broker_url="memory://", republish_seconds=0.2)


def heard(queue, name):
    """The job ids that wait in one queue of the broker."""
    found = []
    with queue.connection_for_read() as connection:
        box = connection.SimpleQueue(name)
        while box.qsize():
            message = box.get(block=False)
            found += message.payload[0]
            message.ack()
    return found


def test_each_kind_of_job_is_announced_once_in_its_queue(app, actor):
    queue = make_queue(app.settings)
    heard(queue, "quick"), heard(queue, "cpu")
    job = jobs.submit_fit(app, actor, ready_dataset(app, actor).id, RunSpec())
    assert relay.relay(app, queue) == 1
    assert relay.relay(app, queue) == 0
    assert heard(queue, "cpu") == [job.id]
    assert heard(queue, "quick") == []


def test_a_job_nobody_claimed_is_announced_again_until_it_is_claimed(app, actor):
    queue = make_queue(app.settings)
    job = jobs.submit_fit(app, actor, ready_dataset(app, actor).id, RunSpec())
    relay.relay(app, queue)
    assert relay.republish(app, queue) == 0
    time.sleep(0.3)
    assert relay.republish(app, queue) == 1
    assert relay.relay(app, queue) == 1
    execution.claim(app, job.id, "test")
    time.sleep(0.5)
    assert relay.republish(app, queue) == 0
    with app.unit(read_only=True) as unit:
        assert list(unit.session.scalars(select(OutboxMessage))) == []


def test_a_retry_after_a_failure_is_announced_only_after_its_delay(app, actor):
    queue = make_queue(app.settings)
    job = jobs.submit_fit(app, actor, ready_dataset(app, actor).id, RunSpec())
    held = execution.claim(app, job.id, "test")
    execution.fail(app, held, execution.Failure("unavailable", "The store did not answer.", "", True))
    assert relay.relay(app, queue) == 0


def test_without_a_broker_jobs_are_accepted_and_stay_queued(tmp_path):
    settings = Settings(home=tmp_path / "dark", broker_url=f"redis+socket://{tmp_path}/none.sock?virtual_host=0")
    from synthgen.service.read_models import Actor

    with bootstrap.running(settings) as app:
        eva = Actor(user_id="1", name="eva", project_id="default")
        job = jobs.submit_fit(app, eva, ready_dataset(app, eva).id, RunSpec())
        began = time.monotonic()
        with pytest.raises(Unavailable):
            relay.relay(app, make_queue(settings))
        assert time.monotonic() - began < 10
        assert jobs.get(app, eva, job.id).state == "queued"
        health = operations.health(app)
        assert health["database"] == health["store"] == "ok"
        assert not health["ok"]
