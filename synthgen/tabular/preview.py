"""What a reviewer sees before and after: rows as text, a small histogram per column, real against synthetic shares.

Everything here holds cell values and is for those who may see the source; releases get a coarser rendering elsewhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from synthgen.contracts import Plot, Source, Split, SyntheticSet
from synthgen.spec import RunSpec
from synthgen.tabular import dates
from synthgen.tabular.conversion import typed_column, written
from synthgen.tabular.marks import cells_of
from synthgen.tabular.people import people_per_code
from synthgen.tabular.schema import NUMERIC, TIMES, Column, Schema
from synthgen.tabular.splitting import refusal
from synthgen.tabular.wishes import is_text

MOST_PLOTS = 60
MOST_COUNTED = 300
MOST_BARS = 20
MOST_BINS = 12
LONGEST_TEXT = 80
MISSING, OTHERS = "missing", "all others"


@dataclass(frozen=True)
class Bins:
    """The bins of one column: values for words and few numbers, else edges; `missing` is always the last bin.

    Behind edges, each text among the numbers or dates has a bin of its own. `codes` puts each value of a typed column
    into a bin; `labels` names them.
    """

    column: Column
    labels: tuple[str, ...]
    values: tuple[Any, ...] = ()
    edges: np.ndarray | None = None

    def codes(self, cells: pd.Series) -> np.ndarray:
        """The bin of each cell, as integers."""
        last = len(self.labels) - 1
        if self.edges is not None:
            filled = np.searchsorted(self.edges, _ordered(cells, self.column), side="right")
            for i, (_, stood) in enumerate(cells_of(self.column.marks, self.column.kind)):
                filled[(cells == stood).to_numpy()] = len(self.edges) + 1 + i
        else:
            place = {value: i for i, value in enumerate(self.values)}
            codes, uniques = pd.factorize(cells)
            filled = np.array([*(place.get(value, last - 1) for value in uniques), last])[codes]
        return np.where(cells.isna(), last, filled)


def _ordered(cells: pd.Series, column: Column) -> np.ndarray:
    """Numbers, or dates as microseconds since 1970."""
    if column.kind in TIMES:
        return cells.to_numpy("datetime64[us]").astype(np.int64).astype(float)
    return cells.to_numpy(float)


def make_bins(cells: pd.Series, column: Column) -> Bins:
    """Bins for one typed column: its commonest values, or round edges near its quantiles."""
    filled = cells.dropna()
    counts = filled.value_counts()
    if column.kind in TIMES or (column.kind in NUMERIC and len(counts) > MOST_BARS):
        filled = filled[~is_text(column, filled)]
        edges = _round_edges(_ordered(filled, column), column)
        texts = [text[:LONGEST_TEXT] for text, _ in column.marks]
        return Bins(column, (*_edge_labels(edges, column), *texts, MISSING), edges=edges)
    ordered = sorted(counts.index[:MOST_BARS]) if column.kind in NUMERIC else list(counts.index[:MOST_BARS])
    if column.order:
        place = {value: i for i, value in enumerate(column.order)}
        ordered.sort(key=lambda value: place.get(value, len(place)))
    names: Sequence[str] = list(written(pd.Series(ordered, dtype=cells.dtype), column)) if ordered else []
    return Bins(column, (*map(str, names), OTHERS, MISSING), values=tuple(ordered))


def _round_edges(values: np.ndarray, column: Column) -> np.ndarray:
    """Inner edges near the quantiles, rounded to a twentieth of the middle range: none is anybody's own value."""
    if not len(values):
        return np.array([0.0])
    points = np.quantile(values, np.linspace(0, 1, MOST_BINS + 1)[1:-1])
    width = max((points[-1] - points[0]) / MOST_BINS, 1e-9)
    step = 10.0 ** np.floor(np.log10(width))
    if column.kind in TIMES:
        step = max(step, 86_400e6 if (column.grid_seconds or 1) >= 86_400 or width > 86_400e6 else 60e6)
    elif column.kind == "integer":
        step = max(step, 1.0)
    return np.unique(np.round(points / step) * step)


def _edge_labels(edges: np.ndarray, column: Column) -> list[str]:
    if column.kind in TIMES:
        moments = edges.astype(np.int64).astype("datetime64[us]")
        names = list(dates.write(moments, "%Y-%m-%d" if (column.grid_seconds or 1) >= 86_400 else "%Y-%m-%d %H:%M"))
    else:
        names = [f"{edge:.6g}" for edge in edges]
    between = [f"{low} to {high}" for low, high in itertools.pairwise(names)]
    return [f"below {names[0]}", *between, f"{names[-1]} and above"]


def preview(source: Source, schema: Schema, rows: int = 20) -> dict[str, Any]:
    """JSON for the schema page: first rows as text, and per column kind, reason, gaps and a small histogram.

    `refused` says why no generator could be trained on the table; empty when one can.
    """
    raw: pd.DataFrame = source.data
    columns = [_column_preview(c, raw[c.name], place < MOST_COUNTED) for place, c in enumerate(schema.columns)]
    refused = refusal(schema, _people(raw, schema))
    return {
        "name": source.name,
        "row_count": len(raw),
        "columns": columns,
        "rows": _shown(raw[schema.names].head(rows)),
        "notes": list(source.notes),
        "person": schema.person,
        "target": schema.target,
        "refused": "" if refused is None else str(refused),
    }


