"""Wishes about a number or date column on its grid: which levels they leave, and draws inside what they leave.

A bin that is cut by the end of a range is left with the share of its density that lies inside, so that a draw of levels
by these shares, followed by a draw inside the level, follows the column's own law given the wish.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synthgen.spec import OneOf, Range, Wish
from synthgen.tabular.grid import DAY, Grid

if TYPE_CHECKING:
    from synthgen.tabular.number_codes import NumberCodes

FAR = 2**60  # beyond every grid position
EVERYWHERE = np.array([[-FAR, FAR]])
LEAST = 1e-12  # share of a level that holds an allowed point, however thin its density is there
HALVINGS = 45


def asked_intervals(
    grid: Grid, wish: Wish, name: str, marks: Mapping[str, int] = MappingProxyType({})
) -> tuple[bool, np.ndarray]:
    """Whether missing is asked for, and the grid intervals (m, 2; both ends included) that are.

    `marks` are texts among the numbers with their positions. Raises SpecError for what is no value of the column called
    `name`.
    """
    if isinstance(wish, Range):
        return False, np.array([range_ends(grid, wish, name)], dtype=np.int64)
    wanted = wish.values if isinstance(wish, OneOf) else (wish,)
    cells = [grid.parse(value, name) for value in wanted if value not in marks]
    at = {int(grid.positions(pd.Series([cell]))[0][0]) for cell in cells if not pd.isna(cell)}
    at |= {place for text, place in marks.items() if text in wanted}
    return any(pd.isna(cell) for cell in cells), np.array([[p, p] for p in sorted(at)], dtype=np.int64).reshape(-1, 2)


def range_ends(grid: Grid, wish: Range, name: str) -> tuple[int, int]:
    """First and last grid position of a range; an open side lies beyond every position."""
    low, high = ends(grid, wish, name)
    first = -FAR if low is None else int(np.ceil(_place(grid, low) - 1e-9))
    return first, FAR if high is None else int(np.floor(_place(grid, high) + 1e-9))


def ends(grid: Grid, wish: Range, name: str) -> tuple[Any, Any]:
    """Low and high end as cells (float or datetime64), None where open. Raises SpecError for what is no value."""
    low, high = (None if end is None else grid.parse(end, name) for end in (wish.low, wish.high))
    if grid.seconds and high is not None and grid.seconds < DAY and len(str(wish.high).strip()) <= len("2024-01-31"):
        high += np.timedelta64(DAY, "s") - np.timedelta64(1, "us")
    return low, high


def _place(grid: Grid, cell: Any) -> float:
    """Where a cell lies on the grid, in steps."""
    if grid.seconds:
        return float(np.datetime64(cell, "us").astype(np.int64)) / 1e6 / grid.seconds
    return float(cell) * 10.0**grid.decimals / grid.step


def meet(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intervals (m, 2) that lie in one of `a` and in one of `b`."""
    low = np.maximum(a[:, None, 0], b[None, :, 0]).ravel()
    high = np.minimum(a[:, None, 1], b[None, :, 1]).ravel()
    return np.stack([low, high], axis=1)[low <= high]


def level_shares(codes: NumberCodes, intervals: np.ndarray) -> np.ndarray:
    """The share (levels,) of each level's draws that lie in the intervals; nothing of the missing level."""
    out = np.zeros(codes.size)
    bin_level, spike_level = codes.levels
    for i, spike in enumerate(codes.spikes):
        out[spike_level[i]] = float(((intervals[:, 0] <= spike) & (spike <= intervals[:, 1])).any())
    for i, level in enumerate(bin_level):
        parts = _parts(codes, i, intervals)
        if len(parts):
            first, last = codes.bin_knots(i)
            whole = codes.cdf[last] - codes.cdf[first]
            out[level] = np.clip(np.diff(_masses(codes, parts)).sum() / whole, LEAST, 1.0)
    return np.where(out > 1 - 1e-9, 1.0, out)


