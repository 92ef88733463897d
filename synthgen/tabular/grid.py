"""The grid a number or date column lies on: units of 10^-decimals, or steps of some seconds since 1970."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from synthgen.errors import SpecError

DAY = 86_400
EXACT_DIGITS = 15  # decimal digits that a float64 always holds
ROUND_STEPS = (1000, 500, 200, 100, 50, 25, 20, 10, 5, 4, 2)
DAY_STEPS = (DAY, 43_200, 21_600, 7200, 3600, 1800, 900, 600, 300, 60, 30, 15, 10, 5)
MOST_OFF = 0.01  # share of the cells that a step may leave between its points


class Grid(BaseModel):
    """Where values may lie: every `step` units of 10^-decimals from 0, or every `seconds` from 1970 (0 for numbers)."""

    model_config = ConfigDict(frozen=True)

    decimals: int = 0
    seconds: int = 0
    step: int = 1

    def positions(self, values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Nearest grid positions (int64) of float64 or datetime64 cells, and which cells are filled."""
        units, filled = self._units(values)
        return np.floor_divide(units + self._width // 2, self._width), filled

    def holds(self, values: pd.Series) -> np.ndarray:
        """Which cells are filled and lie on the grid."""
        units, filled = self._units(values)
        return filled & (units % self._width == 0)

    def fitted(self, values: pd.Series, people: np.ndarray | None, k: int) -> Grid:
        """The same grid with the coarsest step that the cells keep, but for those of fewer than `k` people."""
        units, filled = self._units(values)
        who = (np.arange(len(units)) if people is None else people)[filled]
        step = _step_of(units[filled], who, k, self._width, day=self.seconds > 0)
        return self.model_copy(update={"seconds" if self.seconds else "step": step})

    @property
    def _width(self) -> int:
        """Seconds, or units of 10^-decimals, between two positions."""
        return self.seconds or self.step

    def _units(self, values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Seconds since 1970, or units of 10^-decimals, as int64, and which cells are filled."""
        filled = values.notna().to_numpy()
        if self.seconds:
            return np.where(filled, values.to_numpy("datetime64[s]").astype(np.int64), 0), filled
        x = np.where(filled, values.to_numpy(float), 0.0)
        return np.rint(x * 10.0**self.decimals).astype(np.int64), filled

    def cells(self, positions: np.ndarray, filled: np.ndarray) -> np.ndarray:
        """The cells at these positions: float64 with NaN, or datetime64[us] with NaT."""
        if self.seconds:
            out = (positions * self.seconds).astype("datetime64[s]").astype("datetime64[us]")
            out[~filled] = np.datetime64("NaT")
            return out
        return np.where(filled, np.round(positions * self.step / 10.0**self.decimals, self.decimals), np.nan)

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
        except (TypeError, ValueError, OverflowError):
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


def _step_of(units: np.ndarray, who: np.ndarray, k: int, least: int, day: bool) -> int:
    """The largest step from 0 that nearly all cells keep: their common divisor, or a round step.

    It takes k people away from 0, so that no step is one person's own number, and at most k - 1 people off it.
    A step of seconds divides the day.
    """
    away = units != 0
    if len(np.unique(who[away])) < k:
        return least
    common = int(np.gcd.reduce(units))
    exact = max(least, math.gcd(common, DAY) if day else common)
    for step in DAY_STEPS if day else ROUND_STEPS:
        if step <= exact:
            break
        off = units % step != 0
        rows = int(off.sum())
        on = int((away & ~off).sum())
        if step % least == 0 and rows <= MOST_OFF * on and len(np.unique(who[off])) < k:
            return step
    return exact
