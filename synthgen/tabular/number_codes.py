"""Codes of one number or date column: quantile bins and spikes on the column's own grid, and back again.

Fitting is in `number_fitting`.

Privacy by construction (DESIGN section 3): every bin and every knot of the density inside a bin covers at least k
people; edges are midpoints between values, between the k-th lowest and the k-th highest; a value of its own (a spike)
is kept only where at least k people share it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from synthgen.errors import SpecError
from synthgen.tabular.grid import Grid


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
        spikes, (bin_level, spike_level) = self._spikes, self._levels
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

    def decode(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A value for each level: the spike itself, or a draw from the smoothed density inside the bin."""
        grid = np.zeros(len(codes), dtype=np.int64)
        bin_level, spike_level = self._levels
        which = np.full(self.size, -1)
        which[spike_level] = np.arange(len(spike_level))
        if len(self.spikes):
            grid = self._spikes[np.maximum(which[codes], 0)]
        which[:] = -1
        which[bin_level] = np.arange(len(bin_level))
        binned = which[codes] >= 0
        if binned.any():
            grid[binned] = self._uncut(self._draw(which[codes[binned]], rng))
        return self.grid.cells(grid, codes < self.ordered)

    def condition(self, value: Any) -> tuple[int, Any]:
        """Level and exact cell for a value the user fixes. Raises SpecError when it is out of range."""
        cell = self.grid.parse(value, self.name)
        if pd.isna(cell):
            if not self.missing:
                raise SpecError(f"Column {self.name!r} has no missing values to fix.", "Fix a value that occurs.")
            return self.ordered, cell
        series = pd.Series([cell])
        grid, _ = self.grid.positions(series)
        low, high = self.range
        if not low <= grid[0] <= high:
            raise SpecError(
                f"The value fixed for column {self.name!r} lies outside the range that may be generated.",
                "Fix a value between the lowest and highest values that enough people have.",
            )
        code = int(self.encode(series)[0])
        return code, self.grid.cells(grid, np.ones(1, bool))[0]

    def _draw(self, bins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Positions on the cut line: a quantile inside the bin's mass, through a monotone cubic between knots."""
        knots, cdf = np.asarray(self.knots), self._cdf
        first, last = self._ends
        low, high = cdf[first][bins], cdf[last][bins]
        u = low + rng.random(len(bins)) * (high - low)
        piece = np.clip(np.searchsorted(cdf, u, side="right") - 1, first[bins], last[bins] - 1)
        width, share = np.diff(knots), np.diff(cdf)
        t = np.clip((u - cdf[piece]) / share[piece], 0, 1)
        a, b, w = self._slopes[piece] * share[piece], self._slopes[piece + 1] * share[piece], width[piece]
        moved = t * (a + t * (3 * w - 2 * a - b + t * (a + b - 2 * w)))
        return np.clip(np.rint(knots[piece] + moved), np.ceil(knots[piece]), np.floor(knots[piece + 1])).astype(
            np.int64
        )

    def _uncut(self, places: np.ndarray) -> np.ndarray:
        """Grid points of positions on the line without spikes."""
        return places + np.searchsorted(self._spikes - np.arange(len(self.spikes)), places, side="right")

    @cached_property
    def _spikes(self) -> np.ndarray:
        return np.asarray(self.spikes, dtype=np.int64)

    @cached_property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last knot of each bin."""
        first = np.asarray(self.firsts, dtype=np.int64)
        return first, np.append(first[1:], [len(self.mass)] * bool(len(first))).astype(np.int64)

    @cached_property
    def _cdf(self) -> np.ndarray:
        return np.concatenate([[0.0], np.cumsum(self.mass)])

    @cached_property
    def _slopes(self) -> np.ndarray:
        """dx/du at the knots (Fritsch and Carlson 1980): monotone, and steep towards a heavy tail."""
        secant = np.diff(self.knots) / np.diff(self._cdf)
        if len(secant) == 1:
            return np.repeat(secant, 2)
        inner = 2 / (1 / secant[:-1] + 1 / secant[1:])
        first = np.clip(2 * secant[0] - inner[0], 0, 3 * secant[0])
        final = np.clip(2 * secant[-1] - inner[-1], 0, 3 * secant[-1])
        return np.concatenate([[first], inner, [final]])

    @cached_property
    def _levels(self) -> tuple[np.ndarray, np.ndarray]:
        """Level of each bin and of each spike, both together in the order of their values."""
        first, last = self._ends
        middle = (np.asarray(self.knots)[first] + np.asarray(self.knots)[last]) / 2
        at = np.concatenate([middle, self._spikes - np.arange(len(self.spikes)) - 0.5])
        rank = np.empty(len(at), dtype=np.int64)
        rank[np.argsort(at, kind="stable")] = np.arange(len(at))
        return rank[: len(middle)], rank[len(middle) :]

    @cached_property
    def range(self) -> tuple[float, float]:
        """Lowest and highest grid position that may be generated; infinite the wrong way round when there is none."""
        ends = [*self.spikes[:1], *self.spikes[-1:]]
        if self.knots:
            ends += [
                int(v) for v in self._uncut(np.array([np.ceil(self.knots[0]), np.floor(self.knots[-1])], np.int64))
            ]
        return (min(ends), max(ends)) if ends else (np.inf, -np.inf)
