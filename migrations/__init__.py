"""Alembic migrations of the service's database; applied by `synthgen.service.db.migrate`."""
