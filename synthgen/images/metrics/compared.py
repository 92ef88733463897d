"""What a score of images is made of: the comparison opened once, classes with enough images, lines of a breakdown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from synthgen.contracts import Figure, Generator, Group, GroupFigure, MetricResult, Split, Status, SyntheticSet
from synthgen.images.metrics.features import Comparison
from synthgen.images.schema import CLASS
from synthgen.measures.measure import Measure
from synthgen.runtime import RunContext

FEWEST_OF_CLASS = 8  # images of a class on each side below which nothing is said of it
FEW = f"Fewer than {FEWEST_OF_CLASS} training, hold-out or synthetic images are of this class."


class ImageMeasure(Measure, ABC):
    """Opens the comparison and refuses what cannot be judged at all."""

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """What the set scores, beside what hold-out images score."""
        c = Comparison(split, synthetic, schema, tuple(groups), ctx, generator)
        if not len(c.train) or not len(c.drawn):
            return self.insufficient("No training images or no synthetic images.")
        if not len(c.holdout):
            return self.insufficient("No hold-out images to compare with.")
        return self._judge(c)

    @abstractmethod
    def _judge(self, c: Comparison) -> MetricResult:
        """The result where there are images of every kind."""


def enough(c: Comparison, fewest: int = FEWEST_OF_CLASS, holdout: bool = True) -> list[int]:
    """The classes with enough images on every side."""
    sides = [c.train, c.drawn, *([c.holdout] if holdout else [])]
    counts = np.min([side.counts(c.classes)[: c.classes] for side in sides], axis=0)
    return [int(place) for place in np.flatnonzero(counts >= fewest)]


def people_of_class(c: Comparison, place: int) -> int:
    """How many people of the training part have an image of the class."""
    return len(np.unique(c.people("train")[c.train.labels == place]))


def class_line(c: Comparison, place: int, **found: Any) -> GroupFigure:
    """One line of the breakdown by class; without a value it says that too few images are there."""
    people = people_of_class(c, place)
    known: dict[str, Any] = {
        "label": c.schema.classes[place],
        "kind": "class",
        "columns": (CLASS,),
        "real_count": people,
        "synthetic_count": int(c.drawn_counts[place]),
        "suppressed": people < c.schema.k_floor,
    }
    if found.get("value") is None and "status" not in found:
        found = {"status": Status.INSUFFICIENT, "reason": FEW}
    return GroupFigure(**{**known, **found})


def extreme(name: str, title: str, lines: Sequence[GroupFigure], lowest: bool) -> Figure:
    """The figure of the worst class, beside the worst that hold-out images get."""
    told = [line for line in lines if line.value is not None]
    if not told:
        return Figure(name=name, title=title, status=Status.INSUFFICIENT, reason=FEW)
    pick = min if lowest else max
    worst = pick(told, key=lambda line: line.value or 0.0)
    held = [line.holdout for line in told if line.holdout is not None]
    return Figure(
        name=name, title=title, value=worst.value, interval=worst.interval, holdout=pick(held) if held else None
    )
