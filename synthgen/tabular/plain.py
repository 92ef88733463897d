"""A typed table as other packages take it: numbers without gaps, discrete columns as whole numbers; and back again.

Around a package that knows no missing numbers, rare categories or grids: rare categories are merged and numbers kept
between the k-th extremes as for every generator; where numbers miss, one more discrete column says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from synthgen.tabular.category_codes import CategoryCodes
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.number_codes import NumberCodes

FILLED = "\x1ffilled"  # suffix of the column that tells where a number is missing


def opened(frame: pd.DataFrame, table: Encoding) -> tuple[pd.DataFrame, list[str]]:
    """Grid positions of numbers (gaps: the median), codes of categories; and the names of the discrete columns."""
    out: dict[str, np.ndarray] = {}
    discrete = []
    for column in table.columns:
        if isinstance(column, NumberCodes):
            grid, filled = column.grid.positions(frame[column.name])
            out[column.name] = np.where(filled, grid, np.median(grid[filled]) if filled.any() else 0).astype(float)
            if column.missing:
                out[column.name + FILLED] = filled.astype(int)
                discrete.append(column.name + FILLED)
        else:
            out[column.name] = column.encode(frame[column.name])
            discrete.append(column.name)
    return pd.DataFrame(out), discrete


def closed(cells: Mapping[str, np.ndarray], table: Encoding, rng: np.random.Generator) -> pd.DataFrame:
    """A typed frame for the columns that `opened` makes; numbers are rounded to the grid and kept in its range.

    What other columns determine is looked up and worked out as where codes are decoded.
    """
    out: dict[str, Any] = {}
    for column in table.columns:
        cell = cells[column.name]
        if isinstance(column, CategoryCodes):
            out[column.name] = pd.Series(column.decode(cell.astype(np.int64), rng), dtype=object)
            continue
        there = cells.get(column.name + FILLED, np.ones(len(cell))).astype(bool)
        grid = _kept_in_range(np.rint(cell), column) if column.ordered else np.zeros(len(cell), int)
        out[column.name] = column.grid.cells(grid, there & bool(column.ordered))
    frame = pd.DataFrame(out)
    follows = [*(found.column for found in table.lookups), *(name for name, _ in table.formulas)]
    return table.decode(table.encode(frame), rng, given=frame.drop(columns=follows)) if follows else frame


def _kept_in_range(places: np.ndarray, column: NumberCodes) -> np.ndarray:
    """Grid positions (int64) between the column's extremes; one beyond them goes to the nearer of them and a text."""
    inside = np.clip(places, *column.range)
    for place in (p for _, p in column.marks if p in column.spikes):
        inside = np.where(np.abs(places - place) < np.abs(places - inside), place, inside)
    return inside.astype(np.int64)
