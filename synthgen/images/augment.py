"""Differentiable augmentation: what the critic sees of real and made images alike (DiffAugment, Zhao et al. 2020).

Changes are drawn with a chance below .8, so that the generator cannot take them for the data (Karras et al. 2020, ADA).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

SHIFT = 0.125  # of the image's side, at most
CUT = 0.5  # of the image's side
BRIGHT, CONTRAST, SATURATION = 0.4, 0.5, 1.0  # widths of the ranges drawn from
GREY = 0.5  # times these for images without colour, where brightness is much of what there is to learn


@dataclass(frozen=True)
class Changes:
    """What is done to each image of a batch; made once, as cheap tensors, from a NumPy generator."""

    rows: torch.Tensor  # (n, h) source row of each row; -1 is empty
    columns: torch.Tensor
    kept: torch.Tensor  # (n, 1, h, w) 0 where the cut-out lies
    brightness: torch.Tensor  # (n, 1, 1, 1)
    contrast: torch.Tensor
    saturation: torch.Tensor

    @classmethod
    def drawn(cls, chance: np.ndarray, shape: tuple[int, int, int], rng: np.random.Generator) -> Changes:
        """For images of `shape` (channels, h, w); `chance` (n,) is that of each kind of change, image by image."""
        channels, h, w = shape
        n, mild = len(chance), 1.0 if channels == 3 else GREY
        use = rng.random((5, n)) < chance
        amounts = (rng.random((3, n)) - 0.5) * use[:3]
        moves = (rng.random((2, n)) * 2 - 1) * use[3] * SHIFT
        centres = rng.random((2, n))
        kept = _outside(centres[0], h, use[4])[:, :, None] | _outside(centres[1], w, use[4])[:, None, :]
        values = [amounts[0] * 2 * BRIGHT * mild, 1 + amounts[1] * 2 * CONTRAST * mild, 1 + amounts[2] * 2 * SATURATION]
        return cls(
            _moved(moves[0], h),
            _moved(moves[1], w),
            torch.from_numpy(kept[:, None].astype(np.float32)),
            *(torch.from_numpy(v.astype(np.float32))[:, None, None, None] for v in values),
        )

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        """The changed images (n, channels, h, w); gradients flow through."""
        brightness, contrast, saturation = (
            v.to(images.device) for v in (self.brightness, self.contrast, self.saturation)
        )
        grey = images.mean(1, keepdim=True)
        if images.shape[1] == 3:
            images = torch.lerp(grey, images, saturation)
        centre = grey.mean((2, 3), keepdim=True)
        images = torch.lerp(centre, images, contrast) + brightness
        return self._placed(images) * self.kept.to(images.device)

    def _placed(self, images: torch.Tensor) -> torch.Tensor:
        n = torch.arange(len(images), device=images.device)[:, None, None]
        rows, columns = self.rows.to(images.device)[:, :, None], self.columns.to(images.device)[:, None, :]
        return images.permute(0, 2, 3, 1)[n, rows, columns].permute(0, 3, 1, 2)


def _outside(centre: np.ndarray, size: int, use: np.ndarray) -> np.ndarray:
    """(n, size) whether each pixel lies outside the cut along one axis; all of them where it is not used."""
    half = CUT / 2
    gap = np.abs((np.arange(size) + 0.5) / size - centre[:, None])
    return (gap > half) | ~use[:, None]


def _moved(shift: np.ndarray, size: int) -> torch.Tensor:
    """(n, size) where each pixel comes from when an image is moved; edges are repeated."""
    source = np.arange(size) - np.round(shift * size).astype(np.int64)[:, None]
    return torch.from_numpy(np.clip(source, 0, size - 1))
