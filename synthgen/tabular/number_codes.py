"""Codes of one number or date column: quantile bins and spikes on the column's own grid, and back again.

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

KNOTS_PER_BIN = 8
_DAY = 86_400


class NumberCodes(BaseModel):
    """Levels in the order of their values (bins and spikes together), then one for missing.

    A value lives on the grid `unit * i`. Grid points that are spikes are cut out of the line; `knots` are half-integer
    positions on what is left, `mass` the share of the rows between two knots, `firsts` the first knot of each bin.
    """

    model_config = ConfigDict(frozen=True)

    type: Literal["number"] = "number"
    name: str
    kind: str
    decimals: int
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
        grid, filled = to_grid(values, self.kind, self.decimals)
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
        return from_grid(grid, codes < self.ordered, self.kind, self.decimals)

    def condition(self, value: Any) -> tuple[int, Any]:
        """Level and exact cell for a value the user fixes. Raises SpecError when it is no such value or out of range."""
        cell = parse(value, self.kind, self.name)
        if pd.isna(cell):
            if not self.missing:
                raise SpecError(f"Column {self.name!r} has no missing values to fix.", "Fix a value that occurs.")
            return self.ordered, cell
        series = pd.Series([cell])
        grid, _ = to_grid(series, self.kind, self.decimals)
        low, high = self._range
        if not low <= grid[0] <= high:
            raise SpecError(
                f"The value fixed for column {self.name!r} lies outside the range that may be generated.",
                "Fix a value between the lowest and highest values that enough people have.",
            )
        code = int(self.encode(series)[0])
        return code, from_grid(grid, np.ones(1, bool), self.kind, self.decimals)[0]

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
    def _range(self) -> tuple[float, float]:
        ends = [*self.spikes[:1], *self.spikes[-1:]]
        if self.knots:
            ends += [
                int(v) for v in self._uncut(np.array([np.ceil(self.knots[0]), np.floor(self.knots[-1])], np.int64))
            ]
        return (min(ends), max(ends)) if ends else (np.inf, -np.inf)


def fit_numbers(
    values: pd.Series, name: str, kind: str, decimals: int, people: np.ndarray | None, bins: int, k: int
) -> NumberCodes:
    """Choose spikes and bins for one column of training values (float64 or datetime64)."""
    decimals = safe_decimals(values, kind, decimals)
    grid, filled = to_grid(values, kind, decimals)
    grid, who = grid[filled], (np.arange(len(grid)) if people is None else people)[filled]
    spikes = _find_spikes(grid, who, bins, k)
    loose = ~np.isin(grid, spikes)
    line = grid[loose] - np.searchsorted(spikes, grid[loose])
    knots, mass = _find_knots(line, who[loose], bins, k)
    firsts = _find_bins(mass, bins)
    return NumberCodes(
        name=name,
        kind=kind,
        decimals=decimals,
        spikes=tuple(int(s) for s in spikes),
        knots=tuple(map(float, knots)),
        mass=tuple(round(float(m), 9) for m in mass),
        firsts=firsts,
        missing=not filled.all(),
    )


def _find_spikes(grid: np.ndarray, who: np.ndarray, bins: int, k: int) -> np.ndarray:
    """Grid points shared by at least k people that stand out: a bin's worth of rows, or three times their surroundings."""
    points, rows = np.unique(grid, return_counts=True)
    if not len(points):
        return points
    people = _people_at(grid, who, points)
    around = _density(points, rows)
    keep = (people >= k) & ((rows >= len(grid) / bins) | (rows >= 3 * around + k))
    candidates = np.flatnonzero(keep)
    if len(candidates) > 2 * bins:
        candidates = np.sort(candidates[np.argsort(-rows[candidates], kind="stable")[: 2 * bins]])
    return points[candidates]


def _people_at(grid: np.ndarray, who: np.ndarray, points: np.ndarray) -> np.ndarray:
    pairs = np.unique(np.stack([np.searchsorted(points, grid), np.unique(who, return_inverse=True)[1]]), axis=1)
    return np.bincount(pairs[0], minlength=len(points))


def _density(points: np.ndarray, rows: np.ndarray, reach: int = 10) -> np.ndarray:
    """Rows per grid point in the neighbourhood of each point (up to `reach` points either side), itself left out."""
    i = np.arange(len(points))
    low, high = np.maximum(i - reach, 0), np.minimum(i + reach, len(points) - 1)
    total = np.concatenate([[0], np.cumsum(rows)])
    return (total[high + 1] - total[low] - rows) / np.maximum(points[high] - points[low], 1)


