"""Nearest neighbours as an attacker finds them: in the space that the synthetic set alone defines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from synthgen.contracts import Split, SyntheticSet
from synthgen.runtime import RunContext
from synthgen.spec import AttackPlan
from synthgen.tabular.metrics.distances import nearest, space
from synthgen.tabular.metrics.tables import Tables, plain, tables

PEOPLE = {"standard": 30_000, "full": 100_000}  # attacked on either side, at most
SYNTHETIC = {"standard": 33_000, "full": 66_000}  # rows looked through, at most
PRODUCTS = {"standard": 1.5e11, "full": 6e11}  # multiplications of one search, at most
FEWEST_PEOPLE = 2_000  # attacked whatever a search costs


@dataclass(frozen=True)
class Neighbours:
    """Distances of real rows to the synthetic set and to rows of the hold-out; `most` people a side are affordable."""

    split: Split
    tables: Tables
    to: Callable[[pd.DataFrame], np.ndarray]
    synthetic: np.ndarray
    most: int

    @classmethod
    def of(
        cls, split: Split, synthetic: SyntheticSet, schema: Any, plan: AttackPlan, ctx: RunContext
    ) -> Neighbours | None:
        """Ready to search; None where there is no column.

        Training rows decide nothing here: a space made from them would put their people at other distances than equal
        people of the hold-out.
        """
        t = tables(split, synthetic, schema, ctx, mixed=False, rows=SYNTHETIC[plan.size])
        if not t.columns:
            return None
        drawn = _finite(t.synthetic, t)
        to = space(replace(t, train=drawn))
        points = to(drawn)
        affordable = int(PRODUCTS[plan.size] / max(points.size, 1))
        return cls(split, t, to, points, min(PEOPLE[plan.size], max(FEWEST_PEOPLE, affordable)))

    def to_synthetic(self, part: int, rows: np.ndarray) -> np.ndarray:
        """The distance of rows of a part (0 training, 1 the hold-out) to the nearest synthetic row."""
        return self._distance(self.synthetic, part, rows)

    def to_holdout(self, reference: np.ndarray, part: int, rows: np.ndarray) -> np.ndarray:
        """Their distance to the nearest of the hold-out's rows `reference`."""
        return self._distance(self._points(1, reference), part, rows)

    def _distance(self, among: np.ndarray, part: int, rows: np.ndarray) -> np.ndarray:
        return np.asarray(np.sqrt(nearest(among, self._points(part, rows))[0]))

    def _points(self, part: int, rows: np.ndarray) -> np.ndarray:
        frame = (self.split.train, self.split.holdout)[part].iloc[rows]
        return self.to(_finite(plain(frame, self.tables.discrete, self.tables.numeric), self.tables))


def _finite(frame: pd.DataFrame, t: Tables) -> pd.DataFrame:
    """Infinite numbers as missing ones: a space cannot hold them."""
    return frame.assign(**{c: frame[c].replace([np.inf, -np.inf], np.nan) for c in t.numeric})
