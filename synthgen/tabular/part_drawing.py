"""Dates moved inside their levels until they have the weekday, day of the month, time and interval that were drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from synthgen.tabular.grid import DAY
from synthgen.tabular.number_codes import NumberCodes
from synthgen.tabular.parts import GAP, WEEKDAYS, Interval, MonthDay, Part, TimeOfDay, Weekday

REACH = np.array(sorted(range(-31, 32), key=lambda offset: (abs(offset), offset)))  # days a date may be moved by
TRIES = 6


@dataclass
class Draft:
    """Dates being decoded: `seconds` since 1970 per column (GAP: missing) and the `ends` each may be moved between.

    A text that stands among dates has no part and no distance from another date: it counts as missing meanwhile.

    `spans` and `codes` (levels) go by the names of code columns. A request confines cells to `windows`, grid intervals
    (m, 2), or gives them: columns that are `held` are never moved.
    """

    spans: Mapping[str, Any]
    codes: Mapping[str, np.ndarray]
    rng: np.random.Generator
    windows: Mapping[str, np.ndarray]
    held: frozenset[str] = frozenset()
    seconds: dict[str, np.ndarray] = field(default_factory=dict)
    texts: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)  # rows and the moments they stand as
    ends: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def start(self, name: str, moments: np.ndarray) -> None:
        """Begin with the moments that the column's own levels gave; each may be moved inside its level."""
        rows = np.flatnonzero(self.spans[name].is_text(pd.Series(moments)))
        self.texts[name] = (rows, moments[rows])
        gap = np.isnat(moments)
        gap[rows] = True
        self.seconds[name] = np.where(gap, GAP, moments.astype("datetime64[s]").astype(np.int64))
        step = self.spans[name].grid.seconds
        low, high = (level_ends(self.spans[name])[self.codes[name]] * step).T
        self.ends[name] = (low, high)

    def moments(self, name: str) -> np.ndarray:
        """The column as datetime64[us]."""
        seconds = self.seconds[name]
        out = np.where(seconds == GAP, 0, seconds).astype("datetime64[s]").astype("datetime64[us]")
        out[seconds == GAP] = np.datetime64("NaT")
        rows, moments = self.texts[name]
        out[rows] = moments
        return out

    def fits(self, name: str, rows: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """Which candidates (rows,) or (rows, many) lie between the column's ends and where a request wants them."""
        low, high = (end[rows].reshape(-1, *[1] * (candidates.ndim - 1)) for end in self.ends[name])
        return (low <= candidates) & (candidates <= high) & self.wanted(name, candidates)

    def wanted(self, name: str, candidates: np.ndarray) -> np.ndarray:
        """Which candidates lie where a request wants them."""
        if name not in self.windows:
            return np.ones(candidates.shape, dtype=bool)
        at, out = candidates // self.spans[name].grid.seconds, np.zeros(candidates.shape, dtype=bool)
        for low, high in self.windows[name]:
            out |= (low <= at) & (at <= high)
        return out

    def drawn(self, name: str) -> np.ndarray:
        """What the code column of a part gives: labels, or grid positions with GAP for missing."""
        span, codes = self.spans[name], self.codes[name]
        if isinstance(span, NumberCodes):
            return np.where(codes < span.ordered, span.draw_positions(codes, self.rng) * span.grid.step, GAP)
        labels: np.ndarray = span.decode(codes, self.rng)
        return labels


def level_ends(span: NumberCodes) -> np.ndarray:
    """First and last grid position (levels, 2) of each level; 0 and 0 for missing."""
    out = np.zeros((span.size, 2), dtype=np.int64)
    bins, spikes = span.levels
    for i, level in enumerate(bins):
        first, last = span.bin_knots(i)
        places = np.array([np.ceil(span.knots[first]), np.floor(span.knots[last])], dtype=np.int64)
        out[level] = span.uncut(places)
    out[spikes] = np.array(span.spikes, dtype=np.int64)[:, None] if len(span.spikes) else 0
    return out


def refine(draft: Draft, parts: Sequence[Part]) -> None:
    """Give every date its parts: intervals first, so that a date stands before what follows it moves; then its time,
    then its day."""
    for column in _in_order(parts):
        own = [part for part in parts if part.column == column]
        for part in own:
            if isinstance(part, Interval):
                _set_interval(draft, part)
        if column in draft.held:
            continue
        for part in own:
            if isinstance(part, TimeOfDay):
                _set_time(draft, part)
        _set_day(draft, column, [part for part in own if isinstance(part, Weekday | MonthDay)])
        _leave_strange_days(draft, column, own)
    starts = {part.after for part in parts if isinstance(part, Interval)} - draft.held
    for column in (name for name in _in_order(parts) if name in starts):
        _leave_strange_days(draft, column, parts)  # a request may have moved it
    for part in parts:
        if isinstance(part, Interval) and part.ordered:
            _keep_order(draft, part)


def _in_order(parts: Sequence[Part]) -> list[str]:
    """The date columns, each after the one it follows."""
    after = {part.column: part.after for part in parts if isinstance(part, Interval)}
    depth: dict[str, int] = {}
    for part in parts:
        name, steps = part.column, 0
        while name in after:
            name, steps = after[name], steps + 1
        depth[part.column] = steps
    return sorted(depth, key=lambda name: depth[name])


def _set_time(draft: Draft, part: TimeOfDay) -> None:
    seconds, times = draft.seconds[part.column], draft.drawn(part.name)
    rows = np.flatnonzero((seconds != GAP) & (times != GAP))
    moved = (seconds[rows] // DAY * DAY + times[rows])[:, None] + np.array([0, DAY, -DAY])
    _take(draft, part.column, rows, moved, [draft.fits(part.column, rows, moved)])


def _set_day(draft: Draft, column: str, parts: Sequence[Weekday | MonthDay]) -> None:
    """Move dates by whole days, as little as possible, to a day of the kinds that were drawn.

    Where no day of the level has both kinds, the day of the month wins: it is the rarer one.
    """
    if not parts:
        return
    seconds = draft.seconds[column]
    rows = np.flatnonzero(seconds != GAP)
    span = draft.spans[column]
    rows = rows[span.bins_of(draft.codes[column][rows]) >= 0]
    moved = seconds[rows, None] + REACH * DAY
    free = draft.fits(column, rows, moved)
    free &= ~np.isin(moved // span.grid.seconds, np.asarray(span.spikes, dtype=np.int64))
    kinds = []
    for part in sorted(parts, key=lambda p: isinstance(p, Weekday)):
        place = {label: i for i, label in enumerate(part.labels)}
        wish = np.array([place.get(label, -1) for label in draft.drawn(part.name)[rows]], dtype=np.int64)
        kinds.append(part.classes(moved // DAY) == wish[:, None])
    both = np.logical_and.reduce(kinds)
    _take(draft, column, rows, moved, [free & both, *(free & kind for kind in kinds)])


def _leave_strange_days(draft: Draft, column: str, parts: Sequence[Part]) -> None:
    """Move dates off weekdays that nobody has to the nearest other day, be it beyond the level that was drawn.

    They stay in order with the dates that `parts` say of, and if they can on a day of the month of the same kind.
    """
    own = [part for part in parts if part.column == column]
    weekday = next((part for part in own if isinstance(part, Weekday)), None)
    if weekday is None:
        return
    span, seconds, usual = draft.spans[column], draft.seconds[column], _usual_days(draft, weekday)
    rows = np.flatnonzero((seconds != GAP) & ~_is_rare(draft, weekday))
    rows = rows[~usual[weekday.classes(seconds[rows] // DAY)]]
    if not len(rows):
        return
    low, high = (edge * span.grid.seconds for edge in span.range)
    moved = seconds[rows, None] + REACH * DAY
    good = (low <= moved) & (moved <= high) & draft.wanted(column, moved) & usual[weekday.classes(moved // DAY)]
    for part in parts:
        if isinstance(part, Interval) and part.ordered and column in (part.column, part.after):
            other = draft.seconds[part.after if part.column == column else part.column][rows, None]
            good &= (other == GAP) | (moved >= other if part.column == column else moved <= other)
    free = good & ~np.isin(moved // span.grid.seconds, np.asarray(span.spikes, dtype=np.int64))
    days, month_days = moved // DAY, (part for part in own if isinstance(part, MonthDay))
    same = [free & (part.classes(days) == part.classes(days[:, :1])) for part in month_days]
    _take(draft, column, rows, moved, [*same, free, good])


def _usual_days(draft: Draft, part: Weekday) -> np.ndarray:
    """Which weekdays (7,) at least k people have in the column; all of them where each is somebody's."""
    span, date = draft.spans[part.name], draft.spans[part.column]
    shared = np.setdiff1d(np.asarray(date.spikes, dtype=np.int64), [place for _, place in date.marks])
    usual = np.isin(WEEKDAYS, span.values)
    usual[part.classes(shared * date.grid.seconds // DAY)] = True  # days of a level of their own have no parts
    return usual | (usual.sum() + span.merged >= len(WEEKDAYS))


def _is_rare(draft: Draft, part: Weekday) -> np.ndarray:
    """The rows for which a weekday of few people was drawn, which may be any."""
    span = draft.spans[part.name]
    return np.asarray((draft.codes[part.name] == len(span.values)) & span.other)


def _take(draft: Draft, column: str, rows: np.ndarray, moved: np.ndarray, choices: Sequence[np.ndarray]) -> None:
    """Give each of `rows` its first candidate in `moved` that the first possible one of `choices` allows."""
    done = np.zeros(len(rows), dtype=bool)
    for choice in choices:
        here = choice.any(axis=1) & ~done
        draft.seconds[column][rows[here]] = moved[here, choice[here].argmax(axis=1)]
        done |= here


def _set_interval(draft: Draft, part: Interval) -> None:
    """Put a date at its interval after the other one; inside its own level if a few draws find that, else beside it.

    A date whose cells a request confines stays where it is wanted, and the other one moves if it may.
    """
    start, end = draft.seconds[part.after], draft.seconds[part.column]
    steps = _steps(draft, part)
    rows = np.flatnonzero((start != GAP) & (end != GAP) & (steps != GAP))
    confined = part.column in draft.held or part.column in draft.windows
    waiting = rows[:0] if part.column in draft.held else rows
    for _ in range(TRIES):
        moved = _after(part, start[waiting], end[waiting], steps[waiting], draft)
        good = draft.fits(part.column, waiting, moved)
        end[waiting[good]] = moved[good]
        waiting = waiting[~good]
        if not len(waiting):
            break
        steps = _steps(draft, part)
    if confined:
        _move_start(draft, part, rows if part.column in draft.held else waiting, steps)
        return
    low, high = (edge * draft.spans[part.column].grid.seconds for edge in draft.spans[part.column].range)
    moved = np.clip(_after(part, start[waiting], end[waiting], steps[waiting], draft), low, high)
    end[waiting] = moved
    _narrow(draft, part, rows)
    draft.ends[part.column][0][waiting] = np.maximum(low, moved // DAY * DAY)
    draft.ends[part.column][1][waiting] = np.minimum(high, moved // DAY * DAY + DAY - 1)


def _steps(draft: Draft, part: Interval) -> np.ndarray:
    """The intervals drawn; where none was, though both dates are there and no open end is meant, another row's."""
    steps, both = draft.drawn(part.name), draft.seconds[part.after] != GAP
    both &= draft.seconds[part.column] != GAP
    lone = draft.spans[part.column].bins_of(draft.codes[part.column]) < 0 if part.open else np.zeros(len(steps), bool)
    without, with_one = np.flatnonzero(both & ~lone & (steps == GAP)), steps[both & (steps != GAP)]
    if len(without) and len(with_one):
        steps[without] = draft.rng.choice(with_one, len(without))
    return steps


def _after(part: Interval, start: np.ndarray, end: np.ndarray, steps: np.ndarray, draft: Draft) -> np.ndarray:
    """The later date: on its grid, at its own time of day where the interval counts days."""
    step = draft.spans[part.column].grid.seconds
    if part.unit < DAY or step >= DAY:
        made: np.ndarray = (start // part.unit + steps) * part.unit + (start % part.unit if part.unit < DAY else 0)
        return made // step * step
    return (start // DAY + steps) * DAY + end % DAY


def _narrow(draft: Draft, part: Interval, rows: np.ndarray) -> None:
    """From here on the date may move only where its interval stays in the level that was drawn."""
    span, start = draft.spans[part.name], draft.seconds[part.after][rows] // part.unit
    drawn = draft.codes[part.name][rows] < span.ordered
    rows, start = rows[drawn], start[drawn]
    reach = level_ends(span)[draft.codes[part.name][rows]] * span.grid.step
    low, high = draft.ends[part.column]
    low[rows] = np.maximum(low[rows], (start + reach[:, 0]) * part.unit)
    high[rows] = np.minimum(high[rows], (start + reach[:, 1]) * part.unit + part.unit - 1)


def _move_start(draft: Draft, part: Interval, rows: np.ndarray, steps: np.ndarray) -> None:
    """Move the earlier date to its interval before the later one, inside what may be made of it."""
    if part.after in draft.held or not len(rows):
        return
    span = draft.spans[part.after]
    low, high = (edge * span.grid.seconds for edge in span.range)
    moved = (draft.seconds[part.column][rows] // part.unit - steps[rows]) * part.unit
    moved = np.clip(moved // span.grid.seconds * span.grid.seconds, low, high)
    good = draft.wanted(part.after, moved)
    draft.seconds[part.after][rows[good]] = moved[good]


def _keep_order(draft: Draft, part: Interval) -> None:
    """No date comes before the one it follows, where neither is given: it takes its place, or a later time of day."""
    start, end = draft.seconds[part.after], draft.seconds[part.column]
    rows = np.flatnonzero((start != GAP) & (end != GAP) & (end < start))
    if not len(rows):
        return
    step = draft.spans[part.column].grid.seconds
    rest = DAY - 1 - start[rows] % DAY
    later = start[rows] + (draft.rng.random(len(rows)) * (rest if step < DAY else 0)).astype(np.int64)
    later = -(-later // step) * step if step < DAY else later // step * step
    if part.column not in draft.held:
        good = draft.wanted(part.column, later)
        end[rows[good]] = later[good]
        rows = rows[~good]
    if part.after not in draft.held and len(rows):
        grid = draft.spans[part.after].grid.seconds
        earlier = end[rows] // grid * grid
        good = draft.wanted(part.after, earlier)
        start[rows[good]] = earlier[good]
