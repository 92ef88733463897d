"""Near duplicates: images that show the same picture, so that none of them is on both sides of the split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np


def clusters(images: Sequence[np.ndarray]) -> np.ndarray:
    """A number per image, (n,); images that show the same picture have the same number."""
    seen: dict[bytes, int] = {}
    keys = [hashlib.sha256(repr(i.shape).encode() + np.ascontiguousarray(i).tobytes()).digest() for i in images]
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)


def repeated(numbers: np.ndarray) -> np.ndarray:
    """Which images share their number with an earlier one, (n,) bool."""
    _, first = np.unique(numbers, return_index=True)
    out = np.ones(len(numbers), dtype=bool)
    out[first] = False
    return out
