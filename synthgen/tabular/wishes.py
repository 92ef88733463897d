"""Which rows of a typed frame meet what a request or a rule says of a column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from synthgen.errors import SpecError
from synthgen.spec import OneOf, Range, Wish
from synthgen.tabular import marks
from synthgen.tabular.category_codes import in_scale, is_missing, spellings
from synthgen.tabular.grid import DAY, Grid
from synthgen.tabular.modes import DATES, NUMERIC
from synthgen.tabular.windows import ends

FEW = 20  # distinct whole numbers that are a category in all but name


def meets(column: Any, wish: Wish, frame: pd.DataFrame) -> np.ndarray:
    """Boolean array: the rows whose cell of a schema column is what `wish` says. A missing cell meets only None.

    Raises SpecError, which names the column only, for what cannot be a value of the column's kind.
    """
    values = frame[column.name]
    if isinstance(wish, Range):
        return in_range(column, wish, values)
    wanted = wish.values if isinstance(wish, OneOf) else (wish,)
    gaps = values.isna().to_numpy()
    out = gaps & any(is_missing(value) for value in wanted)
    filled = [value for value in wanted if not is_missing(value)]
    if column.kind in NUMERIC | DATES:
        grid, texts = grid_for(column), dict(marks.cells_of(getattr(column, "marks", ()), column.kind))
        cells = [texts[v] if v in texts else grid.parse(v, column.name) for v in filled]
        return out | (values.isin(cells).to_numpy() & ~gaps)
    return out | values.isin([text for value in filled for text in spellings(value)]).to_numpy()


def in_range(column: Any, wish: Range, values: pd.Series) -> np.ndarray:
    """Boolean array: the filled cells between the ends. Raises SpecError for a column without an order."""
    if column.kind not in NUMERIC | DATES:
        return values.isin(in_scale(column.order, wish, column.name, column.kind)).to_numpy()
    low, high = ends(grid_for(column), wish, column.name)
    out = values.notna().to_numpy() & ~is_text(column, values)
    if low is not None:
        out &= (values >= low).to_numpy()
    if high is not None:
        out &= (values <= high).to_numpy()
    return out


def is_text(column: Any, values: pd.Series) -> np.ndarray:
    """Boolean array: the cells of numbers or dates that stand for a text, which lies in no range and breaks no rule."""
    found = getattr(column, "marks", ())
    return marks.are(values.to_numpy(), found, column.kind) if found else np.zeros(len(values), dtype=bool)


def all_met(where: Mapping[str, Wish], columns: Mapping[str, Any], frame: pd.DataFrame) -> np.ndarray:
    """Boolean array: the rows that meet every wish; none where a wish is about no column or cannot be understood."""
    out = np.ones(len(frame), dtype=bool)
    for name, wish in where.items():
        try:
            out &= meets(columns[name], wish, frame) if name in columns else False
        except SpecError:
            out[:] = False
    return out


def few_whole(values: pd.Series) -> bool:
    """Whether a number column holds at most 20 distinct values, all whole."""
    return bool(values.nunique() <= FEW and (values.dropna() % 1 == 0).all())


def grid_for(column: Any) -> Grid:
    """What reads a value of the column: numbers, or moments to the day or the second."""
    return Grid(seconds=DAY if column.kind == "date" else 1) if column.kind in DATES else Grid()
