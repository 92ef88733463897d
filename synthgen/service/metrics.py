"""Figures for a monitor in the Prometheus text format: read from the rows, so that every web process tells the same.

Gauges are what the tables say now. Counters and histograms of finished jobs are kept in the process: the first reading
takes in the whole history, later ones what was added. Names of queues, codes and projects only; no dataset, no person.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from synthgen.service import queues, turns
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Job, OutboxMessage
from synthgen.service.db.unit_of_work import UnitOfWork
from synthgen.service.read_models import WorkerView

SECONDS = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 43200, 86400)
OVERLAP = timedelta(seconds=60)  # a transaction may be seen this long after the time it wrote
PAGE = 5000
ENDED = ("succeeded", "failed", "cancelled")


class Metrics:
    """The figures of some projects; `followers` tells how many clients follow jobs in this process."""

    def __init__(self, app: Application, followers: Callable[[], int], every_project: bool) -> None:
        self.app = app
        self.every_project = every_project
        self.registry = CollectorRegistry()
        self.history = History(self.registry)
        self.registry.register(Standing(app, self.projects, followers))
        ProcessCollector(registry=self.registry)
        self.lock = threading.Lock()

    def projects(self) -> list[str]:
        """The projects told of: all, or the one of this web server."""
        return turns.projects(self.app) if self.every_project else [self.app.settings.project]

    def text(self) -> bytes:
        """The exposition; raises Unavailable when the database does not answer."""
        with self.lock:
            for project in self.projects():
                with self.app.of_project(project).unit(read_only=True) as unit:
                    self.history.read(unit)
            return generate_latest(self.registry)


class History:
    """What is known of jobs that ended: how long they waited and ran, and how they ended."""

    def __init__(self, registry: CollectorRegistry) -> None:
        place, kind = ("project", "queue"), ("project", "queue", "kind")
        self.wait = Histogram(
            "synthgen_job_wait_seconds",
            "From submission to first start, of jobs that ended.",
            place,
            buckets=SECONDS,
            registry=registry,
        )
        self.run = Histogram(
            "synthgen_job_run_seconds", "From first start to end.", kind, buckets=SECONDS, registry=registry
        )
        self.ended = Counter("synthgen_jobs_ended", "Jobs by how they ended.", (*kind, "state"), registry=registry)
        self.failures = Counter(
            "synthgen_job_failures", "Failed jobs by error code.", (*kind, "code"), registry=registry
        )
        self.seen: dict[str, dict[tuple[str, datetime], None]] = {}
        self.upto: dict[str, datetime] = {}

    def read(self, unit: UnitOfWork) -> None:
        """Take in the jobs of one project that ended since the last time."""
        seen = self.seen.setdefault(unit.project_id, {})
        for row in _ended(unit, self.upto.get(unit.project_id)):
            if (row.id, row.finished_at) not in seen:
                seen[row.id, row.finished_at] = None
                self._count(unit.project_id, row)
        if seen:
            self.upto[unit.project_id] = max(at for _, at in seen) - OVERLAP
            recent = {one: None for one in seen if one[1] >= self.upto[unit.project_id]}
            self.seen[unit.project_id] = recent

    def _count(self, project: str, row: Any) -> None:
        kind = (project, row.queue, row.kind)
        self.ended.labels(*kind, row.state).inc()
        if row.state == "failed":
            self.failures.labels(*kind, row.error_code or "unknown").inc()
        if row.started_at is not None:
            self.wait.labels(project, row.queue).observe(max((row.started_at - row.created_at).total_seconds(), 0))
            self.run.labels(*kind).observe(max((row.finished_at - row.started_at).total_seconds(), 0))


class Standing(Collector):
    """What the tables say now."""

    def __init__(self, app: Application, projects: Callable[[], list[str]], followers: Callable[[], int]) -> None:
        self.app = app
        self.projects = projects
        self.followers = followers

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: registering must not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Queues, leases, workers and their GPUs."""
        yield from _queues(self.app, self.projects())
        yield from _workers(queues.alive(self.app), self.app.settings.offered)
        yield GaugeMetricFamily("synthgen_followers", "Clients that follow a job's events here.", self.followers())


