"""The real API over a real SQLite database and a real store, both in a temporary folder."""

from __future__ import annotations

import shutil

import pytest
from starlette.testclient import TestClient

from synthgen.api import create_app
from synthgen.service import bootstrap, people
from synthgen.service.settings import Settings

NAME, PASSWORD = "steward", "a few unrelated words"
LIMIT = 3 << 20


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """A home with a migrated database and nobody in it; copied for every test, because migrating takes a second."""
    home = tmp_path_factory.mktemp("empty")
    with bootstrap.running(Settings(home=home)):
        pass
    return home


@pytest.fixture(scope="session")
def settled(empty, tmp_path_factory):
    """A home with the first account, made over HTTP, and the token it got."""
    home = tmp_path_factory.mktemp("settled") / "home"
    shutil.copytree(empty, home)
    with bootstrap.running(Settings(home=home)) as app, TestClient(create_app(app)) as client:
        body = {"token": people.new_setup_token(app), "name": NAME, "password": PASSWORD}
        assert client.post("/setup", json=body).status_code == 201
        token = client.post("/tokens", json={"name": NAME, "password": PASSWORD}).json()["token"]
    return home, token


def running(home, tmp_path):
    """The service over a copy of `home`."""
    shutil.copytree(home, tmp_path / "home")
    return bootstrap.running(Settings(home=tmp_path / "home", max_upload_bytes=LIMIT))


@pytest.fixture
def nobody(empty, tmp_path):
    """A client without token or cookie, where there is no account yet."""
    with running(empty, tmp_path) as app, TestClient(create_app(app), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def application(settled, tmp_path):
    with running(settled[0], tmp_path) as app:
        yield app


@pytest.fixture
def client(settled, application):
    """A client with the token of the first account."""
    with TestClient(create_app(application), raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {settled[1]}"
        yield client


@pytest.fixture
def session(application):
    """The session token a browser would hold in its cookie."""
    return people.sign_in(application, NAME, PASSWORD)
