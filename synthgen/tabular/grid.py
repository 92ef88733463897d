"""The grid a number or date column lies on: units of 10^-decimals, or steps of some seconds since 1970."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from synthgen.errors import SpecError

DAY = 86_400
EXACT_DIGITS = 15  # decimal digits that a float64 always holds


class Grid(BaseModel):
    """Where values may lie. `seconds` is 0 for numbers, the step for dates."""

    model_config = ConfigDict(frozen=True)

    decimals: int = 0
    seconds: int = 0

    def positions(self, values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Grid positions (int64) of a column of float64 or datetime64 cells, and which cells are filled."""
        filled = values.notna().to_numpy()
        if self.seconds:
            seconds = values.to_numpy("datetime64[s]").astype(np.int64)
            return np.where(filled, np.floor_divide(seconds, self.seconds), 0), filled
        x = np.where(filled, values.to_numpy(float), 0.0)
        return np.rint(x * 10.0**self.decimals).astype(np.int64), filled

    def cells(self, positions: np.ndarray, filled: np.ndarray) -> np.ndarray:
        """The cells at these positions: float64 with NaN, or datetime64[us] with NaT."""
        if self.seconds:
            out = (positions * self.seconds).astype("datetime64[s]").astype("datetime64[us]")
            out[~filled] = np.datetime64("NaT")
            return out
        return np.where(filled, np.round(positions / 10.0**self.decimals, self.decimals), np.nan)

    def parse(self, value: Any, name: str) -> Any:
        """The number or time stamp a user means by `value`; missing for None, NaN or an empty text.

        Raises SpecError, which names the column and not the value.
        """
        if value is None or value == "" or (isinstance(value, float) and np.isnan(value)):
            return np.datetime64("NaT", "us") if self.seconds else np.nan
        try:
            if self.seconds:
                return np.datetime64(pd.Timestamp(str(value).strip()).to_datetime64(), "us")
            number = float(value)
        except (TypeError, ValueError):
            number = np.inf
        if not self.seconds and np.isfinite(number) and abs(number) * 10.0**self.decimals < 2**62:
            return number
        expected = "a date such as 2024-01-31" if self.seconds else "a number"
        raise SpecError(f"The value fixed for column {name!r} is not {expected}.", "Correct it.")


def grid_of(values: pd.Series, column: Any) -> Grid:
    """The grid of a schema column, made coarse or fine enough that every position is an exact float."""
    if column.kind in ("date", "datetime"):
        told = getattr(column, "grid_seconds", None) or (DAY if column.kind == "date" else 1)
        seconds = values.dropna().to_numpy("datetime64[s]").astype(np.int64)
        steps = [s for s in (round(told), DAY, 3600, 60) if 1 <= s <= max(told, 1) and not (seconds % s).any()]
        return Grid(seconds=steps[0] if steps else 1)
    decimals = 6 if column.decimals is None else column.decimals
    top = float(np.nanmax(np.abs(values.to_numpy(float)), initial=1.0))
    return Grid(decimals=max(0, min(decimals, int(np.floor(EXACT_DIGITS - np.log10(max(top, 1.0)))))))
