"""From a request to the classes of the images to make, in order and in bounded pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from synthgen.errors import SpecError
from synthgen.images.requests import class_of
from synthgen.images.schema import CLASS
from synthgen.spec import SampleSpec

CHUNK = 512  # images


def pieces(
    spec: SampleSpec, rows: int, classes: Sequence[str], counts: np.ndarray, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Classes (int64) of the images to make, at most `CHUNK` at a time; `counts` are the images of each in training.

    Shares are kept to the image, not only on average. Raises SpecError for a class there is none of, and for a column
    other than "class".
    """
    for wished, wanted in _wanted(spec, rows):
        allowed = _places(wished, classes, counts)
        even = spec.mix == "balanced" or CLASS in spec.balance
        share = np.where(allowed, 1.0 if even else counts, 0.0)
        labels = rng.permutation(np.repeat(np.arange(len(classes)), _apportioned(share, wanted)))
        for start in range(0, wanted, CHUNK):
            yield labels[start : start + CHUNK]


def _wanted(spec: SampleSpec, rows: int) -> list[tuple[dict[str, Any], int]]:
    if not spec.targets:
        return [(dict(spec.fixed), rows)]
    return [({**spec.fixed, **target.where}, target.rows) for target in spec.targets]


def _places(wished: dict[str, Any], classes: Sequence[str], counts: np.ndarray) -> np.ndarray:
    """(classes,) which a request allows; without a wish, those there are training images of."""
    other = set(wished) - {CLASS}
    if other:
        raise SpecError(f"Images have no column {min(other)!r}.", f'Ask for {{"{CLASS}": name}}.')
    if CLASS not in wished:
        return counts > 0
    allowed = np.array([name == class_of(wished) for name in classes]) & (counts > 0)
    if not allowed.any():
        raise SpecError("A request names a class that the generator was not trained on.", "Ask for one of its classes.")
    return allowed


def _apportioned(share: np.ndarray, rows: int) -> np.ndarray:
    """Whole numbers that sum to `rows`, in proportion to `share` (largest remainders)."""
    exact = share / share.sum() * rows
    out = np.floor(exact).astype(np.int64)
    out[np.argsort(-(exact - out), kind="stable")[: rows - int(out.sum())]] += 1
    return out
