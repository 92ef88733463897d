import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from synthgen.service.db.connection import connect
from synthgen.service.db.migrate import configuration, is_current, migrate
from synthgen.service.db.tables import Base


@pytest.fixture
def address(tmp_path):
    """An empty database; the suite on PostgreSQL has a fixture of its own."""
    return f"sqlite:///{tmp_path}/b.db"


def test_migrations_make_exactly_the_tables_of_the_code(tmp_path):
    engine = connect(f"sqlite:///{tmp_path}/a.db")
    assert not is_current(engine)
    migrate(engine)
    migrate(engine)
    assert is_current(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_every_table_and_every_index_knows_its_project(tmp_path):
    engine = connect(f"sqlite:///{tmp_path}/a.db")
    migrate(engine)
    found = inspect(engine)
    for table in set(found.get_table_names()) - {"alembic_version"}:
        assert "project_id" in {column["name"] for column in found.get_columns(table)}, table
        for index in found.get_indexes(table):
            assert index["column_names"][0] == "project_id", (table, index)


def test_sqlite_is_set_up_for_several_processes(tmp_path):
    engine = connect(f"sqlite:///{tmp_path}/a.db")
    with engine.connect() as connection:
        settings = {n: connection.exec_driver_sql(f"PRAGMA {n}").scalar() for n in ("journal_mode", "synchronous")}
    assert settings == {"journal_mode": "wal", "synchronous": 2}


def to_revision(engine, revision):
    config = configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        current = MigrationContext.configure(connection).get_current_revision() or ""
        (command.upgrade if revision > current else command.downgrade)(config, revision)


def test_datasets_that_were_there_before_images_are_tables_and_survive_the_way_up_and_down(address):
    engine = connect(address)
    to_revision(engine, "0003")
    columns = "id, project_id, created_at, name, filename, size, sha256, source_key, state, created_by"
    with engine.begin() as connection:
        connection.execute(
            text(
                f"insert into datasets ({columns}) "
                "values ('a', 'p', '2026-01-01', 'n', 'n.csv', 1, 's', 'k', 'ready', 'e')"
            )
        )
    to_revision(engine, "0004")
    with engine.begin() as connection:
        assert connection.execute(text("select modality from datasets where id = 'a'")).all() == [("tabular",)]
        connection.execute(text("update datasets set modality = 'images'"))
    to_revision(engine, "0003")
    assert "modality" not in {column["name"] for column in inspect(engine).get_columns("datasets")}
    with engine.connect() as connection:
        assert connection.execute(text("select name from datasets where id = 'a'")).scalars().all() == ["n"]
    to_revision(engine, "head")
    with engine.begin() as connection:  # the database is shared with other tests
        connection.execute(text("delete from datasets where id = 'a'"))
    engine.dispose()
