"""What a date is made of besides its place in time: weekday, day of the month, time of day, distance from another date.

The levels of a date column are wide bins, in which these drown. Each part that matters is a code column of its own,
modelled with all others, and missing where the date's level is a single moment, which says all of them. When rows are
decoded, dates move inside their bins until they have the parts that were drawn (`part_drawing`). Which parts matter is
found in `part_fitting`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from synthgen.tabular.grid import DAY
from synthgen.tabular.places import Place

WEEKDAYS = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")  # 1 January 1970 was a Thursday
LAST, OTHER_DAYS = "last", "others"
GAP = int(np.iinfo(np.int64).min)


class Weekday(BaseModel):
    """The day of the week. `name` is that of the code column which holds what `of` gives, `column` that of the date."""

    model_config = ConfigDict(frozen=True)

    type: Literal["weekday"] = "weekday"
    name: str
    column: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The values of the part, in the order of `classes`."""
        return WEEKDAYS

    def classes(self, days: np.ndarray) -> np.ndarray:
        """Which label each day (since 1970) has."""
        return days % 7

    def of(self, frame: pd.DataFrame) -> pd.Series:
        """The label of each date, None for missing."""
        return _labelled(self, frame)


class MonthDay(BaseModel):
    """Which of some special days of the month a date is: their numbers, 0 for the last day, -1 for all others."""

    model_config = ConfigDict(frozen=True)

    type: Literal["month_day"] = "month_day"
    name: str
    column: str
    special: tuple[int, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The values of the part, in the order of `classes`."""
        return (*(str(day) if day else LAST for day in self.special), OTHER_DAYS)

    def classes(self, days: np.ndarray) -> np.ndarray:
        """Which label each day (since 1970) has."""
        place = np.full(32, len(self.special))
        place[list(self.special)] = np.arange(len(self.special))
        number, last = days_of_month(days)
        return np.where(last & (0 in self.special), place[0], place[number])

    def of(self, frame: pd.DataFrame) -> pd.Series:
        """The label of each date, None for missing."""
        return _labelled(self, frame)


class TimeOfDay(BaseModel):
    """The seconds since midnight."""

    model_config = ConfigDict(frozen=True)

    type: Literal["time"] = "time"
    name: str
    column: str

    def of(self, frame: pd.DataFrame) -> pd.Series:
        """Seconds since midnight (float), NaN for missing."""
        seconds = seconds_of(frame[self.column])
        return pd.Series(np.where(seconds == GAP, np.nan, seconds % DAY))


class Interval(BaseModel):
    """How long after the date `after` a date comes, in steps of `unit` seconds: whole days between days, or finer.

    Intervals outside `low` to `high` are of another kind (an end that is still open) and count as missing.
    `ordered`: fewer than k people have a negative one, and none is made. `open`: at least k people have one of another
    kind.
    """

    model_config = ConfigDict(frozen=True)

    type: Literal["interval"] = "interval"
    name: str
    column: str
    after: str
    unit: int
    low: float
    high: float
    ordered: bool
    open: bool

    def of(self, frame: pd.DataFrame) -> pd.Series:
        """Steps from one date to the other (float); NaN where a date is missing, or the interval of another kind."""
        start, end = seconds_of(frame[self.after]), seconds_of(frame[self.column])
        steps = np.where((start == GAP) | (end == GAP), np.nan, (end // self.unit - start // self.unit).astype(float))
        return pd.Series(np.where((steps >= self.low) & (steps <= self.high), steps, np.nan))


Part = Annotated[Weekday | MonthDay | TimeOfDay | Interval | Place, Field(discriminator="type")]
"""One part of a date column, or the place of two coordinates."""


def sources_of(part: Part) -> tuple[str, ...]:
    """The columns whose cells a part is worked out from."""
    if isinstance(part, Place):
        return part.sources
    return (part.column, part.after) if isinstance(part, Interval) else (part.column,)


def coded_values(part: Part, frame: pd.DataFrame, binned: np.ndarray) -> pd.Series:
    """What the code column of a part holds: nothing, but for an interval or place, where the date's level is no bin."""
    values = part.of(frame)
    if isinstance(part, Interval | Place):
        return values
    out = values.copy()
    out[~binned] = None if values.dtype == object else np.nan
    return out


def seconds_of(values: pd.Series) -> np.ndarray:
    """Seconds since 1970 (int64) of dates, GAP for missing."""
    moments = values.to_numpy("datetime64[s]")
    return np.where(np.isnat(moments), GAP, moments.astype(np.int64))


def days_of_month(days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number in its month (1 to 31) of each day since 1970, and whether it is the last."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    number = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    return number, (dates + np.timedelta64(1, "D")).astype("datetime64[M]") != months


def _labelled(part: Weekday | MonthDay, frame: pd.DataFrame) -> pd.Series:
    seconds = seconds_of(frame[part.column])
    filled = seconds != GAP
    classes = part.classes(np.where(filled, seconds, 0) // DAY)
    labels = np.array([*part.labels, None], dtype=object)
    return pd.Series(labels[np.where(filled, classes, len(part.labels))], dtype=object)
