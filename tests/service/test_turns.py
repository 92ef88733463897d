"""Projects take turns in a queue, whoever submitted more; the oldest job of a project goes first."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from committing import ready_dataset

from synthgen.service import execution, jobs, turns
from synthgen.service.db.tables import Dataset
from synthgen.service.read_models import Actor
from synthgen.spec import RunSpec


@pytest.fixture
def crowd(app, actor):
    """Twenty jobs of one project."""
    dataset = ready_dataset(app, actor)
    return [jobs.submit_fit(app, actor, dataset.id, RunSpec(seed=seed)).id for seed in range(20)]


@pytest.fixture
def other(app):
    """A second project on the same parts, with one job."""
    theirs = app.of_project("other")
    eva = Actor(user_id="2", name="ava", project_id="other")
    with theirs.unit() as unit:
        unit.add(Dataset, id="d" * 32, name="n", filename="n.csv", size=1, sha256="", source_key="k", state="ready",
                 rows=10, columns=2, created_by="ava")  # fmt: skip
    return theirs, jobs.submit_fit(theirs, eva, "d" * 32, RunSpec()).id


def taken(app, bell, worker="w"):
    owner, held = turns.claim_next(app, bell, worker)
    return owner.settings.project, held


def test_a_single_job_waits_for_at_most_one_job_of_a_project_with_many(app, crowd, other):
    first = taken(app, crowd[0])
    assert taken(app, crowd[1])[1].job_id == other[1], "with one of the others running, it is the other project's turn"
    assert first[1].job_id == crowd[0]


def test_with_one_slot_projects_alternate(app, crowd, other):
    theirs, single = other
    order = []
    for bell in crowd[:3]:
        project, held = taken(app, bell)
        order.append((project, held.job_id))
        execution.fail(app.of_project(project), held, execution.Failure("bad_spec", "no", "", False))
    assert order == [("default", crowd[0]), ("other", single), ("default", crowd[1])]
    assert turns.projects(app) == ["default", "other"]
    with theirs.unit(read_only=True) as unit:
        assert unit.project_id == "other"


def test_the_bell_of_one_job_may_start_another_and_none_is_lost(app, crowd):
    with ThreadPoolExecutor(4) as several:
        claims = list(several.map(lambda bell: turns.claim_next(app, bell, "w"), reversed(crowd)))
    assert sorted(held.job_id for _, held in claims) == sorted(crowd)
    assert turns.claim_next(app, crowd[0], "w") is None


def test_a_retry_waits_for_its_pause(app, crowd):
    project, held = taken(app, crowd[0])
    execution.fail(app.of_project(project), held, execution.Failure("unavailable", "later", "", True))
    assert taken(app, held.job_id)[1].job_id == crowd[1]


def test_a_job_that_does_not_exist_rings_for_nothing(app):
    assert turns.claim_next(app, "f" * 32, "w") is None


def test_queues_are_apart(app, actor, crowd):
    quick = jobs.list_all(app, actor)[-1]
    assert quick.kind == "inspect"
    assert turns.next_job(app, "gpu") is None
    assert turns.next_job(app, "cpu").job_id == crowd[0]
