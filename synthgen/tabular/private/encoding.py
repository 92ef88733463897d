"""The encoding of a table from noisy counts: what `synthgen.tabular.encoding` finds in the rows themselves.

Parts of dates, places, columns that others determine and formulas are facts that no noisy count has paid for: there are
none. Categories and ends that the owner declares are known without looking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from synthgen.tabular import scales
from synthgen.tabular.category_codes import OTHER, CategoryCodes
from synthgen.tabular.encoding import NUMERIC_KINDS, Encoding
from synthgen.tabular.private import numbers
from synthgen.tabular.private.counts import Counter
from synthgen.tabular.schema import Column

SURE = 3.0  # standard deviations of a level that is taken to hold people
MOST_BINS = 64

Ends = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Noisy:
    """An encoding and the noisy people at each level of each column, at least one."""

    encoding: Encoding
    counts: tuple[np.ndarray, ...]


def queries(columns: Sequence[Column], ends: Ends) -> int:
    """How many vectors of counts `fit` will ask for."""
    asked = [numbers.QUERIES - (c.name in ends) if c.kind in NUMERIC_KINDS else 1 for c in columns]
    return sum(asked)


def fit(frame: pd.DataFrame, columns: Sequence[Column], counter: Counter, bins: int, k: int, ends: Ends) -> Noisy:
    """Levels of the modelled `columns` of the training rows; `ends` are the declared ranges, in grid positions."""
    bins = min(bins, MOST_BINS)
    spans: list[numbers.Span | Categories] = []
    for column in columns:
        if column.kind in NUMERIC_KINDS:
            spans.append(numbers.fit(frame[column.name], column, counter, bins, k, ends.get(column.name)))
        else:
            spans.append(_categories(frame[column.name], column, counter, k))
    return Noisy(Encoding(columns=tuple(s.codes for s in spans)), tuple(s.counts for s in spans))


@dataclass(frozen=True)
class Categories:
    """A column's codes and the noisy people at each of its levels."""

    codes: CategoryCodes
    counts: np.ndarray


def _categories(values: pd.Series, column: Column, counter: Counter, k: int) -> Categories:
    """Declared categories, and where the owner named no codes those that pass the threshold; the rest is "other"."""
    known = declared(column)
    found = [str(v) for v in pd.unique(values.dropna()) if str(v) not in set(known)]
    names = [*known, *found]
    place = {name: i for i, name in enumerate(names)}
    levels = np.array([len(names) if pd.isna(v) else place[str(v)] for v in values.to_numpy(object)], dtype=np.int64)
    noisy, named = counter.named(levels, len(names) + 1, k)
    held = dict(zip(names, noisy, strict=False))
    open_list = not column.codes and column.kind != "boolean"
    more = sorted(
        (n for n, ok in zip(found, named[len(known) :], strict=False) if ok and open_list), key=lambda n: -held[n]
    )
    return _coded(column, [*known, *more], held, float(noisy[-1]), counter, k)


def declared(column: Column) -> list[str]:
    """The categories of a column that are known without looking: named by the owner, or the two of a flag."""
    flags = [t for t in (column.true_token, column.false_token) if t is not None] if column.kind == "boolean" else []
    return list(dict.fromkeys([*column.order, *column.codes, *flags]))


def _coded(
    column: Column, kept: list[str], held: Mapping[str, float], gaps: float, counter: Counter, k: int
) -> Categories:
    scale = column.order or _told_order(kept)
    rank = {name: i for i, name in enumerate(scale)}
    values = sorted(kept, key=lambda name: (rank.get(name, len(rank)), -held[name]))
    counts = [held[name] for name in values]
    least = max(k, SURE * counter.noise)
    missing = bool(gaps >= least)
    rest = counter.people - sum(counts) - (gaps if missing else 0.0)
    other = column.kind != "boolean" and rest >= max(k, SURE * counter.noise * np.sqrt(len(counts) + 1))
    other = bool(other or not values)
    codes = CategoryCodes(
        name=column.name,
        kind=column.kind,
        values=tuple(values),
        other=other,
        missing=missing,
        missing_held=missing,
        alone=tuple(name for name in values if held[name] < k),
        common=int(np.argmax(counts)) if counts else 0,
        scale=tuple(scale),
        rest=column.rest or OTHER,
    )
    return Categories(codes, np.maximum([*counts, *[rest] * other, *[gaps] * missing], 1.0))


def _told_order(names: Sequence[str]) -> tuple[str, ...]:
    """The order that the names which may be told tell themselves."""
    found = scales.find(list(names))
    return () if found is None else found[1]
