"""Takes jobs from silent workers, unless it was the database, or this whole machine, that was silent."""

from __future__ import annotations

import time

from synthgen.errors import Unavailable
from synthgen.service import execution
from synthgen.service.bootstrap import Application


class Reaper:
    """One per worker process, asked at every sweep.

    Nobody could renew a lease while the database was away, or while a laptop slept: for a lease's time after such a
    pause every worker is given the chance to be heard.
    """

    def __init__(self, lease: float) -> None:
        self.lease = lease
        self.resting_until = 0.0
        self.looked = time.time()

    def reap(self, app: Application) -> int:
        """Reap once; returns how many jobs were taken. Raises Unavailable."""
        now = time.time()  # unlike the monotonic clock it goes on while the machine sleeps
        if abs(now - self.looked) > self.lease:
            self._rest()
        self.looked = now
        if time.monotonic() < self.resting_until:
            return 0
        try:
            return execution.reap(app)
        except Unavailable:
            self._rest()
            raise

    def _rest(self) -> None:
        self.resting_until = time.monotonic() + self.lease
