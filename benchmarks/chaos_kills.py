"""Parts a and c of the chaos suite: processes, databases and messages that go away at random moments."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import httpx
import psutil
from sqlalchemy import select

from benchmarks.bars import Bar
from benchmarks.chaos_site import Database, Outcome, Site, outcome, result, site
from synthgen.service.db.tables import Job, WorkerRow

JOBS, POINTS = 20, 20
JOB_EVERY = 2.5  # seconds between two submissions
VICTIMS = ("worker", "tree", "trainer", "broker", "web", "database")
WRITER = (
    "import sqlite3, sys, time; db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60);"
    "db.execute('begin immediate'); db.execute('update jobs set stage = stage');"
    "print('in', flush=True); time.sleep(float(sys.argv[2]))"
)


def kills(database: Database, seeds: int) -> list[Bar]:
    """Part a: SIGKILL of every kind of process at random points over jobs that are sent all the while."""
    with site(database) as here:
        dataset = _start(here)
        expected = undisturbed(here, dataset)
        found = [_disturbed(here, dataset, expected, seed) for seed in range(seeds)]
    points = f"{POINTS * seeds} kills of {', '.join(VICTIMS)}, {JOBS * seeds} jobs"
    return counted("kills", found, points)


def reclaims(database: Database, seeds: int) -> list[Bar]:
    """Part a, how soon a job of a dead worker is claimed again: at a short lease, and once at the usual one."""
    return [*_reclaim(database, 3.0, 10), *_reclaim(database, 30.0, 1)]


def counted(name: str, found: list[Outcome], against: str) -> list[Bar]:
    """The bars that every part of this kind has."""
    return [
        Bar(f"{name}: lost", sum(o.lost for o in found), "<=", 0, against=against),
        Bar(f"{name}: duplicated", sum(o.duplicated for o in found), "<=", 0),
        Bar(f"{name}: failed", sum(o.failed for o in found), "<=", 0),
        Bar(
            f"{name}: other result", sum(o.different for o in found), "<=", 0, against="content of the undisturbed run"
        ),
    ]


def undisturbed(here: Site, dataset: str) -> list[str]:
    """The digests of the results of seeds 0, 1, ... when nothing happens."""
    ids = [here.submit(dataset, seed) for seed in range(JOBS)]
    here.all_over(ids)
    return [result(here, one) for one in ids]


def _start(here: Site) -> str:
    here.broker()
    for title in ("worker-1", "worker-2"):
        here.worker(title)
    here.web()
    return here.dataset("honest")


def _disturbed(here: Site, dataset: str, expected: list[str], seed: int) -> Outcome:
    """Jobs sent over HTTP, again and again until they are taken, while processes are killed and started again."""
    draw, ids = random.Random(seed), {}
    bag = [VICTIMS[i % len(VICTIMS)] for i in range(POINTS)]
    draw.shuffle(bag)
    client = threading.Thread(target=_send, args=(here, dataset, f"seed-{seed}", ids))
    with here.healing():
        client.start()
        points = sorted(draw.uniform(0.5, JOBS * JOB_EVERY) for _ in bag)
        began = time.monotonic()
        for victim, point in zip(bag, points, strict=True):
            time.sleep(max(0.0, began + point - time.monotonic()))
            strike(here, victim, draw)
        client.join()
        here.all_over(list(ids.values()), 600)
    with here.app.unit(read_only=True) as unit:
        rows = unit.session.scalars(select(Job.id).where(Job.idempotency_key.like(f"seed-{seed}-%"))).all()
    assert sorted(rows) == sorted(ids.values()), "one job for each request"
    return outcome(here, list(ids.values()), {one: expected[i] for i, one in ids.items()})


def _send(here: Site, dataset: str, key: str, ids: dict[int, str]) -> None:
    for i in range(JOBS):
        ids[i] = send(here, dataset, i, f"{key}-{i}")
        time.sleep(JOB_EVERY)


def send(here: Site, dataset: str, seed: int, key: str) -> str:
    """Submit one job over HTTP as a careful client does: the same key until there is an answer."""
    body = {"dataset_id": dataset, "spec": {"seed": seed, "generator": "independent"}}
    headers = {"Authorization": f"Bearer {here.token}", "Idempotency-Key": key}
    while True:
        with suppress(httpx.HTTPError):
            answer = httpx.post(f"{here.settings.address}/api/jobs", json=body, headers=headers, timeout=30)
            if answer.status_code == 201:
                return str(answer.json()["id"])
            if answer.status_code < 500 and answer.status_code != 429:
                raise RuntimeError(f"the server refused a job: {answer.status_code}")
        time.sleep(0.5)


def strike(here: Site, victim: str, draw: random.Random) -> None:
    """SIGKILL one victim; on SQLite the database's victim is a process in the middle of a write."""
    if victim == "worker":
        here.kill(draw.choice(["worker-1", "worker-2"]))
    elif victim == "trainer":
        for process in here.trainers()[:1]:
            with suppress(psutil.Error):
                process.kill()
    elif victim == "tree":
        for title in here.parts:
            here.kill(title)
        if here.postgres is not None:
            here.postgres.kill()
    elif victim == "database" and here.postgres is not None:
        here.postgres.kill()
    elif victim == "database":
        hold_the_lock(here, 0.3)
    else:
        here.kill(victim)


