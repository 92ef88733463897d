"""Our generator and its peers on one table, side by side, by a judge that shares no code with us.

    python -m benchmarks.tabular --data adult --against mostlyai,gaussian_copula,smote --seeds 0,1,2
    python -m benchmarks.tabular --data my.csv --target outcome --against ctgan,tvae --plot mine.png

DATA is the start of a name in the list of tables (--tables) or any file. Everybody gets the same train.csv and is
judged against the same test.csv. Each fit is a child process; what it made is kept under benchmarks/results/cache by
the hash of its training data, settings and version, so that a run that was stopped goes on where it was, and a peer's
run is read again from the result under --publish where its data, settings, version and judge are the same (its seconds
are then of that day). A fit above --limit CPU seconds is cut and marked. Peers run once per split (the first seed), we
with every seed. Peers: ctgan and tvae (the package's own interface, 300 epochs), mostlyai (benchmarks/peers/mostlyai.sh
makes its environment), gaussian_copula, smote, independent, or any generator of the catalog. The judge: --judge, else
SYNTHGEN_JUDGE, else ../shared/tools/judge_tabular.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import bars, children, contestants, judging, tables
from benchmarks.contestants import Contestant
from benchmarks.tables import Table

SHOWN = (
    "marginal", "pair", "rare_3_recall", "rare_3_log2", "worst_tenth", "detection_auc", "tstr_auc", "tstr_ap",
    "tstr_worst_recall", "tstr_r2", "dcr_share", "near_copies", "copied_numbers", "copied_per_10k",
    "fit_cpu_seconds", "rows_a_second", "rows_a_second_plain", "peak_memory_mib",
)  # fmt: skip


def main() -> int:
    """Run one benchmark; returns the number of floors that were missed."""
    options = _options()
    os.environ.update(children.ONE_THREAD)
    judging.must_be(options.judge)
    table = tables.named(options.data, options.tables, options.target, options.positive)
    name = table.name + (f"-{options.sample}" if options.sample else "")
    name += f"-{len(options.splits)}-splits" if len(options.splits) > 1 else ""
    out = options.out or children.RESULTS / name
    settings = {"time_budget": options.time_budget, "resample": options.resample}
    mine = contestants.ours(options.generator, options.params, **settings)
    peers = [contestants.peer(peer) for peer in filter(None, options.against.split(","))]
    found = {"table": name, "target": table.target, "ours": mine.asked, "note": options.note}
    found |= compare(table, mine, peers, options, out, published(options.publish, name))
    held = _bars(found, mine.name)
    found["bars"] = [bar.entry() for bar in held]
    print(shown(found["contestants"]))
    print("\n".join(["", f"{'':26s}{'figure':>10s}  {'floor':>12s}{'goal':>10s}", *(bar.line() for bar in held)]))
    _keep(found, out, options)
    return sum(bar.outcome == "MISS" for bar in held)


def compare(
    table: Table,
    mine: Contestant,
    peers: list[Contestant],
    options: argparse.Namespace,
    out: Path,
    before: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Every contestant on every split: its runs and their mean; peers' runs from `before` where they are there."""
    runs: dict[str, list[dict[str, Any]]] = {c.name: [] for c in (mine, *peers)}
    for number in options.splits:
        folder = out / f"split{number}"
        train, test = tables.split(table, number, options.sample, folder)
        fresh = _fresh(options.judge, table, train, test, folder) if len(options.splits) > 1 else {}
        for contestant in (mine, *peers):
            for seed in options.seeds if contestant is mine else options.seeds[:1]:
                key = f"{contestant.key(train, table, seed)}-{tables.digest(test, options.judge)}"
                run = before.get(key) if contestant is not mine else None
                if run is None:
                    made = folder / f"{contestant.name}-{seed}.csv"
                    run = {"split": number, "seed": seed, "key": key}
                    run |= contestant.fit(train, table, seed, made, options.limit)
                    if run["status"] == "ok":
                        run |= _judged(options.judge, table, train, test, made, theirs=contestant is not mine)
                    run |= {"test_positives": _positives(table, test)} | (fresh if contestant is mine else {})
                runs[contestant.name].append(run)
                _tell(contestant.name, run)
    return {"contestants": {name: {"mean": mean(made), "runs": made} for name, made in runs.items()}}


def _judged(judge: Path, table: Table, train: Path, test: Path, made: Path, theirs: bool) -> dict[str, Any]:
    """The judge's figures; a peer's table that the judge cannot read is marked, and the others go on."""
    try:
        return judging.judged(judge, table, train, test, made)
    except judging.JudgeFailed as problem:
        if not theirs:
            raise
        return {"status": "not judged", "why": str(problem)[-600:]}


def published(folder: Path | None, name: str) -> dict[str, dict[str, Any]]:
    """Runs of an earlier result that came to an end, by what they hang on."""
    path = folder / f"{name}.json" if folder else None
    if path is None or not path.exists():
        return {}
    found = json.loads(path.read_text())["contestants"].values()
    return {run["key"]: run for made in found for run in made["runs"] if "key" in run and run["status"] == "ok"}


