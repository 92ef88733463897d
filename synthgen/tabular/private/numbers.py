"""Levels of a number or date column from noisy counts alone: spikes, a range, bins and the density inside them.

Four vectors of counts, three where the owner declares the range. *Spikes*: values that enough people share. *Range*:
one count for each power of two, a list of cells that no data are needed for. *Two refinements*: cells are cut into as
many pieces as their counts can tell apart, first at most sixteen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from synthgen.tabular.grid import DAY, EXACT_DIGITS, Grid
from synthgen.tabular.number_codes import NumberCodes
from synthgen.tabular.private.counts import Counter
from synthgen.tabular.schema import TIMES, Column

FARTHEST = 52  # powers of two from 0 that a position may lie
CUTS = 16  # pieces of a cell in the first refinement
SEEN, TOLD_APART = 3.0, 4.0  # standard deviations of a cell that is taken to hold people; of a piece
FAR = 4.5  # the same for the range, where a hundred cells that hold nobody are looked at
FAINT = 1e-6  # share of the rows between knots that noise says nobody is in
QUERIES = 4


@dataclass(frozen=True)
class Span:
    """A column's codes and the noisy people at each of its levels."""

    codes: NumberCodes
    counts: np.ndarray


@dataclass(frozen=True)
class Cells:
    """Neighbouring stretches of the line of positions: `edges` (n + 1,) are half-integers; noisy people in each."""

    edges: np.ndarray
    counts: np.ndarray


def fit(
    values: pd.Series, column: Column, counter: Counter, bins: int, k: int, declared: tuple[int, int] | None
) -> Span:
    """Levels of one column of the training rows; `declared` are the grid positions of its ends where they are known."""
    grid = grid_of(column)
    points, filled = positions(values, grid)
    points = np.clip(points, *declared) if declared else points
    spikes, at_spikes, gaps = _spikes(points, filled, counter, bins, k)
    loose = filled & ~np.isin(points, spikes)
    line = np.where(loose, points - np.searchsorted(spikes, points), 0)
    found = _cells(line, loose, counter, tuple(end - int(np.searchsorted(spikes, end)) for end in declared or ()))
    rest = counter.people - float(at_spikes.sum()) - gaps
    doubt = counter.noise * (len(spikes) + 1) ** 0.5
    cells = _trimmed(found, counter.noise, rest) if rest > max(k, SEEN * doubt) else None
    if cells is None and not len(spikes):
        cells = Cells(np.array([-0.5, 0.5]), np.array([1.0]))  # nothing is known of it but its kind
    return _span(column.name, grid, spikes, at_spikes, cells, gaps, bins, max(k, TOLD_APART * counter.noise), counter)


def grid_of(column: Column) -> Grid:
    """The grid that the column's format means; what its values keep is not looked at."""
    if column.kind in TIMES:
        return Grid(seconds=DAY if column.kind == "date" else max(1, round(column.grid_seconds or 1)))
    return Grid(decimals=min(6 if column.decimals is None else column.decimals, EXACT_DIGITS))


