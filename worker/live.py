"""The picture that a job at work draws of what it generates, on its way to those who may see the source."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from synthgen.errors import SynthgenError
from synthgen.service.artifacts import keys
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Job
from synthgen.service.execution import Claim
from worker import leftovers

log = logging.getLogger(__name__)

NAME = "samples.png"  # in the folder that the run's context names
EVERY = 10.0  # seconds between two uploads
MOST_BYTES = 16 << 20
BEGINS, ENDS = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"  # of a PNG that is there as a whole


class Pictures:
    """Uploads the child's newest picture now and then, over the one before it in the same attempt."""

    def __init__(self, app: Application, held: Claim, directory: Path) -> None:
        self.app = app
        self.held = held
        self.path = directory / "live" / NAME
        self.seen: tuple[int, int] | None = None
        self.last: float | None = None

    def show_if_due(self) -> None:
        """Upload a new picture if the last upload was long enough ago; a picture is never worth failing a job for."""
        if self.last is not None and time.monotonic() - self.last < EVERY:
            return
        drawn, signature = self._drawn()
        if drawn is None:
            return
        self.last, self.seen = time.monotonic(), signature
        try:
            self._upload(drawn)
        except SynthgenError as error:
            log.warning("job %s: live picture not shown: %s", self.held.job_id, error.message)

    def _drawn(self) -> tuple[bytes | None, tuple[int, int] | None]:
        """The bytes of a whole picture that was not uploaded yet, with its signature."""
        try:
            status = self.path.lstat()
            signature = (status.st_size, status.st_mtime_ns)
            if signature == self.seen or self.path.is_symlink() or status.st_size > MOST_BYTES:
                return None, None
            data = self.path.read_bytes()
        except OSError:
            return None, None
        return (data, signature) if data.startswith(BEGINS) and data.endswith(ENDS) else (None, None)

    def _upload(self, data: bytes) -> None:
        """Under a key of this attempt alone; taken back where another has begun or the dataset is being erased."""
        with self.app.unit(read_only=True) as unit:
            job: Job = unit.get(Job, self.held.job_id)
        self.app.store.put(keys.picture(job, self.held.fence), [data])
        if leftovers.is_past(self.app, self.held):
            self.app.store.delete_all(keys.live_folder(job, self.held.fence))
