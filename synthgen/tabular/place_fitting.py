"""The cells of a map: points that at least k people share, and a k-d tree whose leaves hold at least k people each.

The tree is a density estimate: a cell is cut where an even density on both sides tells most about the people in it
(the gain in log-likelihood; compare Ram and Gray 2011, Density estimation trees), so coasts and towns show as soon as
k people on either side do. Cuts are midpoints between people, nothing lies beyond the k-th lowest and highest
coordinate, and what is empty of a leaf is cut off in eighths of its sides: no edge is chosen as a person's own
coordinate.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from synthgen.tabular.category_codes import CategoryCodes, fit_categories, people_per_level
from synthgen.tabular.number_codes import NumberCodes
from synthgen.tabular.number_fitting import extremes
from synthgen.tabular.places import Place

CELLS_PER_BIN = 4  # a map has two dimensions: more cells than a number has bins
LEAST_GAIN = 3.0  # nats that a cut must tell; chance gives about as much
MOST_PEOPLE = 200_000  # from whom the tree is grown
EIGHTHS = 8

Boxes = tuple[tuple[int, int, int, int], ...]


class _Leaf(NamedTuple):
    """A cell being cut: its place in the tree, its box (2, 2) and, per axis, its points in order."""

    path: tuple[int, ...]
    box: np.ndarray
    orders: tuple[np.ndarray, np.ndarray]


def fit_places(
    frame: pd.DataFrame, columns: Sequence[Any], spans: Mapping[str, Any], who: np.ndarray | None, k: int, bins: int
) -> list[tuple[Place, CategoryCodes]]:
    """The places of a training frame, each with the span of its code column.

    Coordinates that another column determines are looked up and need none.
    """
    people = np.arange(len(frame)) if who is None else who
    known = {c.name: c for c in columns}
    found = []
    for column in columns:
        other = known.get(getattr(column, "place_with", None) or "")
        if other is None or columns.index(other) < columns.index(column):
            continue
        looked_up = any(getattr(c, "determined_by", None) in known for c in (column, other))
        place = None if looked_up else _place(frame, column.name, other.name, spans, people, k, bins)
        if place is not None:
            order = [str(i) for i in range(len(place.boxes))]  # neighbours in the tree learn from each other
            span = fit_categories(place.of(frame), place.name, "category", False, people, k, order)
            found.append((place, span))
    return found


def _place(
    frame: pd.DataFrame, name: str, other: str, spans: Mapping[str, Any], people: np.ndarray, k: int, bins: int
) -> Place | None:
    sides = (spans[name], spans[other])
    if not all(isinstance(side, NumberCodes) for side in sides):
        return None
    place = Place(
        name=f"{name}, {other}: place",
        column=name,
        beside=other,
        grids=(sides[0].grid, sides[1].grid),
        boxes=(),
        shares=(),
        together=_together(frame, (name, other), people, k),
    )
    points, filled = place.positions(frame)
    return _held(place, _boxes(points[filled], people[filled], k, bins), points[filled], people[filled], k)


def _held(place: Place, boxes: Boxes, points: np.ndarray, people: np.ndarray, k: int) -> Place | None:
    """The place with the boxes to which at least k people are nearest, and how common each is; None where none is.

    A cell at the edge of the map counts those beyond it, who may lie nearer to a shared point.
    """
    while boxes:
        placed = place.model_copy(update={"boxes": boxes})
        at = placed.nearest(points)
        held = people_per_level(at, people, len(boxes)) >= k
        if held.all():
            counts = np.bincount(at, minlength=len(boxes))
            shares = tuple(round(float(share), 4) for share in counts / counts.sum())
            return placed.model_copy(update={"shares": shares})
        boxes = tuple(box for box, kept in zip(boxes, held, strict=True) if kept)
    return None


def _together(frame: pd.DataFrame, names: tuple[str, str], people: np.ndarray, k: int) -> bool:
    """Whether fewer than k people have one of the coordinates alone."""
    gaps = [frame[name].isna().to_numpy() for name in names]
    return len(np.unique(people[gaps[0] != gaps[1]])) < k


def _boxes(points: np.ndarray, people: np.ndarray, k: int, bins: int) -> Boxes:
    """Cells in the order of the tree, then shared points."""
    shared = _shared(points, people, k, bins)
    loose = ~_among(points, shared)
    cells = _grown(points[loose], people[loose], k, CELLS_PER_BIN * bins) if loose.any() else []
    boxes = [*cells, *(np.stack([point, point], axis=1) for point in shared)]
    return tuple((int(b[0, 0]), int(b[0, 1]), int(b[1, 0]), int(b[1, 1])) for b in boxes)


def _shared(points: np.ndarray, people: np.ndarray, k: int, bins: int) -> np.ndarray:
    """The points (m, 2) that at least k people share, at most two for each bin: those of most people."""
    distinct, place = np.unique(points, axis=0, return_inverse=True)
    held = people_per_level(place.ravel(), people, len(distinct))
    commonest = np.argsort(-held, kind="stable")[: 2 * bins]
    return distinct[np.sort(commonest[held[commonest] >= k])]


def _among(points: np.ndarray, shared: np.ndarray) -> np.ndarray:
    whole = np.concatenate([shared, points])
    number = np.unique(whole, axis=0, return_inverse=True)[1].ravel()
    return np.isin(number[len(shared) :], number[: len(shared)])


def _grown(points: np.ndarray, people: np.ndarray, k: int, most: int) -> list[np.ndarray]:
    """Boxes (2, 2) of the leaves of a tree of at most `most`, the cut that tells most made first; in tree order."""
    ends = np.array([extremes(points[:, axis], people, k) for axis in (0, 1)]) if _enough(people, k) else None
    own = points[np.unique(people, return_index=True)[1]]  # one point of each person
    if ends is None:
        return []
    own = np.clip(own[:: max(1, len(own) // MOST_PEOPLE)], ends[:, 0], ends[:, 1])
    first, second = (np.argsort(own[:, axis], kind="stable") for axis in (0, 1))
    leaves: list[_Leaf] = []
    waiting = [_ranked(_Leaf((), ends, (first, second)), own, k)]
    while waiting:
        gain, _, leaf, cut = heapq.heappop(waiting)
        if -gain < LEAST_GAIN or len(leaves) + len(waiting) + 1 >= most:
            leaves.append(leaf)
            continue
        for half in _halves(leaf, own, *cut):
            heapq.heappush(waiting, _ranked(half, own, k))
    return [_trimmed(leaf, own) for leaf in sorted(leaves, key=lambda leaf: leaf.path)]


def _enough(people: np.ndarray, k: int) -> bool:
    return len(np.unique(people)) >= k


def _ranked(leaf: _Leaf, own: np.ndarray, k: int) -> tuple[float, tuple[int, ...], _Leaf, tuple[int, int]]:
    """A leaf with its best cut (axis, last position of the lower half), the one that gains most first."""
    gain, cut = -math.inf, (0, 0)
    for axis, order in enumerate(leaf.orders):
        best, at = _best_cut(own[order, axis], k)
        if best > gain:
            gain, cut = best, (axis, at)
    return -gain, leaf.path, leaf, cut


def _best_cut(values: np.ndarray, k: int) -> tuple[float, int]:
    """The gain in nats of the best cut of sorted values with k on both sides, and where it is.

    What is empty between the sides counts for neither, so that cuts go through gaps and not along the densest part.
    """
    n = len(values)
    left = np.arange(k, n - k + 1)
    left = left[values[left - 1] < values[left]] if len(left) else left
    if not len(left):
        return -math.inf, 0
    at = (values[left - 1] + values[left]) // 2
    whole = float(values[-1] - values[0] + 1)
    below, above = (values[left - 1] - values[0] + 1) / whole, (values[-1] - values[left] + 1) / whole
    gains = left * np.log(left / n / below) + (n - left) * np.log((n - left) / n / above)
    best = int(np.argmax(gains))
    return float(gains[best]), int(at[best])


def _halves(leaf: _Leaf, own: np.ndarray, axis: int, at: int) -> list[_Leaf]:
    halves = []
    for side in (0, 1):
        box = leaf.box.copy()
        box[axis, 1 - side] = at + side
        keep = [(own[order, axis] <= at) == (side == 0) for order in leaf.orders]
        orders = (leaf.orders[0][keep[0]], leaf.orders[1][keep[1]])
        halves.append(_Leaf((*leaf.path, side), box, orders))
    return halves


def _trimmed(leaf: _Leaf, own: np.ndarray) -> np.ndarray:
    """The box without the eighths of its sides that are empty from an edge on, until no whole eighth is."""
    box = leaf.box.copy()
    for axis, order in enumerate(leaf.orders):
        first, last = own[order[[0, -1]], axis]
        before = None
        while before != (low := int(box[axis, 0]), high := int(box[axis, 1])):
            before, width = (low, high), (high + 1 - low) / EIGHTHS
            box[axis, 0] = low + math.floor(math.floor((first - low) / width) * width)
            box[axis, 1] = high - math.floor(math.floor((high - last) / width) * width)
    return box
