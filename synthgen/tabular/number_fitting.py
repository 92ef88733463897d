"""Choosing the spikes, bins and knots of a number or date column; every one of them covers at least k people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from synthgen.tabular.category_codes import people_per_level
from synthgen.tabular.grid import Grid
from synthgen.tabular.marks import Marks, moment_of
from synthgen.tabular.number_codes import NumberCodes
from synthgen.tabular.wishes import FEW

KNOTS_PER_BIN = 8


def fit_numbers(
    values: pd.Series, name: str, grid: Grid, people: np.ndarray | None, bins: int, k: int, marks: Marks = ()
) -> NumberCodes:
    """Choose spikes and bins for one column of training values (float64 or datetime64).

    The numbers that `marks` (texts) stand as are spikes where k people hold them, and missing where fewer do.
    """
    points, filled = grid.positions(values)
    places = tuple((text, _place(grid, stand_in)) for text, stand_in in marks)
    apart = _marked(points, filled, places, people, k)
    filled &= ~np.isin(points, [place for _, place in places]) | np.isin(points, apart)
    kept = grid.holds(values) & filled  # a lone cell beside the grid must not round an end outwards
    points, who = points[kept], (np.arange(len(points)) if people is None else people)[kept]
    few = not grid.seconds and not grid.decimals and len(np.unique(points)) <= FEW
    spikes = _find_spikes(points, who, bins, k, few)
    spikes = np.union1d(spikes, apart) if len(apart) else spikes
    loose = ~np.isin(points, spikes)
    line = points[loose] - np.searchsorted(spikes, points[loose])
    knots, mass = _find_knots(line, who[loose], bins, k)
    firsts = _find_bins(mass, bins)
    return NumberCodes(
        name=name,
        grid=grid,
        spikes=tuple(int(s) for s in spikes),
        knots=tuple(map(float, knots)),
        mass=tuple(round(float(m), 9) for m in mass),
        firsts=firsts,
        missing=not filled.all(),
        missing_held=_is_held(~filled, people, k),
        few=few,
        marks=places,
    )


def _place(grid: Grid, stand_in: float) -> int:
    """The grid position of the number or moment that a text stands as."""
    return int(grid.positions(pd.Series([moment_of(stand_in) if grid.seconds else stand_in]))[0][0])


def _marked(
    points: np.ndarray, filled: np.ndarray, places: Sequence[tuple[str, int]], people: np.ndarray | None, k: int
) -> np.ndarray:
    """The positions of texts that at least k people hold."""
    held = [place for _, place in places if _is_held(filled & (points == place), people, k)]
    return np.array(sorted(held), dtype=np.int64)


def _is_held(rows: np.ndarray, people: np.ndarray | None, k: int) -> bool:
    """Whether at least k people have one of the rows."""
    return bool((rows.sum() if people is None else len(np.unique(people[rows]))) >= k)


def _find_spikes(grid: np.ndarray, who: np.ndarray, bins: int, k: int, few: bool) -> np.ndarray:
    """Grid points that at least k people share and that stand out: a bin's worth of rows, or 3 times those around.

    Where the column has a `few` values only, every one that k people share is a spike.
    """
    points, rows = np.unique(grid, return_counts=True)
    if not len(points):
        return points
    people = _people_at(grid, who, points)
    around = _density(points, rows)
    keep = (people >= k) & (few | (rows >= len(grid) / bins) | (rows >= 3 * around + k))
    candidates = np.flatnonzero(keep)
    if len(candidates) > 2 * bins:
        candidates = np.sort(candidates[np.argsort(-rows[candidates], kind="stable")[: 2 * bins]])
    return points[candidates]


def _people_at(grid: np.ndarray, who: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How many people stand at each of the `points`."""
    return people_per_level(np.searchsorted(points, grid), who, len(points))


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
    low, high = extremes(line, who, k)
    pieces = max(1, min(len(own) // k, bins * KNOTS_PER_BIN))
    at = (np.arange(1, pieces) * len(own)) // pieces
    below, above = own[at - 1], own[at]
    inner = np.unique(np.floor((below + above) / 2) + 0.5)
    inner = inner[(inner > low) & (inner < high)]
    knots = _merge(np.concatenate([[low - 0.5], inner, [high + 0.5]]), own, k)
    counts = np.histogram(np.clip(line, low, high), knots)[0]
    return knots, counts / counts.sum()


def extremes(line: np.ndarray, who: np.ndarray, k: int) -> tuple[int, int]:
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
