"""Does the worst-case emphasis help small groups? `python -m benchmarks.emphasis --data adult --steps quarter`.

Arms, each with the same steps, batches and seeds: *excess* (ours: group weights from the critics' excess surprise),
*mean*, *log_frequency* (rows drawn as ctgan draws them: a discrete column, one of its values by log frequency, a row)
and *literal* (log-sum-exp over rows). Measured on hold-out rows: the surprise of a record's other columns given
its group's columns, averaged inside every census group with 20 to 100 people in training and at least 15 in the
hold-out, a list fixed before training. The difference to *excess* is paired over seeds, with a 95 % t interval. Beside
it: the gap from training to hold-out inside the groups, and the pair score of as many drawn rows as the hold-out has.

Every run is kept under benchmarks/results/cache by the library's sources and its settings: a benchmark that was stopped
goes on where it was. `--publish` writes the table's result for `python -m benchmarks.report`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks import children, judging
from benchmarks.contestants import library
from benchmarks.tables import SHARED, digest
from synthgen import catalog, pipeline
from synthgen.contracts import FitData, Group
from synthgen.pipeline import Prepared
from synthgen.runtime import RunContext
from synthgen.spec import ColumnOverride, RunSpec, SampleSpec
from synthgen.tabular import io, planning
from synthgen.tabular.gan import AutoregressiveGAN
from synthgen.tabular.modes import people_in
from synthgen.tabular.params import AutoregressiveParams
from synthgen.tabular.task import GanTask

FEWEST, MOST, UNSEEN = 20, 100, 15  # people of a group in training, at least as many in the hold-out
ARMS = ("excess", "mean", "log_frequency", "literal")
SHOWN = ("inside", "worst", "mean", "gap", "pair", "groups", "cpu_seconds")
MEASURES = ("inside", "worst", "mean", "gap", "pair_loss")
SHARES = {"quarter": 0.25, "full": 1.0}


class _LogFrequencyTask(GanTask):
    """Batches as ctgan draws its conditions: every discrete column equally often, its values by log frequency."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = self.data.train.cpu().numpy()
        discrete = [i for i, ordered in enumerate(self.network.layout.ordered) if ordered == 0]
        shares = [_log_frequency(codes[:, i]) for i in discrete or range(codes.shape[1])]
        self.odds = np.mean(shares, axis=0)

    def _batch(self, step: int) -> np.ndarray:
        rng = self.ctx.rng(f"log frequency/{self.stage}/{step}")
        return rng.choice(len(self.odds), self.steps.batch, p=self.odds)


class _LogFrequencyGAN(AutoregressiveGAN):
    task: ClassVar[type[GanTask]] = _LogFrequencyTask


def _log_frequency(codes: np.ndarray) -> np.ndarray:
    """(rows,) odds of each row when a value is drawn by the log of its count and then one of its rows."""
    counts = np.bincount(codes)
    value = np.log(counts + 1.0)
    return np.asarray((value / value.sum() / np.maximum(counts, 1))[codes])


