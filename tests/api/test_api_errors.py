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


WISH = "takes a text, a number, true or false, null for missing"
RANGE, CONDITION = {"kind": "range", "column": "age"}, {"kind": "predicate"}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"time_budget": "zebra"}, "spec.time_budget must be a whole number"),
        ({"time_budget": 1.5}, "spec.time_budget must be a whole number"),
        ({"k_floor": 1}, "spec.k_floor must be at least 2"),
        ({"holdout_share": 0.5}, "spec.holdout_share must be less than 0.5"),
        ({"zebra_field": "zebra"}, "spec.zebra_field is not known"),
        ({"target": ["zebra"]}, "spec.target must be a text"),
        ({"params": "zebra"}, "spec.params must hold named fields"),
        ({"columns": {"policy": {"kind": "zebra"}}}, "spec.columns.policy.kind must be 'number', 'integer'"),
        ({"columns": {"age": {"decimals": 99}}}, "spec.columns.age.decimals must be at most 12"),
        ({"sample": {"mix": "zebra"}}, "spec.sample.mix must be 'data' or 'balanced'"),
        ({"sample": {"fixed": {"age": ["zebra"]}}}, f"spec.sample.fixed.age {WISH}"),
        ({"sample": {"fixed": {"age": {"low": 1, "zebra": 2}}}}, f"spec.sample.fixed.age {WISH}"),
        ({"sample": {"fixed": {"age": {"low": 5, "high": 4}}}}, "spec.sample.fixed.age does not fit: a range needs"),
        ({"sample": {"fixed": "zebra"}}, "spec.sample.fixed must hold named fields"),
        ({"sample": {"targets": [{"where": {}, "rows": 0}]}}, "spec.sample.targets[0].rows must be more than 0"),
        ({"sample": {"targets": [{"where": {"a": {"zebra": 1}}, "rows": 1}]}}, f"targets[0].where.a {WISH}"),
        ({"sample": {"targets": [{"where": {"a": 1}}]}}, "spec.sample.targets[0].rows is needed"),
        ({"policy": 5}, "spec.policy takes the name of a policy, or a policy with rules"),
        ({"policy": {"rules": [{"metric": "m"}]}}, "spec.policy.rules[0] does not fit: a rule needs a bound"),
        ({"policy": {"rules": [{"at_most": 1}]}}, "spec.policy.rules[0].metric is needed"),
        ({"constraints": [{"kind": "zebra"}]}, "spec.constraints[0] must say as 'kind' one of 'range', 'inequality'"),
        ({"constraints": [RANGE]}, "spec.constraints[0] does not fit: a range needs a low or a high end"),
        ({"constraints": [RANGE | {"low": {"zebra": 1}}]}, "spec.constraints[0].low"),
        ({"constraints": [CONDITION | {"expression": "age > 'zebra"}]}, "[0].expression does not fit: has a quote"),
        ({"constraints": [CONDITION | {"expression": "SUM(age) > 1"}]}, "[0].expression does not fit: calls SUM"),
        ({"constraints": [CONDITION]}, "spec.constraints[0].expression is needed"),
        ({"constraints": [{"kind": "unique", "columns": []}]}, "spec.constraints[0].columns needs at least 1 of them"),
    ],
)
def test_a_malformed_specification_is_told_in_words_that_name_its_fields_and_no_value(client, spec, told):
    answer = client.post("/jobs", json={"dataset_id": "x", "spec": spec})
    found = answer.json()
    assert (answer.status_code, found["code"]) == (422, "bad_spec")
    assert told in found["message"]
    assert found["message"].count(told) == 1
    for raw in ("zebra", "Input", "input_value", "validation error", "pydantic", "Value error", "\n"):
        assert raw not in found["message"].replace("zebra_field", "")
    again = client.post("/jobs/x/sample", json={"sample": spec["sample"]}) if "sample" in spec else None
    assert again is None or told.removeprefix("spec.") in again.json()["message"]


def test_every_field_at_fault_is_told_once(client):
    answer = client.post("/jobs", json={"spec": {"time_budget": "x", "sample": {"fixed": {"a": [1], "b": [2]}}}})
    message = answer.json()["message"]
    assert message.startswith("The request does not fit: 4 problems: ")
    for place in ("dataset_id is needed", "spec.time_budget", "spec.sample.fixed.a ", "spec.sample.fixed.b "):
        assert message.count(place) == 1


@pytest.mark.parametrize("body", [b"{", b"[]", b'"zebra"', b""])
def test_a_body_that_is_no_object_is_told_in_words(client, body):
    found = client.post("/jobs", content=body, headers={"Content-Type": "application/json"}).json()
    assert found["code"] == "bad_spec"
    assert "zebra" not in str(found)


def test_an_unknown_route_says_so(client):
    assert client.get("/nothing").json()["code"] == "http"
