"""Equal shares of every value of some columns, without combinations that do not exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from synthgen.errors import SpecError
from synthgen.tabular.allowed import Allowed
from synthgen.tabular.category_codes import CategoryCodes
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.mixes import rake

PER_LEVEL, POOL = 200, 20_000

Draw = Callable[[np.ndarray], np.ndarray]


def balanced(
    given: np.ndarray, names: Sequence[str], encoding: Encoding, allowed: Allowed, draw: Draw, within: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Combinations of levels of the columns `names`, and the share of rows each gets, so that every level of each
    column comes equally often; with `within`, equally often inside every level of that column.

    `given` (columns,) holds the fixed levels (-1: free). One column needs no model; for several, combinations are drawn
    from the generator with each level fixed in turn (`draw`), then weighted by iterative proportional fitting (Deming
    and Stephan 1940), so that a combination which never occurs is not made for balance's sake. Missing and `other` are
    not values and get no share. Returns (combinations, columns) codes and (combinations,) shares.
    """
    columns = [_index(name, given, encoding) for name in names]
    levels = [values_of(encoding, c, allowed) for c in columns]
    if within is not None:
        return _inside(given, columns, levels, _index(within, given, encoding), draw)
    if len(columns) == 1:
        return _with(given, columns[0], levels[0]), np.full(len(levels[0]), 1 / len(levels[0]))
    combos = _that_occur(given, columns, columns, levels, draw)
    return combos, rake([combos[:, c] for c in columns], np.full(len(combos), 1 / len(combos)))


def allocate(shares: np.ndarray, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Which combination each of `rows` rows gets: systematic sampling, so that counts are off by less than one."""
    at = (rng.random() + np.arange(rows)) / rows
    return rng.permutation(
        np.searchsorted(np.cumsum(shares) / shares.sum(), at, side="right").clip(max=len(shares) - 1)
    )


def _inside(
    given: np.ndarray, columns: Sequence[int], levels: Sequence[np.ndarray], within: int, draw: Draw
) -> tuple[np.ndarray, np.ndarray]:
    """Combinations of `within` and `columns`; the levels of `within` keep the generator's own shares.

    Its shares come from rows drawn freely, so that they hold a sampling error of at most half a percent.
    """
    own = np.bincount(draw(np.tile(given, (POOL, 1)))[:, within]) / POOL
    combos = _that_occur(given, [within, *columns], columns, levels, draw)
    shares = np.zeros(len(combos))
    for level in np.unique(combos[:, within]):
        rows = np.flatnonzero(combos[:, within] == level)
        weight = own[level] if level < len(own) else 0.0
        shares[rows] = weight * rake([combos[rows, c] for c in columns], np.full(len(rows), 1 / len(rows)))
    if not shares.any():
        raise SpecError("None of the values to balance comes with the values to balance within.", "Ask for others.")
    return combos[shares > 0], shares[shares > 0] / shares.sum()


def _that_occur(
    given: np.ndarray, kept: Sequence[int], columns: Sequence[int], levels: Sequence[np.ndarray], draw: Draw
) -> np.ndarray:
    """Combinations of the columns `kept` that the generator makes when each level of `columns` is fixed in turn."""
    each = max(1, min(PER_LEVEL, POOL // sum(map(len, levels))))
    starts = np.repeat(np.concatenate([_with(given, c, v) for c, v in zip(columns, levels, strict=True)]), each, axis=0)
    pool = draw(starts)
    real = np.all([np.isin(pool[:, c], v) for c, v in zip(columns, levels, strict=True)], axis=0)
    combos = np.tile(given, (int(real.sum()), 1))
    combos[:, kept] = pool[real][:, kept]
    if not len(combos):
        raise SpecError("No values of the columns to balance come together.", "Balance one of them.")
    return np.unique(combos, axis=0)


def _with(given: np.ndarray, column: int, levels: np.ndarray) -> np.ndarray:
    out = np.tile(given, (len(levels), 1))
    out[:, column] = levels
    return out


def values_of(encoding: Encoding, column: int, allowed: Allowed) -> np.ndarray:
    """The levels to balance: values of a category, or of a number with few whole ones, that the request allows."""
    codes = encoding.columns[column]
    if isinstance(codes, CategoryCodes):
        values = np.flatnonzero([value not in codes.alone for value in codes.values])
    elif codes.few:
        values = np.sort(codes.levels[1])
    else:
        raise SpecError(
            f"Column {codes.name!r} holds too many different numbers or dates to be balanced.",
            "Balance a category, or a whole number with at most 20 values.",
        )
    if column in allowed.shares:
        values = values[allowed.shares[column][values] > 0]
    if not len(values):
        raise SpecError(f"Column {codes.name!r} has no values to balance.", "Balance another column.")
    return values


def _index(name: str, given: np.ndarray, encoding: Encoding) -> int:
    if name not in encoding.names:
        raise SpecError(f"There is no modelled column {name!r} to balance.", "Name a column the generator models.")
    index = encoding.names.index(name)
    if given[index] >= 0:
        raise SpecError(f"Column {name!r} is both fixed and balanced.", "Choose one of the two.")
    return index
