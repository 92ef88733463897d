"""Missingness: are cells missing as often, and together, as in the real table?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from synthgen.runtime import RunContext
from synthgen.tabular.metrics.compared import Compared, Part
from synthgen.tabular.metrics.tables import Tables

COLUMNS = 60  # the columns with most gaps: pairs grow with the square of them


class Missingness(Compared):
    """Share of missing cells per column, and which columns are missing in the same rows."""

    name, title = "missingness", "Missing cells"
    better, best = "lower", 0.0
    traits: ClassVar[dict[str, str]] = {
        "share": "Difference of the share of missing cells, mean over columns",
        "together": "Difference of what is missing together, mean over pairs of columns",
    }
    explanation = (
        "Are cells missing as in the real table? Of every two columns with gaps, the total variation distance of what "
        "is missing in a row (neither, one, the other, both), mean over pairs; of a single one, the difference of its "
        "share of gaps. 0: the same."
    )
    source = "Total variation distance of missingness patterns."

    def _gauge(self, t: Tables, schema: Any, ctx: RunContext) -> _Gaps | str:
        shares = {c: max(f[c].isna().mean() for f in (t.train, t.holdout, t.synthetic)) for c in t.columns}
        columns = sorted((c for c, share in shares.items() if share > 0), key=lambda c: (-shares[c], c))[:COLUMNS]
        return _Gaps(t.train, sorted(columns)) if columns else "No cell is missing in any of the tables."

    def _total(self, parts: Sequence[Part], values: np.ndarray) -> float:
        """Over the pairs; over the column where there is only one."""
        pairs = np.array([part.trait == "together" for part in parts])
        return float(values[pairs].mean() if pairs.any() else values.mean())


class _Gaps:
    def __init__(self, train: pd.DataFrame, columns: list[str]) -> None:
        self.columns, self.pairs = columns, list(combinations(range(len(columns)), 2))
        alone = (Part(c, "column", (c,), "share") for c in columns)
        both = (tuple(columns[i] for i in pair) for pair in self.pairs)
        self.parts = (*alone, *(Part(" × ".join(pair), "column pair", pair, "together") for pair in both))
        self.real = self._shares(train)

    def __call__(self, frame: pd.DataFrame) -> np.ndarray:
        alone, joint = (np.abs(a - b) for a, b in zip(self._shares(frame), self.real, strict=True))
        return np.r_[alone, 0.5 * joint.sum(axis=1)]

    def _shares(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Share of gaps per column; per pair the shares of: neither, only the first, only the second, both."""
        gaps = frame[self.columns].isna().to_numpy().astype(float)
        n = max(len(gaps), 1)
        alone, both = gaps.sum(axis=0) / n, gaps.T @ gaps / n
        joint = [
            (1 - alone[i] - alone[j] + both[i, j], alone[i] - both[i, j], alone[j] - both[i, j], both[i, j])
            for i, j in self.pairs
        ]
        return alone, np.array(joint).reshape(-1, 4)
