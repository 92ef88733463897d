"""Codes of one column of categories: the values that at least k people share, `other` for the rest, missing.

Where categories have an order, the levels that have it come first, the lowest of them before all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from synthgen.errors import SpecError
from synthgen.spec import OneOf, Range, Wish

OTHER = "other"


class CategoryCodes(BaseModel):
    """Levels: `values`, then `other` if there is one, then missing if there is one.

    `merged` is how many distinct values were merged. When together they have fewer than k people they are not worth a
    level: such cells count as `values[common]`, the commonest. Booleans have no `other`, which no consumer could read.
    `scale` names the categories of the column that have an order, also those that are no level; `rest` is how `other`
    is written.
    """

    model_config = ConfigDict(frozen=True)

    type: Literal["category"] = "category"
    name: str
    kind: str
    values: tuple[str, ...]
    other: bool
    missing: bool
    merged: int = 0
    missing_held: bool = False  # by at least k people
    alone: tuple[str, ...] = ()  # values of a public column that fewer than k people hold
    common: int = 0
    scale: tuple[str, ...] = ()
    rest: str = OTHER

    @property
    def ordered(self) -> int:
        """How many of the first levels have an order."""
        return len(set(self.values) & set(self.scale))

    @property
    def size(self) -> int:
        """Number of levels."""
        return len(self.values) + int(self.other) + int(self.missing)

    def encode(self, values: pd.Series) -> np.ndarray:
        """Level of each cell (int64); a value never seen counts as one that was merged."""
        levels, uniques = pd.factorize(values, use_na_sentinel=True)
        rest = len(self.values) if self.other else self.common
        table = np.array([self._places.get(v, rest) for v in uniques] + [self.size - 1 if self.missing else rest])
        return table[levels].astype(np.int64)

    def decode(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The name of each level (object); None for missing. `rng` is not needed."""
        names = np.empty(self.size, dtype=object)
        names[: len(self.values)] = self.values
        if self.other:
            names[len(self.values)] = self.rest
        return names[codes]

    def allowed(self, wish: Wish) -> tuple[np.ndarray, None]:
        """What a wish leaves: the share, 0 or 1, of each level (levels,). Raises SpecError for what cannot be drawn."""
        shares = np.zeros(self.size)
        if isinstance(wish, Range):
            inside = set(in_scale(self.scale, wish, self.name, self.kind))
            shares[: self.ordered] = [value in inside for value in self.values[: self.ordered]]
            if not shares.any():
                raise SpecError(
                    f"No category of column {self.name!r} that may be generated lies in the range.", "Widen it."
                )
            return shares, None
        shares[[self._level(value) for value in (wish.values if isinstance(wish, OneOf) else (wish,))]] = 1.0
        return shares, None

    def _level(self, value: Any) -> int:
        if is_missing(value):
            if self.missing:
                return self.size - 1
            raise SpecError(f"Column {self.name!r} has no missing values to fix.", "Fix a value that occurs.")
        for text in spellings(value):
            if text in self._places:
                return self._places[text]
        if self.other and str(value) == self.rest:
            return len(self.values)
        raise SpecError(
            f"Column {self.name!r} has no such value, or fewer people have it than the k-floor asks for.",
            f"Fix one of the {len(self.values)} values that the column may take.",
        )

    @cached_property
    def _places(self) -> dict[str, int]:
        return {v: i for i, v in enumerate(self.values)}


def fit_categories(
    values: pd.Series,
    name: str,
    kind: str,
    public: bool,
    people: np.ndarray | None,
    k: int,
    order: Sequence[str] = (),
    codes: Sequence[str] = (),
    rest: str = "",
) -> CategoryCodes:
    """Choose the levels of one column of training values: those in `order` as it says, then the commonest first.

    With `codes` no other value is a level; `rest` is what the others are written as (empty: "other").
    """
    levels, uniques = pd.factorize(values, use_na_sentinel=True)
    filled = levels >= 0
    rows = np.bincount(levels[filled], minlength=len(uniques))
    who = np.arange(len(values)) if people is None else people
    holders = people_per_level(levels[filled], who[filled], len(uniques))
    place, allowed = {value: i for i, value in enumerate(order)}, frozenset(codes)
    kept = [int(i) for i in np.lexsort((uniques.astype(str), -rows)) if public or holders[i] >= k]
    kept = [i for i in kept if not allowed or uniques[i] in allowed]
    commonest = kept[:1]
    kept.sort(key=lambda i: place.get(str(uniques[i]), len(place)))
    merged = np.setdiff1d(np.arange(len(uniques)), kept)
    together = len(np.unique(who[filled][np.isin(levels[filled], merged)]))
    return CategoryCodes(
        name=name,
        kind=kind,
        values=tuple(str(uniques[i]) for i in kept),
        other=(together >= k and kind != "boolean") or (not kept and bool(filled.any()) and bool(filled.all())),
        missing=not filled.all(),
        missing_held=len(np.unique(who[~filled])) >= k,
        merged=len(merged),
        alone=tuple(str(uniques[i]) for i in kept if holders[i] < k),
        common=kept.index(commonest[0]) if kept else 0,
        scale=tuple(order),
        rest=rest or OTHER,
    )


def in_scale(scale: Sequence[str], wish: Range, name: str, kind: str) -> tuple[str, ...]:
    """The categories of a scale from the low to the high end of a range.

    Raises SpecError for a column without a scale, and for an end that is none of its categories; it names no value.
    """
    if not scale:
        raise SpecError(
            f"Column {name!r} was read as {kind}: it has no ranges.",
            "Name its values, or declare their order before training.",
        )
    place = {value: i for i, value in enumerate(scale)}
    if any(end is not None and str(end) not in place for end in (wish.low, wish.high)):
        raise SpecError(
            f"An end of the range is no category of the ordered column {name!r}.",
            f"Name ends among the {len(scale)} categories that have an order, as they are written.",
        )
    low = 0 if wish.low is None else place[str(wish.low)]
    high = len(scale) - 1 if wish.high is None else place[str(wish.high)]
    return tuple(scale[low : high + 1])


def longer_scale(a: Sequence[str], b: Sequence[str]) -> tuple[str, ...]:
    """The scale that holds all categories of both in the order of each; empty where neither does."""
    longer, other = (a, b) if len(a) >= len(b) else (b, a)
    return tuple(longer) if [value for value in longer if value in set(other)] == list(other) else ()


def people_per_level(levels: np.ndarray, who: np.ndarray, count: int) -> np.ndarray:
    """How many different people each of `count` levels has."""
    persons = np.unique(who, return_inverse=True)[1]
    pairs = np.unique(levels.astype(np.int64) * (int(persons.max(initial=0)) + 1) + persons)
    return np.bincount(pairs // (int(persons.max(initial=0)) + 1), minlength=count)


def spellings(value: Any) -> list[str]:
    """How a fixed value may be written in the column: as text, as a whole number, as a boolean."""
    try:
        texts = [str(value)]
    except ValueError:  # a whole number of more digits than Python writes
        return []
    if isinstance(value, bool):
        texts += [str(value).lower(), str(int(value)), "yes" if value else "no"]
    elif isinstance(value, float) and value.is_integer():
        texts.append(str(int(value)))
    return texts


def is_missing(value: Any) -> bool:
    """Whether a wish's value means a missing cell: None, an empty text, not a number."""
    return value is None or value == "" or (isinstance(value, float) and bool(np.isnan(value)))
