"""The scorecard's figures beside the same from outside, called directly on the same rows; and what each one costs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import judging
from benchmarks.plants import Case
from benchmarks.tables import Table
from synthgen import catalog, pipeline, scoring
from synthgen.contracts import Entry, Scorecard
from synthgen.runtime import RunContext
from synthgen.spec import AttackPlan, RunSpec, SampleSpec
from synthgen.tabular import io

SHARES, CURVES = 0.02, 0.04  # shares of the same rows; scores of a learner of another make
JUDGED = {
    "marginal": SHARES, "pair": SHARES, "detection": CURVES, "closest_record": CURVES, "copied_rows": 0.001,
    "utility/ap": CURVES,
}  # fmt: skip
THEIRS = {
    "detection": "detection_auc", "closest_record": "dcr_share", "copied_rows": "copied_per_10k",
    "utility/ap": "tstr_ap",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One figure by us and by somebody else."""

    measure: str
    ours: float
    theirs: float
    room: float

    @property
    def outcome(self) -> str:
        """Whether the two agree."""
        return "agrees" if abs(self.ours - self.theirs) <= self.room else "MISS"


def compared(case: Case, made: pd.DataFrame) -> Iterator[Line]:
    """Every figure that somebody else computes too, on a frame in the place of a synthetic set."""
    card = scorecard(case, made, {*(name.partition("/")[0] for name in JUDGED), "quality"})
    yield from _judge(case, made, card)
    yield from _sdmetrics(case, made, card)


def scorecard(case: Case, made: pd.DataFrame, names: set[str]) -> Scorecard:
    """Some metrics of a frame in the place of a synthetic set."""
    entries = {n: e for n, e in catalog.modality("tabular").metrics.items() if n in names}
    return _scored(case.prepared, made, case.spec, entries)


def seconds(table: Table, rows: int, size: str) -> dict[str, Any]:
    """CPU seconds of every metric with a plan on `rows` training rows; the set is drawn by a Gaussian copula."""
    frame = io.read(table.file).data.drop(columns=list(table.drop))
    unseen = io.read(table.test_file).data[frame.columns] if table.test_file else frame.sample(rows // 2)
    spec = RunSpec(
        target=table.target,
        generator="gaussian_copula",
        holdout_share=0,
        attacks=AttackPlan.model_validate({"size": size}),
    )
    ctx, modality = RunContext(), catalog.modality("tabular")
    prepared = pipeline.prepare(modality.call("from_memory", frame.iloc[:rows]), spec, ctx)
    holdout = modality.call("typed", unseen.reset_index(drop=True), prepared.schema)
    prepared = replace(prepared, split=replace(prepared.split, holdout=holdout, holdout_people=None))
    model = pipeline.fit(prepared, spec, ctx)
    made = pd.concat(pipeline.draw(model, prepared.schema, SampleSpec(), rows, spec, ctx), ignore_index=True)
    found, began = {}, time.process_time()
    for name, entry in modality.metrics.items():
        _scored(prepared, made, spec, {name: entry}, model.generator)
        found[name], began = round(time.process_time() - began, 1), time.process_time()
    return {"seconds": found, "cpu_seconds_scoring": round(sum(found.values()), 1)}


def _scored(prepared: Any, made: pd.DataFrame, spec: RunSpec, entries: dict[str, Entry], generator: Any = None) -> Any:
    ctx = replace(RunContext(seed=spec.seed).at("score"), attacks=spec.attacks)
    with tempfile.TemporaryDirectory() as folder:
        drawn = catalog.modality("tabular").call(
            "write", iter([made]), prepared.schema, Path(folder), SampleSpec(), "given"
        )
        return scoring.score(entries, prepared.split, drawn, prepared.schema, prepared.groups, ctx, generator)


def _judge(case: Case, made: pd.DataFrame, card: Scorecard) -> Iterator[Line]:
    """The outside judge, which shares no code with the library, on the same three frames as text."""
    judge = judging.module()
    frames = [_as_text(f) for f in (case.train, case.prepared.split.holdout[case.train.columns], made)]
    theirs = judge.judge(*frames, target=case.spec.target, positive=case.spec.positive)
    theirs["copied_per_10k"] /= 1e4
    for name, room in JUDGED.items():
        ours = _figure(card, name)
        yield Line(f"judge: {name}", ours, float(theirs[THEIRS.get(name, name)]), room)


def _sdmetrics(case: Case, made: pd.DataFrame, card: Scorecard) -> Iterator[Line]:
    from sdmetrics.reports.single_table import QualityReport

    kinds = {c: {"sdtype": "categorical"} for c in case.discrete} | {c: {"sdtype": "numerical"} for c in case.numeric}
    report = QualityReport()
    report.generate(case.train[list(kinds)], made[list(kinds)], {"columns": kinds}, verbose=False)
    yield Line("sdmetrics: quality", _figure(card, "quality"), float(report.get_score()), SHARES)


def _figure(card: Scorecard, name: str) -> float:
    metric, _, figure = name.partition("/")
    result = card.result(metric)
    assert result is not None, metric
    found = next((f for f in result.figures if f.name == figure), result) if figure else result
    return float("nan") if found.value is None else found.value


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Cells as a CSV file would hold them: the judge decides on kinds by itself."""
    return (
        frame.astype(object)
        .where(frame.notna(), "")
        .map(lambda v: f"{v:.15g}" if isinstance(v, float | np.floating) else str(v))
    )
