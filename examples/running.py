"""What the demonstrations share: a whole service on this machine, progress, and the words for what came out."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synthgen.client import Client
from synthgen.client.records import Job
from synthgen.contracts import GroupFigure, MetricResult, Scorecard, Verdict

READY = re.compile(r"(http://\S+)/account/setup\?token=(\S+)")
START = time.monotonic()


@contextmanager
def signed_in() -> Iterator[Client]:
    """A client of a fresh embedded service, signed in as its first person; everything is gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="synthgen-demo-") as home,
        service(Path(home)) as (url, setup_token),
        Client(url) as client,
    ):
        password = secrets.token_urlsafe(16)
        client.set_up(setup_token, "steward", password)
        client.sign_in("steward", password)
        yield client


@contextmanager
def service(home: Path) -> Iterator[tuple[str, str]]:
    """A whole embedded service in `home`: yields its address and the one-time set-up token, then takes it down."""
    say("Starting broker, database, worker and web on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "synthgen.cli", "up", "--home", str(home), "--port", port]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield address(process)
    finally:
        say("Stopping everything")
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()


def address(process: subprocess.Popen[str]) -> tuple[str, str]:
    """The address and set-up token that `synthgen up` prints when it is ready."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := READY.search(line):
            print(f"  the dashboard is at {found[1]}")
            return found[1], found[2]
    raise SystemExit("synthgen up ended before it was ready; run `synthgen doctor`")


def finished(client: Client, job: Job) -> str | None:
    """Follow a job to its end; the id of its synthetic set, or None (and why) where there is none."""
    job = client.follow(job.id, show_progress)
    print()
    if job.state == "succeeded" and job.set_id is not None:
        return job.set_id
    print(f"The job {job.state}: {job.error} {job.hint}", file=sys.stderr)
    return None


def released(client: Client, set_id: str, out: Path) -> Path:
    """Release a set that passed the gate and download its bundle to the folder `out`."""
    say("Releasing the set and downloading its bundle")
    release = client.release(set_id, purpose="Demonstration of synthgen", recipient="The reader of the README")
    release = client.await_bundle(release.id)
    out.mkdir(parents=True, exist_ok=True)
    return client.download(release.id, out / "bundle.zip")


def show_progress(job: Job) -> None:
    """One line that overwrites itself, or a line every tenth where output is not a terminal."""
    eta = f", about {job.eta_seconds:.0f} s left" if job.eta_seconds is not None and not job.finished else ""
    line = f"  {job.state}: {job.stage or 'waiting'} {100 * job.progress:.0f} %{eta}"
    if sys.stdout.isatty():
        print(f"\r{line:<78}", end="", flush=True)
    elif show_progress.last != (now := (job.stage, int(job.progress * 10))):  # type: ignore[attr-defined]
        show_progress.last = now  # type: ignore[attr-defined]
        print(line, flush=True)


show_progress.last = None  # type: ignore[attr-defined]


def show_scorecard(card: Scorecard, unseen: str = "records") -> None:
    """The scorecard as text: every score beside the hold-out, both ends of the dial, then the census."""
    say(f"Scorecard (the right-hand figure is what real, unseen {unseen} reach)")
    for result in card.results:
        print(f"  {result.family:<9} {result.title:<52} {number(result.value):>8}  {number(result.holdout):>8}")
        for figure in (f for f in result.figures if f.value is not None):
            label = figure.title or figure.name
            print(f"  {'':<9}   {label:<50} {number(figure.value):>8}  {number(figure.holdout):>8}")
    show_census(card.result("mode_census"))


def show_verdict(verdict: Verdict) -> None:
    """What the gate decided, rule by rule."""
    say(f"Verdict: {verdict.outcome.replace('_', ' ')} (policy {verdict.policy.name})")
    for reason in verdict.reasons:
        print(f"  {'met   ' if reason.passed else 'MISSED'} {reason.message}")


def show_census(census: MetricResult | None) -> None:
    """How many minority modes are represented, thin, lost or too few to tell, and the ten least represented."""
    if census is None:
        return
    say("Mode census: what became of the minorities")
    counts: dict[str, int] = {}
    for group in census.groups:
        counts[group.census] = counts.get(group.census, 0) + 1
    for word in ("represented", "thin", "lost", "too few to tell"):
        print(f"  {counts.get(word, 0):>5} {word}")
    told = [g for g in census.groups if g.value is not None and g.census != "too few to tell"]
    for group in sorted(told, key=ratio)[:10]:
        print(f"    {group.label[:58]:<58} {group.census:<12} {ratio(group):.2f} of its real share")


def ratio(group: GroupFigure) -> float:
    """Synthetic share over real share."""
    return group.value if group.value is not None else 0.0


def show_bundle(path: Path) -> None:
    """What the download holds."""
    say(f"Downloaded {path}")
    with zipfile.ZipFile(path) as bundle:
        for item in bundle.infolist():
            print(f"  {item.filename:<24} {item.file_size:>12,} bytes")


def number(value: float | None) -> str:
    """A figure, or a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def say(text: str) -> None:
    """A heading with the time since the start."""
    print(f"\n[{time.monotonic() - START:5.0f} s] {text}", flush=True)
