"""Fit, sample and judge one table: `python -m benchmarks.tabular --data adult --seed 0`.

Goes through the library's own steps and writes the synthetic CSV as a user gets it. The figures come from a neutral
judge that shares no code with synthgen (`--judge PATH`, else SYNTHGEN_JUDGE, else ../shared/tools/judge_tabular.py),
run as a process of its own. The bars are those of the first milestone; each is printed beside its figure.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from synthgen import pipeline
from synthgen.contracts import Split
from synthgen.pipeline import Model, Prepared
from synthgen.runtime import RunContext
from synthgen.spec import ColumnOverride, RunSpec, SampleSpec
from synthgen.tabular import conversion, io, modes, sets

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
FIT_SECONDS = 150


def main() -> int:
    """Run one benchmark; returns the number of bars that were missed."""
    options = _options()
    table = _table(options.tables, options.data)
    spec = _spec(options, table)
    ctx = RunContext(seed=options.seed)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(options.out or folder)
        out.mkdir(parents=True, exist_ok=True)
        prepared = _prepare(options.tables.parent / "tabular", table, spec, ctx, out)
        began = _cpu_seconds()
        model = pipeline.fit(prepared, spec, ctx)
        fit_seconds = _cpu_seconds() - began
        _sample(model, prepared, spec, ctx, out)
        figures = _judge(options.judge, table, out)
    figures |= {"fit_cpu_seconds": round(fit_seconds, 1), "peak_memory_mib": _peak_mib()}
    print(json.dumps({"table": options.data, "seed": options.seed, **figures}, indent=1))
    return _compare(figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="adult", help="start of a file name in the list of tables")
    parser.add_argument("--tables", type=Path, default=SHARED / "data" / "tables.csv", help="the list of tables")
    parser.add_argument("--generator", default="auto")
    parser.add_argument("--params", type=json.loads, default={}, help="the generator's parameters, as JSON")
    parser.add_argument("--time-budget", type=int, default=180)
    parser.add_argument("--resample", default="2x", choices=["off", "2x", "4x"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="keep train.csv, test.csv and the synthetic CSV in this folder")
    default = os.environ.get("SYNTHGEN_JUDGE", str(SHARED / "tools" / "judge_tabular.py"))
    parser.add_argument("--judge", type=Path, default=Path(default))
    return parser.parse_args()


def _table(tables: Path, name: str) -> dict[str, str]:
    if not tables.exists():
        sys.exit(f"There is no list of tables at {tables}; name one with --tables.")
    with tables.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith(name)]
    if not rows:
        sys.exit(f"No table of the list starts with {name!r}.")
    return rows[0]


def _spec(options: argparse.Namespace, table: dict[str, str]) -> RunSpec:
    dropped = [c for c in table["drop"].split(";") if c and c != table["person"]]
    return RunSpec(
        generator=options.generator,
        params=options.params,
        target=table["target"],
        columns={c: ColumnOverride(drop=True) for c in dropped},
        time_budget=options.time_budget,
        seed=options.seed,
        sample=SampleSpec(resample=options.resample, seed=options.seed),
    )


def _prepare(data: Path, table: dict[str, str], spec: RunSpec, ctx: RunContext, out: Path) -> Prepared:
    """Schema, split and census; train.csv and test.csv for the judge. An official test file replaces the hold-out."""
    source = io.read(data / table["file"])
    prepared = pipeline.prepare(source, spec, ctx)
    if table["test_file"]:
        prepared = _without_holdout(prepared, spec)
        source.data.to_csv(out / "train.csv", index=False)
        io.read(data / table["test_file"]).data.to_csv(out / "test.csv", index=False)
        return prepared
    split, schema = prepared.split, prepared.schema
    conversion.presented(pd.concat([split.train, split.validation]), schema).to_csv(out / "train.csv", index=False)
    conversion.presented(split.holdout, schema).to_csv(out / "test.csv", index=False)
    return prepared


def _without_holdout(prepared: Prepared, spec: RunSpec) -> Prepared:
    """The rows set aside go back to training: the official test file is the hold-out."""
    old = prepared.split
    train = pd.concat([old.train, old.holdout], ignore_index=True)
    split = Split(train, old.validation, old.holdout.head(0))
    return replace(prepared, split=split, groups=modes.census(split, prepared.schema, spec))


def _sample(model: Model, prepared: Prepared, spec: RunSpec, ctx: RunContext, out: Path) -> None:
    rows = len(prepared.split.train) + len(prepared.split.validation)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        chunks = pipeline.draw(model, prepared.schema, spec.sample, rows, spec, ctx)
        made = sets.write(chunks, prepared.schema, Path(folder) / "set", spec.sample, spec.generator)
        (text, *_) = [p for p in sets.export(made, prepared.schema, Path(folder) / "export") if p.suffix == ".csv"]
        (out / "synthetic.csv").write_bytes(text.read_bytes())
    print(f"{rows} rows sampled and written in {time.process_time() - began:.1f} CPU seconds", file=sys.stderr)


def _judge(judge: Path, table: dict[str, str], out: Path) -> dict[str, Any]:
    if not judge.exists():
        print(f"No judge at {judge} (--judge names one): nothing was scored.", file=sys.stderr)
        return {}
    command = [sys.executable, str(judge), *(str(out / f"{name}.csv") for name in ("train", "test", "synthetic"))]
    command += ["--target", table["target"], "--drop", table["drop"].replace(";", ",")]
    command += ["--positive", table["positive"]] if table["positive"] else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"The judge failed: {done.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _cpu_seconds() -> float:
    """CPU seconds of this process and of its finished children."""
    return sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime for who in _WHO)


def _peak_mib() -> int:
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


_WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _compare(f: dict[str, Any]) -> int:
    """Print every bar beside its figure; how many were missed."""
    bars = [("fit_cpu_seconds", "<=", float(FIT_SECONDS))]
    if "pair" in f:
        bars += [
            ("pair", ">=", f["pair_holdout"] - 0.02),
            ("detection_auc", "<=", 0.62),
            ("dcr_share", "<=", 0.5 + 3 * f["dcr_se"]),
            ("near_copies", "<=", 0.02),
            ("copied_numbers", "<=", f["copied_numbers_holdout"] + 0.02),
        ]
        bars += [("rare_3_recall", ">=", 0.98)] if "rare_3_recall" in f else []
        bars += [("tstr_ap", ">=", 0.77)] if "tstr_ap" in f else []
    missed = 0
    for name, sign, bound in bars:
        passed = f[name] <= bound if sign == "<=" else f[name] >= bound
        missed += not passed
        print(f"{name:16s} {f[name]:9.4f}   {sign} {bound:.4f}   {'pass' if passed else 'MISS'}")
    print("The bars were set for adult; on other tables read them beside the hold-out's figures.")
    return missed


if __name__ == "__main__":
    sys.exit(main())
