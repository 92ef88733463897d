"""Submit, follow, review, release, download, withdraw: all of it over HTTP."""

from __future__ import annotations

import zipfile
from io import BytesIO

import played_worker
import pytest
from sqlalchemy import select

from synthgen.contracts import Scorecard, Verdict
from synthgen.errors import InputError
from synthgen.service.artifacts import keys
from synthgen.service.db.tables import AuditRow, Job


@pytest.fixture
def dataset(application, client):
    found = client.post("/datasets?name=Ward", content=b"a,b\n1,2\n").json()["id"]
    played_worker.work(application)
    return found


def submit(client, dataset, **spec):
    answer = client.post("/jobs", json={"dataset_id": dataset, "spec": {"time_budget": 5, **spec}})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def released(application, client, dataset):
    submit(client, dataset)
    played_worker.work(application)
    set_id = client.get("/sets").json()[0]["id"]
    answer = client.post(f"/sets/{set_id}/release", json={"purpose": "study", "recipient": "institute"})
    assert answer.status_code == 201, answer.text
    played_worker.work(application)
    return answer.json()["id"]


def test_a_job_runs_to_a_scored_set(application, client, dataset):
    job = submit(client, dataset, target="stroke", params={"emphasis": 1.0})
    assert job["state"] == "queued"
    played_worker.work(application)
    job = client.get(f"/jobs/{job['id']}").json()
    assert (job["state"], job["progress"]) == ("succeeded", 1.0)
    assert Scorecard.model_validate(client.get(f"/sets/{job['set_id']}/scorecard").json()).result("mode_census")
    verdict = Verdict.model_validate(client.get(f"/sets/{job['set_id']}/verdict").json())
    assert verdict.outcome == "awaiting_review"
    assert client.get(f"/sets/{job['set_id']}/preview").json()["rows"]
    assert client.get(f"/sets/{job['set_id']}").json()["state"] == "awaiting_review"


def test_events_come_in_order_and_after_a_number(application, client, dataset):
    job = submit(client, dataset)["id"]
    played_worker.work(application)
    events = client.get(f"/jobs/{job}/events").json()
    numbers = [event["seq"] for event in events]
    assert numbers == sorted(set(numbers))
    assert [e["seq"] for e in client.get(f"/jobs/{job}/events?after={numbers[2]}").json()] == numbers[3:]
    assert sum(event["kind"] == "curve" for event in events) == 10
    healths = client.get(f"/jobs/{job}/events?kind=health").json()
    assert healths == [event for event in events if event["kind"] == "health"]
    assert healths[-1]["payload"]["state"] == "group lost"


def test_another_set_is_drawn_from_the_same_model(application, client, dataset):
    job = submit(client, dataset)["id"]
    early = client.post(f"/jobs/{job}/sample", json={"sample": {"rows": 10}})
    assert early.status_code == 409
    played_worker.work(application)
    body = {"sample": {"rows": 10, "mix": "balanced", "balance": ["sex"]}}
    answer = client.post(f"/jobs/{job}/sample", json=body)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["kind"], answer.json()["parent_id"]) == ("sample", job)
    played_worker.work(application)
    assert len(client.get("/sets").json()) == 2


def test_gaps_are_filled_from_a_trained_model_and_each_download_is_written_down(application, client, dataset):
    job = submit(client, dataset)["id"]
    assert client.post(f"/jobs/{job}/impute").status_code == 409
    played_worker.work(application)
    key = {"Idempotency-Key": "once"}
    made = client.post(f"/jobs/{job}/impute", headers=key)
    assert made.status_code == 201, made.text
    found = made.json()
    assert (found["kind"], found["parent_id"], found["state"]) == ("impute", job, "queued")
    assert client.post(f"/jobs/{job}/impute", headers=key).json()["id"] == found["id"]
    early = client.get(f"/jobs/{found['id']}/filled")
    assert (early.status_code, early.json()["code"]) == (404, "not_found")
    played_worker.work(application)
    told = client.get(f"/jobs/{found['id']}/events?kind=imputed").json()
    assert [event["payload"]["text"] for event in told] == [
        "410 missing cells in 1 column were filled in a table of 5,110 rows."
    ]
    answer = client.get(f"/jobs/{found['id']}/filled")
    assert answer.content == b"age,sex\n41,F\n"
    assert "-filled.csv" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "private, no-store"
    with application.unit(read_only=True) as unit:
        seen = unit.session.scalars(select(AuditRow.action).where(AuditRow.subject == found["id"]))
        assert "job.filled.downloaded" in list(seen)
    assert client.get(f"/jobs/{job}/filled").status_code == 404
    assert len(client.get("/sets").json()) == 1


