"""Nobody gets anything without a token or a session, and a session changes nothing for another site."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from synthgen.api.access import COOKIE
from synthgen.service import people

OPEN = {("POST", "/setup"), ("POST", "/join"), ("POST", "/tokens"), ("GET", "/healthz"), ("GET", "/readyz")}
SAME = {"Sec-Fetch-Site": "same-origin"}


def routes(app):
    """Every method and path the API answers."""
    found = []
    stack = list(app.routes)
    while stack:
        route = stack.pop()
        stack.extend(getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", []))
        if isinstance(route, APIRoute):
            found += [(method, route.path) for method in route.methods]
    return found


def test_every_route_but_the_open_ones_needs_an_actor(nobody):
    found = set(routes(nobody.app))
    assert len(found) > 25
    for method, path in found - OPEN:
        address = path.replace("{", "").replace("}", "")
        answer = nobody.request(method, address, json={})
        assert answer.status_code == 401, (method, path, answer.text)
        assert answer.json()["code"] == "not_signed_in"


def test_there_are_no_open_documentation_pages(nobody):
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert nobody.get(path).status_code in (401, 404)


def test_the_description_is_there_for_those_who_are_signed_in(client):
    assert "/datasets" in client.get("/openapi.json").json()["paths"]


@pytest.mark.parametrize("token", ["", "nonsense", "sg_" + "a" * 43])
def test_a_wrong_token_is_refused(nobody, token):
    assert nobody.get("/datasets", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_session_cookie_reads(client, session):
    del client.headers["Authorization"]
    client.cookies.set(COOKIE, session)
    assert client.get("/me").json()["name"] == "steward"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (SAME, 201),
        ({"Origin": "http://testserver"}, 201),
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"}, 403),
        ({"Origin": "http://elsewhere.example"}, 403),
    ],
)
def test_a_cookie_changes_things_only_from_our_own_pages(client, session, headers, status):
    del client.headers["Authorization"]
    client.cookies.set(COOKIE, session)
    assert client.post("/me/tokens", json={"label": "x"}, headers=headers).status_code == status


def test_a_session_ends_with_the_sign_out(application, client, session):
    del client.headers["Authorization"]
    client.cookies.set(COOKIE, session)
    people.sign_out(application, session)
    assert client.get("/me").status_code == 401


def test_the_set_up_token_works_once(client):
    again = client.post("/setup", json={"token": "anything", "name": "second", "password": "a few unrelated words"})
    assert again.status_code == 401


def test_a_wrong_password_gets_no_token(client):
    answer = client.post("/tokens", json={"name": "steward", "password": "not the password"})
    assert answer.status_code == 401
    assert "password" in answer.json()["message"]


def test_tokens_are_listed_without_their_secret_and_end_when_revoked(client):
    made = client.post("/me/tokens", json={"label": "nightly"}).json()["token"]
    listed = client.get("/me/tokens").json()
    assert made not in str(listed)
    assert [(t["label"], t["current"]) for t in listed] == [("API", True), ("nightly", False)]
    theirs = {"Authorization": f"Bearer {made}"}
    assert client.get("/me", headers=theirs).status_code == 200
    assert client.delete(f"/me/tokens/{listed[1]['id']}").status_code == 204
    assert client.get("/me", headers=theirs).status_code == 401
    assert len(client.get("/me/tokens").json()) == 1
    assert client.delete("/me/tokens/nothing").status_code == 404
