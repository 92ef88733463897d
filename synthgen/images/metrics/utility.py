"""Is the set of use: a classifier learns from synthetic images and is tested on real ones it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from synthgen.contracts import Figure, GroupFigure, MetricResult
from synthgen.images.metrics.census import expected
from synthgen.images.metrics.compared import ImageMeasure, class_line
from synthgen.images.metrics.features import Comparison
from synthgen.images.metrics.networks import Quick, Schooling, school, seen
from synthgen.images.stack import ImageStack
from synthgen.measures.measure import percentile
from synthgen.runtime import RunContext

WIDTH, STEPS, REPETITIONS, RESAMPLES = 16, 100, 3, 200
FEWEST_TESTED, FEWEST_LEARNT, MOST_LEARNT, MOST_TESTED = 5, 5, 2_000, 1_000  # of a class
TITLES = {"worst_recall": "Recall of the worst class", "accuracy": "Accuracy", "macro_f1": "Macro F1"}
HOW = "bootstrap over hold-out people"


class AccuracyScore(ImageMeasure):
    """The classification accuracy score, with the class that comes off worst."""

    name, title = "accuracy_score", "Train on synthetic, test on real"
    family: ClassVar[Literal["utility"]] = "utility"
    explanation = (
        "A standard classifier learns from synthetic images alone and tells the classes of real images it never saw; "
        "the value is its recall of the class it tells worst. Beside it the same classifier trained on as many real "
        "images of every class, three times over. Only classes that the set was asked for are told apart."
    )
    source = "Ravuri and Vinyals (2019), Classification accuracy score."

    def _judge(self, c: Comparison) -> MetricResult:
        asked = expected(c)
        tested = [place for place in testable(c) if asked[place] > 0]
        if len(tested) < 2:
            return self.insufficient(
                "Fewer than two of the classes asked for have images enough to learn from and to test on."
            )
        if not np.isin(c.drawn.labels, tested).any():
            return self.insufficient("The set holds no image of the classes that can be tested.")
        ours, real = c.once("accuracy score", lambda ctx: _answers(c, tested, ctx), of_set=True)
        weights = person_weights(c, tested, c.ctx.rng("bootstrap"))
        truth = c.holdout.labels[tested_rows(c, tested)]
        found, held = (scores(answers, truth, tested, weights) for answers in (ours, real))
        return self.result(
            value=float(found["worst_recall"][0]),
            interval=percentile(found["worst_recall"][1:], HOW),
            holdout=float(held["worst_recall"][0]),
            figures=tuple(_figures(found, held)),
            groups=tuple(_line(c, p, tested, found, held) for p in range(c.classes)),
        )


def _figures(found: dict[str, np.ndarray], held: dict[str, np.ndarray]) -> list[Figure]:
    out = []
    for name, title in TITLES.items():
        gap = found[name] - held[name]
        out.append(
            Figure(name=name, title=title, value=float(found[name][0]), holdout=float(held[name][0]),
                   interval=percentile(found[name][1:], HOW))
        )  # fmt: skip
        out.append(
            Figure(name=f"{name}_gap", title=f"{title}: synthetic minus real", value=float(gap[0]),
                   interval=percentile(gap[1:], f"paired {HOW}"))
        )  # fmt: skip
    return out


def _line(
    c: Comparison, place: int, tested: Sequence[int], found: dict[str, np.ndarray], held: dict[str, np.ndarray]
) -> GroupFigure:
    if place not in tested:
        return class_line(c, place)
    at = list(tested).index(place)
    own = found["recalls"][:, at]
    return class_line(
        c, place, value=float(own[0]), holdout=float(held["recalls"][0, at]), interval=percentile(own[1:], HOW)
    )


def testable(c: Comparison) -> list[int]:
    """The classes with enough hold-out images to test on and training images to learn from."""
    tested, learnt = (stack.counts(c.classes)[: c.classes] for stack in (c.holdout, c.train))
    return [int(p) for p in np.flatnonzero((tested >= FEWEST_TESTED) & (learnt >= FEWEST_LEARNT))]


def tested_rows(c: Comparison, places: Sequence[int]) -> np.ndarray:
    """Places of the hold-out images that are tested on: at most so many of every class."""
    parts = [np.flatnonzero(c.holdout.labels == p)[:MOST_TESTED] for p in places]
    return np.sort(np.concatenate(parts))


def person_weights(c: Comparison, places: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """[1 + resamples, tested images]: ones, then how often each image's person was drawn."""
    place = np.unique(c.people("holdout")[tested_rows(c, places)], return_inverse=True)[1]
    people = int(place.max()) + 1
    times = rng.multinomial(people, np.full(people, 1 / people), size=RESAMPLES)[:, place]
    return np.concatenate([np.ones((1, len(place))), times])