def _people(raw: pd.DataFrame, schema: Schema) -> int:
    """How many people the table is about; a row without a key is a person of its own."""
    if schema.person is None:
        return len(raw)
    keys = pd.Series(typed_column(raw[schema.person], schema.column(schema.person)))
    return int(keys.nunique()) + int(keys.isna().sum())


def _column_preview(column: Column, raw: pd.Series, counted: bool) -> dict[str, Any]:
    """What is shown of one column; only the first columns of a very wide table are counted."""
    known: dict[str, Any] = {
        "name": column.name,
        "kind": column.kind,
        "reason": column.reason,
        "warning": column.warning,
        "missing": None,
        "distinct": None,
        "format": _shown_format(column),
        "histogram": {},
    }
    return {**known, **_counts(column, raw)} if counted else known


def _shown_format(column: Column) -> str:
    """How dates are written; the order of categories."""
    if column.order:
        names = [name[:LONGEST_TEXT] for name in column.order]
        middle = [*names[:MOST_BARS], f"({len(names) - MOST_BARS - 1} more)", names[-1]]
        return f"ordered category: {' < '.join(names if len(names) <= MOST_BARS + 1 else middle)}"
    return dates.shown_format(column.date_format) if column.date_format else ""


def _counts(column: Column, raw: pd.Series) -> dict[str, Any]:
    cells = pd.Series(typed_column(raw, column), name=column.name)
    missing = len(raw) if column.kind == "empty" else int(cells.isna().sum())
    counted: dict[str, Any] = {"missing": missing, "distinct": int(cells.nunique())}
    if column.modelled:
        bins = make_bins(cells, column)
        counts = np.bincount(bins.codes(cells), minlength=len(bins.labels))
        shown = [i for i, label in enumerate(bins.labels) if counts[i] or label not in (MISSING, OTHERS)]
        counted["histogram"] = {"labels": [bins.labels[i] for i in shown], "counts": [int(counts[i]) for i in shown]}
    return counted


def set_preview(synthetic: SyntheticSet, schema: Schema, rows: int = 20) -> dict[str, Any]:
    """JSON with the first rows of a synthetic set as they will be written."""
    first = next(iter(synthetic.chunks())).head(rows)
    text = pd.DataFrame({column.name: written(first[column.name], column) for column in schema.columns})
    columns = [{"name": column.name, "kind": column.kind} for column in schema.columns]
    return {"row_count": synthetic.rows, "columns": columns, "rows": _shown(text), "notes": list(synthetic.notes)}


def _shown(frame: pd.DataFrame) -> list[list[str]]:
    """Cells as text, long ones cut."""
    return [["" if _absent(cell) else str(cell)[:LONGEST_TEXT] for cell in row] for row in frame.to_numpy(object)]


def _absent(cell: object) -> bool:
    return cell is None or cell is pd.NaT or cell is pd.NA or cell != cell


def plots(split: Split, synthetic: SyntheticSet, schema: Schema, spec: RunSpec) -> tuple[Plot, ...]:
    """Real (training) and synthetic shares over the same bins for the first modelled columns, with people per bin."""
    train: pd.DataFrame = split.train
    bins = [make_bins(train[column.name], column) for column in schema.modelled[:MOST_PLOTS]]
    made = [np.zeros(len(each.labels), dtype=np.int64) for each in bins]
    for chunk in synthetic.chunks():
        for total, each in zip(made, bins, strict=True):
            total += np.bincount(each.codes(chunk[each.column.name]), minlength=len(each.labels))
    return tuple(
        _plot(each, train[each.column.name], split.train_people, total, spec.k_floor)
        for each, total in zip(bins, made, strict=True)
    )


def _plot(bins: Bins, real: pd.Series, owners: np.ndarray | None, made: np.ndarray, k: int) -> Plot:
    codes = bins.codes(real)
    counts = np.bincount(codes, minlength=len(bins.labels))
    people = counts if owners is None else people_per_code(codes, owners, len(bins.labels))
    keep = [i for i in range(len(bins.labels)) if counts[i] or made[i]]
    return Plot(
        column=bins.column.name,
        kind=_plot_kind(bins),
        bins=tuple(bins.labels[i] for i in keep),
        real=_shares(counts, keep),
        synthetic=_shares(made, keep),
        real_counts=tuple(int(people[i]) for i in keep),
        suppressed=tuple(bool(people[i] < k) for i in keep),
    )


def _plot_kind(bins: Bins) -> Literal["category", "number", "date"]:
    if bins.column.kind in TIMES:
        return "date"
    return "category" if bins.edges is None else "number"


def _shares(counts: np.ndarray, keep: Sequence[int]) -> tuple[float, ...]:
    total = max(1, int(counts.sum()))
    return tuple(float(counts[i]) / total for i in keep)