def test_a_model_that_cannot_fill_gaps_is_refused(application, client, dataset):
    job = submit(client, dataset, generator="tvae")["id"]
    played_worker.work(application)
    answer = client.post(f"/jobs/{job}/impute")
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_spec")
    assert "autoregressive_gan" in answer.json()["hint"]


def test_unknown_generators_and_parameters_are_refused_before_queueing(client, dataset):
    unable = {"generator": "tvae", "sample": {"balance": ["smoker"]}}
    for spec in ({"generator": "magic"}, {"params": {"colour": 1}}, unable):
        answer = client.post("/jobs", json={"dataset_id": dataset, "spec": spec})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_spec")
        assert answer.json()["hint"]


def test_a_policy_with_a_misspelt_figure_is_refused_before_queueing(application, client, dataset):
    rule = {"metric": "mode_census/lost_clases", "at_most": 0, "required": False}
    policy = {"name": "mine", "rules": [rule]}
    answer = client.post("/jobs", json={"dataset_id": dataset, "spec": {"policy": policy}})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_spec")
    assert "lost_clases" in answer.json()["message"]
    job = submit(client, dataset)["id"]
    played_worker.work(application)
    answer = client.post(f"/jobs/{job}/sample", json={"sample": {"rows": 10}, "policy": policy})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_spec")


def test_cancel_and_retry(application, client, dataset):
    job = submit(client, dataset)["id"]
    assert client.post(f"/jobs/{job}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/jobs/{job}/cancel").status_code == 409
    assert client.post(f"/jobs/{job}/retry").json()["state"] == "queued"
    assert [j["id"] for j in client.get("/jobs?state=queued").json()] == [job]


def test_a_failed_job_says_why(application, client, dataset):
    job = submit(client, dataset)["id"]
    played_worker.work(application, error=InputError("The table has one row.", "At least 50 are needed."))
    found = client.get(f"/jobs/{job}").json()
    assert (found["state"], found["error"], found["hint"]) == (
        "failed",
        "The table has one row.",
        "At least 50 are needed.",
    )


def test_a_blocked_set_cannot_be_released(application, client, dataset):
    submit(client, dataset)
    played_worker.work(application, blocked=True)
    set_id = client.get("/sets").json()[0]["id"]
    answer = client.post(f"/sets/{set_id}/release", json={"purpose": "p", "recipient": "r"})
    assert (answer.status_code, answer.json()["code"]) == (409, "gate")
    assert client.post(f"/sets/{set_id}/reject", json={"reason": "blocked"}).json()["state"] == "rejected"


def second_person(client):
    """Headers of a person whom the first one invited."""
    token = client.post("/people/invitations").json()["token"]
    account = {"name": "otto", "password": "a few unrelated words"}
    assert client.post("/join", json={"token": token, **account}).status_code == 201
    return {"Authorization": f"Bearer {client.post('/tokens', json=account).json()['token']}"}


def test_two_people_override_the_gate(application, client, dataset):
    submit(client, dataset)
    played_worker.work(application, blocked=True)
    set_id = client.get("/sets").json()[0]["id"]
    override = f"/sets/{set_id}/override"
    other = second_person(client)
    assert client.get(override).status_code == 404
    assert client.post(f"{override}/confirm", headers=other).status_code == 404
    assert client.post(override, json={"reason": "  "}).status_code == 422
    assert client.post("/sets/none/override", json={"reason": "r"}).status_code == 404
    asked = client.post(override, json={"reason": "stays in the house"})
    assert asked.status_code == 201, asked.text
    assert (asked.json()["failed"], asked.json()["confirmed_by"]) == (["worst_group"], None)
    assert client.post(override, json={"reason": "again"}).status_code == 409
    assert client.post(f"{override}/confirm").status_code == 403
    assert client.post(f"{override}/confirm", headers=other).json()["confirmed_by"] == "otto"
    assert client.post(f"{override}/confirm", headers=other).status_code == 409
    assert client.get(override).json()["requested_by"] == "steward"
    assert [person["name"] for person in client.get("/people").json()] == ["steward", "otto"]
    assert client.post("/people/invitations", headers=other).status_code == 403
    answer = client.post(f"/sets/{set_id}/release", json={"purpose": "p", "recipient": "r"})
    assert answer.status_code == 201, answer.text