def positions(values: pd.Series, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Grid positions of the cells, none beyond 2^52 from 0, and which cells are filled."""
    if not grid.seconds:
        most = 2.0**FARTHEST / 10.0**grid.decimals
        values = values.clip(-most, most)
    points, filled = grid.positions(values)
    return points, filled


def _spikes(
    points: np.ndarray, filled: np.ndarray, counter: Counter, bins: int, k: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Values that are levels of their own, noisy people at each, and noisy people with gaps.

    A spike is a value that may be named and holds a bin's worth of people.
    """
    values, place = np.unique(points[filled], return_inverse=True)
    levels = np.full(len(points), len(values))
    levels[filled] = place
    noisy, named = counter.named(levels, len(values) + 1, k)
    gaps = float(noisy[-1])
    kept = np.flatnonzero(named[:-1] & (noisy[:-1] >= counter.people / bins))
    return values[kept], noisy[kept], gaps


def _cells(line: np.ndarray, inside: np.ndarray, counter: Counter, declared: tuple[int, ...]) -> Cells:
    """Cells of the line with noisy people in them, as fine as noise allows."""
    if declared:
        edges = _cut(np.array([declared[0] - 0.5, max(declared) + 0.5]), np.array([CUTS]))
    else:
        edges = _powers()
        found = _counted(line, inside, edges, counter)
        held = np.flatnonzero(found.counts >= FAR * counter.noise)
        first, last = (int(held[0]), int(held[-1])) if len(held) else (int(np.argmax(found.counts)),) * 2
        pieces = np.minimum(_pieces(found.counts, counter.noise), CUTS)
        edges = _cut(edges[first : last + 2], pieces[first : last + 1])
    found = _counted(line, inside, edges, counter)
    return _counted(line, inside, _cut(edges, _pieces(found.counts, counter.noise)), counter)


def _pieces(counts: np.ndarray, noise: float) -> np.ndarray:
    """Into how many pieces a cell may be cut for noise to tell them apart."""
    return np.maximum(1, counts // (TOLD_APART * noise + 1e-9)).astype(int)


def _powers() -> np.ndarray:
    """Edges around 0 and between the powers of two on either side."""
    up = 2.0 ** np.arange(FARTHEST + 2) - 0.5
    return np.concatenate([-up[::-1], up])


def _cut(edges: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Edges with every cell cut into so many pieces of whole positions, fewer where it is narrower."""
    parts = [
        low + np.floor(np.arange(n) * (high - low) / n)
        for low, high, n in zip(
            edges[:-1], edges[1:], np.maximum(1, np.minimum(pieces, np.diff(edges))).astype(int), strict=True
        )
    ]
    return np.concatenate([*parts, edges[-1:]])


def _counted(line: np.ndarray, inside: np.ndarray, edges: np.ndarray, counter: Counter) -> Cells:
    """Noisy people in each cell; positions beyond the ends count in the outermost."""
    place = np.clip(np.searchsorted(edges, line) - 1, 0, len(edges) - 2)
    return Cells(edges, counter.votes(np.where(inside, place, -1), len(edges) - 1))


def _trimmed(cells: Cells, noise: float, people: float) -> Cells:
    """The cells without those at either end that noise says nobody is in, with `people` in them and nowhere none."""
    held = np.flatnonzero(cells.counts >= SEEN * noise)
    first, last = (int(held[0]), int(held[-1])) if len(held) else (np.argmax(cells.counts),) * 2
    counts = np.where(cells.counts >= noise, cells.counts, 0.0)[first : last + 1]
    counts = np.maximum(counts, FAINT * max(counts.sum(), 1.0))
    return Cells(cells.edges[first : last + 2], counts * people / counts.sum())


def _span(
    name: str,
    grid: Grid,
    spikes: np.ndarray,
    at_spikes: np.ndarray,
    cells: Cells | None,
    gaps: float,
    bins: int,
    least: float,
    counter: Counter,
) -> Span:
    mass = np.zeros(0) if cells is None else cells.counts
    firsts = _firsts(mass, max(least, counter.people / bins))
    missing = bool(gaps >= least)
    codes = NumberCodes(
        name=name,
        grid=grid,
        spikes=tuple(int(s) for s in spikes),
        knots=() if cells is None else tuple(map(float, cells.edges)),
        mass=tuple(float(m) for m in mass / mass.sum()) if len(mass) else (),
        firsts=firsts,
        missing=missing,
        missing_held=missing,
    )
    counts = np.zeros(codes.size)
    if firsts:
        counts[codes.levels[0]] = np.add.reduceat(mass, np.array(firsts))
    counts[codes.levels[1]] = at_spikes
    counts[codes.ordered :] = gaps
    return Span(codes, np.maximum(counts, 1.0))


def _firsts(mass: np.ndarray, least: float) -> tuple[int, ...]:
    """The first cell of each bin: cells are joined until a bin holds `least` people; what is left joins the last."""
    out, held = [0] if len(mass) else [], 0.0
    for i, people in enumerate(mass):
        if held >= least and mass[i:].sum() >= least:
            out.append(i)
            held = 0.0
        held += people
    return tuple(out)
