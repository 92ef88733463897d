"""Two coordinates that are one place: a code column of cells on the map, and points drawn inside them.

The levels of each coordinate alone know nothing of coasts and towns. So the pair has a code column of its own, modelled
with all others: cells of a k-d tree that hold at least k people each, and points that at least k people share. When
rows are decoded, a coordinate stays where its own level put it if that lies in the cell; else it is drawn evenly from
what level and cell share, or from the cell. Which cells there are is found in `place_fitting`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from synthgen.tabular.grid import Grid

NOWHERE = -1


class Place(BaseModel):
    """The place of two coordinates. `name` is that of the code column, whose values number the `boxes`.

    A box is the first and last grid position of one coordinate, then of the other, ends included; `shares` is how
    common it is. `together`: fewer than k people have one coordinate without the other, and none is made.
    """

    model_config = ConfigDict(frozen=True)

    type: Literal["place"] = "place"
    name: str
    column: str
    beside: str
    grids: tuple[Grid, Grid]
    boxes: tuple[tuple[int, int, int, int], ...]
    shares: tuple[float, ...]
    together: bool

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return (self.column, self.beside)

    def of(self, frame: pd.DataFrame) -> pd.Series:
        """The number of each row's box as text, None where a coordinate is missing."""
        points, filled = self.positions(frame)
        labels = np.array([*map(str, range(len(self.boxes))), None], dtype=object)
        at = np.full(len(frame), NOWHERE)
        distinct, place = np.unique(points[filled], axis=0, return_inverse=True)
        at[filled] = self.nearest(distinct)[place.ravel()]
        return pd.Series(labels[at], dtype=object)

    def positions(self, frame: Mapping[str, pd.Series] | pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Grid positions (rows, 2), and the rows where both coordinates are there."""
        pairs = [grid.positions(frame[name]) for name, grid in zip(self.sources, self.grids, strict=True)]
        return np.stack([at for at, _ in pairs], axis=1), pairs[0][1] & pairs[1][1]

    def nearest(self, points: np.ndarray, possible: np.ndarray | None = None) -> np.ndarray:
        """The box of each point (rows, 2): the smallest it lies in, else the nearest; only `possible` ones (boxes,)."""
        boxes = np.asarray(self.boxes, dtype=float)
        scale = np.maximum(np.ptp(boxes.reshape(-1, 2, 2), axis=(0, 2)), 1.0)
        size = ((boxes[:, 1::2] - boxes[:, ::2] + 1) / scale).prod(axis=1)
        best, far = np.zeros(len(points), dtype=np.int64), np.full(len(points), np.inf)
        for i in np.argsort(size, kind="stable"):
            if possible is not None and not possible[i]:
                continue
            low, high = boxes[i, ::2], boxes[i, 1::2]
            away = (np.maximum(np.maximum(low - points, points - high), 0) / scale) ** 2
            distance = away.sum(axis=1)
            nearer = distance < far
            best[nearer], far[nearer] = i, distance[nearer]
        return best

    def draw(
        self,
        made: Mapping[str, np.ndarray],
        labels: np.ndarray,
        levels: tuple[np.ndarray, np.ndarray],
        windows: Mapping[str, np.ndarray],
        asked: Collection[str],
        held: Collection[str],
        rng: np.random.Generator,
    ) -> dict[str, np.ndarray]:
        """Both coordinates (float, NaN for missing) for rows whose place column says `labels`.

        `made` holds what the columns' own levels gave, `levels` the first and last grid position (rows, 2) of those; it
        stands for `held` columns, and says what is missing of `asked` ones. `windows` are grid intervals (m, 2) that
        cells must lie in.
        """
        boxes = np.array([NOWHERE if label is None else int(label) for label in labels], dtype=np.int64)
        out = {name: made[name].copy() for name in self.sources}
        gone = self._gone(out, boxes == NOWHERE, asked)
        rows = np.flatnonzero(~gone.any(axis=1))
        limits = [windows.get(name) for name in self.sources]
        boxes[rows], known = self._possible(boxes[rows], out, rows, limits, rng)
        for axis, (name, grid) in enumerate(zip(self.sources, self.grids, strict=True)):
            if name in held:
                continue
            out[name][gone[:, axis]] = np.nan
            here = rows[known]
            ends = np.asarray(self.boxes, dtype=np.int64)[boxes[here], 2 * axis : 2 * axis + 2]
            at, there = grid.positions(pd.Series(out[name][here]))
            keep = there & (ends[:, 0] <= at) & (at <= ends[:, 1])
            ends, moved = _shared(ends[~keep], levels[axis][here[~keep]], there[~keep]), here[~keep]
            points = _drawn(ends, limits[axis], rng)
            out[name][moved] = grid.cells(points, np.ones(len(moved), dtype=bool))
        return out

    def _gone(self, cells: Mapping[str, np.ndarray], nowhere: np.ndarray, asked: Collection[str]) -> np.ndarray:
        """Which coordinates (rows, 2) are missing: as asked for, else as the place says."""
        own = np.stack([np.isnan(cells[name]) for name in self.sources], axis=1)
        told = [i for i, name in enumerate(self.sources) if name in asked]
        if self.together:
            gone = np.repeat((own[:, told[0]] if told else nowhere)[:, None], 2, axis=1)
        else:
            gone = own & nowhere[:, None]
        gone[:, told] = own[:, told]
        return gone

    def _possible(
        self,
        boxes: np.ndarray,
        cells: Mapping[str, np.ndarray],
        rows: np.ndarray,
        limits: list[np.ndarray | None],
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The boxes of `rows` with others for those that hold no allowed point, and the rows that have one.

        The other box is the nearest to the point that the columns' own levels gave, else one drawn by its share.
        """
        allowed = np.logical_and.reduce([self._reached(axis, limit) for axis, limit in enumerate(limits)])
        wrong = np.flatnonzero((boxes == NOWHERE) | ~allowed[boxes])
        if not len(wrong) or not allowed.any():
            return boxes, (boxes != NOWHERE) & allowed[boxes]
        here = {name: pd.Series(cells[name][rows[wrong]]) for name in self.sources}
        points, filled = self.positions(here)
        shares = np.asarray(self.shares) * allowed
        shares = shares if shares.any() else allowed.astype(float)  # rounded, the share of a rare box is none
        out = boxes.copy()
        out[wrong] = rng.choice(len(shares), len(wrong), p=shares / shares.sum())
        out[wrong[filled]] = self.nearest(points[filled], allowed)
        return out, np.ones(len(out), dtype=bool)

    def _reached(self, axis: int, limit: np.ndarray | None) -> np.ndarray:
        """Which boxes hold a point of the intervals."""
        ends = np.asarray(self.boxes)[:, 2 * axis : 2 * axis + 2]
        if limit is None:
            return np.ones(len(ends), dtype=bool)
        return ((ends[:, :1] <= limit[None, :, 1]) & (limit[None, :, 0] <= ends[:, 1:])).any(axis=1)


def _shared(boxes: np.ndarray, levels: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """What sides of boxes (rows, 2) share with the ends of levels; the sides themselves where that is nothing."""
    low, high = np.maximum(boxes[:, 0], levels[:, 0]), np.minimum(boxes[:, 1], levels[:, 1])
    return np.where((filled & (low <= high))[:, None], np.stack([low, high], axis=1), boxes)


def _drawn(ends: np.ndarray, limit: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """A grid position evenly between the ends (rows, 2), and inside the intervals where that is possible."""
    out = rng.integers(ends[:, 0], ends[:, 1] + 1)
    if limit is None:
        return out
    for pair in np.unique(ends, axis=0):
        parts = np.clip(limit, *pair)[(limit[:, 0] <= pair[1]) & (limit[:, 1] >= pair[0])]
        rows, widths = np.flatnonzero((ends == pair).all(axis=1)), parts[:, 1] - parts[:, 0] + 1
        if len(parts):
            part = parts[rng.choice(len(parts), len(rows), p=widths / widths.sum())]
            out[rows] = rng.integers(part[:, 0], part[:, 1] + 1)
    return out
