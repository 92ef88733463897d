"""The main job, end to end: a hospital table goes in through the API, queue and worker; a released bundle comes out.

python examples/demo.py [--data FILE] [--target COL] [--positive VALUE] [--time-budget SECONDS] [--out DIRECTORY]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the file can be run by its path

from examples.running import finished, released, say, show_bundle, show_scorecard, show_verdict, signed_in
from synthgen.client import Client

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run the demo; 0 when a bundle was downloaded."""
    wish = arguments()
    with signed_in() as client:
        return main_job(client, wish)


def main_job(client: Client, wish: argparse.Namespace) -> int:
    """Upload, train, score, review, release, download."""
    say(f"Uploading {wish.data.name}")
    dataset = client.await_dataset(client.upload(wish.data).id)
    show_schema(client.schema(dataset.id), dataset.rows or 0)
    say(f"Training for about {wish.time_budget} seconds, then sampling and scoring")
    spec = {"target": wish.target, "positive": wish.positive, "time_budget": wish.time_budget, "seed": 1}
    set_id = finished(client, client.submit(dataset.id, spec))
    if set_id is None:
        return 1
    verdict = client.verdict(set_id)
    show_scorecard(client.scorecard(set_id))
    show_verdict(verdict)
    if verdict.outcome == "blocked":
        print("The gate blocked this set; nothing is released.", file=sys.stderr)
        return 1
    show_bundle(released(client, set_id, wish.out))
    return 0


def show_schema(schema: dict[str, list[dict[str, str]]], rows: int) -> None:
    """What a few of the columns were read as, and why."""
    say(f"{rows:,} rows, {len(schema['columns'])} columns; some of them")
    for column in schema["columns"][:8]:
        print(f"  {column['name']:<26} {column['kind']:<10} {column['reason']}")


def arguments() -> argparse.Namespace:
    """What the caller wants; the defaults are the hospital table that ships with the project."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=HERE / "data" / "diabetes130_sample.csv.gz")
    parser.add_argument("--target", default="readmitted")
    parser.add_argument("--positive", default="<30")
    parser.add_argument("--time-budget", type=int, default=180)
    parser.add_argument("--out", type=Path, default=Path("demo-output"))
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
