"""The mix a request asks for, in real rows: what a perfect generator would give is what scores are compared with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from synthgen.contracts import Split
from synthgen.spec import SampleSpec
from synthgen.tabular.category_codes import fit_categories
from synthgen.tabular.wishes import all_met


def mix_of(split: Split, part: str, request: SampleSpec, schema: Any, rng: np.random.Generator) -> np.ndarray:
    """Row numbers of one part ("train", "holdout") in the mix asked for: what a perfect generator is compared with.

    Fixed values keep the rows that meet them; target groups and balanced columns draw their shares, again and again
    where rows are few. A request for the data's own mix keeps every row.
    """
    frame: pd.DataFrame = getattr(split, part)
    known = {c.name: c for c in schema.modelled}
    names = [c for c in balanced_columns(request, schema.target) if c in known]
    keep = all_met(request.fixed, known, frame)
    if not request.targets and not names:
        return np.flatnonzero(keep)
    wholes = [np.flatnonzero(keep & all_met(t.where, known, frame)) for t in request.targets]
    sizes = [float(t.rows) for t in request.targets]
    groups, shares = [], []
    levels = levels_held(split, frame, [known[c] for c in names], schema.k_floor)
    inside = request.balance_within if request.balance_within in known else None
    strata = pd.factorize(frame[inside], use_na_sentinel=False)[0] if inside else np.zeros(len(frame), dtype=int)
    for rows, size in zip(wholes or [np.flatnonzero(keep)], sizes or [1.0], strict=True):
        parts, weights = _even(rows, levels, strata)
        groups += parts
        shares += list(size * weights)
    return _drawn(groups, np.array(shares), int(keep.sum()), rng)


def balanced_columns(request: SampleSpec, target: str | None) -> tuple[str, ...]:
    """The columns whose values a sample holds equally often: those named, or for a balanced mix of none the target.

    Empty for the data's own mix, and for a balanced mix that has nothing to balance.
    """
    if request.balance:
        return tuple(dict.fromkeys(request.balance))
    return (target,) if request.mix == "balanced" and target is not None else ()


def rake(codes: Sequence[np.ndarray], shares: np.ndarray, rounds: int = 100) -> np.ndarray:
    """`shares` of combinations fitted so that every level of each column comes equally often (`codes`: per column).

    Iterative proportional fitting (Deming and Stephan 1940).
    """
    levels = [np.unique(c, return_inverse=True)[1] for c in codes]
    for _ in range(rounds):
        for level in levels:
            total = np.bincount(level, shares)
            shares = shares / (total * len(total))[level]
    return shares / shares.sum()


def levels_held(
    split: Split, frame: pd.DataFrame, columns: Sequence[Any], k: int, whole: Collection[str] = ()
) -> np.ndarray:
    """Codes (rows, columns) of `frame`: a value that enough people of the training part hold, or -1.

    Of the columns named in `whole`, what is missing and what few people hold have codes of their own.
    """
    out = np.full((len(frame), len(columns)), -1, dtype=np.int64)
    for i, column in enumerate(columns):
        train, here = (as_words(f[column.name]) for f in (split.train, frame))
        made = fit_categories(train, column.name, column.kind, bool(column.public), split.train_people, k)
        codes = made.encode(here)
        out[:, i] = codes if column.name in whole else np.where(here.isin(made.values), codes, -1)
    return out


def as_words(values: pd.Series) -> pd.Series:
    """A discrete column as texts and None, also where it holds whole numbers."""
    if values.dtype == object:
        return values
    words = values.map(str).to_numpy(object)
    words[values.isna().to_numpy()] = None
    return pd.Series(words, index=values.index, dtype=object)


def _even(rows: np.ndarray, levels: np.ndarray, strata: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The groups of `rows` that share their levels, and the share of each when every level comes equally often.

    Each of the `strata` keeps its own share of the rows, and its levels are even inside it.
    """
    if not levels.shape[1]:
        return [rows], np.ones(1)
    groups, shares = [], []
    for stratum in np.unique(strata[rows]):
        here = rows[strata[rows] == stratum]
        held = here[(levels[here] >= 0).all(axis=1)]
        if len(held):
            combos, place = np.unique(levels[held], axis=0, return_inverse=True)
            groups += [held[place.ravel() == i] for i in range(len(combos))]
            weights = rake(list(combos.T), np.full(len(combos), 1 / len(combos)))
            shares.append(len(here) / len(rows) * weights)
    return (groups, np.concatenate(shares)) if groups else ([rows], np.ones(1))


def _drawn(groups: list[np.ndarray], shares: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    shares = np.where([len(g) > 0 for g in groups], shares, 0.0)
    if not shares.sum():
        return np.empty(0, dtype=int)
    ends = np.floor(size * np.cumsum(shares) / shares.sum() + rng.random())
    counts = np.diff(ends, prepend=0).astype(int)  # off by less than one, so that many small groups are not all lost
    return np.concatenate([_spread(g, n, rng) for g, n in zip(groups, counts, strict=True)]).astype(int)


def _spread(rows: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` of `rows`, none twice before each has come once."""
    if not len(rows) or not n:
        return np.empty(0, dtype=int)
    rounds = -(-n // len(rows))
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:n]
