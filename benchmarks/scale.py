"""Rows, columns and levels against time and memory: `python -m benchmarks.scale --rows 10000,100000 --columns 20`.

Each size is a made table of mixed kinds whose columns share three causes, written as CSV, and one child process that
reads, prepares, fits and samples it. A line per size: CPU seconds of each part, rows sampled a second, what the run
took at its peak above the data as read, and what was estimated before. With --judge the pair score of a sample against
fresh rows of the same law, both as large as --sample. Every size is kept by the library's sources and its settings, so
that a benchmark that was stopped goes on; `--publish` writes the result for `python -m benchmarks.report`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import children, judging
from benchmarks.bars import Bar
from benchmarks.contestants import library
from benchmarks.tables import digest

MOST_MIB, LARGE, LEAST_PAIR = 8192, 1_000_000, 0.95
MIB = 1 << 20
CAUSES = 3
SHOWN = (
    "rows", "columns", "levels", "read_s", "prepare_s", "fit_s", "steps", "epochs", "sampled_per_s", "data_mib",
    "above_data_mib", "estimate_mib", "pair", "pair_ideal",
)  # fmt: skip


def main() -> int:
    """Run every size; returns the number of sizes that failed."""
    options = _options()
    if options.child:
        print(json.dumps(child(options.child, options)))
        return 0
    lines = []
    print("".join(f"{name:>15s}" for name in SHOWN))
    for columns, levels, rows in product(options.columns, options.levels, options.rows):
        lines.append({"rows": rows, "columns": columns, "levels": levels, **kept(rows, columns, levels, options)})
        print("".join(f"{_cell(lines[-1].get(name)):>15s}" for name in SHOWN), flush=True)
    held = [bar for line in lines for bar in bars(line)]
    print("\n".join(bar.line() for bar in held))
    if options.publish:
        told = [bar.entry() for bar in held]
        name = f"scale_{'_'.join(map(str, options.columns))}_columns_{max(options.levels)}_levels"
        children.publish({"scale": True, "table": "made", "sizes": lines, "bars": told}, options.publish, name)
    return sum("failed" in line for line in lines) + sum(bar.outcome == "MISS" for bar in held)


def bars(line: dict[str, Any]) -> list[Bar]:
    """What is asked of one size: memory, and pairs where the table is large."""
    size = f"{line['rows']:,} x {line['columns']}, {line['levels']:,} levels"
    found = []
    if "above_data_mib" in line:
        found.append(Bar(f"{size}: MiB", line["above_data_mib"], "<=", MOST_MIB))
    if "pair" in line and line["rows"] >= LARGE:
        found.append(Bar(f"{size}: pair", line["pair"], ">=", LEAST_PAIR))
    return found


def kept(rows: int, columns: int, levels: int, options: argparse.Namespace) -> dict[str, Any]:
    """One size, measured once for one state of the library."""
    told = {
        k: v
        for k, v in vars(options).items()
        if k in ("sample", "resample", "generator", "time_budget", "seed", "judge")
    }
    key = f"scale-{digest(library(), json.dumps([rows, columns, levels, told]))}"
    return children.remembered(key, lambda: measured(rows, columns, levels, options))


def made(rows: int, columns: int, levels: int, seed: int) -> pd.DataFrame:
    """A table of mixed kinds: half categories (Zipf, `levels` the most), numbers, counts, dates; some cells missing."""
    law, rng = np.random.default_rng(1), np.random.default_rng(seed)
    causes = rng.standard_normal((rows, CAUSES))
    out = {}
    for i in range(columns):
        loads = law.standard_normal(CAUSES)
        value = causes @ loads / np.linalg.norm(loads) + 0.7 * rng.standard_normal(rows)
        out[f"c{i}"] = _column(i, value / 1.22, levels if i % 8 == 0 else 2 + 3 * (i % 7), rng)
    return pd.DataFrame(out)


def measured(rows: int, columns: int, levels: int, options: argparse.Namespace) -> dict[str, Any]:
    """One child process on a made table."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        made(rows, columns, levels, options.seed).to_csv(place / "train.csv", index=False)
        command = [sys.executable, "-m", "benchmarks.scale", "--child", folder, *sys.argv[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stderr.strip()[-500:], file=sys.stderr)
            return {"failed": done.stderr.strip().splitlines()[-1:]}
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found | (_pair(place, columns, levels, options) if options.judge else {})


def child(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Read, prepare, fit and sample `folder`/train.csv; the sample goes to `folder`/synthetic.csv."""
    from synthgen import pipeline
    from synthgen.runtime import RunContext
    from synthgen.spec import RunSpec, SampleSpec
    from synthgen.tabular import io, sets

    request = SampleSpec(rows=options.sample, resample=options.resample, seed=options.seed)
    spec = RunSpec(generator=options.generator, time_budget=options.time_budget, seed=options.seed, sample=request)
    ctx, watch = RunContext(seed=options.seed), Stopwatch()
    source = io.read(folder / "train.csv")
    data = int(source.data.memory_usage(deep=True).sum())
    watch.lap("read_s")
    prepared = pipeline.prepare(source, spec, ctx)
    watch.lap("prepare_s")
    model = pipeline.fit(prepared, spec, ctx)
    watch.lap("fit_s")
    peak = children.peak_memory()
    drawn = pipeline.draw(model, prepared.schema, request, options.sample, spec, ctx)
    table = sets.write(drawn, prepared.schema, folder / "set", request, "autoregressive_gan")
    watch.lap("sample_s")
    sets.export_file(table, prepared.schema, folder / "synthetic.csv")
    report = model.generator.report()
    steps = sum(stage["steps"] for stage in report["stages"])
    return {
        **watch.laps,
        "steps": steps,
        "epochs": round(steps / report["steps_per_epoch"], 1),
        "sampled_per_s": round(options.sample / watch.laps["sample_s"]),
        "data_mib": data // MIB,
        "above_data_mib": (peak - data) // MIB,
        "estimate_mib": report["estimate"]["memory_bytes"] // MIB,
    }


class Stopwatch:
    """CPU seconds of this process between laps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.process_time()

    def lap(self, name: str) -> None:
        """The seconds since the last lap, under a name."""
        now = time.process_time()
        self.laps[name], self._last = round(now - self._last, 1), now


def _column(i: int, value: np.ndarray, levels: int, rng: np.random.Generator) -> np.ndarray | pd.Series:
    kind = ("category", "number", "category", "count", "category", "amount", "category", "date")[i % 8]
    if kind == "category":
        edges = np.cumsum(1 / np.arange(1, levels + 1))
        place = np.argsort(np.argsort(value)) / len(value)
        cells = np.char.add(f"v{i}_", np.searchsorted(edges / edges[-1], place).astype(str)).astype(object)
        cells[rng.random(len(value)) < 0.02] = None
        return cells
    if kind == "number":
        return np.where(rng.random(len(value)) < 0.03, np.nan, np.round(50 + 12 * value, 1))
    if kind == "count":
        return np.maximum(0, np.round(3 + 2 * value)).astype(int)
    if kind == "amount":
        return np.round(np.exp(5 + value), 2)
    return pd.Series(np.datetime64("2020-01-01") + np.round(400 + 150 * value).astype("timedelta64[D]"))


def _pair(place: Path, columns: int, levels: int, options: argparse.Namespace) -> dict[str, Any]:
    """The judge's pair score of the sample, and that of other fresh rows: the best there can be."""
    for name, seed in (("fresh", 101), ("other", 102)):
        made(options.sample, columns, levels, options.seed + seed).to_csv(place / f"{name}.csv", index=False)
    judge = judging.module()
    real, *others = (judge.read(str(place / f"{name}.csv")) for name in ("fresh", "synthetic", "other"))
    (real, *others), kinds, _ = judge.clean(real, [real, *others])
    pairs = [round(float(judge.shape(real, rows, kinds)["pair"]), 4) for rows in others]
    return {"pair": pairs[0], "pair_ideal": pairs[1]}


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=_numbers, default=[10_000, 100_000], help="sizes, with commas")
    parser.add_argument("--columns", type=_numbers, default=[20])
    parser.add_argument("--levels", type=_numbers, default=[100], help="levels of every eighth column")
    parser.add_argument("--sample", type=int, default=50_000, help="rows to draw")
    parser.add_argument("--resample", choices=["off", "2x", "4x"], default="off")
    parser.add_argument("--generator", default="autoregressive_gan")
    parser.add_argument("--time-budget", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judge", action="store_true", help="score the pairs of columns of each sample")
    parser.add_argument("--publish", type=Path, help="also write the result as JSON in this folder")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
