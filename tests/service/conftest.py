"""A real service in a temporary home: SQLite, a folder as store, one account."""

import shutil

import pytest

from synthgen.service import bootstrap, credentials
from synthgen.service.db.connection import connect
from synthgen.service.db.migrate import migrate
from synthgen.service.db.tables import Person
from synthgen.service.read_models import Actor
from synthgen.service.settings import Settings

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """A database file at the newest schema, made once: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "synthgen.db"
    engine = connect(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def password_hash():
    return credentials.hash_password(PASSWORD)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", lease_seconds=1.0, heartbeat_seconds=0.4, republish_seconds=0.2)


@pytest.fixture
def app(settings, migrated):
    settings.root.mkdir(parents=True)
    shutil.copy(migrated, settings.root / "synthgen.db")
    built = bootstrap.build(settings)
    yield built
    built.close()


@pytest.fixture
def actor(app, password_hash):
    with app.unit() as unit:
        person = unit.add(Person, name="eva", role="admin", password_hash=password_hash)
        return Actor(user_id=person.id, name=person.name, project_id=person.project_id)
