"""What the scores of one set share: the images that are compared, and the spaces in which they are.

No weights are downloaded: small networks learn to tell the classes and to draw thumbnails again. For fidelity two of
them learn from the training images (two seeds, averaged), unless a local file gives a network (`given`). For privacy
two more learn from halves of the training and hold-out images together, and each looks at the half it never saw: both
sides are alike to it, so that a set which copies nothing scores one half whatever the networks learnt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch

from synthgen.contracts import Generator, Group, Split, SyntheticSet
from synthgen.images.metrics.given import GivenLook, load
from synthgen.images.metrics.networks import Looker, Schooling, school, seen
from synthgen.images.stack import ImageStack
from synthgen.runtime import RunContext

WIDTH = 16
PLAN = Schooling(steps=160, decoded=1.0)
FIDELITY_NETS = 2
MOST_GIVEN = 4000  # training images that a given network's components and class head are learnt from
MOST_LEARNT, MOST_DRAWN, MOST_OF_CLASS, LEAST_OF_CLASS = 20_000, 8_000, 2_000, 200

T = TypeVar("T")


@dataclass(frozen=True)
class Look:
    """One network's view: features in units of their class-balanced spread, and class probabilities."""

    net: torch.nn.Module
    middle: np.ndarray
    scale: np.ndarray
    device: str

    def __call__(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, 32) and class probabilities (n, classes) of uint8 images."""
        found, chances = seen(self.net, pixels, self.device)
        return (found - self.middle) / self.scale, chances


@dataclass(frozen=True)
class Seen:
    """Features and class probabilities of the training, hold-out and synthetic images by one network."""

    train: np.ndarray
    holdout: np.ndarray
    drawn: np.ndarray
    told: tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """Everything a score of images works with; what is costly is made once for all scores of one run.

    `kept` is the run's memo; its seeds hang on the run's seed alone, not on which score asks first.
    """

    split: Split
    synthetic: SyntheticSet
    schema: Any
    groups: tuple[Group, ...]
    ctx: RunContext
    generator: Generator | None = None

    @property
    def classes(self) -> int:
        """How many classes the schema names."""
        return len(self.schema.classes)

    def once(self, name: str, make: Callable[[RunContext], T], of_set: bool = False) -> T:
        """What `make` gives, made once for this split and, where `of_set`, for this synthetic set."""
        key = f"images/{name}/{id(self.split)}" + (f"/{id(self.synthetic)}" if of_set else "")
        if key not in self.ctx.memo:
            here = replace(self.ctx, path=("image scores", name))
            self.ctx.memo[key] = (self.split, self.synthetic, make(here))  # both are kept, so that no id comes again
        found: T = self.ctx.memo[key][2]
        return found

    @property
    def train(self) -> ImageStack:
        """The training images."""
        stack: ImageStack = self.split.train
        return stack

    @property
    def holdout(self) -> ImageStack:
        """The hold-out images."""
        stack: ImageStack = self.split.holdout
        return stack

    @property
    def drawn(self) -> ImageStack:
        """Synthetic images, of every class at most so many, drawn over the whole set."""
        return self.once("drawn", self._drawn, of_set=True)[0]

    @property
    def drawn_counts(self) -> np.ndarray:
        """How many synthetic images of each class there are in the whole set."""
        return self.once("drawn", self._drawn, of_set=True)[1]

    def _drawn(self, ctx: RunContext) -> tuple[ImageStack, np.ndarray]:
        most = int(np.clip(MOST_DRAWN // max(self.classes, 1), LEAST_OF_CLASS, MOST_OF_CLASS))
        rng, counts = ctx.rng("drawn"), np.zeros(self.classes, dtype=int)
        kept, keys = self.train.take(slice(0, 0)), np.empty(0)
        for chunk in self.synthetic.chunks():
            counts = counts + chunk.counts(self.classes)[: self.classes]
            kept, keys = ImageStack.joined([kept, chunk]), np.r_[keys, rng.random(len(chunk))]
            order = np.argsort(keys)
            first = np.concatenate([order[kept.labels[order] == c][:most] for c in range(self.classes)])
            kept, keys = kept.take(first), keys[first]
        return kept, counts

    def people(self, part: str) -> np.ndarray:
        """Which images of "train", "validation" or "holdout" belong together, in numbers from 0."""
        owners, stack = getattr(self.split, f"{part}_people"), getattr(self.split, part)
        return np.arange(len(stack)) if owners is None else np.unique(np.asarray(owners), return_inverse=True)[1]

    @property
    def looks(self) -> tuple[Look | GivenLook, ...]:
        """The networks of fidelity: those that learnt from the training images, or the one of a configured file."""
        return self.once("looks", self._looks)

    def _looks(self, ctx: RunContext) -> tuple[Look | GivenLook, ...]:
        if ctx.features is None:
            return tuple(self._look(self.train, ctx, i) for i in range(FIDELITY_NETS))
        learnt = self.train.take(ctx.rng("learnt").permutation(len(self.train))[:MOST_GIVEN])
        network = load(ctx.features, ctx.device)
        return (GivenLook(network, learnt, self.classes, ctx.seed_for("given") % 2**31, ctx.device),)

    def _look(self, stack: ImageStack, ctx: RunContext, number: int) -> Look:
        learnt = stack.take(ctx.rng(f"learnt{number}").permutation(len(stack))[:MOST_LEARNT])
        size, channels = max(self.schema.height, self.schema.width), self.schema.channels
        seed = ctx.seed_for(f"network{number}") % 2**31
        net = school(
            lambda: Looker(channels, size, self.classes, WIDTH), learnt, self.classes, PLAN, seed, ctx.device,
            ctx.check_stop,
        )  # fmt: skip
        found = seen(net, learnt.pixels[:4000], ctx.device)[0]
        return Look(net, *balanced(found, learnt.labels[:4000]), ctx.device)

    @property
    def views(self) -> tuple[Seen, ...]:
        """Every image through the networks of fidelity."""
        return self.once("views", self._views, of_set=True)

    def _views(self, ctx: RunContext) -> tuple[Seen, ...]:
        real = self.once("real views", lambda _: [(n(self.train.pixels), n(self.holdout.pixels)) for n in self.looks])
        drawn = [net(self.drawn.pixels) for net in self.looks]
        return tuple(Seen(t[0], h[0], d[0], (t[1], h[1], d[1])) for (t, h), d in zip(real, drawn, strict=True))

    @property
    def unseen(self) -> tuple[Fold, ...]:
        """Both folds of the networks of privacy."""
        return self.once("folds", self._folds)

    def _folds(self, ctx: RunContext) -> tuple[Fold, ...]:
        sides = [halves(self.people(part), ctx.rng(part)) for part in ("train", "holdout")]
        out = []
        for fold in (0, 1):
            train, holdout = (np.flatnonzero(side == fold) for side in sides)
            learnt = ImageStack.joined(
                [self.train.take(np.flatnonzero(sides[0] != fold)), self.holdout.take(np.flatnonzero(sides[1] != fold))]
            )
            out.append(Fold(self._look(learnt, ctx, fold), train, holdout))
        return tuple(out)


@dataclass(frozen=True)
class Fold:
    """A network of privacy and the places of the training and hold-out images that it never saw."""

    look: Look
    train: np.ndarray
    holdout: np.ndarray


def halves(people: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """0 or 1 for each image: half of the people each, all images of a person on one side."""
    order = rng.permutation(int(people.max(initial=-1)) + 1)
    return np.asarray((order % 2)[people])


def balanced(found: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each feature where every class counts alike; the latter is never 0."""
    parts = [found[labels == c] for c in np.unique(labels)]
    middle = np.mean([p.mean(axis=0) for p in parts], axis=0)
    return middle, np.sqrt(np.mean([((p - middle) ** 2).mean(axis=0) for p in parts], axis=0)) + 1e-3
