"""Base of fidelity scores that look at rows in parts (a column, a pair, a trait) and compare them with training rows.

The hold-out is measured in the same way at equal rows; the synthetic set in up to five pieces of that size, whose mean
is less a matter of luck. The interval is that of the mean: the variance of one piece by deleting a tenth of its rows at
a time (jackknife; Efron and Tibshirani 1993, section 11.5), over the number of pieces.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import pandas as pd

from synthgen.contracts import Figure, Generator, Group, GroupFigure, Interval, MetricResult, Split, SyntheticSet
from synthgen.measures.measure import FEWEST_ROWS, Measure, absent
from synthgen.runtime import RunContext
from synthgen.tabular.metrics.tables import MOST_COLUMNS, Tables, tables

MOST_PIECES, BLOCKS, SHOWN = 5, 10, 50


@dataclass(frozen=True)
class Part:
    """One line of the breakdown: a name made of column names and traits only, never of a value of a cell."""

    label: str
    kind: str
    columns: tuple[str, ...]
    trait: str = ""  # which figure it belongs to


class Gauge(Protocol):
    """Learnt from the training rows; gives one number per part for any other rows."""

    parts: tuple[Part, ...]

    def __call__(self, frame: pd.DataFrame) -> np.ndarray: ...


class Compared(Measure, ABC):
    """A fidelity score over parts: value, hold-out and interval in one way for all of them."""

    family: ClassVar[Literal["fidelity"]] = "fidelity"
    most_columns: ClassVar[int | None] = MOST_COLUMNS
    fewest: ClassVar[int] = FEWEST_ROWS
    traits: ClassVar[dict[str, str]] = {}  # figure -> title

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """What the synthetic rows score, beside as many hold-out rows."""
        t = tables(split, synthetic, schema, ctx, columns=self.most_columns)
        if not t.columns:
            return self.not_applicable("No modelled column.")
        if t.equal_rows < self.fewest or len(t.train) < self.fewest:
            return self.insufficient(f"Fewer than {self.fewest} rows to compare.")
        gauge = self._gauge(t, schema, ctx)
        if isinstance(gauge, str):
            return self.not_applicable(gauge)
        pieces, held = pieces_of(t, ctx), t.equal(ctx)[1]
        own = np.mean([gauge(piece) for piece in pieces], axis=0)
        return self._told(gauge, own, gauge(held), self._interval(gauge, pieces, own))

    @abstractmethod
    def _gauge(self, t: Tables, schema: Any, ctx: RunContext) -> Gauge | str:
        """The gauge, or why the question does not arise."""

    def _total(self, parts: Sequence[Part], values: np.ndarray) -> float:
        """The score over all parts."""
        return float(values.mean())

    def _figures(self, parts: Sequence[Part], own: np.ndarray, held: np.ndarray) -> tuple[Figure, ...]:
        """One figure per trait: the mean over its parts."""
        found = []
        for name, title in self.traits.items():
            chosen = np.array([part.trait == name for part in parts])
            if not chosen.any():
                found.append(absent(name, title, "No column has it."))
                continue
            found.append(
                Figure(name=name, title=title, value=float(own[chosen].mean()), holdout=float(held[chosen].mean()))
            )
        return tuple(found)

    def _interval(self, gauge: Gauge, pieces: Sequence[pd.DataFrame], own: np.ndarray) -> Interval:
        middle = self._total(gauge.parts, own)
        rows = np.arange(len(pieces[0]))
        left = [self._total(gauge.parts, gauge(pieces[0].iloc[rows % BLOCKS != i])) for i in range(BLOCKS)]
        error = np.sqrt((BLOCKS - 1) * np.var(left) / len(pieces))
        low, high = max(self.low, middle - 1.96 * error), min(self.high, middle + 1.96 * error)
        return Interval(low=float(low), high=float(high), method="jackknife over the rows")

    def _told(self, gauge: Gauge, own: np.ndarray, held: np.ndarray, interval: Interval) -> MetricResult:
        order = np.argsort(own if self.better == "higher" else -own, kind="stable")[:SHOWN]
        lines = (_line(gauge.parts[i], float(own[i]), float(held[i])) for i in order)
        return self.result(
            value=self._total(gauge.parts, own),
            holdout=self._total(gauge.parts, held),
            interval=interval,
            figures=self._figures(gauge.parts, own, held),
            groups=tuple(lines),
        )


def pieces_of(t: Tables, ctx: RunContext) -> list[pd.DataFrame]:
    """Synthetic rows in up to five pieces, each as large as the hold-out."""
    n = t.equal_rows
    rows = ctx.rng("synthetic").permutation(len(t.synthetic))
    return [t.synthetic.iloc[rows[i * n : (i + 1) * n]] for i in range(min(MOST_PIECES, len(rows) // n))]


def _line(part: Part, value: float, holdout: float) -> GroupFigure:
    return GroupFigure(label=part.label, kind=part.kind, columns=part.columns, value=value, holdout=holdout)
