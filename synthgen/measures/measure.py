"""What every metric is made of: its description, its ways to answer, and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from synthgen.contracts import Figure, Interval, MetricResult, Status

FEWEST_ROWS = 20


class Measure:
    """Base of a metric: states name, direction and range once; `compute` is the subclass's."""

    name: ClassVar[str]
    title: ClassVar[str]
    family: ClassVar[Literal["fidelity", "coverage", "utility", "privacy"]]
    better: ClassVar[Literal["higher", "lower", "closer"]] = "higher"
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = 1.0
    best: ClassVar[float] = 1.0
    explanation: ClassVar[str] = ""
    source: ClassVar[str] = ""

    def result(self, status: Status = Status.OK, **found: Any) -> MetricResult:
        """A result of this metric."""
        known: dict[str, Any] = {
            "metric": self.name,
            "title": self.title,
            "family": self.family,
            "better": self.better,
            "low": self.low,
            "high": self.high,
            "best": self.best,
            "explanation": self.explanation,
            "source": self.source,
        }
        return MetricResult(**{**known, "status": status, **found})

    def not_applicable(self, reason: str) -> MetricResult:
        """The question does not arise for this data."""
        return self.result(Status.NOT_APPLICABLE, reason=reason)

    def insufficient(self, reason: str) -> MetricResult:
        """Too little data to tell."""
        return self.result(Status.INSUFFICIENT, reason=reason)


def absent(name: str, title: str, reason: str, status: Status = Status.NOT_APPLICABLE) -> Figure:
    """A figure that has no value, and why."""
    return Figure(name=name, title=title, status=status, reason=reason)


def wilson(hits: float, n: float) -> Interval:
    """95 % Wilson interval of a share."""
    z, p = 1.96, hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Interval(low=max(0.0, middle - half), high=min(1.0, middle + half), method="Wilson")


def against_holdout(share: float, n: float, holdout: float, m: float) -> Interval:
    """95 % interval of a share that carries the hold-out's sampling error too.

    Its lower end minus the hold-out's share is the lower end of their difference (Newcombe 1998, method 10), so that
    a rule on that difference does not blame a set for the luck of a small hold-out.
    """
    own, other = wilson(share * n, n), wilson(holdout * m, m)
    down = math.hypot(share - own.low, other.high - holdout)
    up = math.hypot(own.high - share, holdout - other.low)
    return Interval(
        low=max(0.0, share - down), high=min(1.0, share + up), method="Newcombe, with the hold-out's sampling error"
    )


def percentile(draws: np.ndarray, method: str) -> Interval | None:
    """95 % percentile interval of bootstrap draws; None when no draw is a number."""
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return None
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(low=float(low), high=float(high), method=method)


def mean(values: Sequence[float]) -> float:
    """Plain mean; NaN for nothing."""
    return float(np.mean(values)) if len(values) else float("nan")


def spread_mean(values: np.ndarray) -> tuple[float, Interval]:
    """Mean of one value per record and its 95 % interval."""
    middle = float(values.mean())
    half = 1.96 * float(values.std(ddof=1)) / math.sqrt(len(values))
    return middle, Interval(low=middle - half, high=middle + half, method="normal, records as independent")


def simultaneous(draws: np.ndarray) -> list[tuple[float, float]]:
    """95 % intervals that hold for all rows of `draws` [rows, 1 + draws] together: single-step max-T.

    The first entry of a row is the estimate, the others its bootstrap draws; draws without a number are left out.
    """
    value, rest = draws[:, :1], draws[:, 1:][:, np.isfinite(draws[:, 1:]).all(axis=0)]
    error = np.maximum(rest.std(axis=1, keepdims=True), 1e-12)
    cut = float(np.quantile((np.abs(rest - rest.mean(axis=1, keepdims=True)) / error).max(axis=0), 0.95))
    return [(float(v - cut * e), float(v + cut * e)) for v, e in zip(value[:, 0], error[:, 0], strict=True)]