def _answers(c: Comparison, places: Sequence[int], ctx: RunContext) -> tuple[np.ndarray, np.ndarray]:
    """Class told of every tested image [repetitions, images], by learners of synthetic and of real images."""
    pixels, out = c.holdout.pixels[tested_rows(c, places)], ([], [])  # type: ignore[var-annotated]
    for number in range(REPETITIONS):
        rng, seed = ctx.rng(f"rows{number}"), ctx.seed_for(f"learner{number}") % 2**31
        for answers, stack in zip(out, _learnt(c, places, rng), strict=True):
            answers.append(told(c, stack, pixels, Schooling(STEPS), seed))
    return np.array(out[0]), np.array(out[1])


def _learnt(c: Comparison, places: Sequence[int], rng: np.random.Generator) -> tuple[ImageStack, ImageStack]:
    """Synthetic and real images, as many of either in every class; a class that the set lacks is lacking."""
    drawn, real = [], []
    for place in places:
        of = [np.flatnonzero(stack.labels == place) for stack in (c.drawn, c.train)]
        n = min(MOST_LEARNT, len(of[1]), len(of[0]) or len(of[1]))
        drawn.append(rng.permutation(of[0])[:n])
        real.append(rng.permutation(of[1])[:n])
    return c.drawn.take(np.concatenate(drawn)), c.train.take(np.concatenate(real))


def told(c: Comparison, stack: ImageStack, pixels: np.ndarray, plan: Schooling, seed: int) -> np.ndarray:
    """The class that a standard classifier, trained on `stack`, tells of each image."""
    size, channels, classes = max(c.schema.height, c.schema.width), c.schema.channels, c.classes
    net = school(
        lambda: Quick(channels, size, classes, WIDTH), stack, classes, plan, seed, c.ctx.device, c.ctx.check_stop
    )
    return np.asarray(seen(net, pixels, c.ctx.device)[1].argmax(axis=1))


def scores(answers: np.ndarray, truth: np.ndarray, places: Sequence[int], weights: np.ndarray) -> dict[str, np.ndarray]:
    """Means over repetitions, [1 + resamples] each: recalls (by class as well), the worst of them, accuracy, macro F1.

    `answers` [repetitions, images]; `truth` [images]; `weights` [1 + resamples, images].
    """
    right = (answers == truth).mean(axis=0)
    recalls, f1 = [], []
    for place in places:
        is_it, said = (truth == place).astype(float), (answers == place).astype(float)
        total = weights @ is_it
        hits = weights @ (said * is_it).mean(axis=0)
        recalls.append(np.where(total > 0, hits / np.maximum(total, 1e-9), np.nan))
        f1.append(2 * hits / np.maximum(total + weights @ said.mean(axis=0), 1e-9))
    by_class = np.array(recalls).T
    return {
        "recalls": by_class,
        "worst_recall": np.nanmin(by_class, axis=1),
        "accuracy": weights @ right / weights.sum(axis=1),
        "macro_f1": np.mean(f1, axis=0),
    }
