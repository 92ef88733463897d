from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from synthgen.service.db.connection import connect
from synthgen.service.db.migrate import is_current, migrate
from synthgen.service.db.tables import Base


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
