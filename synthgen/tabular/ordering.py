"""Cells of two columns put in order inside the levels that were drawn for them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from synthgen.tabular.allowed import Allowed, Ordering
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.links import as_number
from synthgen.tabular.number_codes import NumberCodes
from synthgen.tabular.windows import EVERYWHERE, FAR, draw_between, level_ends

ROUNDS = 20


def put_in_order(
    frame: pd.DataFrame,
    codes: np.ndarray,
    encoding: Encoding,
    allowed: Allowed,
    rng: np.random.Generator,
    kept: Collection[str] = (),
) -> pd.DataFrame:
    """A decoded frame whose cells keep the orderings of `allowed` wherever their levels can; `kept` columns stay.

    Both cells are drawn again inside their levels, which leaves the law of pairs that are in order untouched; what is
    still out of order after ROUNDS gets a low cell under the highest possible high one, and a high cell above it.
    """
    for _ in range(len(allowed.orderings)):  # one ordering may undo another that shares a column
        for rule in allowed.orderings:
            _mend(frame, codes, encoding, allowed, rule, rng, kept)
    return frame


def _mend(
    frame: pd.DataFrame,
    codes: np.ndarray,
    encoding: Encoding,
    allowed: Allowed,
    rule: Ordering,
    rng: np.random.Generator,
    kept: Collection[str],
) -> None:
    names = [encoding.names[i] for i in (rule.low, rule.high)]
    free = [i for i, name in zip((rule.low, rule.high), names, strict=True) if name not in kept]
    texts = [_numbers(encoding, i).is_text(frame[encoding.names[i]]) for i in (rule.low, rule.high)]
    bad = np.flatnonzero(_is_out(frame, names, rule.strict) & ~np.logical_or(*texts))  # a text is in any order
    for _ in range(ROUNDS if free else 0):
        if not len(bad):
            return
        for i in free:
            made = _numbers(encoding, i).decode(codes[bad, i], rng, allowed.cells.get(i))
            frame.loc[bad, encoding.names[i]] = made
        bad = bad[_is_out(frame.iloc[bad], names, rule.strict)]
    if len(bad) and free:
        _exactly(frame, codes, encoding, allowed, rule, rng, bad, free)


def _exactly(
    frame: pd.DataFrame,
    codes: np.ndarray,
    encoding: Encoding,
    allowed: Allowed,
    rule: Ordering,
    rng: np.random.Generator,
    bad: np.ndarray,
    free: list[int],
) -> None:
    """The low cell first, under all that the high one may be; then the high cell above it."""
    high_codes, step = _numbers(encoding, rule.high), int(rule.strict)
    if rule.low in free:
        top = level_ends(high_codes, allowed.cells.get(rule.high, EVERYWHERE))[codes[bad, rule.high], 1]
        most = _positions(high_codes, top) if rule.high in free else frame[encoding.names[rule.high]].iloc[bad]
        _redraw(frame, codes, encoding, allowed, rule.low, bad, None, most, step, rng)
    if rule.high in free:
        _redraw(
            frame, codes, encoding, allowed, rule.high, bad, frame[encoding.names[rule.low]].iloc[bad], None, step, rng
        )


def _redraw(
    frame: pd.DataFrame,
    codes: np.ndarray,
    encoding: Encoding,
    allowed: Allowed,
    column: int,
    rows: np.ndarray,
    least: pd.Series | None,
    most: pd.Series | None,
    step: int,
    rng: np.random.Generator,
) -> None:
    """Cells of one column inside their level, its allowed interval, and from `least` to `most` (`step`: not equal)."""
    own = _numbers(encoding, column)
    ends = level_ends(own, allowed.cells.get(column, EVERYWHERE))[codes[rows, column]]
    low, high = np.nan_to_num(ends[:, 0], nan=FAR), np.nan_to_num(ends[:, 1], nan=-FAR)
    if least is not None:
        low = np.maximum(low, _above(own, least, step))
    if most is not None:
        high = np.minimum(high, -_above(own, most, step, sign=-1))
    places = draw_between(own, codes[rows, column], low.astype(np.int64), high.astype(np.int64), rng)
    done = places > -FAR
    frame.loc[rows[done], encoding.names[column]] = own.grid.cells(places[done], np.ones(int(done.sum()), bool))


def _above(codes: NumberCodes, cells: pd.Series, step: int, sign: int = 1) -> np.ndarray:
    """The first grid position at or (`step`) beyond each cell, counted upwards (`sign` 1) or downwards (-1)."""
    position = codes.grid.positions(cells)[0]
    at = as_number(codes.grid.cells(position, np.ones(len(cells), bool)))
    here = as_number(cells.to_numpy())
    beyond = sign * at <= sign * here if step else sign * at < sign * here
    return sign * position + beyond


def _positions(codes: NumberCodes, places: np.ndarray) -> pd.Series:
    return pd.Series(codes.grid.cells(np.nan_to_num(places).astype(np.int64), np.isfinite(places)))


def _numbers(encoding: Encoding, column: int) -> NumberCodes:
    codes = encoding.columns[column]
    assert isinstance(codes, NumberCodes)  # rules about other columns are refused before training
    return codes


def _is_out(frame: pd.DataFrame, names: list[str], strict: bool) -> np.ndarray:
    low, high = frame[names[0]], frame[names[1]]
    return ((low >= high) if strict else (low > high)).to_numpy(dtype=bool)
