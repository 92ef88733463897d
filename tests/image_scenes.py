"""Made-up coloured shapes with known classes, as a stack of images or taken through the real steps up to `fit`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthgen.contracts import Split
from synthgen.images.schema import ImageSchema
from synthgen.images.stack import ImageStack

SHAPES = ("circle", "square", "cross")
COUNTS = (200, 90, 40)


def shapes(counts: Sequence[int] = COUNTS, size: int = 28, channels: int = 3, seed: int = 0) -> ImageStack:
    """So many circles, squares and crosses, in chance order: place, radius, brightness, colour and noise vary.

    The classes are in the order of SHAPES. Pixels are uint8 (images, size, size, channels).
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return ImageStack(np.stack([_drawn(int(label), size, channels, rng) for label in labels]), labels.astype(np.int64))


def _drawn(shape: int, size: int, channels: int, rng: np.random.Generator) -> np.ndarray:
    """One noisy shape on a darker ground, (size, size, channels)."""
    x, y = rng.uniform(0.35, 0.65, 2) * size
    radius = rng.uniform(0.16, 0.3) * size
    inside = _inside(SHAPES[shape], np.arange(size)[None, :] - x, np.arange(size)[:, None] - y, radius)
    ground, paint = rng.uniform(0, 70, channels), rng.uniform(130, 255, channels)
    clean = np.where(inside[..., None], paint, ground)
    return np.clip(clean + rng.normal(0, 6, clean.shape), 0, 255).astype(np.uint8)


def _inside(shape: str, x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    """Which pixels the shape covers, (size, size)."""
    if shape == "circle":
        return x**2 + y**2 <= radius**2
    within = np.maximum(abs(x), abs(y)) <= radius
    return within if shape == "square" else within & (np.minimum(abs(x), abs(y)) <= radius / 3)


def prepared_images(
    counts: Sequence[int] = COUNTS, size: int = 28, channels: int = 3, seed: int = 0
) -> tuple[ImageSchema, Split]:
    """Schema and split of such shapes; every image is a person of its own."""
    stack = shapes(counts, size, channels, seed)
    order = np.random.default_rng(seed).permutation(len(stack))
    held, checked = len(stack) // 5, len(stack) // 10
    parts = np.split(order, [held, held + checked])
    holdout, validation, train = (stack.take(places) for places in parts)
    schema = ImageSchema(
        height=size, width=size, channels=channels, classes=SHAPES[: len(counts)], counts=tuple(counts)
    )
    return schema, Split(train, validation, holdout, parts[2], parts[1], parts[0])
