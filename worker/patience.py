"""Waiting for what does not answer: hours of training are worth more than a pause of the database or the store."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from synthgen.errors import Unavailable
from synthgen.service import execution
from synthgen.service.bootstrap import Application
from synthgen.service.execution import Claim, LeaseLost
from worker.lease import Lease

T = TypeVar("T")
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds between two tries; doubles
log = logging.getLogger(__name__)


def patiently(action: Callable[[], T], lease: Lease, seconds: float, draining: threading.Event) -> T:
    """The result of `action`, tried again while it raises Unavailable, for at most `seconds`.

    Raises the last Unavailable, at once where this worker is shutting down, and LeaseLost.
    """
    until, pause = time.monotonic() + seconds, FIRST_PAUSE
    while True:
        try:
            return action()
        except Unavailable as error:
            if draining.is_set() or time.monotonic() > until:
                raise
            log.warning("job %s: %s Trying again.", lease.held.job_id, error.message)
        lease.check()
        draining.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def conclude(app: Application, held: Claim, action: Callable[[], str]) -> str:
    """The state that `action` left the job in; it is repeated until the database has taken it, or says it did before.

    A connection that breaks at the commit leaves open whether it was made. The row knows: what an earlier try did is
    read there. Raises LeaseLost where it was not us who ended the attempt.
    """
    unsure = False
    while True:
        try:
            return _once(app, held, action, unsure)
        except Unavailable:
            log.warning("job %s: the database did not take the end of attempt %d yet", held.job_id, held.fence)
            unsure = True
            time.sleep(FIRST_PAUSE)


def _once(app: Application, held: Claim, action: Callable[[], str], unsure: bool) -> str:
    try:
        return action()
    except LeaseLost:
        state = execution.ended_as(app, held) if unsure else None
        if state is None:
            raise
        return state
