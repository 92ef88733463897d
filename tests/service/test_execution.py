import threading
import time

import pytest
from committing import SUMMARY, ready_dataset

from synthgen.errors import Unavailable
from synthgen.service import execution, jobs, reviews
from synthgen.service.db.tables import Job
from synthgen.service.execution import Failure, LeaseLost
from synthgen.spec import RunSpec

PASSING = Failure.of(Unavailable("The store did not answer."))


@pytest.fixture
def job(app, actor):
    return jobs.submit_fit(app, actor, ready_dataset(app, actor).id, RunSpec())


def expire(app, job_id):
    with app.unit() as unit:
        unit.get(Job, job_id).lease_until = unit.after(-1)


def test_of_many_who_claim_at_once_one_gets_the_job(app, job):
    claims, barrier = [], threading.Barrier(8)

    def take():
        barrier.wait()
        claims.append(execution.claim(app, job.id, "test"))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([c for c in claims if c is not None]) == 1


def test_a_silent_worker_loses_the_job_and_its_late_result_changes_nothing(app, actor, job):
    late = execution.claim(app, job.id, "first")
    assert execution.reap(app) == 0
    expire(app, job.id)
    assert execution.reap(app) == 1
    second = execution.claim(app, job.id, "second")
    assert second.fence == late.fence + 1
    for too_late in (
        lambda: execution.heartbeat(app, late),
        lambda: execution.record(app, late, [("log", {"text": "x"})]),
        lambda: execution.keep_checkpoint(app, late, []),
        lambda: execution.succeed(app, late, SUMMARY, {}),
        lambda: execution.fail(app, late, PASSING),
        lambda: execution.cancelled(app, late),
        lambda: execution.give_back(app, late),
    ):
        with pytest.raises(LeaseLost):
            too_late()
    execution.succeed(app, second, SUMMARY, {})
    assert len(reviews.list_sets(app, actor)) == 1


def test_a_heartbeat_keeps_the_lease(app, job):
    held = execution.claim(app, job.id, "test")
    for _ in range(3):
        time.sleep(0.5)
        execution.heartbeat(app, held)
        assert execution.reap(app) == 0


def test_a_job_that_kills_its_workers_fails_after_three_attempts(app, actor, job):
    for attempt in (1, 2, 3):
        assert execution.claim(app, job.id, "test").attempt == attempt
        expire(app, job.id)
        execution.reap(app)
    view = jobs.get(app, actor, job.id)
    assert (view.state, view.error_code) == ("failed", "worker_lost")
    assert "3 times" in view.error


def test_a_passing_failure_is_tried_again_later_and_not_for_ever(app, actor, job):
    for _ in (1, 2):
        execution.fail(app, execution.claim(app, job.id, "test"), PASSING)
        assert jobs.get(app, actor, job.id).state == "queued"
    execution.fail(app, execution.claim(app, job.id, "test"), PASSING)
    view = jobs.get(app, actor, job.id)
    assert (view.state, view.error) == ("failed", "The store did not answer.")


def test_a_lasting_failure_is_not_tried_again(app, actor, job):
    execution.fail(app, execution.claim(app, job.id, "test"), Failure("bad_spec", "No.", "Yes.", False))
    assert jobs.get(app, actor, job.id).attempts == 1
    assert jobs.get(app, actor, job.id).state == "failed"


def test_an_attempt_given_back_does_not_count(app, actor, job):
    for _ in range(5):
        execution.give_back(app, execution.claim(app, job.id, "test"))
    view = jobs.get(app, actor, job.id)
    assert (view.state, view.attempts) == ("queued", 0)


def test_a_cancelled_job_of_a_dead_worker_ends_cancelled(app, actor, job):
    execution.claim(app, job.id, "test")
    jobs.cancel(app, actor, job.id)
    expire(app, job.id)
    execution.reap(app)
    assert jobs.get(app, actor, job.id).state == "cancelled"


def test_the_checkpoint_passes_to_the_next_attempt(app, job):
    held = execution.claim(app, job.id, "test")
    assert execution.keep_checkpoint(app, held, [{"name": "a", "key": "k1"}]) == []
    assert execution.keep_checkpoint(app, held, [{"name": "a", "key": "k2"}]) == [{"name": "a", "key": "k1"}]
    execution.give_back(app, held)
    execution.claim(app, job.id, "test")
    with app.unit(read_only=True) as unit:
        assert unit.get(Job, job.id).checkpoint == [{"name": "a", "key": "k2"}]