def main() -> int:
    """Run the arms on one table, print how they differ and the bars; returns the number of floors missed."""
    options = _options()
    os.environ.update(children.ONE_THREAD)
    runs = {str(seed): {arm: _kept(options, arm, seed) for arm in options.arms} for seed in range(options.seeds)}
    found = {"table": options.data, "emphasis": options.steps, "seeds": runs, "differences": differences(runs)}
    found["bars"] = bars(options.steps, found["differences"])
    print("\n".join(lines(found)))
    if options.publish:
        children.publish(found, options.publish, f"emphasis_{options.data}_{options.steps}")
    return sum(bar["outcome"] == "MISS" for bar in found["bars"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="adult", help="start of a file name in the list of tables")
    parser.add_argument("--tables", type=Path, default=SHARED / "data" / "tables.csv")
    parser.add_argument("--steps", choices=SHARES, default="quarter", help="of the default number of steps")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--params", type=json.loads, default={}, help="more parameters of the generator, as JSON")
    parser.add_argument("--judge", type=Path, default=judging.JUDGE)
    parser.add_argument("--publish", type=Path, help="also write the result as JSON in this folder")
    return parser.parse_args()


def _kept(options: argparse.Namespace, arm: str, seed: int) -> dict[str, Any]:
    """One arm with one seed, measured once for one state of the library."""
    asked = json.dumps([options.data, options.steps, arm, seed, options.params])
    key = f"emphasis-{options.data}-{arm}-{digest(library(), asked)}"
    figures = children.remembered(key, lambda: _measured(options, arm, seed))
    print(options.data, options.steps, seed, arm, json.dumps(figures), file=sys.stderr, flush=True)
    return figures


def _measured(options: argparse.Namespace, arm: str, seed: int) -> dict[str, Any]:
    ctx = RunContext(seed=seed)
    prepared = _prepared(options, ctx)
    modality = catalog.modality("tabular")
    data, schema, _ = modality.call("prepare", prepared.split.fitting, prepared.schema)
    split = prepared.split
    unseen = FitData(split.train, split.holdout, split.train_people, split.holdout_people)
    holdout = modality.call("prepare", unseen, prepared.schema)[0].validation
    groups = _fixed_groups(prepared, holdout)
    model, seconds = _fitted(arm, data, schema, prepared.groups, options, ctx)
    inside = [float(model.surprise(holdout[g.mask(holdout)], given=g.columns).mean()) for g in groups]
    trained = [float(model.surprise(data.train[g.mask(data.train)], given=g.columns).mean()) for g in groups]
    return {
        "groups": len(groups),
        "mean": float(model.surprise(holdout).mean()),
        "inside": float(np.mean(inside)),
        "worst": max(inside),
        "gap": float(np.mean(inside) - np.mean(trained)),
        "pair": (pair := _pair(model, data.train, holdout, options, ctx)),
        "pair_loss": -pair,
        "cpu_seconds": round(seconds, 1),
    }


def _pair(
    model: AutoregressiveGAN, train: pd.DataFrame, holdout: pd.DataFrame, options: argparse.Namespace, ctx: RunContext
) -> float:
    """The judge's pair score of as many rows as the hold-out has, against the training rows."""
    judge = judging.module(options.judge)
    made = pd.concat(model.sample(SampleSpec(resample="off"), len(holdout), ctx), ignore_index=True)
    texts = [f.astype(object).where(f.notna(), "").astype(str) for f in (train[list(made)], made)]
    (real, drawn), discrete, _ = judge.clean(texts[0], texts)
    return float(judge.shape(real, drawn, discrete)["pair"])


def _prepared(options: argparse.Namespace, ctx: RunContext) -> Prepared:
    """The table split by the seed; a test file of its own is not used, so that hold-outs differ between seeds."""
    table = next(row for row in csv.DictReader(options.tables.open(newline="")) if row["file"].startswith(options.data))
    dropped = [c for c in table["drop"].split(";") if c and c != table["person"]]
    columns = {c: ColumnOverride(drop=True) for c in dropped}
    spec = RunSpec(target=table["target"], columns=columns, seed=ctx.seed)
    return pipeline.prepare(io.read(options.tables.parent / "tabular" / table["file"]), spec, ctx)


def _fitted(
    arm: str, data: FitData, schema: Any, groups: Sequence[Group], options: argparse.Namespace, ctx: RunContext
) -> tuple[AutoregressiveGAN, float]:
    epochs = max(1, round(planning.useful_epochs(len(data.train)) * SHARES[options.steps]))
    reducer = {"excess": "log_sum_exp", "log_frequency": "mean"}.get(arm, arm)
    params = AutoregressiveParams(**{"epochs": epochs, "time_budget": 3600, **options.params, "reducer": reducer})
    kind = _LogFrequencyGAN if arm == "log_frequency" else AutoregressiveGAN
    began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    model = kind(params).fit(data, schema, groups, ctx.at("fit"))
    return model, resource.getrusage(resource.RUSAGE_SELF).ru_utime - began


def _fixed_groups(prepared: Prepared, holdout: pd.DataFrame) -> list[Group]:
    split = prepared.split
    return [
        g
        for g in prepared.groups
        if FEWEST <= people_in(g.mask(split.train), split.train_people) <= MOST and g.mask(holdout).sum() >= UNSEEN
    ]


def differences(runs: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, list[float]]]:
    """Excess minus each other arm, paired over seeds: mean and 95 % t interval (below 0: the emphasis lowers it)."""
    arms = [arm for arm in next(iter(runs.values())) if arm != "excess"]
    return {
        arm: {m: _paired([run["excess"][m] - run[arm][m] for run in runs.values()]) for m in MEASURES} for arm in arms
    }


def _paired(values: list[float]) -> list[float]:
    d = np.array(values)
    half = float(stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d))) if len(d) > 1 else float("inf")
    return [round(float(v), 4) for v in (d.mean(), d.mean() - half, d.mean() + half)]


def bars(steps: str, found: dict[str, dict[str, list[float]]]) -> list[dict[str, Any]]:
    """What is asked of one table; of the first bar at a quarter of the steps, on three tables of four."""
    out = []

    def bar(arm: str, measure: str, floor: float, value: int, why: str) -> None:
        if arm in found:
            d = found[arm][measure]
            outcome = "MISS" if d[value] > floor else "goal" if d[2] < 0 else "floor"
            out.append({"measure": f"{measure} - {arm}'s", "difference": d, "why": why, "outcome": outcome})

    if steps == "quarter":
        bar("mean", "inside", 0.0, 2, "the interval below 0")
        bar("log_frequency", "inside", 0.0, 0, "not above 0")
    else:
        bar("mean", "inside", 0.02, 0, "not above .02")
        bar("mean", "gap", 0.0, 1, "not larger beyond its interval")
        bar("mean", "pair_loss", 0.005, 0, "within .005")
    return out


def lines(found: dict[str, Any]) -> list[str]:
    """Means of the arms, differences and bars as text."""
    arms = list(next(iter(found["seeds"].values())))
    out = [f"{found['table']}, {found['emphasis']} of the steps, {len(found['seeds'])} seeds"]
    out += [f"{'':16s}" + "".join(f"{m:>12s}" for m in SHOWN)]
    for arm in arms:
        means = [np.mean([run[arm][m] for run in found["seeds"].values()]) for m in SHOWN]
        out.append(f"{arm:16s}" + "".join(f"{value:12.4f}" for value in means))
    for b in found["bars"]:
        d = b["difference"]
        out.append(f"  {b['measure']:28s}{d[0]:+9.4f} ({d[1]:+.4f} to {d[2]:+.4f})  {b['outcome']:5s} {b['why']}")
    return out


if __name__ == "__main__":
    sys.exit(main())
