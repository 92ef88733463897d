"""Fidelity: do single columns, pairs and triples of columns have the shares of the real table?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any, ClassVar, Literal

import numpy as np

from synthgen.contracts import Generator, Group, GroupFigure, MetricResult, Split, SyntheticSet
from synthgen.measures.measure import FEWEST_ROWS, Measure, mean
from synthgen.runtime import RunContext
from synthgen.tabular.metrics.compared import pieces_of
from synthgen.tabular.metrics.tables import MOST_COLUMNS, Codes, coded, tables, variation

MOST_COMBOS = 300
MOST_LISTED = 100_000  # of more combinations than this, some are drawn without listing all
SHOWN_COMBOS = 50
KINDS = {1: "column", 2: "column pair", 3: "column triple"}


class _Shares(Measure):
    """1 - total variation distance to the training rows, mean over `columns_at_once` columns at a time."""

    family: ClassVar[Literal["fidelity"]] = "fidelity"
    columns_at_once: ClassVar[int]
    bins: ClassVar[int] = 10
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
        codes = coded(t, (t.train, t.equal(ctx)[1], *pieces_of(t, ctx)), self.bins)
        figures = [_similar(codes, combo) for combo in self._combos(len(t.columns), ctx)]
        worst_first = sorted(figures, key=lambda g: g.value or 0.0)
        return self.result(
            value=mean([g.value for g in figures if g.value is not None]),
            holdout=mean([g.holdout for g in figures if g.holdout is not None]),
            groups=tuple(worst_first if self.columns_at_once == 1 else worst_first[:SHOWN_COMBOS]),
        )

    def _combos(self, columns: int, ctx: RunContext) -> list[tuple[int, ...]]:
        """Columns to look at together; of many, so many drawn by the seed."""
        count = math.comb(columns, self.columns_at_once)
        if count > MOST_LISTED:
            return _drawn(columns, self.columns_at_once, ctx.rng("combinations"))
        combos: list[tuple[int, ...]] = list(combinations(range(columns), self.columns_at_once))
        if self.columns_at_once == 1 or count <= MOST_COMBOS:
            return combos
        chosen = ctx.rng("pairs").choice(count, MOST_COMBOS, replace=False)
        return [combos[i] for i in np.sort(chosen)]


def _drawn(columns: int, at_once: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Distinct combinations of columns, drawn without listing all there are."""
    found: set[tuple[int, ...]] = set()
    while len(found) < MOST_COMBOS:
        found.add(tuple(int(i) for i in np.sort(rng.choice(columns, at_once, replace=False))))
    return sorted(found)


def _similar(codes: Codes, combo: tuple[int, ...]) -> GroupFigure:
    size = int(np.prod(codes.sizes[list(combo)]))
    train, holdout, *pieces = (_glued(f, combo, codes.sizes) for f in codes.frames)
    return GroupFigure(
        label=" × ".join(codes.columns[i] for i in combo),
        kind=KINDS[len(combo)],
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


class Triples(_Shares):
    """Three columns at a time: what pairs alone do not show."""

    name, title, columns_at_once = "triples", "Column triples", 3
    bins: ClassVar[int] = 5
    explanation = (
        "Do three columns at a time go together as in the real table? 1: the same, 0: nothing in common; up to 300 "
        "triples, drawn by the seed."
    )
    source = "Total variation distance of three-way shares; numbers in fifths of the training rows."
