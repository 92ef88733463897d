"""Which real image is nearest in pixels once small shifts, mirroring, turning, light and contrast no longer count.

Every image is brought to grey, to at most 32 pixels and to mean 0 and length 1, so that the distance of two images is
sqrt(2 - 2 correlation). Thumbnails of a few shifts choose candidates, which are then shifted by up to two pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from synthgen.images.devices import one_thread
from synthgen.images.metrics.networks import place

SIZE, THUMBNAIL, REACH, CANDIDATES, CHUNK = 32, 10, 2, 8, 256
STEPS = ((0, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))  # shifts of what is looked up, for its thumbnails
TURNS, HALF_TURNS = 8, 4  # mirrored or not, by halves of a turn; of squares by quarters too
FLAT = 0.02  # standard deviation, of pixels from -1 to 1, that counts as nothing


@dataclass(frozen=True)
class Gallery:
    """Images to look up in: small grey pixels (n, 1, h, w), thumbnails (n, d) of every turn, whose each is."""

    pixels: Tensor
    thumbnails: tuple[Tensor, ...]
    people: Tensor

    @classmethod
    def of(cls, pixels: np.ndarray, people: np.ndarray, device: str) -> Gallery:
        """From uint8 images (n, h, w, c)."""
        x = reduced(pixels, device)
        turns = tuple(thumbnail(turned(x, turn)) for turn in range(TURNS if x.shape[2] == x.shape[3] else HALF_TURNS))
        return cls(x, turns, torch.from_numpy(people).to(device))

    def __len__(self) -> int:
        return len(self.pixels)


def reduced(pixels: np.ndarray, device: str) -> Tensor:
    """Images as grey float32 (n, 1, h, w), no larger than SIZE on a side."""
    parts = [torch.zeros((0, 1, *_small(pixels)), device=device)]
    for start in range(0, len(pixels), 1024):
        x = place(pixels[start : start + 1024], device).mean(dim=1, keepdim=True)
        parts.append(functional.adaptive_avg_pool2d(x, _small(pixels)).contiguous())
    return torch.cat(parts)


def _small(pixels: np.ndarray) -> tuple[int, int]:
    return min(SIZE, pixels.shape[1]), min(SIZE, pixels.shape[2])


def unit(x: Tensor) -> Tensor:
    """Flat vectors of mean 0 and length 1; an image without contrast is shorter."""
    flat = x.flatten(1)
    flat = flat - flat.mean(dim=1, keepdim=True)
    return flat / (flat.norm(dim=1, keepdim=True) ** 2 + flat.shape[1] * FLAT**2).sqrt()


def turned(x: Tensor, turn: int) -> Tensor:
    """Images (n, 1, h, w) mirrored (odd turns), then turned by half (bit 1) and by a quarter (bit 2)."""
    if turn & 1:
        x = x.flip(3)
    if turn & 2:
        x = x.flip((2, 3))
    return x.rot90(1, (2, 3)) if turn & 4 else x


def thumbnail(x: Tensor) -> Tensor:
    """Unit vectors of small blurred copies, which a shift of half a pixel hardly changes."""
    soft = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    return unit(functional.adaptive_avg_pool2d(soft, THUMBNAIL))


@dataclass(frozen=True)
class Found:
    """Of each image its distance to the nearest one of a side, which that is, and whether it may be the nearest of all.

    `first`: thumbnails put it among the candidates of both sides together. Distances are infinite where nobody is left.
    """

    distance: np.ndarray
    at: np.ndarray
    first: np.ndarray


def nearest(query: Gallery, sides: Sequence[Gallery]) -> list[Found]:
    """The nearest image of each side that belongs to another person; the same care is taken with either side."""
    parts: list[list[tuple[Tensor, Tensor, Tensor]]] = [[] for _ in sides]
    with one_thread():
        for start in range(0, len(query), CHUNK):
            rows = slice(start, start + CHUNK)
            for found, one in zip(parts, _chunk(query, rows, sides), strict=True):
                found.append(one)
    return [Found(*(torch.cat(p).cpu().numpy() for p in zip(*found, strict=True))) for found in parts]


def _chunk(query: Gallery, rows: slice, sides: Sequence[Gallery]) -> list[tuple[Tensor, Tensor, Tensor]]:
    likeness = [_likeness(query, rows, side) for side in sides]
    # as many candidates of all together: a fixed number of each side would look deeper into the smaller one
    least = torch.cat([top.values for top, _ in likeness], dim=1).topk(CANDIDATES, dim=1).values[:, -1:]
    return [_aligned(query.pixels[rows], side, *one, least) for side, one in zip(sides, likeness, strict=True)]


def _likeness(query: Gallery, rows: slice, side: Gallery) -> tuple[Any, Tensor]:
    """The best candidates of one side by thumbnails, values and places; and the turn in which each is likest."""
    thumbs = [thumbnail(query.pixels[rows].roll(by, (2, 3))) for by in STEPS]
    best, turn = _likest(thumbs, side)
    best = best.masked_fill(query.people[rows, None] == side.people[None, :], -torch.inf)
    short = CANDIDATES - len(side)
    if short > 0:
        best, turn = functional.pad(best, (0, short), value=-torch.inf), functional.pad(turn, (0, short))
    top = best.topk(CANDIDATES, dim=1)
    return top, turn.gather(1, top.indices)


def _likest(thumbs: list[Tensor], side: Gallery) -> tuple[Tensor, Tensor]:
    """Of each query and each image of a side the greatest likeness over shifts and turns, and the turn, as uint8."""
    best = torch.full((len(thumbs[0]), len(side)), -torch.inf, device=side.people.device)
    turn = torch.zeros(best.shape, dtype=torch.uint8, device=best.device)
    for i, other in enumerate(side.thumbnails):
        for thumb in thumbs:
            likeness = thumb @ other.T
            turn[likeness > best] = i
            torch.maximum(best, likeness, out=best)
    return best, turn


def _aligned(x: Tensor, side: Gallery, top: Any, turn: Tensor, least: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distance after alignment to the likest candidate, its place, and whether it is one of all sides' candidates."""
    if not len(side):
        nobody = torch.zeros(len(x), device=x.device)
        return nobody + torch.inf, nobody.long(), nobody.bool()
    at = top.indices.clamp(max=len(side) - 1)
    meant = (top.values >= least) & top.values.isfinite()
    first = meant.any(dim=1)
    meant[:, 0] |= top.values[:, 0].isfinite()  # the likest of the side is always told of, for the ratio
    row, column = meant.nonzero(as_tuple=True)
    candidates = side.pixels[at[row, column]]
    for i in range(1, len(side.thumbnails)):
        this = turn[row, column] == i
        candidates[this] = turned(candidates[this], i)
    squares = torch.full(meant.shape, torch.inf, device=x.device)
    squares[row, column] = aligned(x[row], candidates)
    best, pick = squares.min(dim=1)
    return best.sqrt(), at.gather(1, pick[:, None])[:, 0], first


def aligned(x: Tensor, candidates: Tensor) -> Tensor:
    """Least squared distance of images (n, 1, h, w) to one candidate each, of the same shape, over shifts, (n,)."""
    height, width = x.shape[2] - 2 * REACH, x.shape[3] - 2 * REACH
    middle = unit(x[:, :, REACH : REACH + height, REACH : REACH + width])
    least = torch.full((len(x),), torch.inf, device=x.device)
    for down in range(2 * REACH + 1):
        for right in range(2 * REACH + 1):
            part = unit(candidates[:, :, down : down + height, right : right + width])
            least = torch.minimum(least, ((middle - part) ** 2).sum(dim=1))
    return least
