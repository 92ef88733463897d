"""Networks of the image generator: generator, projection critic, and the encoder of its warm start.

All three work on a grid of `bottom` pixels a side doubled `doublings` times, at least as large as the image; what is
over is cut off. No layer looks at other images of the batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

SLOPE = 0.2  # of the leaky rectifier below zero
MOST_CHANNELS = 8  # times the width, on the coarsest grid
COARSEST = 7  # pixels a side of the bottom grid, at most
FAINTEST, WIDEST = 0.01, 8.0  # least spread that is brought to one; most standard deviations that are shown
EMBEDDED, LOUD = 32, 2.0  # numbers that stand for a class in the generator; times their size, or noise outvotes them


@dataclass(frozen=True)
class Canvas:
    """The grid that images of `height` x `width` are worked on."""

    height: int
    width: int
    channels: int

    @property
    def doublings(self) -> int:
        """How often the bottom grid is doubled."""
        return max(1, math.ceil(math.log2(max(self.height, self.width) / COARSEST)))

    @property
    def bottom(self) -> tuple[int, int]:
        """Height and width of the coarsest grid."""
        times = 2**self.doublings
        return math.ceil(self.height / times), math.ceil(self.width / times)

    @property
    def full(self) -> tuple[int, int]:
        """Height and width that the networks see."""
        return self.bottom[0] * 2**self.doublings, self.bottom[1] * 2**self.doublings

    def widths(self, width: int) -> list[int]:
        """Channels on each grid, the coarsest first, the image's own last."""
        return [width * min(2 ** (self.doublings - i), MOST_CHANNELS) for i in range(self.doublings + 1)]


def activate(x: torch.Tensor) -> torch.Tensor:
    """Leaky rectifier."""
    return functional.leaky_relu(x, SLOPE)


class Convolution(nn.Module):
    """A convolution that keeps, or with stride 2 halves, the grid. Where it keeps it, edges are repeated outwards:
    a frame of zeros would tell each pixel how far the edge is, and generated images would show it.

    Weights are standard normal numbers, scaled to He's spread when they are used: then a step of Adam changes every
    layer by the same share of its weights, however many inputs it has (equalised learning rate, Karras et al. 2018).
    """

    def __init__(self, inside: int, outside: int, size: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside, size, size))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.scale, self.stride, self.edge = spread(inside * size**2), stride, (size - 1) // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride > 1:
            return functional.conv2d(x, self.weight * self.scale, self.bias, self.stride, self.edge)
        x = functional.pad(x, (self.edge,) * 4, mode="replicate")
        return functional.conv2d(x, self.weight * self.scale, self.bias)


class Dense(nn.Module):
    """A linear layer, scaled in the same way and by `gain`."""

    def __init__(self, inside: int, outside: int, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.scale = gain * spread(inside)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight * self.scale, self.bias)


def spread(inputs: int) -> float:
    """He's standard deviation of the weights of a unit with so many inputs, for the leaky rectifier."""
    return math.sqrt(2 / ((1 + SLOPE**2) * inputs))


class Styled(nn.Module):
    """Convolution whose channels are scaled and shifted by the style, then rectified."""

    def __init__(self, inside: int, outside: int, style: int) -> None:
        super().__init__()
        self.convolution = Convolution(inside, outside)
        self.style = Dense(style, 2 * outside, 0.1)

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        scale, shift = self.style(style)[:, :, None, None].chunk(2, 1)
        return activate(torch.addcmul(shift, self.convolution(x), 1 + scale))


class Doubling(nn.Module):
    """A grid doubled smoothly and worked over twice: nearest-neighbour doubling leaves a woven texture."""

    def __init__(self, inside: int, outside: int, style: int) -> None:
        super().__init__()
        self.first, self.last = Styled(inside, outside, style), Styled(outside, outside, style)

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        wide = functional.interpolate(x, scale_factor=2, mode="bilinear")
        return torch.as_tensor(self.last(self.first(wide, style), style))


