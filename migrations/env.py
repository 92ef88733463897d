"""Alembic's entry: runs migrations on the connection that `synthgen.service.db.migrate` hands over."""

from __future__ import annotations

from alembic import context

from synthgen.service.db.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=False)
with context.begin_transaction():
    context.run_migrations()
