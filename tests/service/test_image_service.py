"""Datasets of images: what their rows say, whose modality a job has, who sees pictures and galleries."""

import pytest
from committing import SUMMARY, finish, ready_dataset

from synthgen.errors import Conflict, NotFound, SpecError
from synthgen.service import audit, datasets, execution, jobs, reviews
from synthgen.service.artifacts import keys
from synthgen.service.db.tables import Job
from synthgen.service.read_models import Actor
from synthgen.spec import RunSpec, SampleSpec
from worker import staging

STRANGER = Actor(user_id="2", name="mallory", project_id="elsewhere")
READ = {"modality": "images", "rows": 60, "columns": 3}
GALLERY = {"classes": [], "pairs": [{"synthetic": "data:image/png;base64,AA", "nearest": "data:image/png;base64,AA"}]}


def images(app, actor):
    """A dataset that was read as images."""
    added = datasets.add(app, actor, name="cells", filename="cells.npz", chunks=[b"PK"])
    finish(app, added.inspect_job_id, READ, schema_json={"classes": ["a", "b", "c"]}, preview_json={"row_count": 60})
    return datasets.get(app, actor, added.id)


def shown(app, job_id, data=b"a picture"):
    """A picture of a running job, as its worker leaves it."""
    with app.unit(read_only=True) as unit:
        job = unit.get(Job, job_id)
    app.store.put(keys.picture(job, job.fence), [data])


def test_what_a_file_was_read_as_is_known_with_its_schema(app, actor):
    before = datasets.add(app, actor, name="cells", filename="cells.npz", chunks=[b"PK"])
    assert before.modality == "tabular"
    found = images(app, actor)
    assert (found.modality, found.rows, found.columns) == ("images", 60, 3)
    assert ready_dataset(app, actor).modality == "tabular"


def test_a_job_takes_the_modality_of_its_dataset(app, actor):
    dataset = images(app, actor)
    job = jobs.submit_fit(app, actor, dataset.id, RunSpec(seed=3))
    assert jobs.spec(app, actor, job.id) == RunSpec(modality="images", seed=3)
    assert jobs.submit_fit(app, actor, dataset.id, RunSpec(modality="images")).spec["modality"] == "images"
    assert jobs.submit_fit(app, actor, ready_dataset(app, actor).id, RunSpec()).spec["modality"] == "tabular"


def test_a_job_for_another_kind_of_data_is_refused_with_what_to_do(app, actor):
    with pytest.raises(SpecError, match="this dataset holds images") as error:
        jobs.submit_fit(app, actor, images(app, actor).id, RunSpec(modality="tabular"))
    assert "Leave the job's modality out" in error.value.hint
    with pytest.raises(SpecError, match="The job is for images"):
        jobs.submit_fit(app, actor, ready_dataset(app, actor).id, RunSpec(modality="images"))


def test_the_same_submission_twice_is_one_job_although_its_modality_was_filled_in(app, actor):
    dataset = images(app, actor)
    first = jobs.submit_fit(app, actor, dataset.id, RunSpec(), idempotency_key="k")
    assert jobs.submit_fit(app, actor, dataset.id, RunSpec(), idempotency_key="k").id == first.id


def test_images_have_no_columns_to_correct(app, actor):
    from synthgen.service import overrides
    from synthgen.spec import ColumnOverride

    with pytest.raises(SpecError, match="not in this dataset"):
        overrides.save(app, actor, images(app, actor).id, {"a": ColumnOverride(public=True)})


def test_the_newest_picture_of_a_job_at_work_is_for_those_who_may_see_the_source(app, actor):
    job = jobs.submit_fit(app, actor, images(app, actor).id, RunSpec())
    with pytest.raises(NotFound, match="no picture"):
        jobs.picture(app, actor, job.id)
    execution.claim(app, job.id, "test")
    shown(app, job.id)
    shown(app, job.id, b"a newer one")
    assert jobs.picture(app, actor, job.id) == b"a newer one"
    assert jobs.picture(app, actor, job.id) == b"a newer one"
    looks = [line for line in audit.trail(app, actor) if line["action"] == "job.picture.seen"]
    assert [line["subject"] for line in looks] == [job.id]  # a page that redraws is one look
    with pytest.raises(NotFound):
        jobs.picture(app, STRANGER, job.id)


def test_a_job_that_ended_shows_no_picture_even_where_one_was_left(app, actor):
    job = jobs.submit_fit(app, actor, images(app, actor).id, RunSpec())
    held = execution.claim(app, job.id, "test")
    shown(app, job.id)
    execution.succeed(app, held, SUMMARY, {})
    with pytest.raises(NotFound, match="no picture"):
        jobs.picture(app, actor, job.id)


def with_gallery(app, actor):
    job = jobs.submit_fit(app, actor, images(app, actor).id, RunSpec())
    finish(app, job.id, SUMMARY, scorecard_json={}, gallery_json=GALLERY)
    return jobs.get(app, actor, job.id)


def test_the_gallery_is_for_those_who_may_see_the_source_and_looking_is_written_down(app, actor):
    job = with_gallery(app, actor)
    assert reviews.gallery(app, actor, job.set_id) == GALLERY
    assert [line["subject"] for line in audit.trail(app, actor) if line["action"] == "set.seen"] == [job.id]
    with pytest.raises(NotFound):
        reviews.gallery(app, STRANGER, job.set_id)
    datasets.erase(app, actor, job.dataset_id)
    held = execution.claim(app, jobs.list_all(app, actor, state="queued")[0].id, "test")
    execution.succeed(app, held, {}, {})
    with pytest.raises(NotFound):
        reviews.gallery(app, actor, job.set_id)


def test_an_export_never_sees_the_gallery(app, actor, tmp_path):
    job = with_gallery(app, actor)
    reviews.release(app, actor, job.set_id, purpose="teaching", recipient="the university")
    held = execution.claim(app, jobs.list_all(app, actor, state="queued")[0].id, "test")
    staging.stage(app, held, tmp_path / "export")
    staged = {path.name for path in (tmp_path / "export").rglob("*") if path.is_file()}
    assert "scorecard.json" in staged
    assert "gallery.json" not in staged


def test_a_set_of_a_table_has_no_gallery(app, actor):
    job = jobs.submit_fit(app, actor, ready_dataset(app, actor).id, RunSpec())
    finish(app, job.id, SUMMARY, scorecard_json={})
    with pytest.raises(NotFound):
        reviews.gallery(app, actor, jobs.get(app, actor, job.id).set_id)


def test_another_set_of_a_model_on_images_is_of_images(app, actor):
    job = with_gallery(app, actor)
    again = jobs.submit_sample(app, actor, job.id, SampleSpec(rows=10, mix="balanced", truncation=0.7))
    assert jobs.spec(app, actor, again.id).modality == "images"
    with pytest.raises(Conflict):
        jobs.submit_sample(app, actor, again.id, SampleSpec())


def test_files_of_images_keep_the_ending_that_says_how_to_read_them(app, actor, tmp_path):
    view = datasets.add(app, actor, name="cells", filename="Cells.NPZ", chunks=[b"PK"])
    staging.stage(app, execution.claim(app, view.inspect_job_id, "test"), tmp_path / "read")
    assert (tmp_path / "read" / "inputs" / "source.npz").read_bytes() == b"PK"
