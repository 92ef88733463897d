import pytest
from committing import finish, fitted, ready_dataset
from sqlalchemy import select

from synthgen.errors import Conflict, NotFound, SpecError
from synthgen.service import execution, jobs
from synthgen.service.db.tables import Job, JobEvent, OutboxMessage
from synthgen.spec import ColumnOverride, GroupTarget, RunSpec, SampleSpec, Within


def test_a_submission_is_one_job_and_one_message(app, actor):
    dataset = ready_dataset(app, actor)
    job = jobs.submit_fit(app, actor, dataset.id, RunSpec(seed=7))
    assert (job.state, job.kind, job.dataset_name) == ("queued", "fit", "ward")
    with app.unit(read_only=True) as unit:
        assert [m.job_id for m in unit.session.scalars(select(OutboxMessage))] == [job.id]
    assert jobs.spec(app, actor, job.id) == RunSpec(seed=7)


def test_an_idempotency_key_names_one_submission(app, actor):
    dataset = ready_dataset(app, actor)
    first = jobs.submit_fit(app, actor, dataset.id, RunSpec(), idempotency_key="k")
    assert jobs.submit_fit(app, actor, dataset.id, RunSpec(), idempotency_key="k").id == first.id
    with pytest.raises(Conflict, match="different request"):
        jobs.submit_fit(app, actor, dataset.id, RunSpec(seed=1), idempotency_key="k")
    assert len(jobs.list_all(app, actor)) == 2


@pytest.mark.parametrize(
    "spec",
    [
        RunSpec(generator="nonsense"),
        RunSpec(policy="nonsense"),
        RunSpec(modality="x"),
        RunSpec(generator="ctgan", sample=SampleSpec(fixed={"ward": "A"})),
    ],
)
def test_a_wrong_specification_is_refused_before_anything_is_queued(app, actor, spec):
    dataset = ready_dataset(app, actor)
    with pytest.raises(SpecError):
        jobs.submit_fit(app, actor, dataset.id, spec)
    assert [job.kind for job in jobs.list_all(app, actor)] == ["inspect"]


def test_no_value_a_person_typed_reaches_the_database(app, actor):
    dataset = ready_dataset(app, actor)
    secret = "Dr Zebra"
    spec = RunSpec(
        target="ward",
        positive=secret,
        columns={"ward": ColumnOverride(missing_tokens=(secret,))},
        sample=SampleSpec(fixed={"ward": secret}, targets=(GroupTarget(where={"ward": secret}, rows=5),)),
        constraints=(Within(column="ward", low=secret, high=secret),),
    )
    job = jobs.submit_fit(app, actor, dataset.id, spec)
    with app.unit(read_only=True) as unit:
        row = unit.get(Job, job.id)
        assert secret not in str(vars(row))
        assert row.spec["target"] == "ward"
    assert jobs.spec(app, actor, job.id).positive == secret


def test_cancel_ends_a_waiting_job_and_asks_a_running_one(app, actor):
    dataset = ready_dataset(app, actor)
    waiting, running = (jobs.submit_fit(app, actor, dataset.id, RunSpec(seed=s)) for s in (1, 2))
    assert jobs.cancel(app, actor, waiting.id).state == "cancelled"
    assert execution.claim(app, waiting.id, "test") is None
    held = execution.claim(app, running.id, "test")
    assert not execution.cancel_requested(app, held)
    assert jobs.cancel(app, actor, running.id).cancel_requested
    assert execution.cancel_requested(app, held)
    execution.cancelled(app, held)
    assert jobs.get(app, actor, running.id).state == "cancelled"
    with pytest.raises(Conflict):
        jobs.cancel(app, actor, running.id)


def test_retry_starts_the_count_of_attempts_afresh(app, actor):
    dataset = ready_dataset(app, actor)
    job = jobs.submit_fit(app, actor, dataset.id, RunSpec())
    with pytest.raises(Conflict):
        jobs.retry(app, actor, job.id)
    jobs.cancel(app, actor, job.id)
    assert jobs.retry(app, actor, job.id).state == "queued"
    assert execution.claim(app, job.id, "test").attempt == 1


def test_sampling_again_needs_a_finished_fit_and_takes_its_specification(app, actor):
    dataset, fit, _ = fitted(app, actor)
    again = jobs.submit_sample(app, actor, fit.id, SampleSpec(rows=5), policy="strict")
    assert (again.parent_id, again.dataset_id) == (fit.id, dataset.id)
    assert jobs.spec(app, actor, again.id) == RunSpec(sample=SampleSpec(rows=5), policy="strict")
    with pytest.raises(Conflict, match="finished fit"):
        jobs.submit_sample(app, actor, again.id, SampleSpec(rows=5))


def test_history_has_no_gap_and_is_read_from_any_point(app, actor):
    dataset = ready_dataset(app, actor)
    job = jobs.submit_fit(app, actor, dataset.id, RunSpec())
    held = execution.claim(app, job.id, "test")
    for step in range(3):
        execution.record(app, held, [("curve", {"step": step}), ("log", {"text": "x"})])
    lines = jobs.events(app, actor, job.id)
    assert [line.seq for line in lines] == list(range(1, 9))
    assert jobs.events(app, actor, job.id, after=6) == lines[6:]
    assert jobs.events(app, actor, job.id, limit=2) == lines[:2]
    with app.unit(read_only=True) as unit:
        assert {line.project_id for line in unit.session.scalars(select(JobEvent))} == {"default"}


def test_progress_counts_over_the_whole_job_and_never_goes_back(app, actor):
    dataset = ready_dataset(app, actor)
    job = jobs.submit_fit(app, actor, dataset.id, RunSpec())
    held = execution.claim(app, job.id, "test")
    seen = []
    for stage, done in (("read", 1), ("mean", 50), ("mean", 100), ("mean", 10), ("score", 100)):
        execution.record(app, held, [("progress", {"stage": stage, "done": done, "total": 100})])
        seen.append(jobs.get(app, actor, job.id).progress)
    assert seen == sorted(seen)
    assert 0.2 < seen[1] < seen[2] < seen[4] < 1
    finish_state = execution.succeed(app, held, {"rows": 1, "verdict": "blocked"}, {})
    assert (finish_state, jobs.get(app, actor, job.id).progress) == ("succeeded", 1.0)


def test_lists_are_newest_first_and_filtered_by_state(app, actor):
    dataset = ready_dataset(app, actor)
    jobs.submit_fit(app, actor, dataset.id, RunSpec())
    assert [job.kind for job in jobs.list_all(app, actor, state="queued")] == ["fit"]
    assert [job.kind for job in jobs.list_all(app, actor, state="succeeded")] == ["inspect"]


def test_an_unknown_job_is_not_found(app, actor):
    for look in (jobs.get, jobs.events, jobs.cancel, jobs.retry, jobs.spec):
        with pytest.raises(NotFound):
            look(app, actor, "nothing")


def test_finishing_is_only_for_the_claimed(app, actor):
    dataset = ready_dataset(app, actor)
    job = jobs.submit_fit(app, actor, dataset.id, RunSpec())
    held = finish(app, job.id)
    with pytest.raises(execution.LeaseLost):
        execution.succeed(app, held, {}, {})
