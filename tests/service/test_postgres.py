"""The suites of back-up, datasets, jobs, execution, reviews, quotas and turns once more, on a real PostgreSQL."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from running_servers import new_database
from sqlalchemy import text
from test_backup import *  # noqa: F403
from test_datasets import *  # noqa: F403 - the same tests, with the fixtures of this file
from test_execution import *  # noqa: F403
from test_image_service import *  # noqa: F403
from test_jobs import *  # noqa: F403
from test_migrations import (
    test_datasets_that_were_there_before_images_are_tables_and_survive_the_way_up_and_down,  # noqa: F401
)
from test_people import *  # noqa: F403
from test_quota import *  # noqa: F403
from test_reviews import *  # noqa: F403
from test_turns import *  # noqa: F403

from synthgen.service import bootstrap
from synthgen.service.db.connection import connect
from synthgen.service.db.migrate import migrate
from synthgen.service.db.tables import Base
from synthgen.service.settings import Settings

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def address(postgres):
    """The address of a PostgreSQL database at the newest schema."""
    made = new_database(postgres)
    engine = connect(made)
    migrate(engine)
    engine.dispose()
    return made


@pytest.fixture
def settings(address, tmp_path):
    engine = connect(address)
    with engine.begin() as connection:
        connection.execute(text(f"truncate {', '.join(Base.metadata.tables)}"))
    engine.dispose()
    return Settings(
        home=tmp_path / "home",
        database_url=address,
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
