"""Images as the networks take them, and what training knows of each: class, person, groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from synthgen.contracts import FitData
from synthgen.images.modes import ImageGroup, memberships, people_of
from synthgen.images.networks import Canvas
from synthgen.images.stack import ImageStack

AT_ONCE = 512  # images


@dataclass(frozen=True)
class Part:
    """Training or validation images: uint8 (n, channels, h, w) on the full grid; groups are boolean (n, groups)."""

    pixels: torch.Tensor
    labels: torch.Tensor
    people: np.ndarray
    groups: np.ndarray
    stack: ImageStack

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, rows: np.ndarray) -> torch.Tensor:
        """Some images, float32 in -1 to 1."""
        return self.pixels[torch.from_numpy(rows).to(self.pixels.device)].float() / 127.5 - 1

    def classes(self, rows: np.ndarray) -> torch.Tensor:
        """The classes of some images."""
        return self.labels[torch.from_numpy(rows).to(self.labels.device)]


@dataclass(frozen=True)
class Pictures:
    """All that training sees; never the hold-out."""

    train: Part
    validation: Part
    classes: int
    groups: tuple[ImageGroup, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of each group."""
        return tuple(group.kind for group in self.groups)

    @property
    def places(self) -> tuple[int, ...]:
        """The class of each group."""
        return tuple(group.place for group in self.groups)

    @classmethod
    def of(cls, data: FitData, classes: int, groups: Sequence[Any], canvas: Canvas, device: str) -> Pictures:
        """Both parts on the device."""
        groups = tuple(group for group in groups if isinstance(group, ImageGroup))
        train = _part(data.train, data.train_people, groups, canvas, device)
        validation = _part(data.validation, data.validation_people, groups, canvas, device)
        return cls(train, validation, classes, groups)

    def reduced(self, canvas: Canvas) -> Pictures:
        """The same pictures averaged down to a smaller canvas; groups stay as they were found on the whole images."""
        return replace(self, train=_reduced(self.train, canvas), validation=_reduced(self.validation, canvas))


def to_canvas(pixels: np.ndarray, canvas: Canvas) -> torch.Tensor:
    """Images (n, h, w, c; uint8) as (n, c, H, W; uint8) on the full grid, edges repeated to the right and below."""
    images = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)
    below, right = canvas.full[0] - canvas.height, canvas.full[1] - canvas.width
    if below or right:
        images = functional.pad(images.float(), (0, right, 0, below), mode="replicate").to(torch.uint8)
    return images.contiguous()


def from_canvas(images: torch.Tensor, canvas: Canvas) -> np.ndarray:
    """Made images (n, c, H, W) in -1 to 1 as uint8 (n, h, w, c) of the size asked for."""
    cut = images[:, :, : canvas.height, : canvas.width]
    pixels = ((cut.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(0, 2, 3, 1).cpu().numpy())


def _reduced(part: Part, canvas: Canvas) -> Part:
    times = part.pixels.shape[2] // canvas.full[0]
    pieces = (functional.avg_pool2d(x.float(), times).round().to(torch.uint8) for x in part.pixels.split(AT_ONCE))
    pixels = torch.cat(list(pieces)) if len(part) else part.pixels.new_zeros((0, canvas.channels, *canvas.full))
    shown = pixels[:, :, : canvas.height, : canvas.width].permute(0, 2, 3, 1).cpu().numpy()
    return replace(part, pixels=pixels, stack=ImageStack(np.ascontiguousarray(shown), part.stack.labels))


def _part(stack: ImageStack, people: np.ndarray | None, groups: Sequence[Any], canvas: Canvas, device: str) -> Part:
    labels = torch.from_numpy(stack.labels.astype(np.int64)).to(device)
    pixels = to_canvas(stack.pixels, canvas).to(device)
    return Part(pixels, labels, people_of(stack, people), memberships(groups, stack), stack)
