"""A real service in a temporary home: SQLite, a folder as store, one account."""

import pytest

from synthgen.service import bootstrap, people
from synthgen.service.settings import Settings

PASSWORD = "correct horse battery staple"


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", lease_seconds=1.0, heartbeat_seconds=0.4, republish_seconds=0.2)


@pytest.fixture
def app(settings):
    with bootstrap.running(settings) as built:
        yield built


@pytest.fixture
def actor(app):
    return people.create_first_account(app, people.new_setup_token(app), "eva", PASSWORD)
