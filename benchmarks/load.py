"""The service under load: `python -m benchmarks.load [--db sqlite|postgres] [--parts a,b,...] [--minutes M]`.

A real web server over a real database, asked over HTTP; workers and broker where jobs have to run, with a trainer that
only hashes and sleeps. Ten thousand jobs wait in the table meanwhile, put there directly. Each part prints its figures
beside the bars and is kept: `--again` measures it anew. `--publish DIR` writes the result; `--minutes` shortens the
part that watches the server's memory.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from sqlalchemy import insert, select

from benchmarks import load_followers
from benchmarks.bars import Bar
from benchmarks.chaos_site import Database, Site, site
from benchmarks.children import CACHE, publish, remembered
from synthgen.service import jobs
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Dataset, Job, JobEvent, OutboxMessage
from synthgen.service.db.unit_of_work import new_id
from synthgen.service.read_models import Actor
from synthgen.spec import RunSpec

WAITING = 10_000
ASKED = 400  # requests that a 99th percentile is taken of
WRITERS, WRITES = 8, 50
CROWD = 200  # jobs of the project that asks for more than its share
QUOTA, RACERS = 10, 50
PATIENCE = 60.0
DATASET = "d" * 32


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the command line asks for."""

    db: Database
    minutes: float
    waiting: int = WAITING


def crowded(asked: Asked) -> Iterator[Bar]:
    """Submit and list with one client, then submit with eight, while ten thousand jobs wait."""
    with site(asked.db) as place:
        fill(place.app, place.actor, asked.waiting)
        place.web()
        with client(place) as ask:
            timed(lambda: submit(ask, 0), 20)  # the first requests load code and open connections
            took = timed(lambda: submit(ask, 1), ASKED)
            listed = timed(lambda: ask.get("/api/jobs?limit=100").raise_for_status(), ASKED)
        yield Bar("submit p99 ms, 1 client", percentile(took), "<=", 100, against=f"{asked.waiting:,} jobs wait")
        yield Bar("list p99 ms, 1 client", percentile(listed), "<=", 100, against=f"{asked.waiting:,} jobs wait")
        errors, took = written(place)
        yield Bar("errors of 8 writers", errors, "<=", 0, against=f"of {WRITERS * WRITES} submissions")
        yield Bar("submit p99 ms, 8 writers", percentile(took), "<=", 1500)


def fair(asked: Asked) -> Iterator[Bar]:
    """Two hundred jobs of one project wait when another submits a single one, to a worker with one slot."""
    with site(asked.db, worker_queues="cpu") as place:
        fill(place.app, place.actor, 0)
        other = place.app.of_project("other")
        fill(other, theirs := place.actor.model_copy(update={"project_id": "other"}), 0)
        crowd = [submitted(place.app, place.actor, seed) for seed in range(CROWD)]
        place.broker()
        place.worker("worker")
        place.until(lambda: place.job(crowd[1]).state == "succeeded", "two jobs of the crowd")
        asked_at = time.monotonic()
        single = submitted(other, theirs, 0)
        place.until(lambda: jobs.get(other, theirs, single).state != "queued", "the single job to start")
        waited = time.monotonic() - asked_at
        place.until(lambda: jobs.get(other, theirs, single).state == "succeeded", "the single job")
        length = mean_length(place)
        left = place.unfinished(crowd)
        yield Bar("wait in job lengths", waited / length, "<=", 2, against=f"a job takes {length:.1f} s, {left} waited")


def race(asked: Asked) -> Iterator[Bar]:
    """Fifty submit at the same moment where there is room for ten."""
    with site(asked.db, quota_jobs=QUOTA) as place:
        fill(place.app, place.actor, 0)
        place.web()
        with client(place) as ask, ThreadPoolExecutor(RACERS) as racers:
            answers = list(racers.map(lambda seed: ask.post("/api/jobs", json=order(seed)), range(RACERS)))
        accepted = sum(answer.status_code == 201 for answer in answers)
        refused = sum(answer.status_code == 429 and int(answer.headers["retry-after"]) > 0 for answer in answers)
        yield Bar("accepted, at most", accepted, "<=", QUOTA, against=f"{RACERS} at once")
        yield Bar("accepted, at least", accepted, ">=", QUOTA)
        yield Bar("refused with Retry-After", refused, ">=", RACERS - QUOTA)


def followers(asked: Asked) -> Iterator[Bar]:
    """Three hundred clients follow ten jobs for some minutes."""
    with site(asked.db) as place:
        fill(place.app, place.actor, load_followers.JOBS)
        web = place.web()
        yield from load_followers.bars(place, web, asked.minutes)


Part = Callable[[Asked], Iterator[Bar]]
PARTS: Mapping[str, tuple[str, Part]] = {
    "a": ("submit and list while ten thousand jobs wait", crowded),
    "b": ("fair share between projects", fair),
    "c": ("a race for the last places of a quota", race),
    "d": ("three hundred clients follow progress", followers),
}


