"""Server-sent events: one look at the database a second tells every client of this process what its job did.

A client starts after the event its `Last-Event-ID` names, first from the table, then from the few events kept here; one
that reads slowly goes back to the table, so that nobody's pace costs memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread

from synthgen.errors import SynthgenError, trail
from synthgen.service import following, jobs
from synthgen.service.bootstrap import Application
from synthgen.service.quota import TooManyJobs
from synthgen.service.read_models import Actor, EventView

LOOK_SECONDS = 1.0
QUIET_SECONDS = 15.0  # a comment is sent after so long without an event, lest a proxy cut the line
LONGEST_SECONDS = 900.0  # then the client comes again, and who it is is asked again
KEPT = 128  # newest events of a followed job
PAGE = 200
ENDED = frozenset({"succeeded", "failed", "cancelled"})
log = logging.getLogger(__name__)


@dataclass
class Watched:
    """One job that somebody follows: its newest events as they are sent, and what wakes those who wait for more."""

    state: str = ""
    last: int = -1
    kept: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=KEPT))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    followers: int = 0

    def tell(self, news: following.News) -> None:
        """Keep what is new and wake everybody."""
        self.kept.extend((event.seq, sent(event)) for event in news.events)
        if news.events:
            self.last = news.events[-1].seq
        elif self.last < 0:
            self.last = news.last
        if self.last == news.last:  # otherwise there is more to read before the job's end may be told
            self.state = news.state
        self.changed.set()
        self.changed = asyncio.Event()

    def after(self, seq: int) -> list[tuple[int, bytes]] | None:
        """The kept events after `seq`; None when some of them are no longer kept."""
        if seq >= self.last:
            return []
        if not self.kept or self.kept[0][0] > seq + 1:
            return None
        return [one for one in self.kept if one[0] > seq]


class Following:
    """Everybody who follows a job in this process."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.watched: dict[str, Watched] = {}
        self.looking: asyncio.Task[None] | None = None
        self.thread = CapacityLimiter(1)  # of its own: the look must not wait behind requests

    def count(self) -> int:
        """How many clients there are."""
        return sum(watched.followers for watched in self.watched.values())

    def check_room(self) -> None:
        """Raise TooManyJobs when as many follow as may."""
        if self.count() >= self.app.settings.max_streams:
            raise TooManyJobs("Too many clients follow jobs just now.", "Ask for the job now and then instead.", 10)

    async def stream(self, actor: Actor, job_id: str, after: int, first: Sequence[EventView]) -> AsyncIterator[bytes]:
        """The job's events after number `after` as they come, until it has ended, ready to be sent.

        The `first` of them have been read: that the job is there was asked with them.
        """
        until = time.monotonic() + LONGEST_SECONDS
        with self._watch(job_id) as watched:
            yield b"".join((b"retry: 2000\n\n", *map(sent, first)))
            after = first[-1].seq if first else after
            while time.monotonic() < until:
                changed = watched.changed
                found = await self._next(watched, actor, job_id, after)
                if found:
                    yield b"".join(text for _, text in found)
                    after = found[-1][0]
                    continue
                if watched.state in ENDED and after >= watched.last:
                    yield f"event: end\ndata: {json.dumps({'state': watched.state})}\n\n".encode()
                    return
                if not await _within(changed, QUIET_SECONDS):
                    yield b": still here\n\n"

    async def _next(self, watched: Watched, actor: Actor, job_id: str, after: int) -> list[tuple[int, bytes]]:
        kept = [] if watched.last < 0 else watched.after(after)
        if kept is not None:
            return kept
        found = await to_thread.run_sync(lambda: jobs.events(self.app, actor, job_id, after=after, limit=PAGE))
        return [(event.seq, sent(event)) for event in found]

    @contextlib.contextmanager
    def _watch(self, job_id: str) -> Iterator[Watched]:
        """Count one follower in, and look at the database for as long as there is one."""
        watched = self.watched.setdefault(job_id, Watched())
        watched.followers += 1
        if self.looking is None or self.looking.done():
            self.looking = asyncio.create_task(self._look())
        try:
            yield watched
        finally:
            watched.followers -= 1
            if not watched.followers:
                self.watched.pop(job_id, None)

    async def _look(self) -> None:
        """Once a second, while anybody follows anything."""
        while self.watched:
            began = time.monotonic()
            known = {job: watched.last for job, watched in self.watched.items()}
            for job, news in (await to_thread.run_sync(self._news, known, limiter=self.thread)).items():
                if job in self.watched:
                    self.watched[job].tell(news)
            await asyncio.sleep(max(LOOK_SECONDS - (time.monotonic() - began), LOOK_SECONDS / 4))

    def _news(self, known: dict[str, int]) -> dict[str, following.News]:
        """What is new; nothing while the database does not answer."""
        try:
            return following.news(self.app, known)
        except SynthgenError as error:
            log.warning("following: %s", error.message)
        except Exception as error:
            log.error("following: %s", trail(error))
        return {}


def sent(event: EventView) -> bytes:
    """One event on the wire."""
    data = json.dumps({"seq": event.seq, "kind": event.kind, "at": event.at.isoformat(), "payload": event.payload})
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {data}\n\n".encode()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True
