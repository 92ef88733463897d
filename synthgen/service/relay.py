"""From the outbox to the broker: rings the bell for jobs that can be claimed, and again when nobody came."""

from __future__ import annotations

from celery import Celery
from sqlalchemy import Select, select, update

from synthgen.service import queue as bell
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Job, OutboxMessage
from synthgen.service.db.unit_of_work import UnitOfWork

BATCH = 200
LONGEST_BACKOFF = 6  # an unclaimed job is announced again after 1, 2, 4 ... 64 times the setting


def relay(app: Application, queue: Celery) -> int:
    """Publish every message that is due; returns how many. A message may go out twice: a claim succeeds only once.

    The broker is spoken to outside any transaction. Raises `Unavailable` when it does not answer.
    """
    with app.unit(read_only=True) as unit:
        due = select(OutboxMessage).where(
            OutboxMessage.project_id == unit.project_id,
            OutboxMessage.published_at.is_(None),
            OutboxMessage.due_at <= unit.now,
        )
        messages = list(unit.session.scalars(due.order_by(OutboxMessage.due_at).limit(BATCH)))
    for message in messages:
        bell.ring(queue, message.job_id, message.queue)
        with app.unit() as unit:
            _mark(unit, message.id)
    return len(messages)


def republish(app: Application, queue: Celery) -> int:
    """Make messages due again whose job nobody claimed: the broker or a worker lost them; returns how many.

    A message that is still in the broker waits there, and longer each time. A broker that holds none lost them all.
    """
    with app.unit(read_only=True) as unit:
        unclaimed = list(unit.session.scalars(_unclaimed(unit, app)))
        waited = {message.id for message in unclaimed if _waited_long(unit, app, message)}
    emptied = {name for name in {message.queue for message in unclaimed} if not bell.waiting(queue, name)}
    stale = [message.id for message in unclaimed if message.id in waited or message.queue in emptied]
    if not stale:
        return 0
    with app.unit() as unit:
        again = update(OutboxMessage).where(OutboxMessage.id.in_(stale)).values(published_at=None, due_at=unit.now)
        unit.session.execute(again)
    return len(stale)


def _mark(unit: UnitOfWork, message_id: str) -> None:
    published = (
        update(OutboxMessage)
        .where(OutboxMessage.id == message_id, OutboxMessage.published_at.is_(None))
        .values(published_at=unit.now, times=OutboxMessage.times + 1)
    )
    unit.session.execute(published)


def _unclaimed(unit: UnitOfWork, app: Application) -> Select[OutboxMessage]:
    return (
        select(OutboxMessage)
        .join(Job, Job.id == OutboxMessage.job_id)
        .where(
            OutboxMessage.project_id == unit.project_id,
            Job.state == "queued",
            OutboxMessage.published_at < unit.after(-app.settings.republish_seconds),
        )
        .limit(BATCH)
    )


def _waited_long(unit: UnitOfWork, app: Application, message: OutboxMessage) -> bool:
    """Whether this message has waited its turn; the wait doubles, so that a long queue does not fill the broker."""
    assert message.published_at is not None
    wait = app.settings.republish_seconds * 2 ** min(max(message.times - 1, 0), LONGEST_BACKOFF)
    return message.published_at <= unit.after(-wait)
