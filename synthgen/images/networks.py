"""Networks of the image generator: generator, projection critic, and the encoder of its warm start.

All three work on a grid of `bottom` pixels a side doubled `doublings` times, at least as large as the image; what is
over is cut off. No layer looks at other images of the batch.

Above `LEARNT_WHOLE` doublings a network is one for images of half the size, which can be trained by itself first, and
what it takes to see and paint the rest: layers that begin with weights of zero, so that the whole begins as its half
does (Karras et al. 2018 fade them in instead; images summed over sizes as in Karras et al. 2020, StyleGAN2).
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
LEARNT_WHOLE = 3  # doublings, at most; larger images are learnt at a reduced size first
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

    @property
    def half(self) -> Canvas | None:
        """The grid of the same images at half their size; None where they are learnt whole."""
        if self.doublings <= LEARNT_WHOLE:
            return None
        return Canvas(math.ceil(self.height / 2), math.ceil(self.width / 2), self.channels)

    @property
    def reduced(self) -> Canvas:
        """The grid that images are learnt on first: theirs, or that of the largest images learnt whole."""
        return self if self.half is None else self.half.reduced

    def widths(self, width: int) -> list[int]:
        """Channels on each grid, the coarsest first, the image's own last: as few as on half the size beyond it."""
        if self.half is not None:
            return [*self.half.widths(width), width]
        return [width * min(2 ** (self.doublings - i), MOST_CHANNELS) for i in range(self.doublings + 1)]


def activate(x: torch.Tensor) -> torch.Tensor:
    """Leaky rectifier."""
    return functional.leaky_relu(x, SLOPE)


class Convolution(nn.Module):
    """A convolution that keeps, or with stride 2 halves, the grid. Where it keeps it, edges are repeated outwards:
    a frame of zeros would tell each pixel how far the edge is, and generated images would show it.

    Weights are standard normal numbers, scaled to He's spread when they are used: then a step of Adam changes every
    layer by the same share of its weights, however many inputs it has (equalised learning rate, Karras et al. 2018).
    A `silent` one begins with weights of zero.
    """

    def __init__(self, inside: int, outside: int, size: int = 3, stride: int = 1, silent: bool = False) -> None:
        super().__init__()
        start = torch.zeros if silent else torch.randn
        self.weight = nn.Parameter(start(outside, inside, size, size))
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
    """From noise (n, noise) and class (n,) to images (n, channels, h, w) in -1 to 1 on the full grid.

    `smaller` makes the same images at half the size, where that is learnt first.
    """

    def __init__(self, canvas: Canvas, classes: int, noise: int, width: int) -> None:
        super().__init__()
        self.canvas, self.noise = canvas, noise
        widths, (h, w) = canvas.widths(width), canvas.bottom
        style = noise + EMBEDDED
        self.smaller: ImageGenerator | None = None
        if canvas.half is not None:
            self.smaller, widths = ImageGenerator(canvas.half, classes, noise, width), widths[-2:]
        else:
            self.classes = nn.Embedding(classes, EMBEDDED)
            self.start = Dense(style, widths[0] * h * w)
            self.first = Styled(widths[0], widths[0], style)
        self.blocks = nn.ModuleList(Doubling(a, b, style) for a, b in pairwise(widths))
        self.last = Convolution(widths[-1], canvas.channels, silent=self.smaller is not None)

    @property
    def reduced(self) -> ImageGenerator:
        """The generator of the size that is learnt first, of the same weights."""
        return self if self.smaller is None else self.smaller.reduced

    def forward(self, noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.painted(noise, labels)[0])

    def painted(self, noise: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Images before they are bounded, and the features and style that they were painted from."""
        if self.smaller is None:
            style = torch.cat([noise, LOUD * self.classes(labels)], 1)
            x = activate(self.start(style)).view(len(noise), -1, *self.canvas.bottom)
            x = self.first(x.contiguous(memory_format=torch.channels_last), style)
        else:
            small, x, style = self.smaller.painted(noise, labels)
        for block in self.blocks:
            x = block(x, style)
        images = self.last(x).float()
        if self.smaller is not None:
            images = images + functional.interpolate(small, scale_factor=2, mode="bilinear")
        return images, x, style


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
        self.smaller: Trunk | None = None
        if canvas.half is not None:
            self.smaller = Trunk(canvas.half, width, features)
            self.join = Convolution(widths[1], widths[2], 4, 2, silent=True)
            return
        self.blocks = nn.ModuleList(Convolution(a, b, 4, 2) for a, b in pairwise(widths[1:]))
        self.last = Convolution(widths[-1], widths[-1])
        self.out = Dense(widths[-1] * h * w, features)

    def forward(self, x: torch.Tensor, finer: torch.Tensor | None = None) -> torch.Tensor:
        """`finer`: what a trunk of images of twice the size saw in them, on the grid of half the size of `x`."""
        seen = self.first(x.contiguous(memory_format=torch.channels_last))
        seen = activate(seen if finer is None else seen + finer)
        if self.smaller is not None:
            return torch.as_tensor(self.smaller(functional.avg_pool2d(x, 2), self.join(seen)))
        for block in self.blocks:
            seen = activate(block(seen))
        seen = activate(self.last(seen))
        return activate(self.out(seen.flatten(1))).float()


class ImageCritic(nn.Module):
    """The logit of being real given the class (n,): a projection critic (Miyato and Koyama 2018)."""

    def __init__(self, canvas: Canvas, classes: int, width: int) -> None:
        super().__init__()
        features = 4 * width
        self.senses, self.trunk = Senses(canvas.channels), Trunk(canvas, width, features)
        self.whole = Dense(features, 1)
        self.classes = nn.Embedding(classes, features)

    @property
    def reduced(self) -> ImageCritic:
        """The critic of images of the size that is learnt first, of the same weights."""
        if self.trunk.smaller is None:
            return self
        made = ImageCritic.__new__(ImageCritic)
        nn.Module.__init__(made)
        made.senses, made.trunk, made.whole, made.classes = self.senses, self.trunk.smaller, self.whole, self.classes
        return made.reduced

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