class ImageGenerator(nn.Module):
    """From noise (n, noise) and class (n,) to images (n, channels, h, w) in -1 to 1 on the full grid."""

    def __init__(self, canvas: Canvas, classes: int, noise: int, width: int) -> None:
        super().__init__()
        self.canvas, self.noise = canvas, noise
        widths, (h, w) = canvas.widths(width), canvas.bottom
        self.classes = nn.Embedding(classes, EMBEDDED)
        style = noise + EMBEDDED
        self.start = Dense(style, widths[0] * h * w)
        self.first = Styled(widths[0], widths[0], style)
        self.blocks = nn.ModuleList(Doubling(a, b, style) for a, b in pairwise(widths))
        self.last = Convolution(widths[-1], canvas.channels)

    def forward(self, noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        style = torch.cat([noise, LOUD * self.classes(labels)], 1)
        x = activate(self.start(style)).view(len(noise), -1, *self.canvas.bottom)
        x = x.contiguous(memory_format=torch.channels_last)
        x = self.first(x, style)
        for block in self.blocks:
            x = block(x, style)
        return torch.tanh(self.last(x).float())


class Senses(nn.Module):
    """What a critic is shown of images: pixels of unit spread, at most `WIDEST` of it from the mean.

    `mean` and `scale` (c,) are taken from training images; (n, c, H, W) in -1 to 1 keeps its shape.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))

    def learn(self, images: torch.Tensor) -> None:
        """Take mean and scale from training images."""
        self.mean = images.mean((0, 2, 3))
        self.scale = 1 / images.std((0, 2, 3)).clamp_min(FAINTEST)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        centred = images - self.mean[:, None, None]
        return (centred * self.scale[:, None, None]).clamp(-WIDEST, WIDEST)


class Trunk(nn.Module):
    """Images down to one vector each (n, features) by strided convolutions."""

    def __init__(self, canvas: Canvas, width: int, features: int) -> None:
        super().__init__()
        widths, (h, w) = canvas.widths(width)[::-1], canvas.bottom
        self.first = Convolution(canvas.channels, widths[1], 4, 2)
        self.blocks = nn.ModuleList(Convolution(a, b, 4, 2) for a, b in pairwise(widths[1:]))
        self.last = Convolution(widths[-1], widths[-1])
        self.out = Dense(widths[-1] * h * w, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = activate(self.first(x.contiguous(memory_format=torch.channels_last)))
        for block in self.blocks:
            x = activate(block(x))
        x = activate(self.last(x))
        return activate(self.out(x.flatten(1))).float()


class ImageCritic(nn.Module):
    """The logit of being real given the class (n,): a projection critic (Miyato and Koyama 2018)."""

    def __init__(self, canvas: Canvas, classes: int, width: int) -> None:
        super().__init__()
        features = 4 * width
        self.senses, self.trunk = Senses(canvas.channels), Trunk(canvas, width, features)
        self.whole = Dense(features, 1)
        self.classes = nn.Embedding(classes, features)

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.judged(self.senses(images), labels)

    def judged(self, sensed: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The logit of what `senses` made of images."""
        features = self.trunk(sensed)
        return self.whole(features).float().squeeze(1) + (features * self.classes(labels)).sum(1) / math.sqrt(
            features.shape[1]
        )


class Encoder(nn.Module):
    """Mean and log variance (n, noise) of the noise an image of a class came from, for the warm start."""

    def __init__(self, canvas: Canvas, classes: int, noise: int, width: int) -> None:
        super().__init__()
        features = 4 * width
        self.senses, self.trunk = Senses(canvas.channels), Trunk(canvas, width, features)
        self.classes = nn.Embedding(classes, features)
        self.out = Dense(features, 2 * noise, 0.5)

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_variance = self.out(self.trunk(self.senses(images)) + self.classes(labels)).float().chunk(2, 1)
        return mean, log_variance.clamp(-8, 4)


def slerp(first: torch.Tensor, last: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Noise on the great circle from `first` to `last` (n, noise), `share` (n,) of the way (White 2016).

    Straight lines pass through lengths that Gaussian noise never has.
    """
    unit = [functional.normalize(x, dim=1) for x in (first, last)]
    angle = torch.arccos((unit[0] * unit[1]).sum(1).clamp(-1, 1))[:, None]
    share, sine = share[:, None], torch.sin(angle).clamp_min(1e-3)
    curved = (torch.sin((1 - share) * angle) * first + torch.sin(share * angle) * last) / sine
    return torch.where(angle < 1e-2, torch.lerp(first, last, share), curved)
