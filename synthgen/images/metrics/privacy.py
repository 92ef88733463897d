"""Does the set keep to the images it was made from: each synthetic image's nearest real one, trained on or not."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from scipy import stats

from synthgen.contracts import Figure, Interval, MetricResult, Status
from synthgen.images.metrics.compared import ImageMeasure, class_line
from synthgen.images.metrics.features import Comparison
from synthgen.images.metrics.nearest import FEWEST, Nearest, aligned, in_features

HOW = "normal; training and hold-out people swapped"
TOO_FEW = f"Fewer than {FEWEST} training, hold-out or synthetic images."


class ImagePrivacy(ImageMeasure):
    """Refuses what is too small for any sign of copying to be told from chance."""

    family: ClassVar[Literal["privacy"]] = "privacy"
    better: ClassVar[Literal["higher", "lower", "closer"]] = "lower"
    best = 0.0

    def _judge(self, c: Comparison) -> MetricResult:
        if min(len(c.train), len(c.holdout), len(c.drawn)) < FEWEST:
            return self.insufficient(TOO_FEW)
        return self._attacked(c)

    @abstractmethod
    def _attacked(self, c: Comparison) -> MetricResult:
        """The result where there are enough images of every kind."""


class ClosestImage(ImagePrivacy):
    """Share of synthetic images that keep to training images."""

    name, title = "closest_image", "Nearest training image"
    better: ClassVar[Literal["closer"]] = "closer"
    best = 0.5
    explanation = (
        "Is the real image nearest to a synthetic one of the training or of the hold-out part? Counted as if both "
        "parts had as many images: 0.5 is neither, 1 a set that only copies. The value is in the features of two "
        "networks that each judge only real images they never saw; beside it the same in pixels, after shifts of up to "
        "two pixels, mirroring, turning, light and contrast. Necessary, never sufficient for privacy."
    )
    source = "Platzer and Reutterer (2021), with weights for unequal parts; error from swapping people between them."

    def _attacked(self, c: Comparison) -> MetricResult:
        found, pixels = in_features(c), aligned(c).drawn
        whole = kept(c, found, np.ones(len(found.rows), bool))
        beside = kept(c, pixels, np.ones(len(pixels.rows), bool))
        labels = c.drawn.labels[found.rows]
        lines = []
        for place in range(c.classes):
            inside = labels == place
            few = min(inside.sum(), (c.train.labels == place).sum(), (c.holdout.labels == place).sum()) < FEWEST
            lines.append(class_line(c, place, **(_few() if few else kept(c, found, inside))))
        figures = (
            Figure(name="pixels", title="Nearest training image in pixels", **beside),
            Figure(name="excess", title="Images with a training image nearest, above what chance gives",
                   value=_excess(c, found)),
        )  # fmt: skip
        return self.result(**whole, figures=figures, groups=tuple(lines))


def _few() -> dict[str, Any]:
    return {"status": Status.INSUFFICIENT, "reason": TOO_FEW.replace("images.", "images are of this class.")}


def kept(c: Comparison, found: Nearest, inside: np.ndarray) -> dict[str, Any]:
    """How far these images keep to the training part: value, holdout, interval and p_value.

    A real image of a class is of the training part with the share p that the class has there. If nothing was copied,
    each person near whom c synthetic images lie might as well be of the other part: the sum over people of
    c (trained on - p) is 0 with variance c^2 p (1 - p).
    """
    ours = found.ours[inside]
    at_train, at_holdout = found.train_at[inside], found.holdout_at[inside]
    share = _trained_share(c)[np.where(ours >= 0.5, c.train.labels[at_train], c.holdout.labels[at_holdout])]
    toward, away = float((ours * (1 - share)).sum()), float(((1 - ours) * share).sum())
    shift = int(c.people("train").max(initial=-1)) + 1
    person = np.where(ours >= 0.5, c.people("train")[at_train], c.people("holdout")[at_holdout] + shift)
    counts = np.bincount(person, weights=np.sqrt(share * (1 - share)))
    error = max(math.sqrt(float((counts**2).sum())), 0.25)
    total = max(toward + away, 1e-9)
    value, half = toward / total, 1.96 * error / (2 * total)
    interval = Interval(low=max(0.0, value - half), high=min(1.0, value + half), method=HOW)
    p_value = float(stats.norm.sf((toward - away) / error))
    return {"value": value, "holdout": 0.5, "interval": interval, "p_value": p_value}


def _excess(c: Comparison, found: Nearest) -> float:
    """Share of images with a training image nearest, less the training part's share of the real images near them."""
    nearest = np.where(found.ours >= 0.5, c.train.labels[found.train_at], c.holdout.labels[found.holdout_at])
    return float((found.ours - _trained_share(c)[nearest]).mean())


def _trained_share(c: Comparison) -> np.ndarray:
    """Of each class the share of its real images that are of the training part; never 0 or 1."""
    train, holdout = (stack.counts(c.classes)[: c.classes] for stack in (c.train, c.holdout))
    return np.asarray((train + 0.5) / (train + holdout + 1.0))