def fill(app: Application, actor: Actor, count: int) -> None:
    """A dataset that was read, and `count` jobs that wait, as submissions would leave them."""
    source = app.store.put(f"projects/{actor.project_id}/datasets/x/source", [b"a,b\n1,2\n"])
    with app.unit() as unit:
        unit.add(
            Dataset,
            id=DATASET if actor.project_id == "default" else "e" * 32,
            name="ward",
            filename="ward.csv",
            size=source.size,
            sha256=source.sha256,
            source_key=source.key,
            state="ready",
            rows=1000,
            columns=10,
            created_by=actor.name,
        )
    if not count:
        return
    submitted(app, actor, 0)
    with app.unit() as unit:
        model = unit.session.scalars(select(Job)).first()
        assert model is not None
        row = {column.name: getattr(model, column.name) for column in Job.__table__.columns}
        ids = [new_id() for _ in range(count)]
        came = [unit.now - timedelta(milliseconds=10 * (count - i)) for i in range(count)]
        shared = {"project_id": unit.project_id, "created_at": unit.now}
        unit.session.execute(
            insert(Job), [{**row, "id": one, "created_at": at} for one, at in zip(ids, came, strict=True)]
        )
        state = {
            "project_id": unit.project_id,
            "seq": 1,
            "kind": "state",
            "at": unit.now,
            "payload": {"state": "queued"},
        }
        unit.session.execute(insert(JobEvent), [{**state, "job_id": one} for one in ids])
        bell = {**shared, "queue": row["queue"], "due_at": unit.now, "times": 0}
        unit.session.execute(insert(OutboxMessage), [{**bell, "id": new_id(), "job_id": one} for one in ids])


def submitted(app: Application, actor: Actor, seed: int) -> str:
    """A training job, submitted in this process."""
    dataset = DATASET if actor.project_id == "default" else "e" * 32
    return jobs.submit_fit(app, actor, dataset, RunSpec(seed=seed, generator="independent")).id


def order(seed: int) -> dict[str, Any]:
    """The body of a submission."""
    return {"dataset_id": DATASET, "spec": {"seed": seed, "generator": "independent"}}


def submit(ask: httpx.Client, seed: int) -> None:
    """One submission over HTTP."""
    ask.post("/api/jobs", json=order(seed)).raise_for_status()


def client(place: Site) -> httpx.Client:
    """A client with the account's token."""
    limits = httpx.Limits(max_connections=RACERS)
    headers = {"Authorization": f"Bearer {place.token}"}
    return httpx.Client(base_url=place.settings.address, headers=headers, timeout=PATIENCE, limits=limits)


def timed(action: Callable[[], Any], times: int) -> list[float]:
    """Milliseconds that each of so many calls took."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        found.append(1000 * (time.perf_counter() - began))
    return found


def percentile(took: list[float]) -> float:
    """The 99th."""
    return float(np.percentile(took, 99))


def written(place: Site) -> tuple[int, list[float]]:
    """Errors and milliseconds of eight clients that submit as fast as they are answered."""

    def write(writer: int) -> tuple[int, list[float]]:
        errors, took = 0, []
        with client(place) as ask:
            for seed in range(WRITES):
                began = time.perf_counter()
                errors += ask.post("/api/jobs", json=order(writer * WRITES + seed)).status_code != 201
                took.append(1000 * (time.perf_counter() - began))
        return errors, took

    with ThreadPoolExecutor(WRITERS) as writers:
        found = list(writers.map(write, range(WRITERS)))
    return sum(errors for errors, _ in found), [one for _, took in found for one in took]


def mean_length(place: Site) -> float:
    """Seconds that jobs which ended took, from claim to commit."""
    with place.app.unit(read_only=True) as unit:
        over = select(Job.started_at, Job.finished_at).where(Job.state == "succeeded", Job.finished_at.is_not(None))
        return float(np.mean([(end - begin).total_seconds() for begin, end in unit.session.execute(over)]))


def main() -> int:
    """Run the parts asked for; 0 if every bar is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS), help="a,b,...: all")
    parser.add_argument("--minutes", type=float, default=10.0, help="of following")
    parser.add_argument("--again", action="store_true", help="measure also what was measured before")
    parser.add_argument("--publish", type=Path, help="folder for the result as JSON")
    given = parser.parse_args()
    asked = Asked(given.db, given.minutes)
    found = {name: _measured(name, asked, given.again) for name in given.parts}
    bars = [bar for part in found.values() for bar in part["bars"]]
    if given.publish:
        result = {"load": asked.db, "table": f"load, {asked.db}", "bars": bars, "parts": found}
        publish(result, given.publish, f"load_{asked.db}")
    return 1 if any(bar["outcome"] == "MISS" for bar in bars) else 0


def _measured(name: str, asked: Asked, again: bool) -> dict[str, Any]:
    title, run = PARTS[name]
    key = f"load-{name}-{asked.db}-{asked.minutes:g}-{asked.waiting}"
    if again:
        (CACHE / f"{key}.json").unlink(missing_ok=True)
    print(f"\n{name}: {title} ({asked.db})", flush=True)
    found = remembered(key, lambda: {"bars": [bar.entry() for bar in run(asked)], "skipped": []})
    for bar in found["bars"]:
        print(Bar.of(bar).line(), flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