def hold_the_lock(here: Site, seconds: float) -> None:
    """A process takes the write lock of SQLite, writes, and is killed before it commits."""
    command = [sys.executable, "-c", WRITER, str(here.settings.root / "synthgen.db"), "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        process.kill()


def _reclaim(database: Database, lease: float, rounds: int) -> list[Bar]:
    """How long after the SIGKILL of its worker an idle one beside it has the job."""
    waited = []
    with site(database, lease=lease) as here:
        here.broker()
        for title in ("worker-1", "worker-2"):
            here.worker(title)
        dataset = here.dataset("honest")
        for seed in range(rounds):
            here.until(lambda: len(living(here)) == 2, "two workers")
            job = here.submit(dataset, seed)
            here.in_state(job, "running")
            here.kill(holder(here, job))
            waited.append(here.until(lambda job=job: here.job(job).attempts == 2, "another worker"))
            here.in_state(job, "succeeded")
            here.heal()
    against = f"lease + 2 s, {rounds} round{'s' * (rounds > 1)}"
    return [Bar(f"re-claim, lease {lease:.0f} s", max(waited), "<=", lease + 2.0, against=against)]


def living(here: Site) -> set[int]:
    """Process ids of workers that signed on and are alive."""
    known = {part.process.pid for part in here.parts.values() if part.alive() and part.process}
    with here.app.unit(read_only=True) as unit:
        rows = unit.session.scalars(select(WorkerRow).where(WorkerRow.stopped_at.is_(None)))
        return {row.pid for row in rows} & known


def holder(here: Site, job_id: str) -> str:
    """The title of the worker that holds a job."""
    with here.app.unit(read_only=True) as unit:
        job: Job = unit.get(Job, job_id)
        worker: WorkerRow = unit.get(WorkerRow, job.worker or "")
        pid = worker.pid
    return next(t for t, part in here.parts.items() if part.process is not None and part.process.pid == pid)


def flushed(database: Database, seeds: int) -> list[Bar]:
    """Part c, the broker emptied."""
    return _during("broker flushed", database, 10, _flush)


def away(database: Database, seeds: int) -> list[Bar]:
    """Part c, the database away for two leases, again and again."""
    return _during("database away", database, 6, _database_away)


def publisher_killed(database: Database, seeds: int) -> list[Bar]:
    """Part c: the process that publishes is killed before, or after, the bell; nobody else is there to ring it."""
    with site(database, max_attempts=3) as here:
        here.broker()
        here.worker("worker-1")
        dataset = here.dataset("honest")
        expected = undisturbed(here, dataset)
        here.kill("worker-1")
        del here.parts["worker-1"]
        ids = []
        for seed in range(JOBS):
            ids.append(here.submit(dataset, seed))
            doomed = here.worker("doomed", f"dies-{'before' if seed % 2 else 'after'}-bell")
            here.until(lambda doomed=doomed: not doomed.alive(), "the publisher's death")
        del here.parts["doomed"]
        here.worker("worker-2")
        here.all_over(ids)
        found = outcome(here, ids, dict(zip(ids, expected, strict=True)))
    return counted("killed at publishing", [found], f"{JOBS} SIGKILLs between commit and publication")


def _during(name: str, database: Database, times: int, accident: Callable[[Site], None]) -> list[Bar]:
    """Jobs are submitted and worked on while the same accident happens several times."""
    with site(database, max_attempts=3) as here:
        dataset = _start(here)
        expected, ids = undisturbed(here, dataset), {}
        client = threading.Thread(target=_send, args=(here, dataset, name, ids))
        client.start()
        draw = random.Random(times)
        for _ in range(times):
            time.sleep(draw.uniform(0.5, 1.8 * JOBS * JOB_EVERY / times))
            accident(here)
        client.join()
        here.all_over(list(ids.values()))
        found = outcome(here, list(ids.values()), {one: expected[i] for i, one in ids.items()})
    return counted(name, [found], f"{times} times over {JOBS} jobs")


def _flush(here: Site) -> None:
    import redis

    with redis.Redis(unix_socket_path=str(here.settings.broker_socket)) as client:
        client.flushall()


def _database_away(here: Site) -> None:
    """Two leases long at most: killed and started again, or locked by somebody for that long."""
    if here.postgres is None:
        with sqlite3.connect(here.settings.root / "synthgen.db", isolation_level=None, timeout=60) as locked:
            locked.execute("begin immediate")
            time.sleep(2 * here.settings.lease_seconds)
            locked.execute("rollback")
        return
    here.postgres.kill()
    time.sleep(2 * here.settings.lease_seconds)
    here.postgres.start()


def cut(database: Database, seeds: int) -> list[Bar]:
    """Part c: one commit in ten is made and not answered."""
    with site(database, max_attempts=3) as here:
        here.broker()
        for title in ("worker-1", "worker-2"):
            here.worker(title, "cut")
        dataset = here.dataset("honest")
        ids = [here.submit(dataset, seed) for seed in range(JOBS)]
        here.all_over(ids)
        then = outcome(here, ids)
        for title in ("worker-1", "worker-2"):
            here.kill(title)
        del here.parts["worker-1"]
        here.worker("worker-2")
        expected = undisturbed(here, dataset)
        found = outcome(here, ids, dict(zip(ids, expected, strict=True)))
    assert then.states == found.states
    return counted("cut after COMMIT", [found], f"one commit in ten of {JOBS} jobs")
