"""The arms of the augmentation question: real images alone, balanced, weighted, moved about, or with synthetic ones.

Every repetition leaves out a tenth of the real images and takes another seed and other synthetic images; all arms of a
repetition share its real images, so that differences are paired. The mixes are trained as the classical arm is, so that
what they gain is what the synthetic images add.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthgen.images.metrics.features import Comparison
from synthgen.images.metrics.networks import Schooling
from synthgen.images.metrics.utility import STEPS, told
from synthgen.images.stack import ImageStack
from synthgen.runtime import RunContext

REPETITIONS, KEPT, MOST_LEARNT = 4, 0.9, 1_500  # the last: real images of a class
NEARLY = 0.8  # a mix is tried where the set holds at least so much of what it takes of every class
RIVALS = {
    "real": ("real images as they come", Schooling(STEPS, balanced=False)),
    "oversampled": ("real images with rare classes drawn more often", Schooling(STEPS)),
    "class_weights": ("real images with class weights", Schooling(STEPS, balanced=False, weighted=True)),
    "classical": ("real images, balanced, with classical augmentation", Schooling(STEPS, augmented=True)),
}
MIXES = {"more_25": 25, "more_50": 50, "more_100": 100, "more_balance": 0}
MIXED = Schooling(STEPS, augmented=True)


@dataclass(frozen=True)
class Arm:
    """What is added to the real images of each repetition: so many synthetic ones of each class."""

    name: str
    title: str
    plan: Schooling
    added: tuple[int, ...] = ()
    missing: str = ""  # why it is not tried


def arms(c: Comparison, places: Sequence[int]) -> tuple[Arm, ...]:
    """Every arm, planned before anything is learnt; those that cannot be tried say why."""
    real = np.zeros(c.classes, dtype=int)
    counts = np.minimum(c.train.counts(c.classes)[: c.classes], MOST_LEARNT)
    real[list(places)] = np.round(counts[list(places)] * KEPT)
    held = c.drawn.counts(c.classes)[: c.classes]
    rivals = tuple(Arm(name, title, plan) for name, (title, plan) in RIVALS.items())
    return (*rivals, *(_mix(name, percent, real, held) for name, percent in MIXES.items()))


def _mix(name: str, percent: int, real: np.ndarray, held: np.ndarray) -> Arm:
    """So many per cent more of every class but the largest, none beyond it; of balanced classes more of each.

    Only classes that the set holds are added to: a set of the rare class alone is a mix too.
    """
    title = f"+{percent} %" if percent else "to balance"
    room = real.max() - real
    room[real == 0] = 0
    level = room.max() <= 0.1 * real.max()
    if level and not percent:
        return Arm(name, title, MIXED, missing="The classes are balanced already.")
    wanted = np.round(real * percent / 100).astype(int) if percent else room
    wanted = np.where(held > 0, wanted if level else np.minimum(wanted, room), 0)
    if not wanted.any():
        return Arm(name, title, MIXED, missing="It would add no image.")
    if (held < NEARLY * wanted).any():
        return Arm(name, title, MIXED, missing="The set holds too few images for it.")
    return Arm(name, title, MIXED, tuple(int(n) for n in np.minimum(wanted, held)))


def answers(c: Comparison, places: Sequence[int], pixels: np.ndarray, ctx: RunContext) -> dict[str, np.ndarray]:
    """Arm -> the class told of every tested image, [repetitions, images]; arms that are not tried are absent."""
    tried = [arm for arm in arms(c, places) if not arm.missing]
    found: dict[str, list[np.ndarray]] = {arm.name: [] for arm in tried}
    for number in range(REPETITIONS):
        rng, seed = ctx.rng(f"rows{number}"), ctx.seed_for(f"learner{number}") % 2**31
        real = _kept(c.train, places, rng)
        order = rng.permutation(len(c.drawn))
        for arm in tried:
            learnt = ImageStack.joined([real, _first(c.drawn, order, arm.added)]) if arm.added else real
            found[arm.name].append(told(c, learnt, pixels, arm.plan, seed))
        ctx.progress("augmentation", number + 1, REPETITIONS)
    return {name: np.array(parts) for name, parts in found.items()}


def _kept(stack: ImageStack, places: Sequence[int], rng: np.random.Generator) -> ImageStack:
    """Nine tenths of the images of every class, at most so many."""
    parts = []
    for place in places:
        rows = rng.permutation(np.flatnonzero(stack.labels == place))
        parts.append(rows[: max(1, round(min(len(rows), MOST_LEARNT) * KEPT))])
    return stack.take(np.concatenate(parts))


def _first(stack: ImageStack, order: np.ndarray, added: Sequence[int]) -> ImageStack:
    """The first images of each class in this order."""
    labels = stack.labels[order]
    return stack.take(np.concatenate([order[labels == place][:n] for place, n in enumerate(added)]))
