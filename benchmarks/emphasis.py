"""Does the worst-case emphasis help small groups? `python -m benchmarks.emphasis --data adult --steps quarter`.

Arms, each with the same steps, batches and seeds: *excess* (ours: group weights from the critics' excess surprise),
*mean*, *log_frequency* (rows drawn as ctgan draws them: a discrete column, one of its values by log frequency, a row)
and *literal* (log-sum-exp over rows). Measured on hold-out rows: the surprise of a record's other columns given
its group's columns, averaged inside every census group with 20 to 100 people in training and at least 15 in the
hold-out, a list fixed before training. The difference to *excess* is paired over seeds, with a 95 % t interval.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import stats

from synthgen import catalog, pipeline
from synthgen.contracts import FitData, Group
from synthgen.pipeline import Prepared
from synthgen.runtime import RunContext
from synthgen.spec import ColumnOverride, RunSpec
from synthgen.tabular import io, planning
from synthgen.tabular.gan import AutoregressiveGAN
from synthgen.tabular.modes import people_in
from synthgen.tabular.params import AutoregressiveParams
from synthgen.tabular.task import GanTask

SHARED = Path(__file__).resolve().parents[2] / "shared"
FEWEST, MOST, UNSEEN = 20, 100, 15  # people of a group in training, at least as many in the hold-out
ARMS = ("excess", "mean", "log_frequency", "literal")
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
    """Run the arms on one table and print how they differ."""
    options = _options()
    found = {str(seed): {arm: _measured(options, arm, seed) for arm in options.arms} for seed in range(options.seeds)}
    report = {"data": options.data, "steps": options.steps, "seeds": found, "differences": _differences(found)}
    print(json.dumps(report["differences"], indent=1))
    if options.out:
        Path(options.out).write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="adult", help="start of a file name in the list of tables")
    parser.add_argument("--tables", type=Path, default=SHARED / "data" / "tables.csv")
    parser.add_argument("--steps", choices=SHARES, default="quarter", help="of the default number of steps")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--params", type=json.loads, default={}, help="more parameters of the generator, as JSON")
    parser.add_argument("--out", help="write everything as JSON to this file")
    return parser.parse_args()


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
    mean = float(model.surprise(holdout).mean())
    inside = [float(model.surprise(holdout[g.mask(holdout)], given=g.columns).mean()) for g in groups]
    trained = [float(model.surprise(data.train[g.mask(data.train)], given=g.columns).mean()) for g in groups]
    figures = {
        "groups": len(groups), "mean": mean, "inside": float(np.mean(inside)), "worst": max(inside),
        "train_inside": float(np.mean(trained)), "cpu_seconds": round(seconds, 1),
    }  # fmt: skip
    print(options.data, options.steps, seed, arm, json.dumps(figures), file=sys.stderr, flush=True)
    return figures


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


def _differences(found: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Excess minus each other arm, paired over seeds: mean and 95 % t interval (negative: the emphasis helps)."""
    arms = [a for a in next(iter(found.values())) if a != "excess"]
    out: dict[str, Any] = {}
    for arm in arms:
        for figure in ("inside", "mean", "worst"):
            d = np.array([run["excess"][figure] - run[arm][figure] for run in found.values()])
            half = float(stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d))) if len(d) > 1 else np.nan
            out[f"{figure} against {arm}"] = [
                round(float(d.mean()), 4),
                round(d.mean() - half, 4),
                round(d.mean() + half, 4),
            ]
    return out


if __name__ == "__main__":
    sys.exit(main())
