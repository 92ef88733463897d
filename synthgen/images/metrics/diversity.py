"""Variety within a class: the alarm that goes off when a generator draws the same few images again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from synthgen.contracts import Figure, GroupFigure, Interval, MetricResult, Status
from synthgen.images.metrics.compared import FEW, ImageMeasure, class_line, enough
from synthgen.images.metrics.features import Comparison
from synthgen.images.metrics.neighbourhoods import distances, reach
from synthgen.measures.measure import mean

MOST, DRAWS = 300, 8
COLLAPSED = 0.5  # upper end of the interval of the ratio below which a class is called collapsed
FROM_SEEDS = "normal, over draws and networks"


class Diversity(ImageMeasure):
    """How far apart the images of a class lie, against real ones."""

    name, title = "diversity", "Variety within a class"
    family: ClassVar[Literal["coverage"]] = "coverage"
    better: ClassVar[Literal["closer"]] = "closer"
    high = 1e3
    explanation = (
        "The distance of a synthetic image to the nearest other one of its class, over the same among training images "
        "at equal counts; the value is the class that varies least. 1: as varied as real images; below one half the "
        "class has collapsed to a few images drawn again and again. 'Spread' is the same for the mean distance of all "
        "pairs, which a set of few but different images can hold up."
    )
    source = "Pairwise similarity within a class as a sign of mode collapse: Odena et al. (2017), in features."

    def _judge(self, c: Comparison) -> MetricResult:
        places = enough(c)
        if not places:
            return self.insufficient(FEW.replace("of this class", "of every class"))
        found = {p: _ratios(c, p) for p in places}
        lines = [class_line(c, p, **(_fields(found[p], 0) if p in found else {})) for p in range(c.classes)]
        told = [line for line in lines if line.value is not None]
        worst = min(told, key=lambda line: line.value or 0.0)
        least = min((_fields(found[p], 1) for p in places), key=lambda fields: float(fields["value"]))
        return self.result(
            value=worst.value,
            interval=worst.interval,
            holdout=min(line.holdout or 0.0 for line in told),
            groups=tuple(lines),
            figures=(Figure(name="spread", title="Mean distance of pairs", **least), _collapsed(told)),
        )


def _collapsed(told: Sequence[GroupFigure]) -> Figure:
    name, title = "collapsed_classes", "Classes that have collapsed"
    if not told:
        return Figure(name=name, title=title, status=Status.INSUFFICIENT, reason=FEW)
    gone = [line for line in told if line.interval is not None and line.interval.high < COLLAPSED]
    return Figure(name=name, title=title, value=float(len(gone)))


def _ratios(c: Comparison, place: int) -> np.ndarray:
    """[draws, 2 sides, 2]: nearest and mean distance of synthetic and hold-out images over those of training ones."""
    out, rng = [], c.ctx.rng(f"class{place}")
    for view in c.views:
        rows = {s: np.flatnonzero(getattr(c, s).labels == place) for s in ("train", "drawn", "holdout")}
        n = min(MOST, *map(len, rows.values()))
        for _ in range(DRAWS):
            real, drawn, held = (_apart(getattr(view, s)[rng.permutation(r)[:n]]) for s, r in rows.items())
            out.append([drawn / real, held / real])
    return np.array(out)


def _apart(x: np.ndarray) -> np.ndarray:
    """Median distance to the nearest other image, and mean distance of all pairs; never 0."""
    pairs = distances(x, x)[np.triu_indices(len(x), 1)]
    return np.array([float(np.median(reach(x, 1))), float(pairs.mean())]) + 1e-3


def _fields(ratios: np.ndarray, kind: int) -> dict[str, Any]:
    own, held = ratios[:, 0, kind], ratios[:, 1, kind]
    middle, error = float(np.clip(own.mean(), 0, Diversity.high)), float(own.std(ddof=1))
    interval = Interval(low=max(0.0, middle - 1.96 * error), high=middle + 1.96 * error, method=FROM_SEEDS)
    return {"value": middle, "holdout": min(mean(list(held)), Diversity.high), "interval": interval}
