"""Do synthetic images look like real ones: distances between sets of images in the space of small networks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import numpy as np

from synthgen.contracts import Figure, Interval, MetricResult
from synthgen.images.metrics.compared import FEW, FEWEST_OF_CLASS, ImageMeasure, class_line, enough, extreme
from synthgen.images.metrics.features import Comparison, Seen
from synthgen.measures.measure import mean

MOST = 400  # images of a class on each side
DRAWS, RESAMPLES = 4, 40
HOW = "bootstrap over images"

Rows = dict[int, tuple[np.ndarray, np.ndarray]]  # class -> places of reference and of compared images


def _without(classes: int) -> str:
    """How many classes a distance says nothing about."""
    told = "1 class is" if classes == 1 else f"{classes} classes are"
    return f"{told} left out: fewer than {FEWEST_OF_CLASS} images on a side." if classes else ""


class _Distance(ImageMeasure):
    """A distance between training images and others, hold-out images at the same counts beside it."""

    family: ClassVar[Literal["fidelity"]] = "fidelity"
    better: ClassVar[Literal["lower"]] = "lower"
    best, high = 0.0, 1e6

    def _judge(self, c: Comparison) -> MetricResult:
        places = enough(c)
        if not places:
            return self.insufficient(FEW.replace("of this class", "of every class"))
        whole = self._both(c, places)
        lines = [
            class_line(c, p, **(dict(zip(("value", "interval", "holdout"), self._both(c, [p]), strict=True))
                                if p in places else {}))
            for p in range(c.classes)
        ]  # fmt: skip
        return self.result(
            value=whole[0],
            interval=whole[1],
            holdout=whole[2],
            reason=_without(c.classes - len(places)),
            groups=tuple(lines),
            figures=(extreme("worst_class", "Worst class", lines, lowest=False),),
        )

    def _both(self, c: Comparison, places: Sequence[int]) -> tuple[float, Interval, float]:
        """The distance of these classes, its interval, and that of the hold-out, mean over networks and draws."""
        rng = c.ctx.rng("classes " + ",".join(map(str, places)))
        own, other, spread = [], [], []
        for view in c.views:
            for _ in range(DRAWS):
                drawn, held = (pairs(c, places, side, rng) for side in ("drawn", "holdout"))
                own.append(self._clipped(self._between(view, "drawn", drawn)))
                other.append(self._clipped(self._between(view, "holdout", held)))
            again = [self._between(view, "drawn", resampled(drawn, rng)) for _ in range(RESAMPLES)]
            spread.append(np.std(again, ddof=1))
        value, error = mean(own), float(np.mean(spread))
        interval = Interval(low=max(self.low, value - 1.96 * error), high=value + 1.96 * error, method=HOW)
        return value, interval, mean(other)

    def _clipped(self, number: float) -> float:
        return float(np.clip(number, self.low, self.high))

    @abstractmethod
    def _between(self, view: Seen, side: str, rows: Rows) -> float:
        """The distance of these images of one side to those of training, in one network's features."""


class Frechet(_Distance):
    """Frechet distance where every class counts alike."""

    name, title = "frechet", "Frechet distance"
    explanation = (
        "How far the mean and the spread of synthetic images lie from those of training images, in the features of "
        "two small networks that learnt the training images; every class counts alike, and hold-out images stand "
        "beside it at the same counts. With few images the distance is too large on both sides, so only what lies "
        "above the hold-out's counts, most of all within a class. It is no Inception distance: compare it with "
        "nothing but itself."
    )
    source = "Heusel et al. (2017), Frechet Inception distance; bias with few images: Chong and Forsyth (2020)."

    def _between(self, view: Seen, side: str, rows: Rows) -> float:
        return frechet(*(moments([getattr(view, s)[r[i]] for r in rows.values()])
                         for i, s in enumerate(("train", side))))  # fmt: skip


class KernelDistance(_Distance):
    """Kernel distance, without bias for few images."""

    name, title = "kernel_distance", "Kernel distance"
    low = -1e6
    explanation = (
        "The squared maximum mean discrepancy between synthetic and training images of a class with a cubic kernel, "
        "mean over classes, in the features of two small networks. Unlike the Frechet distance it has no bias with "
        "few images: without a difference it scatters around 0 and may lie below it."
    )
    source = "Binkowski et al. (2018), Demystifying MMD GANs: kernel Inception distance, unbiased estimate."

    def _between(self, view: Seen, side: str, rows: Rows) -> float:
        return mean([kernel_distance(view.train[a], getattr(view, side)[b]) for a, b in rows.values()])


