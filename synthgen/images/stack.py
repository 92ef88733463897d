"""Images as the steps of a run hand them on: one array of pixels and one of labels, all of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class ImageStack:
    """Labelled images of one size, in order.

    `pixels` is uint8 (images, height, width, channels) with 1 (grey) or 3 (RGB) channels; `labels` is int64 (images,),
    the place of each image's class in `ImageSchema.classes`.
    """

    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, places: np.ndarray | slice) -> Self:
        """The images at these places (integers or booleans), in that order."""
        return type(self)(self.pixels[places], self.labels[places])

    def of_class(self, place: int) -> Self:
        """The images of one class."""
        return self.take(self.labels == place)

    def counts(self, classes: int) -> np.ndarray:
        """Images per class, (classes,)."""
        return np.bincount(self.labels, minlength=classes)

    @classmethod
    def joined(cls, stacks: Sequence[Self]) -> Self:
        """Several stacks, one after the other."""
        return cls(np.concatenate([s.pixels for s in stacks]), np.concatenate([s.labels for s in stacks]))
