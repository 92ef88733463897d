"""Images over HTTP: uploaded, read, trained on; pictures and galleries only for those who are signed in."""

from __future__ import annotations

import played_images
import pytest


@pytest.fixture
def dataset(application, client):
    found = client.post("/datasets?name=Cells&filename=cells.zip", content=played_images.archive()).json()["id"]
    played_images.work(application)
    return found


def test_a_dataset_says_that_it_holds_images(client, dataset):
    found = client.get(f"/datasets/{dataset}").json()
    assert (found["state"], found["modality"], found["rows"], found["columns"]) == ("ready", "images", 76, 3)
    assert len(client.get(f"/datasets/{dataset}/schema").json()["classes"]) == 3
    shown = client.get(f"/datasets/{dataset}/preview").json()["classes"][0]["pictures"][0]
    assert shown.startswith("data:image/png;base64,")


def test_a_picture_comes_while_the_job_works_and_is_kept_nowhere(application, client, dataset):
    job = client.post("/jobs", json={"dataset_id": dataset}).json()
    assert job["spec"]["modality"] == "images"
    assert client.get(f"/jobs/{job['id']}/picture").status_code == 404
    played_images.draw(application, job["id"])
    answer = client.get(f"/jobs/{job['id']}/picture")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"\x89PNG")
    del client.headers["Authorization"]
    assert client.get(f"/jobs/{job['id']}/picture").status_code == 401


def test_the_gallery_of_a_set_needs_a_person(application, client, dataset):
    client.post("/jobs", json={"dataset_id": dataset, "spec": {"sample": {"mix": "balanced", "truncation": 0.8}}})
    played_images.work(application)
    made = client.get("/sets").json()[0]
    found = client.get(f"/sets/{made['id']}/gallery").json()
    assert len(found["classes"]) == 3
    assert found["pairs"][0]["nearest"].startswith("data:image/png;base64,")
    del client.headers["Authorization"]
    assert client.get(f"/sets/{made['id']}/gallery").status_code == 401


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"modality": "tabular"}, "this dataset holds images"),
        ({"target": "ward"}, "The target of images is their class"),
        ({"privacy": {"epsilon": 1}}, "privacy"),
        ({"images": {"size": 4}}, "at least 8"),
        ({"sample": {"truncation": 0}}, "truncation"),
    ],
)
def test_what_images_cannot_have_is_refused_before_queueing(client, dataset, spec, told):
    answer = client.post("/jobs", json={"dataset_id": dataset, "spec": spec})
    assert answer.status_code == 422, answer.text
    assert told in answer.json()["message"]