class InceptionScore(ImageMeasure):
    """Are images clear and of all classes, by a classifier of one's own?"""

    name, title = "inception_score", "Inception score, own classifier"
    family: ClassVar[Literal["fidelity"]] = "fidelity"
    better: ClassVar[Literal["closer"]] = "closer"
    low, high, best = 1.0, 1e3, 1.0
    explanation = (
        "How clearly a classifier of the training images tells what each synthetic image shows, and how evenly the "
        "classes come: from 1 to the number of classes, as many images of every class. Near the hold-out's figure is "
        "best; clear images alone are no proof, since one perfect image a class scores as well."
    )
    source = "Salimans et al. (2016), Improved techniques for training GANs, with a classifier of the training images."

    def _judge(self, c: Comparison) -> MetricResult:
        places = enough(c)
        if len(places) < 2:
            return self.insufficient("Fewer than two classes have enough images on every side.")
        told = np.mean([view.told[2] for view in c.views], axis=0)
        held = np.mean([view.told[1] for view in c.views], axis=0)
        rng = c.ctx.rng("rows")
        pick = {side: [r[1] for r in pairs(c, places, side, rng).values()] for side in ("drawn", "holdout")}
        value, other = (inception([p[r] for r in pick[s]]) for p, s in ((told, "drawn"), (held, "holdout")))
        again = [inception([told[rng.choice(r, len(r))] for r in pick["drawn"]]) for _ in range(RESAMPLES)]
        error = float(np.std(again, ddof=1))
        kept = _kept(told, c.drawn.labels, places), _kept(held, c.holdout.labels, places)
        return self.result(
            value=value,
            best=float(np.clip(other, 1, c.classes)),
            high=float(c.classes),
            holdout=other,
            interval=Interval(low=max(1.0, value - 1.96 * error), high=value + 1.96 * error, method=HOW),
            figures=(Figure(name="labels_kept", title="Images seen as the class they carry, mean over classes",
                            value=kept[0], holdout=kept[1]),),
        )  # fmt: skip


def pairs(c: Comparison, places: Sequence[int], side: str, rng: np.random.Generator) -> Rows:
    """For each class as many places of training and of `side` images, at counts that the other side has too."""
    out = {}
    for place in places:
        of = {s: np.flatnonzero(getattr(c, s).labels == place) for s in ("train", "drawn", "holdout")}
        n = min(MOST, *map(len, of.values()))
        out[place] = (rng.permutation(of["train"])[:n], rng.permutation(of[side])[:n])
    return out


def resampled(rows: Rows, rng: np.random.Generator) -> Rows:
    """The same with images drawn again with replacement."""
    return {place: (rng.choice(a, len(a)), rng.choice(b, len(b))) for place, (a, b) in rows.items()}


def moments(parts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and covariance (d, d) of a mixture to which every part adds the same weight."""
    middles = [p.mean(axis=0) for p in parts]
    middle = np.mean(middles, axis=0)
    inside = np.mean([np.cov(p, rowvar=False) for p in parts], axis=0)
    between = np.mean([np.outer(m - middle, m - middle) for m in middles], axis=0)
    return middle, inside + between


def frechet(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> float:
    """Squared Frechet distance of two normal laws: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))."""
    (m1, s1), (m2, s2) = first, second
    values, vectors = np.linalg.eigh(s1)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ s2 @ root), 0)).sum()
    return max(0.0, float(((m1 - m2) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * cross))


def kernel_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x.y / d + 1)^3."""
    kernel: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda a, b: (a @ b.T / a.shape[1] + 1) ** 3  # noqa: E731
    own = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (kernel(x, x), kernel(y, y))]
    return float(sum(own) - 2 * kernel(x, y).mean())


def inception(parts: Sequence[np.ndarray]) -> float:
    """exp of the mean divergence of each image's class probabilities from their mean, classes counting alike."""
    average = np.mean([p.mean(axis=0) for p in parts], axis=0)
    divergence = [(p * (np.log(p + 1e-12) - np.log(average + 1e-12))).sum(axis=1).mean() for p in parts]
    return float(np.clip(np.exp(mean(divergence)), 1.0, len(average)))


def _kept(told: np.ndarray, labels: np.ndarray, places: Sequence[int]) -> float:
    return mean([float((told[labels == p].argmax(axis=1) == p).mean()) for p in places])
