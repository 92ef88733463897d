"""Correlation: are columns as strongly related, and in the same direction, as in the real table?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from synthgen.contracts import Figure
from synthgen.measures.measure import FEWEST_ROWS
from synthgen.runtime import RunContext
from synthgen.tabular.metrics.compared import Compared, Part
from synthgen.tabular.metrics.tables import Tables

COLUMNS = 60  # pairs grow with the square of them
LEVELS = 40  # the commonest levels of a discrete column; all others are one more


class Correlation(Compared):
    """Difference of the association matrices, over columns of every kind."""

    name, title = "correlation", "Correlations"
    better, best, high = "lower", 0.0, 2.0
    most_columns: ClassVar[int | None] = COLUMNS
    explanation = (
        "How far is the association of two columns from that in the real table (mean over pairs; 0: the same)? "
        "Spearman's rank correlation of two numbers, Cramér's V of two discrete columns, the correlation ratio of one "
        "of each; missing is a level of a discrete column, and left out of numbers."
    )
    source = "Cramér's V corrected for its bias (Bergsma 2013); correlation ratio on ranks, corrected likewise."

    def _gauge(self, t: Tables, schema: Any, ctx: RunContext) -> _Associations | str:
        if len(t.columns) < 2:
            return "Fewer than two modelled columns."
        return _Associations(t)

    def _figures(self, parts: Sequence[Part], own: np.ndarray, held: np.ndarray) -> tuple[Figure, ...]:
        return (Figure(name="largest", title="Largest difference", value=float(own.max()), holdout=float(held.max())),)


class _Associations:
    """The association matrix of the training rows, and how far that of other rows is from it."""

    def __init__(self, t: Tables) -> None:
        self.t = t
        self.levels = {c: pd.Index(t.train[c].value_counts().index[:LEVELS]) for c in t.discrete}
        names = t.columns
        self.parts = tuple(Part(f"{a} × {b}", "column pair", (a, b)) for a, b in combinations(names, 2))
        self.real = self.matrix(t.train)

    def __call__(self, frame: pd.DataFrame) -> np.ndarray:
        return np.abs(self.matrix(frame) - self.real)

    def matrix(self, frame: pd.DataFrame) -> np.ndarray:
        """Association of every pair of columns, in the order of `parts`; 0 where one of them is constant."""
        k, n = len(self.t.discrete), len(self.t.columns)
        found = np.zeros((n, n))
        codes = [self._codes(frame[c], c) for c in self.t.discrete]
        ranks = frame[list(self.t.numeric)].rank()
        for i, j in combinations(range(k), 2):
            found[i, j] = cramers_v(codes[i], codes[j])
        for i in range(k):
            for j, c in enumerate(self.t.numeric):
                found[i, k + j] = correlation_ratio(codes[i], ranks[c].to_numpy())
        if n > k:
            found[k:, k:] = ranks.corr(min_periods=FEWEST_ROWS).fillna(0.0).to_numpy()
        return found[np.triu_indices(n, 1)]

    def _codes(self, values: pd.Series, column: str) -> np.ndarray:
        """0 is missing, 1 every rarer level."""
        codes = self.levels[column].get_indexer(pd.Index(values)) + 2
        return np.where(values.isna().to_numpy(), 0, codes)


def cramers_v(a: np.ndarray, b: np.ndarray) -> float:
    """Cramér's V of two columns of codes, 0 to 1, corrected for its bias in small samples (Bergsma 2013)."""
    n = len(a)
    table = np.bincount(a * (b.max(initial=0) + 1) + b, minlength=(a.max(initial=0) + 1) * (b.max(initial=0) + 1))
    table = table.reshape(-1, b.max(initial=0) + 1)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    r, c = table.shape
    if min(r, c) < 2 or n < 2:
        return 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi = max(0.0, float(((table - expected) ** 2 / expected).sum()) / n - (r - 1) * (c - 1) / (n - 1))
    side = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    return min(1.0, float(np.sqrt(phi / side))) if side > 0 else 0.0


def correlation_ratio(codes: np.ndarray, values: np.ndarray) -> float:
    """Square root of the share of the variance of `values` that lies between levels, 0 to 1, corrected for its bias."""
    filled = ~np.isnan(values)
    codes, values = np.unique(codes[filled], return_inverse=True)[1], values[filled]
    n, levels = len(values), int(codes.max(initial=-1)) + 1
    if n < FEWEST_ROWS or levels < 2 or n <= levels:
        return 0.0
    counts, sums = np.bincount(codes), np.bincount(codes, values)
    middle = values.mean()
    whole = float(((values - middle) ** 2).sum())
    between = float((counts * (sums / counts - middle) ** 2).sum())
    if whole <= 0:
        return 0.0
    return float(np.sqrt(max(0.0, 1 - (1 - between / whole) * (n - 1) / (n - levels))))