def _ended(unit: UnitOfWork, since: datetime | None) -> Iterator[Any]:
    """Rows of jobs that ended, oldest first, a page at a time."""
    columns = (Job.id, Job.queue, Job.kind, Job.state, Job.error_code, Job.created_at, Job.started_at, Job.finished_at)
    rows = select(*columns).where(Job.project_id == unit.project_id, Job.finished_at.is_not(None), Job.state.in_(ENDED))
    rows = rows if since is None else rows.where(Job.finished_at >= since)
    yield from unit.session.execute(rows.order_by(Job.finished_at).execution_options(yield_per=PAGE))


def _queues(app: Application, projects: Iterable[str]) -> Iterator[Metric]:
    place = ("project", "queue")
    jobs = GaugeMetricFamily("synthgen_jobs", "Jobs that wait or run.", labels=(*place, "state"))
    oldest = GaugeMetricFamily("synthgen_queue_oldest_seconds", "How long the first in line has waited.", labels=place)
    lost = CounterMetricFamily("synthgen_lease_expiries", "Leases that ran out under a worker.", labels=place)
    unsent = GaugeMetricFamily("synthgen_outbox_due", "Messages that the broker has not taken.", labels=("project",))
    for project in projects:
        with app.of_project(project).unit(read_only=True) as unit:
            for depth in queues.project_depths(unit, project):
                jobs.add_metric((project, depth.queue, "queued"), depth.waiting)
                jobs.add_metric((project, depth.queue, "running"), depth.running)
                oldest.add_metric((project, depth.queue), depth.oldest_seconds or 0)
            for queue, count in _lost_leases(unit):
                lost.add_metric((project, queue), count)
            unsent.add_metric((project,), _unsent(unit))
    yield from (jobs, oldest, lost, unsent)


def _lost_leases(unit: UnitOfWork) -> Iterable[Any]:
    mine = select(Job.queue, func.sum(Job.lost_leases)).where(Job.project_id == unit.project_id)
    return unit.session.execute(mine.group_by(Job.queue)).all()


def _unsent(unit: UnitOfWork) -> int:
    due = select(func.count()).where(
        OutboxMessage.project_id == unit.project_id,
        OutboxMessage.published_at.is_(None),
        OutboxMessage.due_at <= unit.now,
    )
    return unit.session.scalar(due) or 0


def _workers(workers: list[WorkerView], offered: Iterable[str]) -> Iterator[Metric]:
    count = GaugeMetricFamily("synthgen_workers", "Workers heard of lately.", labels=("queue",))
    slots = GaugeMetricFamily("synthgen_worker_slots", "Jobs that they can run at a time.", labels=("queue",))
    for queue in sorted({*offered, *(name for worker in workers for name in worker.queues.split(","))}):
        served = queues.serving(queue, workers)
        count.add_metric((queue,), len(served))
        slots.add_metric((queue,), sum(worker.slots for worker in served))
    yield from (count, slots)
    yield from _gpus(workers)


def _gpus(workers: list[WorkerView]) -> Iterator[Metric]:
    """Each GPU once, however many workers of its machine report it."""
    place = ("host", "gpu")
    cards = {(worker.host, str(card["index"])): card for worker in workers for card in worker.devices}
    for name, field, words in (
        ("synthgen_gpu_memory_used_bytes", "memory_used", "Memory of a GPU in use."),
        ("synthgen_gpu_memory_total_bytes", "memory_total", "Memory of a GPU."),
        ("synthgen_gpu_busy_ratio", "busy", "Share of the time that a GPU works."),
    ):
        family = GaugeMetricFamily(name, words, labels=place)
        for labels, card in cards.items():
            if card.get(field) is not None:
                family.add_metric(labels, card[field])
        yield family