def level_ends(codes: NumberCodes, intervals: np.ndarray) -> np.ndarray:
    """First and last grid position (levels, 2) of each level inside the intervals; NaN where there is none."""
    out = np.full((codes.size, 2), np.nan)
    bin_level, spike_level = codes.levels
    for spike, level in zip(codes.spikes, spike_level, strict=True):
        if ((intervals[:, 0] <= spike) & (spike <= intervals[:, 1])).any():
            out[level] = spike
    for i, level in enumerate(bin_level):
        parts = _parts(codes, i, intervals)
        if len(parts):
            out[level] = codes.uncut(np.array([parts[:, 0].min(), parts[:, 1].max()]))
    return out


def draw_within(codes: NumberCodes, levels: np.ndarray, intervals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cells for levels, each inside the intervals; every level must hold a part of them, or be missing."""
    grid, inside = codes.draw_positions(levels, rng), codes.bins_of(levels)
    for i in np.unique(inside[inside >= 0]):
        rows, parts = np.flatnonzero(inside == i), _parts(codes, i, intervals)
        if not len(parts):
            continue
        masses = _masses(codes, parts)
        widths = np.maximum(np.diff(masses).ravel(), 1e-300)
        which = rng.choice(len(parts), len(rows), p=widths / widths.sum())
        u = masses[which, 0] + rng.random(len(rows)) * widths[which]
        grid[rows] = codes.uncut(np.clip(codes.quantile(u, np.full(len(rows), i)), *parts[which].T))
    return codes.grid.cells(grid, levels < codes.ordered)


def draw_between(
    codes: NumberCodes, levels: np.ndarray, low: np.ndarray, high: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Grid positions for levels, each row's between its own `low` and `high`; -FAR where the level holds none there."""
    out, inside = np.full(len(levels), -FAR), codes.bins_of(levels)
    for row in range(len(levels)):
        interval = np.array([[low[row], high[row]]])
        if inside[row] < 0:
            spike = codes.draw_positions(levels[row : row + 1], rng)[0]
            out[row] = spike if low[row] <= spike <= high[row] else -FAR
            continue
        parts = _parts(codes, int(inside[row]), interval)
        if len(parts):
            masses = _masses(codes, parts)
            u = masses[:, 0] + rng.random(1) * np.diff(masses).ravel()
            out[row] = codes.uncut(np.clip(codes.quantile(u, inside[row : row + 1]), *parts.T))[0]
    return out


def _parts(codes: NumberCodes, which: int, intervals: np.ndarray) -> np.ndarray:
    """What of a bin the intervals leave, as intervals on the line without spikes."""
    first, last = codes.bin_knots(which)
    spikes = np.asarray(codes.spikes, dtype=np.int64)
    low = intervals[:, 0] - np.searchsorted(spikes, intervals[:, 0], side="left")
    high = intervals[:, 1] - np.searchsorted(spikes, intervals[:, 1], side="right")
    low = np.maximum(low, int(np.ceil(codes.knots[first])))
    high = np.minimum(high, int(np.floor(codes.knots[last])))
    return np.stack([low, high], axis=1)[low <= high]


def _masses(codes: NumberCodes, parts: np.ndarray) -> np.ndarray:
    """The distribution function at both ends of intervals on the line, half a step outside: (m, 2)."""
    at = parts + np.array([-0.5, 0.5])
    return _distribution(codes, at.ravel()).reshape(at.shape)


def _distribution(codes: NumberCodes, places: np.ndarray) -> np.ndarray:
    """The distribution function of the density between knots: its monotone cubic, turned round by halving."""
    knots, cdf = np.asarray(codes.knots), codes.cdf
    piece = np.clip(np.searchsorted(knots, places, side="right") - 1, 0, len(knots) - 2)
    low, high = np.zeros(len(places)), np.ones(len(places))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = codes.moved(piece, middle) < places - knots[piece]
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    t = np.where(places <= knots[piece], 0.0, np.where(places >= knots[piece + 1], 1.0, (low + high) / 2))
    return cdf[piece] + t * (cdf[piece + 1] - cdf[piece])
