"""Are all real images met, not only the common ones: precision, density, recall and coverage, class by class."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from synthgen.contracts import Figure, Group, GroupFigure, Interval, MetricResult, Status
from synthgen.images.metrics.census import expected
from synthgen.images.metrics.compared import FEW, ImageMeasure, class_line, enough, extreme
from synthgen.images.metrics.features import Comparison
from synthgen.images.metrics.neighbourhoods import average, interval, tally
from synthgen.images.modes import memberships
from synthgen.measures.measure import mean

FEWEST_IN_CLUSTER = 8
_HERE = "in the features of two small networks, at as many images of either kind; hold-out images stand beside it"


class _Balls(ImageMeasure):
    """One of the four quantities: its mean over classes, and each class."""

    of_real: ClassVar[bool] = True  # what it is told of: training images, or the compared ones

    def _judge(self, c: Comparison) -> MetricResult:
        places = enough(c)
        if not places:
            return self.insufficient(FEW.replace("of this class", "of every class"))
        lines = [self._line(c, p) if p in places else class_line(c, p) for p in range(c.classes)]
        told = [line for line in lines if line.value is not None]
        figures = [extreme("worst_class", "Worst class", lines, lowest=True)]
        if self.of_real:
            figures.insert(0, _rarest(c, lines))
        return self.result(
            value=mean([line.value or 0.0 for line in told]),
            holdout=mean([line.holdout or 0.0 for line in told]),
            interval=_mean_interval([line.interval for line in told]),
            groups=tuple(lines),
            figures=tuple(figures),
        )

    def _line(self, c: Comparison, place: int) -> GroupFigure:
        found, parts = tally(c), {}
        for side in ("drawn", "holdout"):
            stack = c.train if self.of_real else getattr(c, side)
            parts[side] = np.flatnonzero(stack.labels == place)
        own, held = found.drawn[self.name], found.holdout[self.name]
        people = c.people("train")[parts["drawn"]] if self.of_real else np.arange(len(parts["drawn"]))
        return class_line(
            c,
            place,
            value=min(self.high, average(own, [parts["drawn"]])),
            holdout=min(self.high, average(held, [parts["holdout"]])),
            interval=interval(own[parts["drawn"]], people, c.ctx.rng(f"class{place}")),
        )


def _rarest(c: Comparison, lines: list[GroupFigure]) -> Figure:
    """Of the classes asked for the one with the fewest training images, whether it can be told or not."""
    counts = c.train.counts(c.classes)[: c.classes]
    line = lines[int(np.where((counts > 0) & (expected(c) > 0), counts, np.inf).argmin())]
    return Figure(
        name="rarest", title="The rarest class", value=line.value, holdout=line.holdout, interval=line.interval,
        status=line.status, reason=line.reason,
    )  # fmt: skip


def _mean_interval(found: list[Interval | None]) -> Interval | None:
    """Interval of a mean of independent parts: half-widths add as squares."""
    told = [i for i in found if i is not None]
    if not told:
        return None
    middle = mean([(i.low + i.high) / 2 for i in told])
    half = float(np.sqrt(sum((i.high - i.low) ** 2 for i in told))) / 2 / len(told)
    return Interval(low=max(0.0, middle - half), high=middle + half, method=told[0].method)


class Precision(_Balls):
    """Share of synthetic images that lie where real ones are."""

    name, title, of_real = "precision", "Precision", False
    family: ClassVar[Literal["fidelity"]] = "fidelity"
    explanation = (
        "Share of synthetic images that lie within reach of a training image of their class, mean over "
        f"classes, {_HERE}."
    )
    source = "Kynkaanniemi et al. (2019), Improved precision and recall."


class Density(_Balls):
    """How densely synthetic images lie around real ones."""

    name, title, of_real = "density", "Density", False
    family: ClassVar[Literal["fidelity"]] = "fidelity"
    high = 1e3
    better: ClassVar[Literal["closer"]] = "closer"
    explanation = (
        "How many training images of its class a synthetic image is within reach of, over as many as real images "
        f"expect: 1 is real, more is a crowd in the middle; mean over classes, {_HERE}."
    )
    source = "Naeem et al. (2020), Reliable fidelity and diversity metrics."


class Recall(_Balls):
    """Share of real images that lie where synthetic ones are."""

    name, title = "recall", "Recall"
    family: ClassVar[Literal["coverage"]] = "coverage"
    explanation = (
        "Share of training images that lie within reach of a synthetic image of their class, mean over "
        f"classes, {_HERE}."
    )
    source = "Kynkaanniemi et al. (2019), Improved precision and recall."


class Coverage(_Balls):
    """Share of real images that have a synthetic one near them."""

    name, title = "coverage", "Coverage"
    family: ClassVar[Literal["coverage"]] = "coverage"
    explanation = (
        "Share of training images with a synthetic image of their class nearer than their third nearest training "
        f"image, mean over classes, {_HERE}. Fresh real images cover 7 of 8."
    )
    source = "Naeem et al. (2020), Reliable fidelity and diversity metrics."


class WorstCluster(ImageMeasure):
    """Coverage of the cluster that comes off worst."""

    name, title = "worst_cluster", "Coverage of the worst cluster"
    family: ClassVar[Literal["coverage"]] = "coverage"
    explanation = (
        "Coverage (see there) of the images of each cluster within a class, and of these the lowest: a kind of image "
        "that a class average hides. Beside it the lowest that hold-out images reach. 'Against hold-out' is the lowest "
        "ratio of the two over clusters."
    )
    source = "Coverage: Naeem et al. (2020); clusters of at least k people, worst first."

    def _judge(self, c: Comparison) -> MetricResult:
        clusters = [g for g in c.groups if g.kind == "cluster"]
        if not clusters:
            return self.not_applicable("No class has clusters of enough people.")
        inside = memberships(clusters, c.train)
        lines = [_cluster_line(c, g, inside[:, i]) for i, g in enumerate(clusters)]
        told = [line for line in lines if line.value is not None]
        if not told:
            return self.insufficient("No cluster has enough images to be told.")
        worst = min(told, key=lambda line: line.value or 0.0)
        ratios = [(line.value or 0.0) / max(line.holdout or 0.0, 1e-9) for line in told if line.holdout]
        held = [line.holdout or 0.0 for line in told]
        figures = (
            Figure(name="mean", title="Mean over clusters", value=mean([x.value or 0.0 for x in told]),
                   holdout=mean(held)),
            Figure(name="worst_ratio", title="Worst cluster against hold-out", value=min(ratios) if ratios else None,
                   status=Status.OK if ratios else Status.INSUFFICIENT, reason="" if ratios else FEW),
        )  # fmt: skip
        return self.result(
            value=worst.value, interval=worst.interval, holdout=min(held), groups=tuple(lines), figures=figures
        )


def _cluster_line(c: Comparison, group: Group, inside: np.ndarray) -> GroupFigure:
    """The coverage of the training images of one cluster."""
    found, people = tally(c), c.people("train")
    count = len(np.unique(people[inside]))
    known = {
        "label": group.name, "kind": group.kind, "columns": group.columns, "real_count": count,
        "suppressed": count < c.schema.k_floor,
    }  # fmt: skip
    own, held = (side["coverage"][inside] for side in (found.drawn, found.holdout))
    if np.isfinite(own).sum() < FEWEST_IN_CLUSTER:
        return GroupFigure(**known, status=Status.INSUFFICIENT, reason="Too few images of this cluster were compared.")
    between = interval(own, people[inside], c.ctx.rng(f"cluster {group.name}"))
    return GroupFigure(**known, value=float(np.nanmean(own)), holdout=float(np.nanmean(held)), interval=between)
