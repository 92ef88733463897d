"""Every error has code, message and hint; nothing unknown shows its traceback; no value is repeated."""

from __future__ import annotations

import logging
import traceback

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from synthgen import errors
from synthgen.api.errors import STATUS, LastResort, install


def kinds(kind=errors.SynthgenError):
    """The whole error family."""
    return [k for sub in kind.__subclasses__() for k in (sub, *kinds(sub))]


@pytest.fixture
def broken():
    """An app whose one route raises what the test put into it."""
    app = FastAPI()
    install(app)
    app.state.error = None

    @app.get("/")
    def route() -> None:
        raise app.state.error

    return TestClient(app, raise_server_exceptions=False)


def test_every_error_of_the_family_has_a_status():
    assert {kind.code for kind in kinds()} <= set(STATUS)


def test_a_known_error_keeps_its_words(broken):
    broken.app.state.error = errors.LimitError("Too large.", "Send less.")
    answer = broken.get("/")
    assert answer.status_code == 413
    assert answer.json() == {"code": "limit_exceeded", "message": "Too large.", "hint": "Send less."}


def test_an_unknown_error_becomes_a_reference_that_the_log_knows(broken, caplog):
    broken.app.state.error = ValueError("patient 4711")
    with caplog.at_level(logging.ERROR, "synthgen.api"):
        answer = broken.get("/")
    assert answer.status_code == 500
    body = answer.json()
    assert body["code"] == "internal"
    assert "4711" not in answer.text
    assert "Traceback" not in answer.text
    reference = body["message"].split("reference ")[1].split(")")[0]
    assert reference in caplog.text
    assert "ValueError at" in caplog.text
    assert "4711" not in caplog.text


def test_an_answer_that_broke_off_tells_the_server_no_message(caplog):
    async def breaking(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("patient 4711")

    with pytest.raises(ConnectionError) as caught:
        TestClient(LastResort(breaking)).get("/")
    assert "4711" not in "".join(traceback.format_exception(caught.value)) + caplog.text


def test_a_trail_has_classes_and_places_but_the_words_of_our_errors_only():
    try:
        try:
            {}["patient 4711"]
        except KeyError as error:
            raise errors.InputError("The file has no rows.") from error
    except errors.InputError as error:
        told = errors.trail(error)
    assert "InputError (The file has no rows.) at api/test_api_errors.py:" in told
    assert "caused by KeyError at api/test_api_errors.py:" in told
    assert "4711" not in told
    assert errors.trail(ValueError("4711")) == "ValueError at no place"


def test_a_malformed_request_names_every_field_but_no_value(client):
    answer = client.post("/jobs", json={"dataset_id": "x", "spec": {"time_budget": "4711x", "colour": "blue"}})
    assert answer.status_code == 422
    assert answer.json()["code"] == "bad_request"
    assert "time_budget" in answer.json()["message"]
    assert "colour" in answer.json()["message"]
    assert "4711x" not in answer.text
    assert "blue" not in answer.text


def test_an_unknown_route_says_so(client):
    assert client.get("/nothing").json()["code"] == "http"
