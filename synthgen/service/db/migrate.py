"""Bring a database to the newest schema, from code: no alembic command and no working directory needed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

ADVISORY_LOCK = 726_352_114  # any number; two servers that start together then migrate one after the other


def configuration() -> Config:
    """Alembic's configuration for the migrations that ship with the package."""
    found = importlib.util.find_spec("migrations")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("the migrations package is not installed")
    config = Config()
    config.set_main_option(
        "script_location", str(Path(next(iter(found.submodule_search_locations)))).replace("%", "%%")
    )
    return config


def migrate(engine: Engine) -> None:
    """Apply every migration that is missing."""
    config = configuration()
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(engine: Engine) -> bool:
    """Whether the database has the newest schema."""
    newest = ScriptDirectory.from_config(configuration()).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest
