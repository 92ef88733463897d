import pytest
from committing import CSV, finish, fitted, ready_dataset

from synthgen.errors import Conflict, InputError, LimitError, NotFound
from synthgen.service import audit, bootstrap, datasets, execution, exports, jobs, orphans, reviews
from synthgen.service.artifacts import keys
from synthgen.service.read_models import Actor
from synthgen.spec import RunSpec


def stored(app, dataset_id):
    return list(app.store.keys(keys.dataset_folder("default", dataset_id)))


def test_an_upload_is_stored_and_queued_for_reading(app, actor):
    view = datasets.add(app, actor, name="ward", filename="C:\\data\\ward.csv", chunks=[CSV[:5], CSV[5:]])
    assert (view.state, view.size, view.filename) == ("inspecting", len(CSV), "ward.csv")
    assert jobs.get(app, actor, view.inspect_job_id).state == "queued"
    assert b"".join(app.store.open(keys.source("default", view.id))) == CSV


def test_the_same_idempotency_key_uploads_once(app, actor):
    first = datasets.add(app, actor, name="a", filename="a.csv", chunks=[CSV], idempotency_key="k1")
    assert datasets.add(app, actor, name="a", filename="a.csv", chunks=[CSV], idempotency_key="k1") == first
    assert len(jobs.list_all(app, actor)) == 1
    for filename, content in (("a.csv", CSV + b"x"), ("b.csv", CSV)):
        with pytest.raises(Conflict, match="different file"):
            datasets.add(app, actor, name="a", filename=filename, chunks=[content], idempotency_key="k1")
    assert len(jobs.list_all(app, actor)) == 1


@pytest.mark.parametrize(("chunks", "error"), [([], InputError), ([b"x" * 600, b"x" * 600], LimitError)])
def test_a_refused_upload_leaves_nothing_behind(settings, tmp_path, chunks, error):
    with bootstrap.running(settings.model_copy(update={"max_upload_bytes": 1000})) as app:
        eva = Actor(user_id="1", name="eva", project_id="default")
        with pytest.raises(error):
            datasets.add(app, eva, name="a", filename="a.csv", chunks=chunks)
        assert datasets.list_all(app, eva) == []
        assert [p for p in (tmp_path / "home" / "store").rglob("*") if p.is_file()] == []


def test_schema_and_preview_come_with_the_finished_reading(app, actor):
    view = datasets.add(app, actor, name="ward", filename="ward.csv", chunks=[CSV])
    with pytest.raises(Conflict, match="not ready"):
        datasets.schema(app, actor, view.id)
    finish(app, view.inspect_job_id, schema_json={"columns": [1]}, preview_json={"rows": [2]})
    assert datasets.get(app, actor, view.id).rows == 2
    assert datasets.schema(app, actor, view.id) == {"columns": [1]}
    assert datasets.preview(app, actor, view.id) == {"rows": [2]}
    assert datasets.preview(app, actor, view.id) == {"rows": [2]}
    looks = [line["subject"] for line in audit.trail(app, actor) if line["action"] == "dataset.seen"]
    assert looks == [view.inspect_job_id]
    assert audit.trail(app, actor.model_copy(update={"project_id": "other"})) == []


def test_a_failed_reading_says_why_and_can_be_retried(app, actor):
    view = datasets.add(app, actor, name="ward", filename="ward.csv", chunks=[CSV])
    held = execution.claim(app, view.inspect_job_id, "test")
    execution.fail(app, held, execution.Failure("bad_input", "The file has no rows.", "Add some.", False))
    assert datasets.get(app, actor, view.id).error == "The file has no rows."
    assert jobs.get(app, actor, view.inspect_job_id).error_code == "bad_input"
    jobs.retry(app, actor, view.inspect_job_id)
    assert datasets.get(app, actor, view.id).state == "inspecting"


def test_another_project_sees_nothing(app, actor):
    view = ready_dataset(app, actor)
    stranger = Actor(user_id="2", name="mallory", project_id="elsewhere")
    assert datasets.list_all(app, stranger) == []
    for look in (datasets.get, datasets.schema, datasets.preview, datasets.erase):
        with pytest.raises(NotFound):
            look(app, stranger, view.id)


def test_erase_cancels_waiting_jobs_and_leaves_tombstones(app, actor):
    dataset, _, set_id = fitted(app, actor)
    waiting = jobs.submit_fit(app, actor, dataset.id, RunSpec(seed=2))
    erasing = datasets.erase(app, actor, dataset.id)
    assert jobs.get(app, actor, waiting.id).state == "cancelled"
    with pytest.raises(Conflict):
        jobs.submit_fit(app, actor, dataset.id, RunSpec(seed=3))
    held = execution.claim(app, erasing.id, "test")
    app.store.delete_all(keys.dataset_folder("default", dataset.id))
    execution.succeed(app, held, {}, {})
    assert stored(app, dataset.id) == []
    assert datasets.get(app, actor, dataset.id).state == "erased"
    assert reviews.get_set(app, actor, set_id).state == "erased"
    with pytest.raises(NotFound):
        reviews.scorecard(app, actor, set_id)


def test_a_job_that_ends_after_the_erasure_began_publishes_nothing(app, actor):
    dataset = ready_dataset(app, actor)
    job = jobs.submit_fit(app, actor, dataset.id, RunSpec())
    held = execution.claim(app, job.id, "test")
    datasets.erase(app, actor, dataset.id)
    assert execution.succeed(app, held, {"rows": 1, "verdict": "awaiting_review"}, {}) == "cancelled"
    assert reviews.list_sets(app, actor) == []


def test_an_upload_whose_process_died_is_deleted_and_others_are_not(app, actor):
    kept = ready_dataset(app, actor)
    app.store.put(keys.source("default", "0" * 32), [b"nobody knows of this"])
    assert orphans.delete_orphans(app) == 0
    assert orphans.delete_orphans(app, age=-1.0) == 1
    assert stored(app, "0" * 32) == []
    assert datasets.schema(app, actor, kept.id) == {"columns": []}


def test_a_released_bundle_outlives_its_source(app, actor):
    dataset, _, set_id = fitted(app, actor)
    release = reviews.release(app, actor, set_id, purpose="teaching", recipient="the university")
    held = execution.claim(app, release.export_job_id, "test")
    bundle = app.store.put(f"{keys.release_folder('default', release.id)}/1/bundle.zip", [b"PK"])
    execution.succeed(app, held, {}, {"bundle.zip": bundle})
    erasing = execution.claim(app, datasets.erase(app, actor, dataset.id).id, "test")
    app.store.delete_all(keys.dataset_folder("default", dataset.id))
    execution.succeed(app, erasing, {}, {})
    _, size, frames = exports.open_bundle(app, actor, release.id)
    assert (size, b"".join(frames)) == (2, b"PK")
