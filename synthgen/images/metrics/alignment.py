"""Which real image is nearest in pixels once small shifts, mirroring, light and contrast no longer count.

Every image is brought to at most 32 pixels and to mean 0 and length 1, so that the distance of two images is
sqrt(2 - 2 correlation). Thumbnails choose a few candidates of either side, which are then shifted by up to two pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from synthgen.images.metrics.networks import place

SIZE, THUMBNAIL, REACH, CANDIDATES, CHUNK = 32, 10, 2, 4, 256
FLAT = 0.02  # standard deviation, of pixels from -1 to 1, that counts as nothing


@dataclass(frozen=True)
class Gallery:
    """Images to look up in: reduced pixels (n, c, h, w), thumbnails as they are and mirrored, and whose each is."""

    pixels: Tensor
    thumbnails: Tensor
    mirrored: Tensor
    people: Tensor

    @classmethod
    def of(cls, pixels: np.ndarray, people: np.ndarray, device: str) -> Gallery:
        """From uint8 images (n, h, w, c)."""
        x = reduced(pixels, device)
        return cls(x, thumbnail(x), thumbnail(x.flip(3)), torch.from_numpy(people).to(device))

    def __len__(self) -> int:
        return len(self.pixels)


def reduced(pixels: np.ndarray, device: str) -> Tensor:
    """Images as float32, no larger than SIZE on a side."""
    parts = [torch.zeros((0, pixels.shape[3], *_small(pixels)), device=device)]
    for start in range(0, len(pixels), 1024):
        x = place(pixels[start : start + 1024], device)
        parts.append(functional.adaptive_avg_pool2d(x, _small(pixels)).contiguous())
    return torch.cat(parts)


def _small(pixels: np.ndarray) -> tuple[int, int]:
    return min(SIZE, pixels.shape[1]), min(SIZE, pixels.shape[2])


def unit(x: Tensor) -> Tensor:
    """Flat vectors of mean 0 and length 1; an image without contrast is shorter."""
    flat = x.flatten(1)
    flat = flat - flat.mean(dim=1, keepdim=True)
    return flat / (flat.norm(dim=1, keepdim=True) ** 2 + flat.shape[1] * FLAT**2).sqrt()


def thumbnail(x: Tensor) -> Tensor:
    """Unit vectors of small blurred copies, which a shift of a pixel hardly changes."""
    return unit(functional.adaptive_avg_pool2d(functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False), THUMBNAIL))


def nearest(query: Gallery, other: Gallery, strangers: bool) -> tuple[np.ndarray, np.ndarray]:
    """For each image of `query` its distance to the nearest one of `other`, and which that is.

    `strangers`: images of the same person do not count. Distances are infinite where nobody is left.
    """
    distance, which = [np.zeros(0)], [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(query), CHUNK):
        rows = slice(start, start + CHUNK)
        same = query.people[rows, None] == other.people[None, :] if strangers else None
        found, at = _nearest(query.pixels[rows], query.thumbnails[rows], other, same)
        distance.append(found.cpu().numpy())
        which.append(at.cpu().numpy())
    return np.concatenate(distance), np.concatenate(which)


def _nearest(x: Tensor, thumbs: Tensor, other: Gallery, same: Tensor | None) -> tuple[Tensor, Tensor]:
    likeness = torch.stack([thumbs @ other.thumbnails.T, thumbs @ other.mirrored.T])
    if same is not None:
        likeness = likeness.masked_fill(same, -torch.inf)
    best, mirror = likeness.max(dim=0)
    score, at = best.topk(min(CANDIDATES, len(other)), dim=1)
    flip = mirror.gather(1, at).bool()
    candidates = other.pixels[at]
    candidates = torch.where(flip[:, :, None, None, None], candidates.flip(4), candidates)
    correlation = aligned(x, candidates).masked_fill(~score.isfinite(), -torch.inf)
    top, pick = correlation.max(dim=1)
    distance = (2 - 2 * top).clamp(min=0).sqrt()
    return distance, at.gather(1, pick[:, None])[:, 0]


def aligned(x: Tensor, candidates: Tensor) -> Tensor:
    """Highest correlation of each image (n, c, h, w) with its candidates (n, k, c, h, w) over shifts, (n, k)."""
    n, k = candidates.shape[:2]
    height, width = x.shape[2] - 2 * REACH, x.shape[3] - 2 * REACH
    middle = unit(x[:, :, REACH : REACH + height, REACH : REACH + width])
    best = torch.full((n, k), -torch.inf, device=x.device)
    for down in range(2 * REACH + 1):
        for right in range(2 * REACH + 1):
            part = candidates[:, :, :, down : down + height, right : right + width].flatten(0, 1)
            best = torch.maximum(best, torch.einsum("nd,nkd->nk", middle, unit(part).view(n, k, -1)))
    return best
