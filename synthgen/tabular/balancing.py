"""Equal shares of every value of some columns, without combinations that do not exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from synthgen.errors import SpecError
from synthgen.tabular.category_codes import CategoryCodes
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.requests import rake

PER_LEVEL, POOL = 200, 20_000

Draw = Callable[[np.ndarray], np.ndarray]


def balanced(given: np.ndarray, names: Sequence[str], encoding: Encoding, draw: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Combinations of levels of the columns `names`, and the share of rows each gets, so that every level of each
    column comes equally often.

    `given` (columns,) holds the fixed levels (-1: free). One column needs no model; for several, combinations are drawn
    from the generator with each level fixed in turn (`draw`), then weighted by iterative proportional fitting (Deming
    and Stephan 1940), so that a combination which never occurs is not made for balance's sake. Missing and `other` are
    not values and get no share. Returns (combinations, columns) codes and (combinations,) shares.
    """
    columns = [_index(name, given, encoding) for name in names]
    levels = [_values(encoding, c) for c in columns]
    if len(columns) == 1:
        combos = np.tile(given, (len(levels[0]), 1))
        combos[:, columns[0]] = levels[0]
        return combos, np.full(len(combos), 1 / len(combos))
    each = max(1, min(PER_LEVEL, POOL // sum(map(len, levels))))
    starts = np.repeat(np.concatenate([_with(given, c, v) for c, v in zip(columns, levels, strict=True)]), each, axis=0)
    pool = draw(starts)
    real = np.all([np.isin(pool[:, c], v) for c, v in zip(columns, levels, strict=True)], axis=0)
    combos = np.tile(given, (int(real.sum()), 1))
    combos[:, columns] = pool[real][:, columns]
    combos = np.unique(combos, axis=0)
    return combos, _fit_shares(combos, columns)


def allocate(shares: np.ndarray, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Which combination each of `rows` rows gets: systematic sampling, so that counts are off by less than one."""
    at = (rng.random() + np.arange(rows)) / rows
    return rng.permutation(
        np.searchsorted(np.cumsum(shares) / shares.sum(), at, side="right").clip(max=len(shares) - 1)
    )


def _with(given: np.ndarray, column: int, levels: np.ndarray) -> np.ndarray:
    out = np.tile(given, (len(levels), 1))
    out[:, column] = levels
    return out


def _fit_shares(combos: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    shares = np.full(len(combos), 1 / len(combos))
    return rake([combos[:, c] for c in columns], shares)


def _values(encoding: Encoding, column: int) -> np.ndarray:
    codes = encoding.columns[column]
    count = len(codes.values) if isinstance(codes, CategoryCodes) else codes.ordered
    if not count:
        raise SpecError(f"Column {codes.name!r} has no values to balance.", "Balance another column.")
    return np.arange(count)


def _index(name: str, given: np.ndarray, encoding: Encoding) -> int:
    if name not in encoding.names:
        raise SpecError(f"There is no modelled column {name!r} to balance.", "Name a column the generator models.")
    index = encoding.names.index(name)
    if given[index] >= 0:
        raise SpecError(f"Column {name!r} is both fixed and balanced.", "Choose one of the two.")
    return index
