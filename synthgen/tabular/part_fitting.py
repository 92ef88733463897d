"""Which parts of the date columns matter: those in which the data differ from what the columns' own levels would give.

The measure is a chi-squared distance between the people's dates and dates drawn from the levels, so a law that the
levels already hold (every day a level of its own) asks for no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from synthgen.tabular.category_codes import CategoryCodes, fit_categories
from synthgen.tabular.dates import markers
from synthgen.tabular.grid import DAY, Grid
from synthgen.tabular.number_codes import NumberCodes
from synthgen.tabular.number_fitting import fit_numbers
from synthgen.tabular.part_drawing import level_ends
from synthgen.tabular.parts import (
    GAP,
    Interval,
    MonthDay,
    Part,
    TimeOfDay,
    Weekday,
    coded_values,
    days_of_month,
    seconds_of,
)

DRAWS = 8  # dates drawn from the levels for each of the data's
SURE = 5.0  # standard deviations beyond the mean of chi-squared
SPECIAL_TIMES = 2.0  # how much commoner than expected a special day of the month is
FENCE = 5.0  # middle ranges beyond which an interval is of another kind
LONG = 2 * DAY  # median interval from which days are counted

Fitted = tuple[Part, NumberCodes | CategoryCodes]


def fit_parts(
    frame: pd.DataFrame, columns: Sequence[Any], spans: Mapping[str, Any], who: np.ndarray | None, k: int, bins: int
) -> list[Fitted]:
    """The parts of the date `columns` of a training frame that matter, each with the span of its code column."""
    people = np.arange(len(frame)) if who is None else who
    dated = [c for c in columns if c.kind in ("date", "datetime")]
    frame = without_texts(frame, [spans[c.name] for c in dated])
    found: list[Fitted] = []
    for column in dated:
        follows = getattr(column, "follows", None)
        interval = None
        if follows is not None and follows in {c.name for c in dated}:
            interval = _interval(frame, column.name, follows, spans, people, k, bins)
            found += [interval] if interval is not None else []
        fine = interval is not None and isinstance(interval[0], Interval) and interval[0].unit < DAY
        fine = fine or getattr(column, "determined_by", None) is not None  # looked up, not drawn
        found += [] if fine else _own_parts(frame, column.name, spans[column.name], people, k, bins)
    return found


def without_texts(frame: pd.DataFrame, spans: Sequence[Any]) -> pd.DataFrame:
    """The frame with the texts that stand among its dates read as missing: they have no parts."""
    marked = [s for s in spans if isinstance(s, NumberCodes) and s.grid.seconds and s.marks]
    return frame.assign(**{s.name: frame[s.name].mask(s.is_text(frame[s.name])) for s in marked}) if marked else frame


def _own_parts(
    frame: pd.DataFrame, name: str, span: NumberCodes, people: np.ndarray, k: int, bins: int
) -> list[Fitted]:
    seconds = seconds_of(frame[name])
    filled = np.flatnonzero(seconds != GAP)
    rows = filled[span.bins_of(span.encode(frame[name].iloc[filled])) >= 0]
    rows = rows[np.unique(people[rows], return_index=True)[1]]
    if len(rows) < 2 * k:
        return []
    made = _drawn_days(span, frame[name].iloc[rows])
    real = seconds[rows] // DAY
    parts: list[Part] = [
        part
        for part in (_weekday(name, real, made), _month_day(name, real, made, k), _time_of_day(name, span))
        if part is not None
    ]
    binned = span.bins_of(span.encode(frame[name])) >= 0
    return [
        (part, _span(part, coded_values(part, frame, binned), people, k, bins, span.grid.seconds)) for part in parts
    ]


def _span(
    part: Part, values: pd.Series, people: np.ndarray, k: int, bins: int, step: int
) -> NumberCodes | CategoryCodes:
    if isinstance(part, Weekday | MonthDay):
        return fit_categories(values, part.name, "category", False, people, k)
    unit = Grid(step=step) if isinstance(part, TimeOfDay) else Grid()
    return fit_numbers(values, part.name, unit, people, bins, k)


def _drawn_days(span: NumberCodes, dates: pd.Series) -> np.ndarray:
    """Days that the levels of these dates give, DRAWS for each."""
    codes = np.repeat(span.encode(dates), DRAWS)
    moments = span.decode(codes, np.random.default_rng(0))
    days: np.ndarray = moments.astype("datetime64[s]").astype(np.int64) // DAY
    return days


def _weekday(name: str, real: np.ndarray, made: np.ndarray) -> Weekday | None:
    part = Weekday(name=f"{name}: weekday", column=name)
    differ = _differ(np.bincount(part.classes(real), minlength=7), np.bincount(part.classes(made), minlength=7))
    return part if differ else None


def _month_day(name: str, real: np.ndarray, made: np.ndarray, k: int) -> MonthDay | None:
    """The days of the month that come much more often than the levels would give, the last of a month before others."""
    special: list[int] = []
    (number, last), (expected_number, expected_last) = days_of_month(real), days_of_month(made)
    if _stands_out(last, expected_last, k):
        special.append(0)
        number, expected_number = np.where(last, 0, number), np.where(expected_last, 0, expected_number)
    special += [day for day in range(1, 32) if _stands_out(number == day, expected_number == day, k)]
    return MonthDay(name=f"{name}: day of the month", column=name, special=tuple(special)) if special else None


def _stands_out(real: np.ndarray, made: np.ndarray, k: int) -> bool:
    count, expected = float(real.sum()), float(made.mean()) * len(real)
    return count >= k and count >= SPECIAL_TIMES * expected and count - expected > SURE * np.sqrt(expected + 1)


def _differ(real: np.ndarray, made: np.ndarray) -> bool:
    """Whether counts differ from those drawn by more than chance (chi-squared, with the noise of the draws)."""
    expected = made / max(1, made.sum()) * real.sum()
    keep = expected > 0
    distance = float((((real - expected)[keep] ** 2) / (expected[keep] * (1 + 1 / DRAWS))).sum())
    freedom = int(keep.sum()) - 1
    return distance > freedom + SURE * np.sqrt(2 * max(freedom, 1))


def _time_of_day(name: str, span: NumberCodes) -> TimeOfDay | None:
    """A part of its own where the grid is finer than the day and most levels are not."""
    if span.grid.seconds >= DAY:
        return None
    low, high = level_ends(span)[span.levels[0]].T
    wide = (high - low + 1) * span.grid.seconds >= DAY
    return TimeOfDay(name=f"{name}: time of day", column=name) if wide.mean() > 0.5 else None


def _interval(
    frame: pd.DataFrame, name: str, after: str, spans: Mapping[str, Any], people: np.ndarray, k: int, bins: int
) -> Fitted | None:
    """The interval part of a date that follows another, or None where too few people have both."""
    start, end = seconds_of(frame[after]), seconds_of(frame[name])
    both = (start != GAP) & (end != GAP)
    usual = both & ~markers(frame[after].to_numpy("datetime64[us]")) & ~markers(frame[name].to_numpy("datetime64[us]"))
    if len(np.unique(people[usual])) < 2 * k:
        return None
    gaps = end[usual] - start[usual]
    steps = [spans[c].grid.seconds for c in (name, after)]
    unit = DAY if max(steps) >= DAY or np.median(np.abs(gaps)) >= LONG else min(steps)
    counted = (end[both] // unit - start[both] // unit).astype(float)
    low, high = _fences(counted[usual[both]])
    negative, other = (len(np.unique(people[both][rows])) for rows in (counted < 0, (counted < low) | (counted > high)))
    part = Interval(
        name=f"{name}: since {after}",
        column=name,
        after=after,
        unit=unit,
        low=low,
        high=high,
        ordered=negative < k,
        open=other >= k,
    )
    return part, _span(part, part.of(frame), people, k, bins, unit)


def _fences(steps: np.ndarray) -> tuple[float, float]:
    """Round ends far outside the middle 90 % of the intervals, which tell nobody's own."""
    low, high = np.quantile(steps, [0.05, 0.95])
    width = FENCE * max(high - low, 10.0)
    unit = 10.0 ** np.floor(np.log10(width))
    return float(np.floor((low - width) / unit) * unit), float(np.ceil((high + width) / unit) * unit)
