"""Scales of the drawings in a report: where a number stands between the ends of an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

STEPS = (1, 2, 5, 10)
TICKS = 5


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high` with round ticks, `width` units wide."""

    low: float
    high: float
    ticks: tuple[float, ...]
    width: float = 300.0

    def at(self, number: float) -> float:
        """The place of a number, kept on the axis."""
        share = (number - self.low) / (self.high - self.low)
        return round(self.width * min(1.0, max(0.0, share)), 1)


def scale(lines: Iterable[Mapping[str, Any]], width: float = 300.0) -> Scale:
    """An axis on which every number of these lines stands: values, intervals, controls and baselines."""
    numbers = [n for line in lines for n in _numbers(line)]
    return between(min(numbers, default=0.0), max(numbers, default=1.0), width)


def between(low: float, high: float, width: float = 300.0) -> Scale:
    """An axis with about five round ticks around `low` to `high`."""
    span = max(high - low, 1e-3)
    power = 10.0 ** math.floor(math.log10(span / TICKS))
    step = next(s * power for s in STEPS if span / (s * power) <= TICKS + 1)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(i * step, 6) for i in range(first, last + 1))
    return Scale(ticks[0], ticks[-1] if len(ticks) > 1 else ticks[0] + step, ticks, width)


def _numbers(line: Mapping[str, Any]) -> list[float]:
    interval = line.get("interval") or {}
    found = (line.get("value"), line.get("holdout"), line.get("baseline"), interval.get("low"), interval.get("high"))
    return [n for n in found if n is not None]
