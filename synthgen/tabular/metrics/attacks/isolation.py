"""Whom a description fits: anonymeter's queries on people, and how likely their hits are by chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

ROUNDS, MORE_ROUNDS, MOST_ROUNDS, AT_ONCE = 2_000, 18_000, 80_000, 500
ENOUGH = 10  # draws at least as extreme after which no more are needed
MOST_FITTING = 64  # of a query that fits more people, neither half of them is ever one


def polars_table(rows: pd.DataFrame) -> Any:
    """A polars frame: texts and floats, missing cells as null."""
    import polars as pl

    kinds: dict[str, Any] = {str(c): pl.String if rows[c].dtype == object else pl.Float64 for c in rows}
    return pl.from_pandas(rows.reset_index(drop=True), schema_overrides=kinds)


def fits(queries: list[Any], people: pd.DataFrame) -> np.ndarray:
    """Boolean array (people, queries): whom each query fits; a missing cell fits none but the query for missing."""
    if not queries or not len(people):
        return np.zeros((len(people), len(queries)), dtype=bool)
    found = polars_table(people).select([query.fill_null(False).alias(str(i)) for i, query in enumerate(queries)])
    return np.column_stack([found[str(i)].to_numpy() for i in range(len(queries))])


def by_chance(train: np.ndarray, control: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """One-sided p-value of (queries that single out in training - in the control), and the spread of the difference.

    `train` and `control` are whom each query fits, (people, queries), with as many people. If the set owes nothing
    to the training people, each of them may change places with an unseen one: the p-value is the share of such draws
    with as large a difference (Monte Carlo, Besag and Clifford 1991). Queries that fit the same person hang together,
    which these draws keep; the spread is the variance of the difference over that of independent queries, at least 1.
    """
    if not train.size:
        return 1.0, 1.0
    observed = int((train.sum(0) == 1).sum()) - int((control.sum(0) == 1).sum())
    differences = _draws(train, control, ROUNDS, rng)
    if (differences >= observed).sum() < ENOUGH:
        differences = np.concatenate([differences, _draws(train, control, MORE_ROUNDS, rng)])
    if not (differences >= observed).any():  # among thousands of attacks a p-value of 1/20,000 would accuse nobody
        differences = np.concatenate([differences, _draws(train, control, MOST_ROUNDS, rng)])
    p_value = (1 + int((differences >= observed).sum())) / (1 + len(differences))
    share = float((train.sum(0) == 1).mean() + (control.sum(0) == 1).mean()) / 2
    independent = 2 * train.shape[1] * share * (1 - share)
    return p_value, max(1.0, float(differences.var()) / independent) if independent else 1.0


def _draws(train: np.ndarray, control: np.ndarray, rounds: int, rng: np.random.Generator) -> np.ndarray:
    """The difference of hits in so many draws of who of each pair counts as trained on."""
    both = train.sum(0) + control.sum(0)
    kept = (both > 0) & (both <= MOST_FITTING)
    moved = (train[:, kept] != control[:, kept]).any(axis=1)
    change = sparse.csr_matrix((train[moved][:, kept].astype(np.float32) - control[moved][:, kept]).T)
    base, total = control[:, kept].sum(0)[:, None], both[kept][:, None]
    out = []
    for start in range(0, rounds, AT_ONCE):
        sides = rng.integers(0, 2, (int(moved.sum()), min(AT_ONCE, rounds - start)), dtype=np.int8)
        ours = base + np.asarray(change @ sides.astype(np.float32))
        out.append((ours == 1).sum(0) - (total - ours == 1).sum(0))
    return np.concatenate(out)