def test_a_set_that_passed_needs_no_override(application, client, dataset):
    submit(client, dataset)
    played_worker.work(application)
    set_id = client.get("/sets").json()[0]["id"]
    assert client.post(f"/sets/{set_id}/override", json={"reason": "r"}).status_code == 409


def test_the_attack_plan_reaches_the_job(application, client, dataset):
    plan = {"size": "full", "secrets": ["stroke"], "known": ["age"]}
    job = submit(client, dataset, attacks=plan)
    assert job["spec"]["attacks"] == plan


def test_a_release_needs_purpose_and_recipient(application, client, dataset):
    submit(client, dataset)
    played_worker.work(application)
    set_id = client.get("/sets").json()[0]["id"]
    answer = client.post(f"/sets/{set_id}/release", json={"purpose": ""})
    assert answer.status_code == 422
    assert "purpose" in answer.json()["message"]
    assert "recipient" in answer.json()["message"]


def test_the_bundle_downloads_once_released(client, released):
    answer = client.get(f"/releases/{released}/bundle")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "no-store" in answer.headers["cache-control"]
    assert "data.csv" in zipfile.ZipFile(BytesIO(answer.content)).namelist()
    assert client.get("/releases").json()[0]["size"] == len(answer.content)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=10-", slice(10, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=5-5", slice(5, 6)),
    ],
)
def test_a_range_continues_a_download(client, released, asked, part):
    whole = client.get(f"/releases/{released}/bundle").content
    answer = client.get(f"/releases/{released}/bundle", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == whole[part]
    assert answer.headers["content-range"].endswith(f"/{len(whole)}")


def test_a_range_of_other_bytes_than_those_begun_gives_the_whole(client, released):
    whole = client.get(f"/releases/{released}/bundle")
    tag = whole.headers["etag"]
    for condition, status in ((tag, 206), ('"other"', 200), ("Wed, 21 Oct 2026 07:28:00 GMT", 200)):
        headers = {"Range": "bytes=10-", "If-Range": condition}
        answer = client.get(f"/releases/{released}/bundle", headers=headers)
        assert (answer.status_code, answer.headers["etag"]) == (status, tag)
        assert answer.content == (whole.content[10:] if status == 206 else whole.content)


def test_a_range_beyond_the_end_is_refused(client, released):
    answer = client.get(f"/releases/{released}/bundle", headers={"Range": "bytes=99999999-"})
    assert answer.status_code == 416


def test_a_withdrawn_release_is_not_downloaded(client, released):
    assert client.post(f"/releases/{released}/withdraw", json={"reason": "recalled"}).json()["withdrawn_at"]
    for headers in ({}, {"Range": "bytes=0-9"}):
        answer = client.get(f"/releases/{released}/bundle", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "gate")


def test_an_expired_release_cannot_be_made(application, client, dataset):
    submit(client, dataset)
    played_worker.work(application)
    set_id = client.get("/sets").json()[0]["id"]
    body = {"purpose": "p", "recipient": "r", "expires_at": "2001-01-01T00:00:00Z"}
    assert client.post(f"/sets/{set_id}/release", json=body).status_code == 422


def test_health_and_workers(application, client):
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 503, "there is no broker in this test"
    assert ready.json()["database"] == "ok"
    assert client.get("/workers").json() == []


def test_the_log_of_a_failed_job_is_plain_text_and_missing_where_none_failed(application, client, dataset):
    job = submit(client, dataset)["id"]
    assert client.get(f"/jobs/{job}/log").status_code == 404
    with application.unit(read_only=True) as unit:
        application.store.put(keys.log(unit.get(Job, job), 1), [b"Traceback\nKeyError"])
    answer = client.get(f"/jobs/{job}/log")
    assert answer.text == "Traceback\nKeyError"
    assert answer.headers["content-type"].startswith("text/plain")
