"""Can membership be told where it must be, and not where it must not? `python -m benchmarks.membership`.

Two models of one table: *overfitted* on 300 rows, neither stopped nor kept at its best validation, without dropout and
emphasis, and *default* on 20,000 rows. Every membership attack of the scorecard is made on both, on the whole and on
the pooled minorities. The bars: some attack, black or white box, tells members of the overfitted model with an area of
at least .8; none reaches .53 on the default. Seconds and memory are those of the attacks alone.

Figures are kept under benchmarks/results/cache by the library's sources and the settings; `--publish` writes the result
for `python -m benchmarks.report`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks import children
from benchmarks.bars import Bar
from benchmarks.contestants import library
from benchmarks.tables import SHARED, Table, digest, named
from synthgen import catalog, pipeline
from synthgen.contracts import MetricResult, Source
from synthgen.pipeline import Model, Prepared
from synthgen.runtime import RunContext
from synthgen.scoring import score
from synthgen.spec import ColumnOverride, RunSpec
from synthgen.tabular import io
from synthgen.tabular.gan import AutoregressiveGAN
from synthgen.tabular.params import AutoregressiveParams
from synthgen.tabular.task import GanTask

ATTACKS = ("membership", "membership_density", "membership_likelihood")
OVERFITTED, DEFAULT = 300, 20_000  # training rows
EPOCHS = 300
TELLS, TELLS_NOT = 0.8, 0.53


class _UnstoppedTask(GanTask):
    """Every validation is the best so far: nothing stops training, and its last weights are the ones kept."""

    seen = 0

    def validate(self) -> float:
        super().validate()
        self.seen += 1
        return -float(self.seen)


class _UnstoppedGAN(AutoregressiveGAN):
    task: ClassVar[type[GanTask]] = _UnstoppedTask


def main() -> int:
    """Attack both models, print figures and bars; returns the number of bars missed."""
    options = _options()
    os.environ.update(children.ONE_THREAD)
    table = named(options.data, options.tables)
    found = {model: _kept(table, model, options.seed) for model in options.models}
    told = bars(found)
    print("\n".join([*(line for name in found for line in lines(name, found[name])), *(bar.line() for bar in told)]))
    if options.publish:
        outcome = [bar.entry() for bar in told]
        result = {"scorecard": "membership", "table": table.name, "models": found, "bars": outcome}
        children.publish(result, options.publish, "scorecard_membership")
    return sum(bar.outcome == "MISS" for bar in told)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="adult_train", help="start of a file name in the list of tables, or a file")
    parser.add_argument("--tables", type=Path, default=SHARED / "data" / "tables.csv")
    parser.add_argument("--models", nargs="+", choices=("overfitted", "default"), default=["overfitted", "default"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--publish", type=Path, help="also write the result as JSON in this folder")
    return parser.parse_args()


def _kept(table: Table, model: str, seed: int) -> dict[str, Any]:
    """The figures of one model, measured once for one state of the library."""
    key = f"membership-{table.name}-{model}-{digest(library(), Path(__file__), str(seed))}"
    found = children.remembered(key, lambda: _measured(table, model, seed))
    print(table.name, model, json.dumps(found["attacks"]), file=sys.stderr, flush=True)
    return found


def _measured(table: Table, name: str, seed: int) -> dict[str, Any]:
    """Fit, draw as many rows as were trained on, attack."""
    ctx = RunContext(seed=seed)
    spec, prepared = _prepared(table, name, ctx)
    model = _overfitted(prepared, spec, ctx) if name == "overfitted" else pipeline.fit(prepared, spec, ctx)
    rows = len(prepared.split.train)
    with tempfile.TemporaryDirectory() as folder:
        chunks = pipeline.draw(model, prepared.schema, spec.sample, rows, spec, ctx)
        modality = catalog.modality("tabular")
        drawn = modality.call("write", chunks, prepared.schema, Path(folder), spec.sample, model.generator.name, [])
        began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        chosen = {attack: modality.metrics[attack] for attack in ATTACKS}
        split, schema = prepared.split, prepared.schema
        card = score(chosen, split, drawn, schema, prepared.groups, ctx.at("score"), model.generator)
        spent = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "rows": rows,
        "holdout_rows": len(prepared.split.holdout),
        "attacks": {result.metric: _figures(result) for result in card.results},
        "cpu_seconds": round(spent.ru_utime - began, 1),
        "peak_memory_mib": children.peak_memory() // children.MIB,
    }


def _prepared(table: Table, name: str, ctx: RunContext) -> tuple[RunSpec, Prepared]:
    """So many rows of the table that the training part has as many as asked; a small table keeps a large hold-out."""
    wanted, held = (OVERFITTED, 0.45) if name == "overfitted" else (DEFAULT, 0.2)
    spec = RunSpec(
        target=table.target,
        columns={c: ColumnOverride(drop=True) for c in table.drop if c != table.person},
        holdout_share=held,
        seed=ctx.seed,
    )
    source = io.read(table.file)
    rows = np.sort(ctx.rng("rows").permutation(len(source.data))[: round(wanted / (1 - held - spec.validation_share))])
    cut = Source(source.name, source.data.iloc[rows].reset_index(drop=True), source.sha256, source.layout)
    return spec, pipeline.prepare(cut, spec, ctx)


def _overfitted(prepared: Prepared, spec: RunSpec, ctx: RunContext) -> Model:
    modality = catalog.modality("tabular")
    data, schema, keys = modality.call("prepare", prepared.split.fitting, prepared.schema)
    params = AutoregressiveParams(emphasis=0, dropout=0, epochs=EPOCHS, time_budget=3600)
    fitted = _UnstoppedGAN(params).fit(data, schema, prepared.groups, ctx.at("fit"))
    return Model(fitted, keys, rules=modality.call("learn_constraints", prepared.split.fitting, prepared.schema, spec))


def _figures(result: MetricResult) -> dict[str, Any]:
    """An attack's figures, on the whole and the highest of any population."""
    areas = [g for g in result.groups if g.value is not None and g.holdout == 0.5]
    worst = max(areas, key=lambda g: g.value or 0.0, default=None)
    return {
        "status": result.status.value,
        "auc": result.value,
        "interval": [result.interval.low, result.interval.high] if result.interval else None,
        "p_value": result.p_value,
        "attempts": result.attempts,
        **{figure.name: figure.value for figure in result.figures},
        "populations": len(areas),
        "worst_population": worst.label if worst is not None and worst.kind == "pool" else None,
        "worst_auc": worst.value if worst is not None else None,
        "worst_p_value": worst.p_value if worst is not None else None,
    }


