"""Checkpoints on their way to the store, so that the next attempt can go on where this one ended."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from synthgen.errors import SynthgenError
from synthgen.service import execution
from synthgen.service.artifacts import keys
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Job
from synthgen.service.execution import Claim
from worker import staging

LOOK_EVERY = 0.3  # seconds between two looks at the child's checkpoint, at most
log = logging.getLogger(__name__)


class Keeper:
    """Uploads the child's checkpoint now and then, each under a key of its own, and deletes the one before."""

    def __init__(self, app: Application, held: Claim, directory: Path) -> None:
        self.app = app
        self.held = held
        self.folder = directory / "checkpoint"
        self.copy = directory / "checkpoint-copy"
        self.seen: tuple[Any, ...] | None = staging.snapshot(self.folder, self.copy)
        self.last, self.looked = 0.0, 0.0
        self.count = 0

    def keep_if_due(self) -> None:
        """Upload a new checkpoint as soon as it is there, but not more often than it makes sense.

        The child saves itself twice in `checkpoint_seconds`; a kill then costs no more than that time.
        """
        now, interval = time.monotonic(), self.app.settings.checkpoint_seconds
        if now - self.looked < min(LOOK_EVERY, interval / 8) or now - self.last < interval / 4:
            return
        self.looked = now
        if staging.changed(self.folder, self.seen):
            self.keep()
            self.last = time.monotonic()

    def keep(self) -> None:
        """Upload the newest checkpoint if it is a new one; a store that fails now is tried again later."""
        if not staging.changed(self.folder, self.seen):
            return
        signature = staging.snapshot(self.folder, self.copy)
        if signature is None:
            return
        try:
            self._upload()
        except SynthgenError as error:
            log.warning("job %s: checkpoint not kept: %s", self.held.job_id, error.message)
            return
        self.seen = signature

    def _upload(self) -> None:
        self.count += 1
        stored = staging.upload(self.app, self.copy, f"{self._attempt()}/checkpoint/{self.count}")
        files = [{"name": name, "key": one.key, "size": one.size, "sha256": one.sha256} for name, one in stored.items()]
        for folder in {file["key"].removesuffix(f"/{file['name']}") for file in self._replace(files)}:
            self.app.store.delete_all(folder)

    def _replace(self, files: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return execution.keep_checkpoint(self.app, self.held, files)

    def _attempt(self) -> str:
        with self.app.unit(read_only=True) as unit:
            job: Job = unit.get(Job, self.held.job_id)
        return keys.attempt_folder(job, self.held.fence)
