"""The real API over a real SQLite database and a real store, both in a temporary folder."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from synthgen.api import create_app
from synthgen.service import bootstrap, people
from synthgen.service.settings import Settings

NAME, PASSWORD = "steward", "a few unrelated words"
LIMIT = 3 << 20


@pytest.fixture
def application(tmp_path):
    settings = Settings(home=tmp_path, max_upload_bytes=LIMIT)
    with bootstrap.running(settings) as app:
        yield app


@pytest.fixture
def nobody(application):
    """A client without token or cookie."""
    with TestClient(create_app(application), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(application, nobody):
    """A client with the token of the first account."""
    setup = people.new_setup_token(application)
    answer = nobody.post("/setup", json={"token": setup, "name": NAME, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    token = nobody.post("/tokens", json={"name": NAME, "password": PASSWORD}).json()["token"]
    nobody.headers["Authorization"] = f"Bearer {token}"
    return nobody


@pytest.fixture
def session(application, client):
    """The session token a browser would hold in its cookie."""
    return people.sign_in(application, NAME, PASSWORD)
