"""Uploads stream into the store, keep to the limit, and are read by a worker only."""

from __future__ import annotations

import played_worker

CSV = b"age,sex\n41,F\n52,M\n"


def test_a_raw_body_becomes_a_dataset(application, client):
    answer = client.post("/datasets?name=Ward+7&filename=ward.csv", content=CSV)
    assert answer.status_code == 201, answer.text
    dataset = answer.json()
    assert (dataset["name"], dataset["filename"], dataset["size"]) == ("Ward 7", "ward.csv", len(CSV))
    assert dataset["state"] == "inspecting"
    with application.unit(read_only=True) as unit:
        from synthgen.service.datasets import find
        from synthgen.service.read_models import Actor

        key = find(unit, Actor.model_validate(client.get("/me").json()), dataset["id"]).source_key
    assert b"".join(application.store.open(key)) == CSV


def test_a_multipart_form_becomes_the_same(client):
    answer = client.post("/datasets", files={"file": ("ward.csv", CSV)})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["filename"], answer.json()["size"]) == ("ward.csv", len(CSV))


def test_a_form_without_a_file_is_refused(client):
    answer = client.post("/datasets", data={"x": "y"}, files={"none": ("", b"")})
    assert answer.status_code == 422


def test_a_path_in_a_file_name_is_dropped(client):
    assert client.post("/datasets?filename=..%2F..%2Fetc%2Fpasswd.csv", content=CSV).json()["filename"] == "passwd.csv"


def test_an_empty_upload_is_refused(client):
    answer = client.post("/datasets?name=a", content=b"")
    assert answer.status_code == 422
    assert answer.json()["hint"]


def chunks(size):
    """`size` bytes that do not announce their length."""
    for _ in range(size // 65536 + 1):
        yield b"x" * 65536


def test_too_large_an_upload_is_refused_however_it_comes(application, client):
    limit = application.settings.max_upload_bytes
    announced = client.post("/datasets?name=a", content=b"x" * (limit + (1 << 20) + 1))
    streamed = client.post("/datasets?name=a", content=chunks(2 * limit))
    form = client.post("/datasets", files={"file": ("a.csv", b"x" * (limit + 10))})
    for answer in (announced, streamed, form):
        assert answer.status_code == 413, answer.text
        assert answer.json()["code"] == "limit_exceeded"
    assert client.get("/datasets").json() == []


def test_the_same_key_uploads_once(client):
    first = client.post("/datasets?name=a", content=CSV, headers={"Idempotency-Key": "k1"}).json()
    second = client.post("/datasets?name=a", content=CSV, headers={"Idempotency-Key": "k1"}).json()
    assert first["id"] == second["id"]


def test_schema_and_preview_come_from_the_inspect_job(application, client):
    dataset = client.post("/datasets?name=a", content=CSV).json()["id"]
    early = client.get(f"/datasets/{dataset}/schema")
    assert early.status_code == 409
    played_worker.work(application)
    assert client.get(f"/datasets/{dataset}").json()["state"] == "ready"
    assert client.get(f"/datasets/{dataset}/schema").json()["columns"][0]["reason"].startswith("read as integer")
    assert client.get(f"/datasets/{dataset}/preview").json()["rows"]


def test_erasing_is_a_job(application, client):
    dataset = client.post("/datasets?name=a", content=CSV).json()["id"]
    played_worker.work(application)
    job = client.delete(f"/datasets/{dataset}")
    assert (job.status_code, job.json()["kind"]) == (202, "erase")
    played_worker.work(application)
    assert client.get(f"/datasets/{dataset}").json()["state"] == "erased"
    assert client.get("/datasets/nothing").status_code == 404


def test_overrides_are_kept_with_the_dataset(application, client):
    dataset = client.post("/datasets?name=Ward", content=b"a,b\n1,2\n").json()["id"]
    assert client.put(f"/datasets/{dataset}/overrides", json={}).status_code == 409
    played_worker.work(application)
    assert client.get(f"/datasets/{dataset}/overrides").json() == {}
    said = {"age": {"kind": "category", "missing_tokens": ["-9"]}}
    assert client.put(f"/datasets/{dataset}/overrides", json=said).status_code == 200
    assert client.get(f"/datasets/{dataset}/overrides").json()["age"]["missing_tokens"] == ["-9"]
    for wrong in ({"agee": {"drop": True}}, {"age": {"kind": "secret-word"}}, {"age": {"colour": "secret-word"}}):
        answer = client.put(f"/datasets/{dataset}/overrides", json=wrong)
        assert answer.status_code == 422
        assert "age" in answer.json()["message"]
        assert "secret-word" not in answer.text
    assert client.get(f"/datasets/{dataset}/overrides").json()["age"]["kind"] == "category"
