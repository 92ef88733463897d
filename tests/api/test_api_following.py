"""Following a job over a real socket: each event once and in order, from any point, however many follow."""

import json
import threading
import time

import httpx
import pytest
import uvicorn

from synthgen.api import create_app, following
from synthgen.service import bootstrap, execution, operations, people
from synthgen.service.db.tables import Dataset
from synthgen.service.jobs import submit_fit
from synthgen.spec import RunSpec

PATIENCE = 60


@pytest.fixture
def job(application, settled):
    """A running job, and its claim."""
    actor = people.actor_for_token(application, settled[1])
    with application.unit() as unit:
        unit.add(Dataset, id="d" * 32, name="n", filename="n.csv", size=1, sha256="", source_key="k", state="ready",
                 rows=10, columns=2, created_by="eva")  # fmt: skip
    made = submit_fit(application, actor, "d" * 32, RunSpec())
    return made.id, execution.claim(application, made.id, "w")


def serve(app):
    """The API on a socket in a thread; the address, and the server to stop."""
    port = operations.any_port()
    server = uvicorn.Server(uvicorn.Config(create_app(app), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + PATIENCE
    while not server.started:
        assert time.monotonic() < until
        time.sleep(0.02)
    return f"http://127.0.0.1:{port}", server, thread


@pytest.fixture
def address(application):
    url, server, thread = serve(application)
    yield url
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def signed_in(settled):
    return {"Authorization": f"Bearer {settled[1]}"}


def read(url, headers, most=None):
    """The events of a stream as (id, kind, data), until it ends or `most` came."""
    found, event = [], {}
    with httpx.Client(timeout=PATIENCE) as client, client.stream("GET", url, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if not line and "data" in event:
                found.append((int(event.get("id", 0)), event["event"], json.loads(event["data"])))
                if len(found) == most:
                    return found
            if not line:
                event = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value
    return found


def finish(app, held):
    execution.fail(app, held, execution.Failure("bad_spec", "It cannot be met.", "", False))


def test_events_come_as_they_happen_and_the_end_ends_it(application, address, signed_in, job):
    job_id, held = job
    found = []
    reader = threading.Thread(target=lambda: found.extend(read(f"{address}/jobs/{job_id}/stream", signed_in)))
    reader.start()
    for step in range(5):
        execution.record(application, held, [("curve", {"step": step}), ("log", {"text": "x"})])
        time.sleep(0.4)
    finish(application, held)
    reader.join(PATIENCE)
    assert [seq for seq, _, _ in found] == [*range(1, 14), 0]
    assert [data["payload"]["step"] for _, kind, data in found if kind == "curve"] == list(range(5))
    assert found[-1][1:] == ("end", {"state": "failed"})
    assert found[0][2]["payload"] == {"state": "queued"}


def test_a_broken_line_is_taken_up_where_it_broke(application, address, signed_in, job):
    job_id, held = job
    execution.record(application, held, [("log", {"text": str(n)}) for n in range(500)])
    url = f"{address}/jobs/{job_id}/stream"
    first = read(url, signed_in, most=37)
    finish(application, held)
    second = read(url, signed_in | {"Last-Event-ID": str(first[-1][0])})
    assert [seq for seq, _, _ in first + second] == [*range(1, 504), 0]
    assert [seq for seq, _, _ in read(f"{url}?after=500", signed_in)] == [501, 502, 503, 0]


def test_many_who_follow_look_at_the_database_as_one(application, address, signed_in, job, monkeypatch):
    job_id, held = job
    looks, news = [], following.following.news
    monkeypatch.setattr(following.following, "news", lambda *args: looks.append(1) or news(*args))
    found = [[] for _ in range(30)]
    url = f"{address}/jobs/{job_id}/stream?after=2"
    readers = [threading.Thread(target=lambda box=box: box.extend(read(url, signed_in))) for box in found]
    for reader in readers:
        reader.start()
    began = time.monotonic()
    for n in range(6):
        execution.record(application, held, [("log", {"text": str(n)})])
        time.sleep(0.5)
    finish(application, held)
    for reader in readers:
        reader.join(PATIENCE)
    assert all([seq for seq, _, _ in box] == [*range(3, 10), 0] for box in found)
    assert len(looks) <= (time.monotonic() - began) / following.LOOK_SECONDS + 3


def test_nobody_follows_without_a_token_or_what_is_not_there(client, job):
    assert client.get(f"/jobs/{'0' * 32}/stream").status_code == 404
    assert client.get(f"/jobs/{job[0]}/stream", headers={"Authorization": ""}).status_code == 401


def test_who_comes_when_all_places_are_taken_is_told_when_to_come_again(application, signed_in, job):
    few = bootstrap.Application(
        application.settings.model_copy(update={"max_streams": 1}), application.engine, application.store
    )
    url, server, thread = serve(few)
    with httpx.Client(headers=signed_in, timeout=PATIENCE) as client:
        with client.stream("GET", f"{url}/jobs/{job[0]}/stream") as first:
            lines = first.iter_lines()  # kept: it takes the connection with it when it goes
            assert next(lines) == "retry: 2000"
            refused = client.get(f"{url}/jobs/{job[0]}/stream")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
        until = time.monotonic() + PATIENCE
        while True:  # the place of a client that left is free again
            with client.stream("GET", f"{url}/jobs/{job[0]}/stream") as again:
                if again.status_code == 200:
                    break
            assert time.monotonic() < until
            time.sleep(0.1)
    server.should_exit = True
    thread.join(10)


def test_a_job_that_ended_long_ago_is_told_whole(application, client, job):
    job_id, held = job
    execution.record(application, held, [("log", {"text": str(n)}) for n in range(1000)])
    finish(application, held)
    lines = client.get(f"/jobs/{job_id}/stream").text
    assert lines.count("\nid: ") + lines.startswith("id: ") == 1003
