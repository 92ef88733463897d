"""A column that another one determines (code and description, place and region): its cell is looked up.

Both are coded and modelled, so either may be asked for or grouped by. When rows are decoded, the dependent cell is
taken from the combinations of the training part that at least k people hold; a determining value without one leaves the
dependent cell as it was drawn. Where a request fixes the dependent cell, the determining one is drawn among its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from synthgen.tabular.category_codes import CategoryCodes, people_per_level

NOT_KEPT = -2
MOST_ALIKE = 0.5  # share of a determining value's people that its dependent value needs, where it is declared


class Lookup(BaseModel):
    """`values` are the dependent column's cells (text, number, ISO moment; None for missing) that are released.

    `places` gives, for each level of the determining column `by`, the position of its cell in `values`, -2 where none
    is; `shares` (levels,) is how common each level is.
    """

    model_config = ConfigDict(frozen=True)

    column: str
    by: str
    values: tuple[str | float | None, ...]
    places: tuple[int, ...]
    shares: tuple[float, ...]

    def cells_for(self, levels: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """The dependent cells, looked up for determining levels; as they were drawn where no cell is released."""
        places, table = np.asarray(self.places), self._cells(cells.dtype)
        found, out = places[levels] != NOT_KEPT, cells.copy()
        out[found] = table[places[levels[found]]]
        return out

    def levels_for(self, levels: np.ndarray, cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Determining levels that go with dependent cells: those drawn where they do, else drawn among those that do.

        A cell that goes with no level, as one of a rare determining value, gets the commonest level without a cell.
        """
        places, shares, out = np.asarray(self.places), np.asarray(self.shares), levels.copy()
        table = self._cells(cells.dtype)
        known = np.full(len(cells), NOT_KEPT)
        for place in range(len(table)):
            known[_same(cells, table[place : place + 1])] = place
        wrong = (places[levels] != NOT_KEPT) & (places[levels] != known)
        for place in np.unique(known[wrong]):
            rows, weight = np.flatnonzero(wrong & (known == place)), np.where(places == place, shares, 0.0)
            if weight.sum() > 0:
                out[rows] = rng.choice(len(weight), len(rows), p=weight / weight.sum())
        return out

    def levels_in(self, span: Any) -> np.ndarray:
        """The level of the dependent column's `span` that goes with each determining level, -1 where no cell does."""
        cells = self._cells(span.decode(np.zeros(0, dtype=np.int64), np.random.default_rng(0)).dtype)
        return np.append(span.encode(pd.Series(cells)), -1)[np.maximum(self.places, -1)]

    def _cells(self, dtype: np.dtype[Any]) -> np.ndarray:
        """The released cells in the dtype of the typed column."""
        if dtype.kind == "M":
            return np.array([np.datetime64("NaT" if v is None else str(v), "us") for v in self.values])
        if dtype.kind == "f":
            return np.array([np.nan if v is None else float(v) for v in self.values])
        out = np.empty(len(self.values), dtype=object)
        out[:] = self.values
        return out


def fit_lookups(
    frame: pd.DataFrame, columns: Sequence[Any], spans: Mapping[str, Any], who: np.ndarray | None, k: int
) -> list[Lookup]:
    """The look-ups of the `columns` that the schema says are determined by another, from a training frame."""
    people = np.arange(len(frame)) if who is None else who
    determined = [c for c in columns if getattr(c, "determined_by", None) in spans]
    return [
        _fit(frame[c.name], c.name, c.determined_by, spans[c.determined_by], frame[c.determined_by], people, k)
        for c in determined
        if isinstance(spans[c.determined_by], CategoryCodes)
    ]


def _fit(
    cells: pd.Series, name: str, by: str, span: CategoryCodes, determining: pd.Series, people: np.ndarray, k: int
) -> Lookup:
    levels = span.encode(determining)
    codes, uniques = pd.factorize(cells, use_na_sentinel=True)
    width = len(uniques) + 1
    pairs, rows = np.unique(levels * width + (codes + 1), return_inverse=True)
    held = people_per_level(rows.ravel(), people, len(pairs))
    per_level = people_per_level(levels, people, span.size)
    places = np.full(span.size, NOT_KEPT)
    used: dict[int, int] = {}
    for level in range(span.size):
        here = np.flatnonzero(pairs // width == level)
        if (level == len(span.values) and span.other) or not len(here):
            continue  # what was merged goes with many
        best = here[np.argmax(held[here])]
        if held[best] >= k and held[best] > MOST_ALIKE * per_level[level]:
            places[level] = used.setdefault(int(pairs[best] % width) - 1, len(used))
    shares = np.bincount(levels, minlength=span.size) / max(1, len(levels))
    values = tuple(None if code < 0 else _plain(uniques[code]) for code in used)
    return Lookup(
        column=name,
        by=by,
        values=values,
        places=tuple(map(int, places)),
        shares=tuple(round(float(s), 4) for s in shares),
    )


def _plain(value: Any) -> str | float:
    if isinstance(value, pd.Timestamp | np.datetime64):
        return str(np.datetime64(value, "us"))
    return value if isinstance(value, str) else float(value)


def _same(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Which cells are equal; missing equals missing."""
    out: np.ndarray = (pd.isna(left) & pd.isna(right)) | (left == right)
    return out
