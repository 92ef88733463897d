"""A project may have only so many jobs; what is over is refused and told when to come again."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from committing import ready_dataset

from synthgen.service import bootstrap, datasets, execution, jobs
from synthgen.service.quota import TooManyJobs
from synthgen.spec import RunSpec

QUOTA, ASKED = 10, 50


@pytest.fixture
def tight(app):
    """The same service with room for ten jobs."""
    return bootstrap.Application(app.settings.model_copy(update={"quota_jobs": QUOTA}), app.engine, app.store)


def test_of_fifty_at_once_exactly_ten_are_let_in(app, tight, actor):
    dataset = ready_dataset(app, actor)

    def ask(seed):
        try:
            return jobs.submit_fit(tight, actor, dataset.id, RunSpec(seed=seed)).id
        except TooManyJobs as error:
            return error

    with ThreadPoolExecutor(16) as several:
        found = list(several.map(ask, range(ASKED)))
    refused = [one for one in found if isinstance(one, TooManyJobs)]
    assert (len(refused), len(found) - len(refused)) == (ASKED - QUOTA, QUOTA)
    assert all(5 <= one.retry_after <= 300 for one in refused)
    assert len(jobs.list_all(app, actor, state="queued")) == QUOTA
    specs = [key for key in app.store.keys("projects") if key.endswith("spec.json")]
    assert len(specs) == QUOTA, "what was refused left nothing behind"


def test_there_is_room_again_when_a_job_ends_and_erasing_is_never_refused(app, tight, actor):
    dataset = ready_dataset(app, actor)
    made = [jobs.submit_fit(tight, actor, dataset.id, RunSpec(seed=s)) for s in range(QUOTA)]
    with pytest.raises(TooManyJobs, match="10 jobs"):
        datasets.add(tight, actor, name="n", filename="n.csv", chunks=[b"a\n1\n"])
    jobs.cancel(tight, actor, made[0].id)
    jobs.submit_fit(tight, actor, dataset.id, RunSpec(seed=99))
    with pytest.raises(TooManyJobs):
        jobs.retry(tight, actor, made[0].id)
    assert datasets.erase(tight, actor, dataset.id).kind == "erase"


def test_the_wait_follows_from_the_job_that_ends_first(app, tight, actor):
    dataset = ready_dataset(app, actor)
    made = [jobs.submit_fit(tight, actor, dataset.id, RunSpec(seed=s)) for s in range(QUOTA)]
    held = execution.claim(app, made[0].id, "w")
    progress = {"stage": "score", "done": 1, "total": 2, "eta_seconds": 42.0}
    execution.record(app, held, [("progress", progress)])
    with pytest.raises(TooManyJobs) as refused:
        jobs.submit_fit(tight, actor, dataset.id, RunSpec(seed=99))
    assert refused.value.retry_after == pytest.approx(42.0)


def test_a_repeated_request_gets_its_job_even_when_there_is_no_room(app, tight, actor):
    dataset = ready_dataset(app, actor)
    first = jobs.submit_fit(tight, actor, dataset.id, RunSpec(), idempotency_key="k")
    for seed in range(1, QUOTA):
        jobs.submit_fit(tight, actor, dataset.id, RunSpec(seed=seed))
    assert jobs.submit_fit(tight, actor, dataset.id, RunSpec(), idempotency_key="k").id == first.id