def _find_knots(line: np.ndarray, who: np.ndarray, bins: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Half-integer knots with at least k people between any two, and the share of rows between them."""
    if len(line) == 0:
        return np.zeros(0), np.zeros(0)
    own = np.sort(line[np.unique(who, return_index=True)[1]])  # one value of each person
    if len(own) < k:
        return np.zeros(0), np.zeros(0)
    low, high = _extremes(line, who, k)
    pieces = max(1, min(len(own) // k, bins * KNOTS_PER_BIN))
    at = (np.arange(1, pieces) * len(own)) // pieces
    below, above = own[at - 1], own[at]
    inner = np.unique(np.floor((below + above) / 2) + 0.5)
    inner = inner[(inner > low) & (inner < high)]
    knots = _merge(np.concatenate([[low - 0.5], inner, [high + 0.5]]), own, k)
    counts = np.histogram(np.clip(line, low, high), knots)[0]
    return knots, counts / counts.sum()


def _extremes(line: np.ndarray, who: np.ndarray, k: int) -> tuple[int, int]:
    """The k-th lowest of the people's lowest values and the k-th highest of their highest."""
    order = np.lexsort((line, who))
    line, who = line[order], who[order]
    new = np.flatnonzero(np.append(True, who[1:] != who[:-1]))
    low, high = np.sort(line[new])[k - 1], np.sort(line[np.append(new[1:], len(line)) - 1])[-k]
    return (low, high) if low <= high else (high, low)


def _merge(knots: np.ndarray, values: np.ndarray, k: int) -> np.ndarray:
    """Drop knots until at least k of the sorted `values` (one a person) lie between any two."""
    place = np.searchsorted(values, knots)
    place[0], place[-1] = 0, len(values)
    kept = [0]
    for i in range(1, len(knots) - 1):
        if place[i] - place[kept[-1]] >= k and place[-1] - place[i] >= k:
            kept.append(i)
    return knots[[*kept, len(knots) - 1]]


def _find_bins(mass: np.ndarray, bins: int) -> tuple[int, ...]:
    """The first knot of each bin, so that bins hold about equal shares of the rows."""
    if len(mass) == 0:
        return ()
    start = np.concatenate([[0.0], np.cumsum(mass)[:-1]])
    firsts = np.unique(np.searchsorted(start, np.arange(bins) / bins - 0.5 * mass.min()))
    return tuple(int(f) for f in firsts if f < len(mass))


def safe_decimals(values: pd.Series, kind: str, decimals: int) -> int:
    """Digits after the point such that the grid position of every value is an exact float."""
    if kind in ("date", "datetime"):
        return 0
    top = np.nanmax(np.abs(values.to_numpy(float)), initial=1.0)
    return max(0, min(decimals, int(np.floor(15 - np.log10(max(top, 1.0))))))


def to_grid(values: pd.Series, kind: str, decimals: int) -> tuple[np.ndarray, np.ndarray]:
    """Grid positions (int64; days, seconds or units of 10^-decimals) and which cells are filled."""
    filled = values.notna().to_numpy()
    if kind in ("date", "datetime"):
        seconds = values.to_numpy("datetime64[s]").astype(np.int64)
        return np.where(filled, np.floor_divide(seconds, _DAY if kind == "date" else 1), 0), filled
    x = np.where(filled, values.to_numpy(float), 0.0)
    return np.rint(x * 10.0**decimals).astype(np.int64), filled


def from_grid(grid: np.ndarray, filled: np.ndarray, kind: str, decimals: int) -> np.ndarray:
    """The cells at these grid positions: float64 with NaN, or datetime64[us] with NaT."""
    if kind in ("date", "datetime"):
        out = (grid * (_DAY if kind == "date" else 1)).astype("datetime64[s]").astype("datetime64[us]")
        out[~filled] = np.datetime64("NaT")
        return out
    x = np.round(grid / 10.0**decimals, decimals)
    return np.where(filled, x, np.nan)


def parse(value: Any, kind: str, name: str) -> Any:
    """The number or time stamp a user means by `value`; missing for None, NaN or an empty text."""
    if value is None or value == "" or (isinstance(value, float) and np.isnan(value)):
        return pd.NaT if kind in ("date", "datetime") else np.nan
    try:
        if kind in ("date", "datetime"):
            return np.datetime64(str(value).strip(), "us")
        number = float(value)
    except (TypeError, ValueError):
        number = np.inf
    if kind not in ("date", "datetime") and np.isfinite(number):
        return number
    expected = "a date such as 2024-01-31" if kind in ("date", "datetime") else "a number"
    raise SpecError(f"The value fixed for column {name!r} is not {expected}.", "Correct it.")
