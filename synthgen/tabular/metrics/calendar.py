"""Dates: do weekdays, months, month ends, hours and the days between two dates come as in the real table?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from synthgen.runtime import RunContext
from synthgen.tabular.grid import DAY
from synthgen.tabular.marks import Marks
from synthgen.tabular.metrics.compared import Compared, Part
from synthgen.tabular.metrics.tables import Tables, variation
from synthgen.tabular.modes import DATES

Coder = Callable[[pd.DataFrame], np.ndarray]
MOST_PAIRS, BINS = 40, 10


class Dates(Compared):
    """Weekday, month, month end, hour and intervals of date columns."""

    name, title = "dates", "Dates"
    traits: ClassVar[dict[str, str]] = {
        "weekday": "Days of the week",
        "month": "Months",
        "month_end": "First and last days of months",
        "hour": "Hours of the day",
        "interval": "Days between two dates",
    }
    explanation = (
        "Do dates behave as in the real table? Total variation distance of weekdays, months, first and last days of "
        "months, hours where times are written, and of the days between every two dates, turned into a similarity; 1: "
        "the same, 0: nothing in common."
    )
    source = "Total variation distance; intervals in tenths of the training rows, with an edge at 0."

    def _gauge(self, t: Tables, schema: Any, ctx: RunContext) -> _Calendar | str:
        columns = [c.name for c in schema.modelled if c.kind in DATES and c.name in t.numeric]
        if not columns:
            return "No column of dates."
        pairs = list(combinations(columns, 2))
        if len(pairs) > MOST_PAIRS:
            pairs = [pairs[i] for i in np.sort(ctx.rng("date pairs").choice(len(pairs), MOST_PAIRS, replace=False))]
        marked = {c.name: c.marks for c in schema.modelled if c.name in columns and c.marks}
        return _Calendar(t.train, columns, pairs, marked)


class _Calendar:
    """Every part coded; texts that stand among the dates (`marked`) are missing: they are no days."""

    def __init__(
        self, train: pd.DataFrame, columns: list[str], pairs: list[tuple[str, str]], marked: dict[str, Marks]
    ) -> None:
        self.marked = marked
        train = self._bare(train)
        found = [made for c in columns for made in _of_column(c, train)]
        found += [_of_pair(a, b, train) for a, b in pairs]
        self.parts = tuple(part for part, _, _ in found)
        self.coders = [(coder, size, coder(train)) for _, coder, size in found]

    def __call__(self, frame: pd.DataFrame) -> np.ndarray:
        frame = self._bare(frame)
        return np.array([max(0.0, 1 - variation(real, code(frame), size)) for code, size, real in self.coders])

    def _bare(self, frame: pd.DataFrame) -> pd.DataFrame:
        days = {name: [stood / DAY for _, stood in marks] for name, marks in self.marked.items()}
        return frame.assign(**{name: frame[name].mask(frame[name].isin(found)) for name, found in days.items()})


def _of_column(column: str, train: pd.DataFrame) -> Iterator[tuple[Part, Coder, int]]:
    """What is looked at in one column of days since 1970; missing is one more value of each."""
    coders: dict[str, tuple[Callable[[np.ndarray], np.ndarray], int]] = {
        "weekday": (lambda days: (np.floor(days).astype(int) + 3) % 7, 7),
        "month": (lambda days: _months(days).astype(int) % 12, 12),
        "month_end": (_month_end, 3),
    }
    filled = train[column].dropna().to_numpy()
    if (filled % 1 != 0).any():
        coders["hour"] = (lambda days: np.clip((days % 1) * 24 + 1e-6, 0, 23).astype(int), 24)
    for trait, (code, size) in coders.items():
        title = trait.replace("_", " ")
        part = Part(f"{column}: {title}", "column", (column,), trait)
        yield part, _coder(column, code), size + 1


def _coder(column: str, code: Callable[[np.ndarray], np.ndarray]) -> Coder:
    def coded(frame: pd.DataFrame) -> np.ndarray:
        days = frame[column].to_numpy()
        gap = np.isnan(days)
        return np.where(gap, 0, code(np.where(gap, 0.0, days)) + 1)

    return coded


def _months(days: np.ndarray) -> np.ndarray:
    return np.floor(days).astype("int64").astype("datetime64[D]").astype("datetime64[M]")


def _month_end(days: np.ndarray) -> np.ndarray:
    """0: the first day of a month, 1: the last, 2: another."""
    whole = np.floor(days).astype("int64")
    first = whole.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype("int64")
    following = (_months(days) + 1).astype("datetime64[D]").astype("int64")
    return np.where(whole == first, 0, np.where(whole == following - 1, 1, 2))


def _of_pair(a: str, b: str, train: pd.DataFrame) -> tuple[Part, Coder, int]:
    """The days from one date to another, in tenths of the training rows and never across 0."""
    gaps = (train[b] - train[a]).dropna().to_numpy()
    inner = np.quantile(gaps, np.linspace(0, 1, BINS + 1)[1:-1]) if len(gaps) else np.empty(0)
    edges = np.unique(np.r_[inner, 0.0])

    def coded(frame: pd.DataFrame) -> np.ndarray:
        days = (frame[b] - frame[a]).to_numpy()
        return np.where(np.isnan(days), 0, np.searchsorted(edges, days) + 1)

    return Part(f"{a} to {b}: days between", "column pair", (a, b), "interval"), coded, len(edges) + 2
