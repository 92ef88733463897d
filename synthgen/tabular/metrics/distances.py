"""Distances between records: standardised numbers, one-hot levels, nearest neighbours in blocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from synthgen.tabular.metrics.tables import Tables

LEVELS, MOST_LEVELS = 200, 4_000
BLOCK = 1_000


def space(t: Tables) -> Callable[[pd.DataFrame], np.ndarray]:
    """A map from rows to vectors: two levels of a column are 1 apart, numbers count in standard deviations."""
    levels = {c: pd.Index(t.train[c].value_counts().index[:LEVELS]) for c in t.discrete}
    if sum(map(len, levels.values())) > MOST_LEVELS:
        levels = {c: found[: MOST_LEVELS // len(levels)] for c, found in levels.items()}
    middle = {c: float(t.train[c].median()) if t.train[c].notna().any() else 0.0 for c in t.numeric}
    spread = {c: float(t.train[c].fillna(middle[c]).std(ddof=0)) or 1.0 for c in t.numeric}

    def to(frame: pd.DataFrame) -> np.ndarray:
        parts = [_one_hot(levels[c], frame[c]) for c in t.discrete]
        filled = {c: frame[c].fillna(middle[c]).to_numpy() for c in t.numeric}
        numbers = [np.clip((filled[c] - middle[c]) / spread[c], -8, 8) for c in t.numeric]
        missing = [frame[c].isna().to_numpy() * np.sqrt(0.5) for c in t.numeric if t.train[c].isna().any()]
        columns = [np.column_stack(x) for x in (numbers, missing) if x]
        return np.hstack([*parts, *columns]).astype(np.float32)

    return to


def _one_hot(levels: pd.Index, values: pd.Series) -> np.ndarray:
    """One column per level, one for missing, one for every other value; each worth sqrt(1/2)."""
    codes = levels.get_indexer(pd.Index(values))
    codes = np.where(values.isna().to_numpy(), len(levels), np.where(codes < 0, len(levels) + 1, codes))
    out = np.zeros((len(values), len(levels) + 2), dtype=np.float32)
    out[np.arange(len(values)), codes] = np.sqrt(0.5)
    return out


def nearest(real: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared distance to, and position of, the nearest `real` row of each of `others`."""
    norms = (real**2).sum(axis=1)
    distance, place = np.empty(len(others), dtype=np.float32), np.empty(len(others), dtype=np.int64)
    for start in range(0, len(others), BLOCK):
        block = others[start : start + BLOCK]
        squared = norms[None, :] - 2 * block @ real.T
        best = squared.argmin(axis=1)
        place[start : start + len(block)] = best
        exact = ((block - real[best]) ** 2).sum(axis=1)  # differences, not norms: exact zero for a copy
        distance[start : start + len(block)] = exact
    return distance, place
