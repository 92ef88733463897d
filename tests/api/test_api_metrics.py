"""What a monitor reads, from real rows: depth, wait, run time, failures by code, lost leases, memory of GPUs."""

import time

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.testclient import TestClient

from synthgen.api import create_app
from synthgen.service import bootstrap, execution, jobs, people, roster
from synthgen.service.db.tables import Dataset
from synthgen.spec import RunSpec

MONITOR = "a token for the monitor"
CARD = {"index": 0, "name": "H100", "memory_used": 3 << 30, "memory_total": 80 << 30, "busy": 0.5}


@pytest.fixture
def app(application):
    """The service with a lease of a fraction of a second and a token for the monitor."""
    settings = application.settings.model_copy(
        update={"metrics_token": SecretStr(MONITOR), "lease_seconds": 0.2, "heartbeat_seconds": 30.0}
    )
    return bootstrap.Application(settings, application.engine, application.store)


@pytest.fixture
def actor(app, settled):
    return people.actor_for_token(app, settled[1])


@pytest.fixture
def submitted(app, actor):
    """Five jobs of a dataset that was named after a patient."""
    with app.unit() as unit:
        unit.add(Dataset, id="d" * 32, name="Zebedee", filename="Zebedee.csv", size=1, sha256="", source_key="k",
                 state="ready", rows=10, columns=2, created_by="eva")  # fmt: skip
    return [jobs.submit_fit(app, actor, "d" * 32, RunSpec(seed=seed)).id for seed in range(5)]


@pytest.fixture
def monitor(app):
    with TestClient(create_app(app), raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {MONITOR}"
        yield client


def figures(client):
    """Each sample by name and labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_the_queue_and_how_jobs_ended_are_counted_once_each(app, submitted, monitor):
    held = [execution.claim(app, job, "w") for job in submitted[:3]]
    execution.fail(app, held[0], execution.Failure("bad_spec", "no", "", False))
    execution.cancelled(app, held[1])
    for _ in range(2):
        found = figures(monitor)
        assert found["synthgen_jobs", "cpu", "default", "queued"] == 2
        assert found["synthgen_jobs", "cpu", "default", "running"] == 1
        assert found["synthgen_job_failures_total", "bad_spec", "cpu", "default", "fit"] == 1
        assert found["synthgen_jobs_ended_total", "cancelled", "cpu", "default", "fit"] == 1
        assert found["synthgen_job_wait_seconds_count", "cpu", "default"] == 2
        assert found["synthgen_job_run_seconds_count", "cpu", "default", "fit"] == 2
        assert found["synthgen_queue_oldest_seconds", "cpu", "default"] >= 0
        assert found["synthgen_outbox_due", "default"] == 2
    execution.fail(app, held[2], execution.Failure("bad_input", "no", "", False))
    assert figures(monitor)["synthgen_job_failures_total", "bad_input", "cpu", "default", "fit"] == 1


def test_a_lease_that_ran_out_is_counted(app, submitted, monitor):
    execution.claim(app, submitted[0], "w")
    time.sleep(0.4)
    assert execution.reap(app) == 1
    assert figures(monitor)["synthgen_lease_expiries_total", "cpu", "default"] == 1


def test_workers_slots_and_gpus_are_told_each_gpu_once(app, monitor):
    for _ in range(2):
        roster.report(app, roster.sign_on(app, slots=4), 1, [CARD])
    found = figures(monitor)
    assert (found["synthgen_workers", "cpu"], found["synthgen_worker_slots", "cpu"]) == (2, 8)
    (used,) = [value for key, value in found.items() if key[0] == "synthgen_gpu_memory_used_bytes"]
    assert used == 3 << 30


def test_other_projects_are_told_to_the_monitor_only(app, actor, submitted, monitor, settled):
    theirs = app.of_project("other")
    with theirs.unit() as unit:
        unit.add(Dataset, id="e" * 32, name="n", filename="n.csv", size=1, sha256="", source_key="k", state="ready",
                 rows=10, columns=2, created_by="ava")  # fmt: skip
    jobs.submit_fit(theirs, actor.model_copy(update={"project_id": "other"}), "e" * 32, RunSpec())
    assert figures(monitor)["synthgen_jobs", "cpu", "other", "queued"] == 1
    monitor.headers["Authorization"] = f"Bearer {settled[1]}"
    assert not [key for key in figures(monitor) if "other" in key]


def test_neither_strangers_nor_members_read_it_and_nothing_of_the_data_is_in_it(app, actor, submitted, monitor):
    assert "Zebedee" not in monitor.get("/metrics").text
    invited = people.invite(app, actor)
    ben = people.join(app, invited, "ben", "many unrelated words")
    token = people.issue_token(app, ben, "t")
    for sent, status in ((f"Bearer {token}", 403), ("Bearer wrong", 401), ("", 401)):
        assert monitor.get("/metrics", headers={"Authorization": sent}).status_code == status


def test_queues_are_shown_with_who_serves_them(app, client, submitted):
    roster.sign_on(app, slots=2)
    by_name = {queue["name"]: queue for queue in client.get("/queues").json()}
    assert set(by_name) == {"cpu", "quick"}
    assert (by_name["cpu"]["waiting"], by_name["cpu"]["running"], by_name["cpu"]["slots"]) == (5, 0, 2)


def test_a_full_project_is_answered_429_and_when_to_come_again(application, settled, submitted):
    settings = application.settings.model_copy(update={"quota_jobs": 5})
    tight = bootstrap.Application(settings, application.engine, application.store)
    with TestClient(create_app(tight)) as client:
        client.headers["Authorization"] = f"Bearer {settled[1]}"
        refused = client.post("/jobs", json={"dataset_id": "d" * 32})
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many")
        assert int(refused.headers["retry-after"]) >= 5
        upload = client.post("/datasets?name=a.csv", content=b"a\n1\n")
        assert upload.status_code == 429
