"""The heartbeat of one claimed job, in its own thread, so that a long upload cannot let the lease run out."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

from synthgen.errors import SynthgenError, trail
from synthgen.service import execution
from synthgen.service.bootstrap import Application
from synthgen.service.execution import Claim, LeaseLost

log = logging.getLogger(__name__)


class Lease:
    """Renews the lease until the block ends. `lost` is set when the job belongs to somebody else."""

    def __init__(self, app: Application, held: Claim) -> None:
        self.app = app
        self.held = held
        self.lost = threading.Event()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._beat, name=f"lease-{held.job_id[:8]}", daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.ended.set()
        self.thread.join(timeout=5)

    def check(self) -> None:
        """Raise LeaseLost if the job belongs to somebody else."""
        if self.lost.is_set():
            raise LeaseLost(self.held.job_id)

    def _beat(self) -> None:
        """A database that is away takes no job from us: only its row can say that somebody else has it."""
        while not self.ended.wait(self.app.settings.heartbeat_seconds):
            try:
                execution.heartbeat(self.app, self.held)
            except LeaseLost:
                self.lost.set()
                return
            except SynthgenError:
                log.warning("job %s: the database did not take a heartbeat", self.held.job_id)
            except Exception as error:
                log.error("job %s: heartbeat failed: %s", self.held.job_id, trail(error))
