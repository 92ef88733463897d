"""Codes of one column of categories: the values that at least k people share, `other` for the rest, missing."""

from __future__ import annotations

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
    level: such cells count as `values[0]`, the commonest. Booleans have no `other`, which no consumer could read.
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

    @property
    def ordered(self) -> int:
        """Categories have no order."""
        return 0

    @property
    def size(self) -> int:
        """Number of levels."""
        return len(self.values) + int(self.other) + int(self.missing)

    def encode(self, values: pd.Series) -> np.ndarray:
        """Level of each cell (int64); a value never seen counts as one that was merged."""
        levels, uniques = pd.factorize(values, use_na_sentinel=True)
        rest = len(self.values) if self.other else 0
        table = np.array([self._places.get(v, rest) for v in uniques] + [self.size - 1 if self.missing else rest])
        return table[levels].astype(np.int64)

    def decode(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The name of each level (object); None for missing. `rng` is not needed."""
        names = np.empty(self.size, dtype=object)
        names[: len(self.values)] = self.values
        if self.other:
            names[len(self.values)] = OTHER
        return names[codes]

    def allowed(self, wish: Wish) -> tuple[np.ndarray, None]:
        """What a wish leaves: the share, 0 or 1, of each level (levels,). Raises SpecError for what cannot be drawn."""
        if isinstance(wish, Range):
            raise SpecError(f"Column {self.name!r} was read as {self.kind}: it has no ranges.", "Name its values.")
        shares = np.zeros(self.size)
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
        if self.other and str(value) == OTHER:
            return len(self.values)
        raise SpecError(
            f"Column {self.name!r} has no such value, or fewer people have it than the k-floor asks for.",
            f"Fix one of the {len(self.values)} values that the column may take.",
        )

    @cached_property
    def _places(self) -> dict[str, int]:
        return {v: i for i, v in enumerate(self.values)}


def fit_categories(
    values: pd.Series, name: str, kind: str, public: bool, people: np.ndarray | None, k: int
) -> CategoryCodes:
    """Choose the levels of one column of training values, the commonest first."""
    levels, uniques = pd.factorize(values, use_na_sentinel=True)
    filled = levels >= 0
    rows = np.bincount(levels[filled], minlength=len(uniques))
    who = np.arange(len(values)) if people is None else people
    holders = people_per_level(levels[filled], who[filled], len(uniques))
    kept = [i for i in np.lexsort((uniques.astype(str), -rows)) if public or holders[i] >= k]
    rest = np.setdiff1d(np.arange(len(uniques)), kept)
    together = len(np.unique(who[filled][np.isin(levels[filled], rest)]))
    return CategoryCodes(
        name=name,
        kind=kind,
        values=tuple(str(uniques[i]) for i in kept),
        other=(together >= k and kind != "boolean") or (not kept and bool(filled.any()) and bool(filled.all())),
        missing=not filled.all(),
        missing_held=len(np.unique(who[~filled])) >= k,
        merged=len(rest),
        alone=tuple(str(uniques[i]) for i in kept if holders[i] < k),
    )


def people_per_level(levels: np.ndarray, who: np.ndarray, count: int) -> np.ndarray:
    """How many different people each of `count` levels has."""
    persons = np.unique(who, return_inverse=True)[1]
    pairs = np.unique(levels.astype(np.int64) * (int(persons.max(initial=0)) + 1) + persons)
    return np.bincount(pairs // (int(persons.max(initial=0)) + 1), minlength=count)


def spellings(value: Any) -> list[str]:
    """How a fixed value may be written in the column: as text, as a whole number, as a boolean."""
    texts = [str(value)]
    if isinstance(value, bool):
        texts += [str(value).lower(), str(int(value)), "yes" if value else "no"]
    elif isinstance(value, float) and value.is_integer():
        texts.append(str(int(value)))
    return texts


def is_missing(value: Any) -> bool:
    """Whether a wish's value means a missing cell: None, an empty text, not a number."""
    return value is None or value == "" or (isinstance(value, float) and bool(np.isnan(value)))
