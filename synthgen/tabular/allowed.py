"""What rows of a draw may hold: levels of single columns, cells inside levels, levels of several columns together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Link:
    """Columns whose levels are allowed in some combinations only.

    `combos` (combinations, columns of the link) are levels, `shares` (combinations,) how much of each pair of cells of
    such levels is allowed (1: all of it). A level that no combination names is free.
    """

    columns: tuple[int, ...]
    combos: np.ndarray
    shares: np.ndarray

    def left(self, column: int, codes: np.ndarray, size: int) -> np.ndarray:
        """(rows, size) share of each level of `column` that is allowed beside the levels a row has (-1: none yet).

        A row that no combination fits is left free: it cannot be helped here, and is found when rows are checked.
        """
        here, others = self.columns.index(column), [i for i, c in enumerate(self.columns) if c != column]
        known, place = np.unique(codes[:, [self.columns[i] for i in others]], axis=0, return_inverse=True)
        out = np.zeros((len(known), size))
        for pattern in np.unique(known >= 0, axis=0):
            rows = np.flatnonzero(((known >= 0) == pattern).all(axis=1))
            columns = [i for i, is_known in zip(others, pattern, strict=True) if is_known]
            mine, theirs = _numbered(known[rows][:, pattern], self.combos[:, columns])
            row, combo = _pairs(mine, theirs)
            weights = self.shares[combo] if pattern.all() else np.ones(len(combo))
            np.maximum.at(out, (rows[row], self.combos[combo, here]), weights)
        out[~out.any(axis=1)] = 1.0
        return out[place.ravel()]

    def share(self, codes: np.ndarray) -> np.ndarray:
        """(rows,) how much of the cells of complete rows is allowed."""
        last = self.columns[-1]
        left = self.left(last, codes, int(max(codes[:, last].max(), self.combos[:, -1].max())) + 1)
        return left[np.arange(len(codes)), codes[:, last]]


@dataclass(frozen=True)
class Ordering:
    """Where both cells are filled, those of column `low` are at most (`strict`: below) those of column `high`."""

    low: int
    high: int
    strict: bool


@dataclass(frozen=True)
class Allowed:
    """Column numbers to shares (levels,) of each level that is allowed, and to grid intervals (m, 2) for its cells."""

    shares: Mapping[int, np.ndarray] = field(default_factory=dict)
    cells: Mapping[int, np.ndarray] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    orderings: tuple[Ordering, ...] = ()

    @property
    def columns(self) -> list[int]:
        """The columns that are not free."""
        return sorted({*self.shares, *(c for link in self.links for c in link.columns)})

    def given(self, count: int) -> np.ndarray:
        """(count,) the level of each column that has one left only, -1 for the others."""
        out = np.full(count, -1, dtype=np.int64)
        for column, shares in self.shares.items():
            left = np.flatnonzero(shares)
            out[column] = left[0] if len(left) == 1 else -1
        return out

    def left(self, column: int, codes: np.ndarray, size: int) -> np.ndarray:
        """(rows, size) share of each level of `column` that is allowed beside the levels a row has (-1: none yet)."""
        out = np.tile(self.shares.get(column, np.ones(size)), (len(codes), 1))
        for link in self.links:
            if column in link.columns:
                out *= link.left(column, codes, size)
        return out

    def share(self, codes: np.ndarray) -> np.ndarray:
        """(rows,) how much of the cells of complete rows is allowed: 0 where a level is not."""
        out = np.ones(len(codes))
        for column, shares in self.shares.items():
            out *= shares[codes[:, column]]
        for link in self.links:
            out *= link.share(codes)
        return out


FREE = Allowed()


def _numbered(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One number for each row of two tables with the same columns; equal rows have the same."""
    number = np.unique(np.concatenate([a, b]), axis=0, return_inverse=True)[1].ravel()
    return number[: len(a)], number[len(a) :]


def _pairs(mine: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in both arrays of all pairs of equal numbers."""
    order = np.argsort(theirs, kind="stable")
    first, last = np.searchsorted(theirs[order], mine, "left"), np.searchsorted(theirs[order], mine, "right")
    counts = last - first
    row = np.repeat(np.arange(len(mine)), counts)
    within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    return row, order[first[row] + within]


def without_missing(sizes: Sequence[int], missing: Sequence[bool]) -> Allowed:
    """Every level but missing, which is the last of a column that has one; columns beyond `sizes` are free."""
    shares = {i: np.append(np.ones(n - 1), 0.0) for i, (n, gap) in enumerate(zip(sizes, missing, strict=False)) if gap}
    return Allowed({i: s for i, s in shares.items() if s.any()})
