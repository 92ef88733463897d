"""The nearest training and the nearest hold-out image of everything, in pixels and in features, made once for a set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthgen.images.metrics import alignment
from synthgen.images.metrics.alignment import Gallery
from synthgen.images.metrics.features import Comparison, Fold
from synthgen.images.metrics.neighbourhoods import distances
from synthgen.runtime import RunContext

MOST_REAL, MOST_CONTROL, MOST_SYNTHETIC, CHUNK = 12_000, 2_000, 5_000, 1_000
FEWEST = 30
TIE = 1e-4


@dataclass(frozen=True)
class Nearest:
    """Of some images the distances to the nearest training and the nearest hold-out image, and which these are.

    `train_at` and `holdout_at` are places in the split's stacks; `ours`: 1 where the training image is the nearer one,
    0.5 where both are as near; `rows` are the images' own places in their stack.
    """

    train: np.ndarray
    holdout: np.ndarray
    train_at: np.ndarray
    holdout_at: np.ndarray
    ours: np.ndarray
    rows: np.ndarray

    @property
    def ratio(self) -> np.ndarray:
        """Distance to the nearest training image over that to the nearest hold-out image: near 0 for a copy."""
        return np.asarray(self.train / np.maximum(self.holdout, 1e-6))


@dataclass(frozen=True)
class Aligned:
    """In pixels after alignment: the synthetic images, and as controls the hold-out and training images themselves."""

    drawn: Nearest
    held: Nearest
    trained: Nearest


def aligned(c: Comparison) -> Aligned:
    """Made once for one set; the real sides once for a split."""
    return c.once("aligned", lambda ctx: _aligned(c, ctx), of_set=True)


def _aligned(c: Comparison, ctx: RunContext) -> Aligned:
    sides, controls = c.once("aligned sides", lambda here: _sides(c, here))
    rows = np.sort(ctx.rng("drawn").permutation(len(c.drawn))[:MOST_SYNTHETIC])
    drawn = Gallery.of(c.drawn.pixels[rows], np.full(len(rows), -1), c.ctx.device)
    return Aligned(_both(drawn, rows, sides), *controls)


def _sides(c: Comparison, ctx: RunContext) -> tuple[list[tuple[Gallery, np.ndarray]], list[Nearest]]:
    """The galleries of both sides with the places of their images, and the controls looked up in both."""
    places = [ctx.rng(part).permutation(len(getattr(c, part)))[:MOST_REAL] for part in ("train", "holdout")]
    shift = int(c.people("train").max(initial=-1)) + 1
    people = [c.people("train")[places[0]], c.people("holdout")[places[1]] + shift]
    stacks = [c.train.take(places[0]), c.holdout.take(places[1])]
    sides = [(Gallery.of(s.pixels, p, c.ctx.device), at) for s, p, at in zip(stacks, people, places, strict=True)]
    controls = []
    for stack, who, at in reversed(list(zip(stacks, people, places, strict=True))):
        c.ctx.check_stop()
        query = Gallery.of(stack.pixels[:MOST_CONTROL], who[:MOST_CONTROL], c.ctx.device)
        controls.append(_both(query, at[:MOST_CONTROL], sides))
    return sides, controls


def _both(query: Gallery, rows: np.ndarray, sides: list[tuple[Gallery, np.ndarray]]) -> Nearest:
    train, holdout = alignment.nearest(query, [side for side, _ in sides])
    near = [np.where(found.first, found.distance, np.inf) for found in (train, holdout)]
    places = sides[0][1][train.at], sides[1][1][holdout.at]
    return Nearest(train.distance, holdout.distance, *places, _nearer(*near), rows)


def _nearer(train: np.ndarray, holdout: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        tie = (np.abs(train - holdout) <= TIE) | (np.isinf(train) & np.isinf(holdout))
    return np.where(tie, 0.5, train < holdout)


def in_features(c: Comparison) -> Nearest:
    """The synthetic images among all real ones, each of which is seen by the network that never saw it."""
    return c.once("nearest in features", lambda ctx: _in_features(c, ctx), of_set=True)


def _in_features(c: Comparison, ctx: RunContext) -> Nearest:
    rows = np.sort(ctx.rng("drawn").permutation(len(c.drawn))[:MOST_SYNTHETIC])
    folds = [_by_fold(c, fold, rows) for fold in c.unseen]
    sides = []
    for side in (0, 1):
        found = np.stack([fold[side][0] for fold in folds])
        at = np.stack([fold[side][1] for fold in folds])
        pick = found.argmin(axis=0)
        sides.append((found.min(axis=0), at[pick, np.arange(len(rows))]))
    (train, train_at), (holdout, holdout_at) = sides
    return Nearest(train, holdout, train_at, holdout_at, _nearer(train, holdout), rows)


def _by_fold(c: Comparison, fold: Fold, rows: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Distances to the nearest image of either side in one fold, in units of that fold, and its place."""
    drawn = fold.look(c.drawn.pixels[rows])[0]
    real = [fold.look(stack.pixels[at])[0] for stack, at in ((c.train, fold.train), (c.holdout, fold.holdout))]
    unit = typical(np.concatenate(real))
    out = []
    for found, places in zip(real, (fold.train, fold.holdout), strict=True):
        distance, at = closest(drawn, found)
        out.append((distance / unit, places[at] if len(places) else at))
    return out


def typical(found: np.ndarray) -> float:
    """The median distance of real images, of whichever side, to the nearest other one: the unit of a fold."""
    if len(found) < 2:
        return 1.0
    part = found[np.linspace(0, len(found) - 1, min(len(found), CHUNK)).astype(int)]
    near = np.partition(distances(part, found), 1, axis=1)[:, 1]
    return float(np.median(near)) + 1e-6


def closest(query: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each query to its nearest other one, and which; infinite where there is none."""
    if not len(other):
        return np.full(len(query), np.inf), np.zeros(len(query), dtype=int)
    found, at = [np.zeros(0)], [np.zeros(0, dtype=int)]
    for start in range(0, len(query), CHUNK):
        apart = distances(query[start : start + CHUNK], other)
        at.append(apart.argmin(axis=1))
        found.append(apart.min(axis=1))
    return np.concatenate(found), np.concatenate(at)
