"""What a job at work prints, on its way to the store: a worker that is killed takes no last lines with it."""

from __future__ import annotations

import time
from pathlib import Path

from synthgen.service.bootstrap import Application
from synthgen.service.execution import Claim
from worker import endings, leftovers

EVERY = 10.0  # seconds between two looks; the first lines go at once


class Logbook:
    """Keeps the end of the child's log with the job while it runs; written anew only where it has grown."""

    def __init__(self, app: Application, held: Claim, log: Path) -> None:
        self.app = app
        self.held = held
        self.log = log
        self.size = 0
        self.last = 0.0

    def keep_if_due(self) -> None:
        """Store the last lines if there are new ones and the last time was long enough ago."""
        try:
            size = self.log.stat().st_size
        except OSError:
            return
        if size == self.size or time.monotonic() - self.last < EVERY:
            return
        self.size, self.last = size, time.monotonic()
        leftovers.keep_log(self.app, self.held, endings.last_lines(self.log))