def mean(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean of every figure over the runs that came to an end, its spread over them, and how they ended."""
    done = [run for run in runs if run["status"] == "ok"]
    if not done:
        return {"status": runs[0]["status"], "limit": runs[0]["limit"], "cpu_seconds": runs[0]["cpu_seconds"]}
    for run in done:
        run["rows_a_second"] = round(run["rows"] / max(run["sample_cpu_seconds"], 1e-3))
        if "plain_cpu_seconds" in run:
            run["rows_a_second_plain"] = round(run["rows"] / max(run["plain_cpu_seconds"], 1e-3))
    names = [k for k, v in done[0].items() if isinstance(v, int | float) and all(k in run for run in done)]
    out = {k: round(float(np.mean([run[k] for run in done])), 4) for k in names}
    if len(done) > 1:
        out |= {f"{k}_sd": round(float(np.std([run[k] for run in done], ddof=1)), 4) for k in bars.PAIRED if k in out}
        out |= {"dcr_share_fresh_se": _standard_error(done)} if "dcr_share_fresh" in out else {}
    return out | {"status": "ok", "runs": len(done)}


def shown(found: dict[str, Any]) -> str:
    """The table as text: one line a measure, one column a contestant, the hold-out's own figures first."""
    means = {name: made["mean"] for name, made in found.items()}
    lines = [f"{'':18s}{'hold-out':>12s}" + "".join(f"{name:>18s}" for name in means)]
    for measure in SHOWN:
        if not any(measure in m for m in means.values()):
            continue
        ideal = next((m for m in means.values() if f"{measure}_holdout" in m), {}).get(f"{measure}_holdout")
        real = next((m for m in means.values() if measure.replace("tstr", "trtr") in m), {})
        ideal = real.get(measure.replace("tstr", "trtr")) if measure.startswith("tstr") else ideal
        cells = [f"{ideal:12.4f}" if ideal is not None else " " * 12]
        cells += [f"{m[measure]:18.4f}" if measure in m else f"{_ended(m):>18s}" for m in means.values()]
        lines.append(f"{measure:18s}" + "".join(cells))
    return "\n".join(lines)


def _ended(mean: dict[str, Any]) -> str:
    """How a contestant without a figure ended; nothing is said of one that has no such figure."""
    return "" if mean["status"] == "ok" else str(mean["status"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="adult")
    parser.add_argument("--tables", type=Path, default=tables.TABLES)
    parser.add_argument("--target", help="a column to predict; the list of tables names one for its own")
    parser.add_argument("--positive", help="the class of the target that counts as positive")
    parser.add_argument("--against", default="", help="peers, separated by commas")
    parser.add_argument("--seeds", type=_numbers, default=[0], help="seeds of our fits")
    parser.add_argument(
        "--splits", type=_numbers, default=[0], help="seeds of the split; several give means over splits"
    )
    parser.add_argument("--sample", "--rows", type=int, help="train everybody on so many rows only")
    parser.add_argument("--generator", default="auto")
    parser.add_argument("--params", type=json.loads, default={}, help="our generator's parameters, as JSON")
    parser.add_argument("--time-budget", type=int, default=180)
    parser.add_argument("--resample", default="2x", choices=["off", "2x", "4x"])
    parser.add_argument("--limit", type=float, default=children.LIMIT_SECONDS, help="CPU seconds a fit may take")
    parser.add_argument("--judge", type=Path, default=judging.JUDGE)
    parser.add_argument("--out", type=Path, help="where the CSV files and result.json go")
    parser.add_argument("--publish", type=Path, help="also write the result as JSON in this folder")
    parser.add_argument("--note", default="", help="what a reader of the figures should know, kept with the result")
    parser.add_argument("--plot", type=Path, help="write a figure (needs the extra `bench`)")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _bars(found: dict[str, Any], mine: str) -> list[bars.Bar]:
    means = {who: made["mean"] for who, made in found["contestants"].items()}
    if means[mine]["status"] != "ok":
        sys.exit(f"Our own fit did not end well: {found['contestants'][mine]['runs'][0]}")
    peers = {who: m for who, m in means.items() if who != mine and m["status"] == "ok"}
    return bars.applying(found["table"], means[mine], peers)


def _keep(found: dict[str, Any], out: Path, options: argparse.Namespace) -> None:
    """Write the result as JSON, and its figure where one was asked for."""
    for path in [out / "result.json", *([options.publish / f"{found['table']}.json"] if options.publish else [])]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n")
    if options.plot:
        from benchmarks import figure

        figure.draw(found, options.plot)


def _fresh(judge: Path, table: Table, train: Path, test: Path, folder: Path) -> dict[str, Any]:
    """What real rows that nobody copied score as `dcr_share`: half of the test rows in the place of a synthetic set."""
    rows = pd.read_csv(test, dtype=str, keep_default_na=False)
    halves = folder / "fresh_test.csv", folder / "fresh.csv"
    rows.iloc[::2].to_csv(halves[0], index=False)
    rows.iloc[1::2].to_csv(halves[1], index=False)
    return {"dcr_share_fresh": judging.judged(judge, table, train, *halves)["dcr_share"]}


def _positives(table: Table, test: Path) -> int:
    """Rows of the positive class in the test file, or of the rarest class where none is named."""
    if table.target is None:
        return 1
    counts = pd.read_csv(test, dtype=str, usecols=[table.target])[table.target].str.strip().value_counts()
    return int(counts.get(table.positive, counts.min()))


def _standard_error(runs: list[dict[str, Any]]) -> float:
    return round(float(np.std([run["dcr_share_fresh"] for run in runs], ddof=1) / np.sqrt(len(runs))), 4)


def _tell(name: str, run: dict[str, Any]) -> None:
    seconds = run.get("fit_cpu_seconds", run["cpu_seconds"])
    line = f"{name}, split {run['split']}, seed {run['seed']}: {run['status']}, {seconds:.0f} CPU s, "
    print(line + f"{run['peak_memory_mib']} MiB {run.get('why', '')}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
