"""Fidelity: do single columns and pairs of columns have the shares of the real table?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from synthgen.contracts import Generator, Group, GroupFigure, MetricResult, Split, SyntheticSet
from synthgen.runtime import RunContext
from synthgen.tabular.metrics.measure import FEWEST_ROWS, Measure, mean
from synthgen.tabular.metrics.tables import MOST_COLUMNS, Codes, Tables, coded, tables, variation

BINS = 10
MOST_PAIRS = 300
SHOWN_PAIRS = 50
MOST_PIECES = 5


class _Shares(Measure):
    """1 - total variation distance to the training rows, mean over `columns_at_once` columns at a time."""

    family: ClassVar[Literal["fidelity"]] = "fidelity"
    columns_at_once: ClassVar[int]
    source = "Total variation distance; numbers in deciles of the training rows."

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """Similarity of synthetic to training rows, beside that of hold-out rows, as many at a time."""
        t = tables(split, synthetic, schema, ctx, columns=None if self.columns_at_once == 1 else MOST_COLUMNS)
        if len(t.columns) < self.columns_at_once:
            return self.not_applicable(f"Fewer than {self.columns_at_once} modelled columns.")
        if t.equal_rows < FEWEST_ROWS or len(t.train) < FEWEST_ROWS:
            return self.insufficient(f"Fewer than {FEWEST_ROWS} rows to compare.")
        codes = coded(t, (t.train, t.equal(ctx)[1], *_pieces(t, ctx)), BINS)
        figures = [_similar(codes, combo) for combo in self._combos(len(t.columns), ctx)]
        worst_first = sorted(figures, key=lambda g: g.value or 0.0)
        return self.result(
            value=mean([g.value for g in figures if g.value is not None]),
            holdout=mean([g.holdout for g in figures if g.holdout is not None]),
            groups=tuple(worst_first if self.columns_at_once == 1 else worst_first[:SHOWN_PAIRS]),
        )

    def _combos(self, columns: int, ctx: RunContext) -> list[tuple[int, ...]]:
        combos: list[tuple[int, ...]] = list(combinations(range(columns), self.columns_at_once))
        if self.columns_at_once == 1 or len(combos) <= MOST_PAIRS:
            return combos
        chosen = ctx.rng("pairs").choice(len(combos), MOST_PAIRS, replace=False)
        return [combos[i] for i in np.sort(chosen)]


def _pieces(t: Tables, ctx: RunContext) -> list[pd.DataFrame]:
    """Synthetic rows in up to five pieces, each as large as the hold-out: their mean is less a matter of luck."""
    n = t.equal_rows
    rows = ctx.rng("synthetic").permutation(len(t.synthetic))
    return [t.synthetic.iloc[rows[i * n : (i + 1) * n]] for i in range(min(MOST_PIECES, len(rows) // n))]


def _similar(codes: Codes, combo: tuple[int, ...]) -> GroupFigure:
    size = int(np.prod(codes.sizes[list(combo)]))
    train, holdout, *pieces = (_glued(f, combo, codes.sizes) for f in codes.frames)
    return GroupFigure(
        label=" × ".join(codes.columns[i] for i in combo),
        kind="column" if len(combo) == 1 else "column pair",
        columns=tuple(codes.columns[i] for i in combo),
        value=1 - mean([variation(train, piece, size) for piece in pieces]),
        holdout=1 - variation(train, holdout, size),
    )


def _glued(codes: np.ndarray, combo: tuple[int, ...], sizes: np.ndarray) -> np.ndarray:
    out = codes[:, combo[0]]
    for i in combo[1:]:
        out = out * sizes[i] + codes[:, i]
    return out


class Marginal(_Shares):
    """Single columns."""

    name, title, columns_at_once = "marginal", "Single columns", 1
    explanation = "Do single columns have the shares of the real table? 1: the same, 0: nothing in common."


class Pair(_Shares):
    """Pairs of columns."""

    name, title, columns_at_once = "pair", "Column pairs", 2
    explanation = "Do pairs of columns go together as in the real table? 1: the same, 0: nothing in common."
