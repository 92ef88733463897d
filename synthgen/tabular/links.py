"""From the rules of a run to what a draw may hold: levels and cells of single columns, levels of several together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from synthgen.errors import SpecError
from synthgen.spec import FixedCombinations, Inequality, Range, Within
from synthgen.tabular.allowed import Allowed, Link, Ordering
from synthgen.tabular.category_codes import CategoryCodes, longer_scale
from synthgen.tabular.constraints import Rules
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.number_codes import NumberCodes
from synthgen.tabular.windows import EVERYWHERE, level_ends, level_shares, meet, range_ends

DRAWS = 64  # cells of each of two levels that overlap, to tell how many of their pairs are in order


def confined(encoding: Encoding, rules: Rules, allowed: Allowed) -> Allowed:
    """What is left of `allowed` under the rules. Raises SpecError when a rule leaves nothing."""
    shares, cells = dict(allowed.shares), dict(allowed.cells)
    for rule in rules.constraints:
        if isinstance(rule, Within):
            _limit(encoding, rule, shares, cells)
    links, orderings = list(allowed.links), list(allowed.orderings)
    for rule, combinations in zip(rules.constraints, rules.combinations, strict=True):
        if isinstance(rule, Inequality):
            low, high = (encoding.names.index(c) for c in rule.columns)
            if isinstance(encoding.columns[low], CategoryCodes):
                links.append(_ranked(encoding, low, high, rule.strict, shares))
                continue
            links.append(_ordered(encoding, low, high, rule.strict, shares, cells))
            orderings.append(Ordering(low, high, rule.strict))
        elif isinstance(rule, FixedCombinations):
            links.append(_together(encoding, rule, combinations))
    return Allowed(shares, cells, tuple(links), tuple(orderings))


def _limit(encoding: Encoding, rule: Within, shares: dict[int, np.ndarray], cells: dict[int, np.ndarray]) -> None:
    """Narrow one column to a range; missing and texts among its numbers or dates stay as they were."""
    i = encoding.names.index(rule.column)
    codes = encoding.columns[i]
    if isinstance(codes, CategoryCodes):
        _limit_scale(codes, rule, i, shares)
        return
    ends = np.array([range_ends(codes.grid, Range(low=rule.low, high=rule.high), codes.name)])
    cells[i] = meet(cells.get(i, EVERYWHERE), ends)
    before = shares.get(i, np.ones(codes.size))
    shares[i] = level_shares(codes, cells[i])
    if codes.missing:
        shares[i][-1] = before[-1]
    shares[i][codes.text_levels] = before[codes.text_levels]
    if not shares[i].any():
        raise SpecError(
            f"Nothing that may be generated for column {rule.column!r} lies in the range it must keep.",
            "Widen the range of the constraint, or of what is fixed.",
        )


def _ordered(
    encoding: Encoding, low: int, high: int, strict: bool, shares: dict[int, np.ndarray], cells: dict[int, np.ndarray]
) -> Link:
    """The pairs of levels of two columns that can be in order, and the share of their cells that is."""
    rng = np.random.default_rng(0)  # a fixed table for a fixed encoding
    a, b = (_Side(encoding.columns[i], cells.get(i), shares.get(i), rng) for i in (low, high))
    out = np.where(a.last[:, None] <= b.first[None, :], 1.0, 0.0)
    if strict:
        out = np.where(a.last[:, None] < b.first[None, :], 1.0, 0.0)
    overlap = (a.first[:, None] <= b.last[None, :]) & (out == 0)
    for i, j in np.argwhere(overlap):
        x, y = a.cells[i][:, None], b.cells[j][None, :]
        out[i, j] = float((x < y).mean() if strict else (x <= y).mean())
    out[a.gaps, :], out[:, b.gaps] = 1.0, 1.0
    out = out * (a.left[:, None] > 0) * (b.left[None, :] > 0)
    combos = np.argwhere(out > 0)
    if not len(combos):
        raise SpecError(
            f"No values of columns {encoding.names[low]!r} and {encoding.names[high]!r} can be in order.",
            "Widen what is fixed, or leave the constraint out.",
        )
    return Link((low, high), combos, out[tuple(combos.T)])


def _limit_scale(codes: CategoryCodes, rule: Within, i: int, shares: dict[int, np.ndarray]) -> None:
    """Narrow an ordered category to a range; missing stays as it was."""
    before = shares.get(i, np.ones(codes.size))
    left = codes.allowed(Range(low=rule.low, high=rule.high))[0] * before
    if codes.missing:
        left[-1] = before[-1]
    if not left.any():
        raise SpecError(
            f"Nothing that may be generated for column {rule.column!r} lies in the range it must keep.",
            "Widen the range of the constraint, or of what is fixed.",
        )
    shares[i] = left


def _ranked(encoding: Encoding, low: int, high: int, strict: bool, shares: dict[int, np.ndarray]) -> Link:
    """The pairs of levels of two ordered categories that are in order; levels outside of the scale go with all."""
    sides = [encoding.columns[i] for i in (low, high)]
    scale = longer_scale(*(side.scale for side in sides if isinstance(side, CategoryCodes)))
    place = {value: float(i) for i, value in enumerate(scale)}
    ranks = [
        np.array([place.get(v, np.nan) for v in s.values] + [np.nan] * (s.size - len(s.values)))
        for s in sides
        if isinstance(s, CategoryCodes)
    ]
    a, b = ranks[0][:, None], ranks[1][None, :]
    kept = ~((a >= b) if strict else (a > b))
    for axis, i in enumerate((low, high)):
        left = shares.get(i, np.ones(encoding.sizes[i])) > 0
        kept &= left[:, None] if axis == 0 else left[None, :]
    combos = np.argwhere(kept)
    if not len(combos):
        raise SpecError(
            f"No values of columns {encoding.names[low]!r} and {encoding.names[high]!r} can be in order.",
            "Widen what is fixed, or leave the constraint out.",
        )
    return Link((low, high), combos, np.ones(len(combos)))


class _Side:
    """One column of an inequality: for each level its first and last cell as numbers, and draws of it."""

    def __init__(
        self, codes: Any, intervals: np.ndarray | None, shares: np.ndarray | None, rng: np.random.Generator
    ) -> None:
        ends = level_ends(codes, EVERYWHERE if intervals is None else intervals)
        self.first, self.last = (_numbers(codes, ends[:, i]) for i in (0, 1))
        self.gaps = np.arange(codes.size) >= codes.ordered
        self.gaps[codes.text_levels] = True  # a text is in any order
        self.left = np.ones(codes.size) if shares is None else shares
        made = codes.decode(np.repeat(np.arange(codes.size), DRAWS), rng, intervals)
        self.cells = as_number(made).reshape(codes.size, DRAWS)


def as_number(cells: Any) -> np.ndarray:
    """Cells of numbers or dates as floats that can be compared with each other; missing is NaN."""
    values = np.asarray(cells)
    if values.dtype.kind != "M":
        return values.astype(float)
    return np.where(np.isnat(values), np.nan, values.astype("datetime64[us]").astype(np.int64).astype(float))


def _numbers(codes: NumberCodes, places: np.ndarray) -> np.ndarray:
    """Grid positions as numbers; a level that holds nothing compares with nothing."""
    held = np.isfinite(places)
    cells = codes.grid.cells(np.where(held, places, 0).astype(np.int64), np.ones(len(places), bool))
    return np.where(held, as_number(cells), np.nan)


def _together(encoding: Encoding, rule: FixedCombinations, combinations: Any) -> Link:
    """The levels of combinations of values."""
    columns = [encoding.names.index(c) for c in rule.columns]
    codes = []
    for place, i in enumerate(columns):
        column = encoding.columns[i]
        words = [combination[place] for combination in combinations]
        if isinstance(column, NumberCodes):
            values = pd.Series([np.nan if w is None else float(w) for w in words], dtype=float)
        else:
            values = pd.Series(words, dtype=object)
        codes.append(column.encode(values))
    combos = np.unique(np.stack(codes, axis=1), axis=0)
    return Link(tuple(columns), combos, np.ones(len(combos)))
