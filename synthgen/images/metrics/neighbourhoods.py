"""Who is near whom within a class: the balls around real and around synthetic images, at equal counts.

Every class is drawn several times, as many training, hold-out and synthetic images each time. What is found of each
image is averaged over the draws that it was part of, and over the networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthgen.contracts import Interval
from synthgen.images.metrics.compared import enough
from synthgen.images.metrics.features import Comparison
from synthgen.measures.measure import percentile
from synthgen.runtime import RunContext

NEAREST = 3  # of real images; a fresh real sample then covers 7 of 8 images
MOST, DRAWS, RESAMPLES = 300, 12, 200
QUANTITIES = ("precision", "density", "recall", "coverage")


@dataclass(frozen=True)
class Tally:
    """Means over draws of what was found of each image, NaN where it took part in none.

    Of each quantity [images]: precision and density of the compared images, recall and coverage of the training images.
    """

    drawn: dict[str, np.ndarray]
    holdout: dict[str, np.ndarray]


def tally(c: Comparison) -> Tally:
    """Made once for one set."""
    return c.once("neighbourhoods", lambda ctx: _tally(c, ctx), of_set=True)


def _tally(c: Comparison, ctx: RunContext) -> Tally:
    sums = {side: {q: np.zeros((2, _length(c, side, q))) for q in QUANTITIES} for side in ("drawn", "holdout")}
    for number, view in enumerate(c.views):
        rng = ctx.rng(f"draws{number}")
        for place in enough(c):
            rows = {s: np.flatnonzero(getattr(c, s).labels == place) for s in ("train", "drawn", "holdout")}
            n = min(MOST, *map(len, rows.values()))
            for _ in range(DRAWS):
                pick = {s: rng.permutation(r)[:n] for s, r in rows.items()}
                for side in ("drawn", "holdout"):
                    found = around(view.train[pick["train"]], getattr(view, side)[pick[side]], NEAREST)
                    for quantity, values in found.items():
                        at = pick[side] if quantity in ("precision", "density") else pick["train"]
                        sums[side][quantity][0, at] += values
                        sums[side][quantity][1, at] += 1
    with np.errstate(invalid="ignore"):
        means = {side: {q: s[0] / s[1] for q, s in by.items()} for side, by in sums.items()}
    return Tally(means["drawn"], means["holdout"])


def _length(c: Comparison, side: str, quantity: str) -> int:
    return len(getattr(c, side)) if quantity in ("precision", "density") else len(c.train)


def around(real: np.ndarray, other: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """Of equally many real and other features [n, d]: what each image says of each quantity.

    precision: is it inside the ball of a real image; density: in how many, over k; recall: is a real image inside the
    ball of another one's; coverage: is any other image inside the ball of a real one. A ball reaches to the k-th
    nearest image of its own kind. (Kynkaanniemi et al. 2019; Naeem et al. 2020.)
    """
    cross = distances(real, other)
    real_reach, other_reach = (reach(x, k) for x in (real, other))
    inside = cross <= real_reach[:, None]
    return {
        "precision": inside.any(axis=0).astype(float),
        "density": inside.sum(axis=0) / k,
        "recall": (cross <= other_reach[None, :]).any(axis=1).astype(float),
        "coverage": inside.any(axis=1).astype(float),
    }


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances [len(a), len(b)]."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def reach(x: np.ndarray, k: int) -> np.ndarray:
    """Distance of each image to its k-th nearest other one."""
    own = distances(x, x)
    np.fill_diagonal(own, np.inf)
    return np.asarray(np.partition(own, k - 1, axis=1)[:, k - 1])


def interval(values: np.ndarray, people: np.ndarray, rng: np.random.Generator) -> Interval | None:
    """95 % interval of the mean over images, people drawn again; images without a value are left out."""
    told = np.isfinite(values)
    if not told.any():
        return None
    place = np.unique(people[told], return_inverse=True)[1]
    sums, counts = (np.bincount(place, weights=w) for w in (values[told], np.ones(told.sum())))
    times = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=RESAMPLES)
    return percentile((times @ sums) / np.maximum(times @ counts, 1e-9), "bootstrap over real images, by person")


def average(values: np.ndarray, parts: Sequence[np.ndarray]) -> float:
    """Mean over parts of the mean of the values told there; NaN for nothing."""
    means = [float(np.nanmean(values[p])) for p in parts if np.isfinite(values[p]).any()]
    return float(np.mean(means)) if means else float("nan")
