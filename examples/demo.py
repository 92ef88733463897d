"""The main job, end to end: a hospital table goes in through the API, queue and worker; a released bundle comes out.

python examples/demo.py [--data FILE] [--target COL] [--positive VALUE] [--time-budget SECONDS] [--out DIRECTORY]
"""

from __future__ import annotations

import argparse
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

HERE = Path(__file__).resolve().parent
READY = re.compile(r"(http://\S+)/account/setup\?token=(\S+)")


def main() -> int:
    """Run the demo; 0 when a bundle was downloaded."""
    wish = arguments()
    with (
        tempfile.TemporaryDirectory(prefix="synthgen-demo-") as home,
        service(Path(home)) as (url, setup_token),
        Client(url) as client,
    ):
        password = secrets.token_urlsafe(16)
        client.set_up(setup_token, "steward", password)
        client.sign_in("steward", password)
        return main_job(client, wish)


def main_job(client: Client, wish: argparse.Namespace) -> int:
    """Upload, train, score, review, release, download."""
    say(f"Uploading {wish.data.name}")
    dataset = client.await_dataset(client.upload(wish.data).id)
    show_schema(client.schema(dataset.id), dataset.rows or 0)
    say(f"Training for about {wish.time_budget} seconds, then sampling and scoring")
    spec = {"target": wish.target, "positive": wish.positive, "time_budget": wish.time_budget, "seed": 1}
    job = client.follow(client.submit(dataset.id, spec).id, show_progress)
    print()
    if job.state != "succeeded" or job.set_id is None:
        print(f"The job {job.state}: {job.error} {job.hint}", file=sys.stderr)
        return 1
    verdict = client.verdict(job.set_id)
    show_scorecard(client.scorecard(job.set_id), verdict)
    if verdict.outcome == "blocked":
        print("The gate blocked this set; nothing is released.", file=sys.stderr)
        return 1
    say("Releasing the set and downloading its bundle")
    release = client.release(job.set_id, purpose="Demonstration of synthgen", recipient="The reader of the README")
    release = client.await_bundle(release.id)
    wish.out.mkdir(parents=True, exist_ok=True)
    show_bundle(client.download(release.id, wish.out / "bundle.zip"))
    return 0


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


def show_schema(schema: dict[str, list[dict[str, str]]], rows: int) -> None:
    """What a few of the columns were read as, and why."""
    say(f"{rows:,} rows, {len(schema['columns'])} columns; some of them")
    for column in schema["columns"][:8]:
        print(f"  {column['name']:<26} {column['kind']:<10} {column['reason']}")


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


def show_scorecard(card: Scorecard, verdict: Verdict) -> None:
    """The scorecard as text: every score beside the hold-out, the census, both ends of the dial, the verdict."""
    say("Scorecard (the right-hand figure is what real, unseen records reach)")
    for result in card.results:
        print(f"  {result.family:<9} {result.title:<52} {number(result.value):>8}  {number(result.holdout):>8}")
        for figure in (f for f in result.figures if f.value is not None):
            label = figure.title or figure.name
            print(f"  {'':<9}   {label:<50} {number(figure.value):>8}  {number(figure.holdout):>8}")
    show_census(card.result("mode_census"))
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


def arguments() -> argparse.Namespace:
    """What the caller wants; the defaults are the hospital table that ships with the project."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=HERE / "data" / "diabetes130_sample.csv.gz")
    parser.add_argument("--target", default="readmitted")
    parser.add_argument("--positive", default="<30")
    parser.add_argument("--time-budget", type=int, default=180)
    parser.add_argument("--out", type=Path, default=Path("demo-output"))
    return parser.parse_args()


START = time.monotonic()

if __name__ == "__main__":
    raise SystemExit(main())
