"""Clients that follow jobs over server-sent events: how late each event comes, and what the server's memory does."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import numpy as np
import psutil
from sqlalchemy import select

from benchmarks.bars import Bar
from benchmarks.chaos_site import Site
from synthgen.service import execution
from synthgen.service.db.tables import Job
from synthgen.service.execution import Claim
from synthgen.service.processes import Part

CLIENTS, JOBS = 300, 10
EVENT_SECONDS = 1.0  # between two reports of a job, as a worker writes them
LOOK_SECONDS = 2.0
WARM_SHARE = 0.2  # of the time: what the server takes to serve anybody at all is not growth
MIB = 1 << 20


def bars(place: Site, web: Part, minutes: float) -> Iterator[Bar]:
    """Follow for some minutes; lag, events lost, growth of memory."""
    with place.app.unit(read_only=True) as unit:
        ids = list(unit.session.scalars(select(Job.id).limit(JOBS)))
    held = [claim for one in ids if (claim := execution.claim(place.app, one, "load")) is not None]
    stop = threading.Event()
    busy = threading.Thread(target=report, args=(place, held, stop), daemon=True)
    busy.start()
    assert web.process is not None
    try:
        lags, broken, memory = asyncio.run(follow(place, ids, psutil.Process(web.process.pid), 60 * minutes))
    finally:
        stop.set()
        busy.join()
    warm = memory[int(WARM_SHARE * len(memory)) :]
    third = max(len(warm) // 3, 1)
    growth = (np.mean(warm[-third:]) - np.mean(warm[:third])) / MIB
    said = f"{CLIENTS} clients, {len(lags):,} events in {minutes:g} min"
    yield Bar("largest lag in s", max(lags), "<=", 3, against=said)
    yield Bar("lag p99 in s", float(np.percentile(lags, 99)), "<=", 3)
    yield Bar("clients cut off or with a gap", broken, "<=", 0)
    yield Bar("growth of memory in MiB", growth, "<=", 10, against=f"from {warm[0] / MIB:.0f} MiB, last third - first")


def report(place: Site, held: list[Claim], stop: threading.Event) -> None:
    """What workers write: a report of each job a second, and their heartbeats."""
    step, beat = 0, time.monotonic()
    while not stop.wait(EVENT_SECONDS):
        step += 1
        for claim in held:
            progress = {"stage": "mean", "done": step % 1000, "total": 1000, "eta_seconds": 10.0}
            execution.record(place.app, claim, [("progress", progress), ("curve", {"step": step, "mean": 1.5})])
        if time.monotonic() - beat > place.settings.heartbeat_seconds:
            beat = time.monotonic()
            for claim in held:
                execution.heartbeat(place.app, claim)


async def follow(
    place: Site, ids: list[str], server: psutil.Process, seconds: float
) -> tuple[list[float], int, list[int]]:
    """Lags of all events, how many clients were cut off or missed one, and the server's memory over time."""
    lags: list[float] = []
    until = time.monotonic() + seconds
    clients = [asyncio.create_task(one(place, ids[i % len(ids)], lags, until)) for i in range(CLIENTS)]
    memory = []
    while time.monotonic() < until:
        memory.append(server.memory_info().rss)
        await asyncio.sleep(LOOK_SECONDS)
    found = await asyncio.gather(*clients, return_exceptions=True)
    return lags, sum(result is not True for result in found), memory


async def one(place: Site, job_id: str, lags: list[float], until: float) -> bool:
    """Follow one job to the end of the time; whether every event came once, in order, and nobody hung up."""
    address = urlsplit(place.settings.address)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1 << 20)
    head = (
        f"GET /api/jobs/{job_id}/stream HTTP/1.1",
        f"Host: {address.netloc}",
        f"Authorization: Bearer {place.token}",
    )
    writer.write("".join(f"{line}\r\n" for line in (*head, "")).encode())
    last = 0
    try:
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        began = datetime.now(UTC)
        while time.monotonic() < until:
            line = await asyncio.wait_for(reader.readline(), 60)
            if not line:
                return False
            if not line.startswith(b"data: "):
                continue
            event = json.loads(line[6:])
            if event["seq"] != last + 1:
                return False
            last = event["seq"]
            at = datetime.fromisoformat(event["at"])
            if at > began:  # what was there before is history, not news
                lags.append((datetime.now(UTC) - at).total_seconds())
        return True
    finally:
        writer.close()
