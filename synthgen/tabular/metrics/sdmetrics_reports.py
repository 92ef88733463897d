"""The quality and diagnostic scores of sdmetrics, with none of its errors hidden."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from synthgen.contracts import Figure, Generator, Group, MetricResult, Split, Status, SyntheticSet
from synthgen.measures.measure import FEWEST_ROWS, Measure
from synthgen.runtime import RunContext
from synthgen.tabular.metrics.tables import Tables, sample, tables

MOST_ROWS, MOST_CELLS, MOST_COLUMNS = 5_000, 60_000, 40
LEVELS = 50  # more levels of a column than this are counted as one


class _Report(Measure):
    """Runs one report of sdmetrics on synthetic rows and on as many hold-out rows."""

    family: ClassVar[Literal["fidelity"]] = "fidelity"
    report: ClassVar[str]
    pairs: ClassVar[bool]

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """The report's overall score; its properties as figures; an error of any of its parts is an error here."""
        t = tables(split, synthetic, schema, ctx)
        if not t.columns:
            return self.not_applicable("No modelled column.")
        if t.equal_rows < FEWEST_ROWS or len(t.train) < FEWEST_ROWS:
            return self.insufficient(f"Fewer than {FEWEST_ROWS} rows to compare.")
        ours, held = t.equal(ctx)
        columns = _columns(t, ctx) if self.pairs else list(t.columns)
        rows = max(500, min(MOST_ROWS, MOST_CELLS // len(columns))) if self.pairs else max(len(t.train), t.equal_rows)
        cut = [sample(f, rows, ctx.rng("rows")) for f in (t.train, ours, held)]
        real, *others = _readable(t, columns, cut, LEVELS if self.pairs else None)
        found, beside = (self._run(real, other, _metadata(t, columns)) for other in others)
        if isinstance(found, str) or isinstance(beside, str):
            reason = found if isinstance(found, str) else str(beside)
            return self.result(Status.ERROR, reason=f"sdmetrics reported {reason}.")
        figures = [
            Figure(name=name.lower().replace(" ", "_"), title=name, value=value, holdout=beside.get(name))
            for name, value in found.items()
            if name != "overall"
        ]
        return self.result(value=found["overall"], holdout=beside["overall"], figures=tuple(figures))

    def _run(self, real: pd.DataFrame, other: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, float] | str:
        """Property -> score with "overall", or the first error's class name."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sdmetrics.reports import single_table

            report = getattr(single_table, self.report)()
            report.generate(real, other, metadata, verbose=False)
        return _scores(report)


def _scores(report: Any) -> dict[str, float] | str:
    properties = report.get_properties().set_index("Property")["Score"]
    for name in properties.index:
        details = report.get_details(name)
        for error in details["Error"].dropna() if "Error" in details else ():
            if not str(error).startswith("ConstantInputError"):  # a constant column has no correlation: not a fault
                return str(error).split(":")[0]
    found = {str(k): float(v) for k, v in properties.items() if np.isfinite(v)}
    overall = float(report.get_score())
    return {**found, "overall": overall} if found and np.isfinite(overall) else "no score"


def _columns(t: Tables, ctx: RunContext) -> list[str]:
    """At most 40 columns: pairs grow with the square of them."""
    if len(t.columns) <= MOST_COLUMNS:
        return list(t.columns)
    chosen = np.sort(ctx.rng("columns").choice(len(t.columns), MOST_COLUMNS, replace=False))
    return [t.columns[i] for i in chosen]


def _readable(t: Tables, columns: list[str], frames: list[pd.DataFrame], most: int | None) -> list[pd.DataFrame]:
    """The frames as sdmetrics takes them; levels beyond the `most` commonest become one, missing stays missing."""
    out: list[dict[str, Any]] = [{} for _ in frames]
    for c in columns:
        common = set(t.train[c].value_counts().index[:most]) if c in t.discrete else set()
        for made, frame in zip(out, frames, strict=True):
            values = frame[c]
            if c in t.discrete:
                kept = values.isin(common) if most else values.notna()
                shown = np.where(kept, values, "(other)").astype(object)
                shown[values.isna().to_numpy()] = None
                values = pd.Series(shown, dtype=object)
            made[c] = values
    return [pd.DataFrame(made) for made in out]


def _metadata(t: Tables, columns: list[str]) -> dict[str, Any]:
    kinds = {c: {"sdtype": "categorical" if c in t.discrete else "numerical"} for c in columns}
    return {"columns": kinds}


class Quality(_Report):
    """QualityReport: column shapes and column pair trends."""

    name, title, report = "quality", "sdmetrics quality score", "QualityReport"
    pairs = True
    explanation = "The quality score of sdmetrics: shapes of single columns and trends of column pairs; 1 is best."
    source = "sdmetrics QualityReport."


class Diagnostic(_Report):
    """DiagnosticReport: validity and structure."""

    name, title, report = "diagnostic", "sdmetrics diagnostic score", "DiagnosticReport"
    pairs = False
    explanation = (
        "The diagnostic score of sdmetrics: do values stay within what was seen, and is the table's structure kept? "
        "1 is best."
    )
    source = "sdmetrics DiagnosticReport."