def bars(found: dict[str, dict[str, Any]]) -> list[Bar]:
    """The highest area of any attack on each model, beside what is asked; nothing measured is a miss."""
    best = {
        name: [a["auc"] for a in model["attacks"].values() if a["auc"] is not None] for name, model in found.items()
    }
    told = []
    if "overfitted" in best:
        told.append(Bar("auc, overfitted", max(best["overfitted"], default=float("nan")), ">=", TELLS, against="best"))
    if "default" in best:
        told.append(Bar("auc, default", max(best["default"], default=float("nan")), "<=", TELLS_NOT, against="best"))
    return told


def lines(name: str, model: dict[str, Any]) -> list[str]:
    """One model's attacks as text."""
    out = [
        f"{name}: {model['rows']} rows trained on, {model['holdout_rows']} in the hold-out; attacks took"
        f" {model['cpu_seconds']} CPU s, peak {model['peak_memory_mib']} MiB"
    ]
    for attack, f in model["attacks"].items():
        if f["auc"] is None:
            out.append(f"  {attack:24s}{f['status']}")
            continue
        sure = "".join(f"  {n} {f[n]:.4f}" for n in ("tpr_at_1", "tpr_at_01") if f[n] is not None)
        low, high = f["interval"]
        worst = f"  worst of {f['populations']} pools {f['worst_auc']:.4f}" if f["worst_auc"] is not None else ""
        out.append(f"  {attack:24s}auc {f['auc']:.4f} ({low:.4f} to {high:.4f}) p {f['p_value']:.3f}{sure}{worst}")
    return out


if __name__ == "__main__":
    sys.exit(main())
