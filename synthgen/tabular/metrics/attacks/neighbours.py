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
from synthgen.tabular.metrics.distances import BLOCK, nearest, space
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
    words: int  # places of a vector, the first ones, that are levels of discrete columns
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
        words = space(replace(t, train=drawn, numeric=()))(drawn.iloc[:0]).shape[1] if t.discrete else 0
        points = to(drawn)
        affordable = int(PRODUCTS[plan.size] / max(points.size, 1))
        return cls(split, t, to, points, words, min(PEOPLE[plan.size], max(FEWEST_PEOPLE, affordable)))

    def distance(self, part: int, rows: np.ndarray) -> np.ndarray:
        """The distance of rows of a part (0 training, 1 the hold-out) to the nearest synthetic row."""
        return np.asarray(np.sqrt(nearest(self.synthetic, self.points(part, rows))[0]))

    def forgiving(self, among: np.ndarray, points: np.ndarray) -> np.ndarray:
        """The distance of `points` to the nearest of `among`, where a difference in one discrete column costs nothing.

        Whoever changes a category to hide a copy gains nothing by it. Precise to about .01.
        """
        words, count = self.words, len(self.tables.discrete)
        norms = (among[:, words:] ** 2).sum(axis=1)
        found = []
        for start in range(0, len(points), BLOCK):
            block = points[start : start + BLOCK]
            apart = block[:, words:] @ among[:, words:].T
            apart *= -2
            apart += norms
            if count > 1:
                differ = block[:, :words] @ among[:, :words].T
                differ *= -2
                differ += count - 1
                apart += np.maximum(differ, 0, out=differ)
            found.append(apart.min(axis=1) + (block[:, words:] ** 2).sum(axis=1))
        return np.sqrt(np.maximum(np.concatenate([np.zeros(0), *found]), 0))

    def points(self, part: int, rows: np.ndarray) -> np.ndarray:
        """The vectors of rows of a part."""
        frame = (self.split.train, self.split.holdout)[part].iloc[rows]
        return self.to(_finite(plain(frame, self.tables.discrete, self.tables.numeric), self.tables))


def _finite(frame: pd.DataFrame, t: Tables) -> pd.DataFrame:
    """Infinite numbers as missing ones: a space cannot hold them."""
    return frame.assign(**{c: frame[c].replace([np.inf, -np.inf], np.nan) for c in t.numeric})
