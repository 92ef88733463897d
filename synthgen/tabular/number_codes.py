"""Codes of one number or date column: quantile bins and spikes on the column's own grid, and back again.

Fitting is in `number_fitting`.

Privacy by construction (DESIGN section 3): every bin and every knot of the density inside a bin covers at least k
people; edges are midpoints between values, between the k-th lowest and the k-th highest; a value of its own (a spike)
is kept only where at least k people share it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from synthgen.errors import SpecError
from synthgen.spec import Range, Wish
from synthgen.tabular.grid import Grid
from synthgen.tabular.windows import asked_intervals, draw_within, level_shares


class NumberCodes(BaseModel):
    """Levels in the order of their values (bins and spikes together), then one for missing.

    Grid points that are spikes are cut out of the line; `knots` are half-integer
    positions on what is left, `mass` the share of the rows between two knots, `firsts` the first knot of each bin.
    """

    model_config = ConfigDict(frozen=True)

    type: Literal["number"] = "number"
    name: str
    grid: Grid
    spikes: tuple[int, ...]
    knots: tuple[float, ...]
    mass: tuple[float, ...]
    firsts: tuple[int, ...]
    missing: bool
    missing_held: bool = False  # by at least k people
    marks: tuple[tuple[str, int], ...] = ()  # texts among the numbers, each with the position it stands at
    few: bool = False  # whole numbers with so few values that each that k people share is a spike

    @property
    def ordered(self) -> int:
        """How many of the first levels have an order (all but missing)."""
        return len(self.firsts) + len(self.spikes)

    @property
    def size(self) -> int:
        """Number of levels."""
        return self.ordered + int(self.missing)

    def encode(self, values: pd.Series) -> np.ndarray:
        """Level of each cell (int64). Values outside the range go to the nearest level."""
        grid, filled = self.grid.positions(values)
        spikes, (bin_level, spike_level) = self._spikes, self.levels
        if self.marks:  # texts that too few people held
            filled &= ~np.isin(grid, [place for _, place in self.marks if place not in self.spikes])
        out = np.full(len(grid), self.ordered if self.missing else 0, dtype=np.int64)
        at = np.searchsorted(spikes, grid)
        is_spike = (spikes[np.minimum(at, len(spikes) - 1)] == grid) if len(spikes) else np.zeros(len(grid), bool)
        if self.firsts:
            edges = np.asarray(self.knots)[list(self.firsts[1:])]
            out = np.where(filled, bin_level[np.searchsorted(edges, grid - at)], out)
        elif len(spikes):
            out = np.where(filled, spike_level[np.searchsorted((spikes[1:] + spikes[:-1]) / 2, grid)], out)
        if len(spikes):
            out = np.where(filled & is_spike, spike_level[np.minimum(at, len(spikes) - 1)], out)
        return out

    def decode(self, codes: np.ndarray, rng: np.random.Generator, intervals: np.ndarray | None = None) -> np.ndarray:
        """A value for each level: the spike itself, or a draw from the smoothed density inside the bin.

        `intervals` (m, 2), where given, are the grid positions that values must lie in.
        """
        if intervals is not None:
            return draw_within(self, codes, intervals, rng)
        return self.grid.cells(self.draw_positions(codes, rng), codes < self.ordered)

    def draw_positions(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A grid position for each level, 0 for missing."""
        grid = np.zeros(len(codes), dtype=np.int64)
        which = np.full(self.size, -1)
        which[self.levels[1]] = np.arange(len(self.spikes))
        if len(self.spikes):
            grid = np.where(which[codes] >= 0, self._spikes[np.maximum(which[codes], 0)], 0)
        inside = self.bins_of(codes)
        binned = inside >= 0
        if binned.any():
            grid[binned] = self.uncut(self._draw(inside[binned], rng))
        return grid

    def bins_of(self, codes: np.ndarray) -> np.ndarray:
        """Which bin each level is, -1 for spikes and missing."""
        which = np.full(self.size, -1)
        which[self.levels[0]] = np.arange(len(self.firsts))
        return which[codes]

    def bin_knots(self, which: int) -> tuple[int, int]:
        """First and last knot of one bin."""
        first, last = self._ends
        return int(first[which]), int(last[which])

    def allowed(self, wish: Wish) -> tuple[np.ndarray, np.ndarray]:
        """What a wish leaves: the share of each level (levels,), and grid intervals (m, 2) its cells lie in.

        Raises SpecError when no level is left, or the wish cannot be a value of this column.
        """
        missing, intervals = asked_intervals(self.grid, wish, self.name, dict(self.marks))
        shares = level_shares(self, intervals)
        if self.marks and isinstance(wish, Range):  # a text lies in no range
            shares[self.text_levels] = 0.0
        if self.missing and missing:
            shares[-1] = 1.0
        if not shares.any():
            raise SpecError(
                f"What is fixed for column {self.name!r} lies outside what may be generated.",
                "Fix values between the lowest and highest that enough people have; missing only where it occurs.",
            )
        return shares, intervals

    def _draw(self, bins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Positions on the cut line, one for each bin."""
        first, last = self._ends
        low, high = self.cdf[first][bins], self.cdf[last][bins]
        return self.quantile(low + rng.random(len(bins)) * (high - low), bins)

    def quantile(self, u: np.ndarray, bins: np.ndarray) -> np.ndarray:
        """Positions on the cut line: the quantile `u` of the mass inside its bin, by a monotone cubic between knots."""
        knots, cdf = np.asarray(self.knots), self.cdf
        first, last = self._ends
        piece = np.clip(np.searchsorted(cdf, u, side="right") - 1, first[bins], last[bins] - 1)
        t = np.clip((u - cdf[piece]) / np.diff(cdf)[piece], 0, 1)
        place = np.rint(knots[piece] + self.moved(piece, t))
        return np.clip(place, np.ceil(knots[piece]), np.floor(knots[piece + 1])).astype(np.int64)

    def moved(self, piece: np.ndarray, t: np.ndarray) -> np.ndarray:
        """How far beyond its first knot a share `t` of a piece's mass reaches."""
        share, width = np.diff(self.cdf)[piece], np.diff(self.knots)[piece]
        a, b = self._slopes[piece] * share, self._slopes[piece + 1] * share
        out: np.ndarray = t * (a + t * (3 * width - 2 * a - b + t * (a + b - 2 * width)))
        return out

    def uncut(self, places: np.ndarray) -> np.ndarray:
        """Grid points of positions on the line without spikes."""
        return places + np.searchsorted(self._spikes - np.arange(len(self.spikes)), places, side="right")

    def is_text(self, values: pd.Series) -> np.ndarray:
        """Boolean array: the cells that stand for a text."""
        if not self.marks:
            return np.zeros(len(values), dtype=bool)
        at, filled = self.grid.positions(values)
        return np.isin(at, [place for _, place in self.marks]) & filled

    @property
    def text_levels(self) -> np.ndarray:
        """The levels that are texts."""
        texts = np.isin(self._spikes, [place for _, place in self.marks])
        found: np.ndarray = self.levels[1][texts]
        return found

    @cached_property
    def _spikes(self) -> np.ndarray:
        return np.asarray(self.spikes, dtype=np.int64)

    @cached_property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last knot of each bin."""
        first = np.asarray(self.firsts, dtype=np.int64)
        return first, np.append(first[1:], [len(self.mass)] * bool(len(first))).astype(np.int64)

    @cached_property
    def cdf(self) -> np.ndarray:
        """Share of the binned rows below each knot."""
        return np.concatenate([[0.0], np.cumsum(self.mass)])

    @cached_property
    def _slopes(self) -> np.ndarray:
        """dx/du at the knots (Fritsch and Carlson 1980): monotone, and steep towards a heavy tail."""
        secant = np.diff(self.knots) / np.diff(self.cdf)
        if len(secant) == 1:
            return np.repeat(secant, 2)
        inner = 2 / (1 / secant[:-1] + 1 / secant[1:])
        first = np.clip(2 * secant[0] - inner[0], 0, 3 * secant[0])
        final = np.clip(2 * secant[-1] - inner[-1], 0, 3 * secant[-1])
        return np.concatenate([[first], inner, [final]])

    @cached_property
    def levels(self) -> tuple[np.ndarray, np.ndarray]:
        """Level of each bin and of each spike, both together in the order of their values."""
        first, last = self._ends
        middle = (np.asarray(self.knots)[first] + np.asarray(self.knots)[last]) / 2
        at = np.concatenate([middle, self._spikes - np.arange(len(self.spikes)) - 0.5])
        rank = np.empty(len(at), dtype=np.int64)
        rank[np.argsort(at, kind="stable")] = np.arange(len(at))
        return rank[: len(middle)], rank[len(middle) :]

    @cached_property
    def range(self) -> tuple[float, float]:
        """Lowest and highest grid position that may be generated, texts left out where there is anything else.

        Infinite the wrong way round when there is none.
        """
        texts = {place for _, place in self.marks}
        bare = [spike for spike in self.spikes if spike not in texts]
        ends = [*bare[:1], *bare[-1:]] if bare or self.knots else [*self.spikes[:1], *self.spikes[-1:]]
        if self.knots:
            ends += [int(v) for v in self.uncut(np.array([np.ceil(self.knots[0]), np.floor(self.knots[-1])], np.int64))]
        return (min(ends), max(ends)) if ends else (np.inf, -np.inf)
