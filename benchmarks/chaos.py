"""Accidents against real processes: `python -m benchmarks.chaos [--db sqlite|postgres] [--seeds N] [--parts a,b,...]`.

Web server, workers, trainer children, broker and database run as they do in service, with a trainer that only hashes
and sleeps (`chaos_trainer`) where the training itself is not the point. Each part prints its figures beside the bars.
A part that was measured before is read from the cache; `--again` measures it anew. `--publish DIR` writes the result.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import chaos_kills, chaos_places, chaos_rules
from benchmarks.bars import Bar
from benchmarks.chaos_site import Database
from benchmarks.children import CACHE, publish, remembered

Part = Callable[[Database, int], list[Bar]]
PARTS: Mapping[str, tuple[str, Part]] = {
    "a": ("every kind of process killed at random points", chaos_kills.kills),
    "a-claim": ("re-claim after a SIGKILL", chaos_kills.reclaims),
    "b": ("frozen past the lease, thawed; and without the fence", chaos_rules.frozen),
    "c-publish": ("killed between commit and publication", chaos_kills.publisher_killed),
    "c-flush": ("the broker emptied", chaos_kills.flushed),
    "c-away": ("the database away", chaos_kills.away),
    "c-cut": ("connections cut after COMMIT", chaos_kills.cut),
    "d": ("going on from a checkpoint", chaos_rules.resumed),
    "e": ("cancelled at random points", chaos_rules.cancelled),
    "f": ("jobs that harm: poison, memory, time, silence", chaos_rules.harmful),
    "g": ("a full disk", chaos_places.full_disk),
    "h": ("synthgen up as an ordinary user without network", chaos_places.ordinary_user),
    "i": ("two machines that share database, broker and store", chaos_places.two_machines),
}


def main() -> int:
    """Run the parts asked for; 0 if every bar is met."""
    asked = _arguments()
    found = {part: _measure(part, asked) for part in asked.parts}
    bars = [bar for part in found.values() for bar in part["bars"]]
    if asked.publish:
        result = {"chaos": asked.db, "table": f"chaos, {asked.db}", "seeds": asked.seeds, "bars": bars, "parts": found}
        publish(result, asked.publish, f"chaos_{asked.db}")
    return 1 if any(bar["outcome"] == "MISS" for bar in bars) else 0


def _measure(part: str, asked: argparse.Namespace) -> dict[str, Any]:
    title, run = PARTS[part]
    seeds = asked.seeds if part == "a" else 1
    key = f"chaos-{part}-{asked.db}-{seeds}"
    if asked.again:
        (CACHE / f"{key}.json").unlink(missing_ok=True)
    print(f"\n{part}: {title} ({asked.db}, {seeds} seeds)", flush=True)
    found = remembered(key, lambda: _run(run, asked))
    for bar in found["bars"]:
        print(Bar.of(bar).line())
    for reason in found["skipped"]:
        print(f"skipped: {reason}")
    print(f"{found['seconds']:.0f} s", flush=True)
    return found


def _run(part: Part, asked: argparse.Namespace) -> dict[str, Any]:
    began = time.monotonic()
    bars: list[dict[str, Any]] = []
    skipped: list[str] = []
    try:
        bars = [bar.entry() for bar in part(asked.db, asked.seeds)]
    except chaos_places.NotHere as reason:
        skipped.append(str(reason))
    return {"bars": bars, "skipped": skipped, "seconds": round(time.monotonic() - began, 1)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seeds", type=int, default=3, help="repetitions of part a")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS), help="a,b,...: all")
    parser.add_argument("--again", action="store_true", help="measure also what was measured before")
    parser.add_argument("--publish", type=Path, help="folder for the result as JSON")
    asked = parser.parse_args()
    chosen = [part for part in PARTS if {part, part.split("-")[0]} & set(asked.parts)]
    if not chosen:
        parser.error(f"no such part; there are {', '.join(PARTS)}, and c for all that begin so")
    asked.parts = chosen
    return asked


if __name__ == "__main__":
    sys.exit(main())
