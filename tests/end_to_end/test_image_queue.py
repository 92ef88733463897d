"""Images through the real queue, a real worker and a real child: read, train, score, look, draw again, erase."""

import contextlib
import time

import played_images
import pytest
from test_queue import EVA, home, workers  # noqa: F401 - fixtures

from synthgen.errors import NotFound
from synthgen.service import datasets, jobs, reviews
from synthgen.service.artifacts import keys
from synthgen.spec import RunSpec, SampleSpec

pytestmark = [pytest.mark.valkey, pytest.mark.slow, pytest.mark.timeout(1800)]

COUNTS = {"round": 90, "square": 60, "cross": 40}
PATIENCE = 800.0  # seconds; a bound, not a plan: most of it is scoring on a busy machine


def over(app, job_id, look=lambda: None):
    """Wait until a job has ended, with a look now and then; its view."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        view = jobs.get(app, EVA, job_id)
        if view.state in ("succeeded", "failed", "cancelled"):
            return view
        look()
        time.sleep(0.3)
    pytest.fail(f"{view.kind} was {view.state} at {view.stage} after {PATIENCE:.0f} seconds")


def test_images_go_from_upload_to_gallery_and_are_erased(home, workers):  # noqa: F811
    app = home.app
    workers()
    made = datasets.add(app, EVA, name="shapes", filename="shapes.zip", chunks=[played_images.archive(COUNTS)])
    assert over(app, made.inspect_job_id).error is None
    dataset = datasets.get(app, EVA, made.id)
    assert (dataset.modality, dataset.rows, dataset.columns) == ("images", 190, 3)

    seen = []

    def look():
        with contextlib.suppress(NotFound):
            seen.append(jobs.picture(app, EVA, job.id))

    job = jobs.submit_fit(app, EVA, dataset.id, RunSpec(time_budget=5, policy="open"))
    job = over(app, job.id, look)
    assert (job.state, job.error) == ("succeeded", None)
    assert seen
    assert all(drawn.startswith(b"\x89PNG") for drawn in seen)
    with pytest.raises(NotFound):
        jobs.picture(app, EVA, job.id)
    kept = list(app.store.keys(keys.dataset_folder("default", dataset.id)))
    assert not [key for key in kept if "/live/" in key]
    gallery = reviews.gallery(app, EVA, job.set_id)
    assert [one["class"] for one in gallery["classes"]] == list(datasets.schema(app, EVA, dataset.id)["classes"])
    assert all(one["synthetic"] and one["real"] for one in gallery["classes"])
    assert {len(one["between"]) for one in gallery["classes"]} == {12}
    assert reviews.scorecard(app, EVA, job.set_id).modality == "images"

    again = jobs.submit_sample(app, EVA, job.id, SampleSpec(rows=30, mix="balanced", truncation=0.7))
    again = over(app, again.id)
    assert again.error is None
    assert reviews.get_set(app, EVA, again.set_id).rows == 30

    assert over(app, datasets.erase(app, EVA, dataset.id).id).state == "succeeded"
    assert not list(app.store.keys(keys.dataset_folder("default", dataset.id)))
    with pytest.raises(NotFound):
        reviews.gallery(app, EVA, job.set_id)
