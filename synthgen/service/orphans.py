"""Uploads that nobody will ever ask for: their process died before the dataset's row was written."""

from __future__ import annotations

import logging

from synthgen.service.artifacts import keys
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Dataset

log = logging.getLogger(__name__)

AGE = 24 * 3600.0  # seconds; no upload takes longer


def delete_orphans(app: Application, age: float = AGE) -> int:
    """Delete what lies in the store for a dataset that has no row, or that was erased; returns how many folders."""
    count = 0
    for folder in app.store.stale_folders(keys.datasets_folder(app.settings.project), age):
        with app.unit(read_only=True) as unit:
            row: Dataset | None = unit.get(Dataset, folder.rsplit("/", 1)[1])
        if row is None or row.state == "erased":
            log.warning("deleting %s, which belongs to no dataset", folder)
            app.store.delete_all(folder)
            count += 1
    return count
