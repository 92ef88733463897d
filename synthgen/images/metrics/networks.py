"""The small networks that scores look through: one gives features, one is the standard classifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from synthgen.images.devices import fast, one_thread, placed
from synthgen.images.stack import ImageStack

FEATURES = 32  # numbers that describe an image
SHOWN = 12  # height and width that the decoder draws again
CHUNK = 512
LARGE = 48  # images at least so large are halved by the first convolution


def place(pixels: np.ndarray, device: str) -> Tensor:
    """uint8 (n, h, w, c) as float32 (n, c, h, w) from -1 to 1, channels last in memory."""
    x = torch.from_numpy(np.ascontiguousarray(pixels)).to(device).permute(0, 3, 1, 2)
    return x.to(torch.float32).div_(127.5).sub_(1.0).contiguous(memory_format=torch.channels_last)


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Torch's global generator set for what is built or drawn inside, and put back after."""
    with torch.random.fork_rng(devices=[] if device == "cpu" else [device]):
        torch.manual_seed(seed)
        yield


@dataclass(frozen=True)
class Schooling:
    """How a network is trained: steps of `batch` images, class-balanced or as they come, weighted, moved about."""

    steps: int
    batch: int = 64
    rate: float = 3e-3
    balanced: bool = True
    weighted: bool = False
    augmented: bool = False
    decoded: float = 0.0  # weight of drawing the image again beside telling its class


class Looker(nn.Module):
    """Four strided convolutions to a few features; a class head and, for features, a decoder of a thumbnail.

    Batch norm with running averages, so that what a network says of an image does not depend on its neighbours.
    """

    def __init__(self, channels: int, size: int, classes: int, width: int) -> None:
        super().__init__()
        widths = (width, 2 * width, 3 * width, 4 * width)
        strides = (2 if size >= LARGE else 1, 2, 2, 2)
        layers: list[nn.Module] = []
        before = channels
        for out, stride in zip(widths, strides, strict=True):
            layers += [nn.Conv2d(before, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(0.1)]
            before = out
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.features = nn.Linear(4 * before, FEATURES)
        self.head = nn.Linear(FEATURES, classes)
        self.decoder = nn.Linear(FEATURES, channels * SHOWN * SHOWN)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (n, FEATURES) and class logits (n, classes)."""
        found = self.features(self.body(x))
        return found, self.head(functional.leaky_relu(found, 0.1))


class Quick(nn.Module):
    """The standard classifier of the usefulness scores: three strided convolutions and a linear head."""

    def __init__(self, channels: int, size: int, classes: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.AvgPool2d(2)] if size >= LARGE else []
        before = channels
        for out in (width, 2 * width, 4 * width):
            layers += [nn.Conv2d(before, out, 3, 2, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            before = out
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.1))
        self.head = nn.Linear(4 * before, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the head sees and class logits (n, classes)."""
        found = self.body(x)
        return found, self.head(found)


def school(
    build: Callable[[], nn.Module],
    stack: ImageStack,
    classes: int,
    plan: Schooling,
    seed: int,
    device: str,
    check: Callable[[], None] = lambda: None,
) -> nn.Module:
    """A network trained on these images from this seed, set to answer; `check` is called now and then to stop."""
    with seeded(seed, device), one_thread():
        net = build()
        placed(net, device)
        rng = np.random.default_rng(seed)
        chances = _chances(stack.labels, classes, plan.balanced)
        weights = torch.tensor(_weights(stack.labels, classes, plan.weighted), dtype=torch.float32, device=device)
        optimiser = torch.optim.AdamW(net.parameters(), lr=plan.rate, weight_decay=1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=plan.steps + 1)
        for step in range(plan.steps):
            if step % 25 == 0:
                check()
            rows = rng.choice(len(stack), plan.batch, p=chances)
            x = moved(place(stack.pixels[rows], device), rng, plan.augmented)
            labels = torch.from_numpy(stack.labels[rows]).to(device)
            loss = _loss(net, x, labels, weights, plan)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return net.eval()


def _loss(net: nn.Module, x: Tensor, labels: Tensor, weights: Tensor, plan: Schooling) -> Tensor:
    with fast(x.device.type):
        found, logits = net(x)
        drawn = net.get_submodule("decoder")(found) if plan.decoded else None
    loss = functional.cross_entropy(logits.float(), labels, weights, label_smoothing=0.05)
    if drawn is None:
        return loss
    shown = functional.adaptive_avg_pool2d(x, SHOWN).flatten(1)
    spread = shown.var(dim=0).mean() + 1e-3
    return loss + plan.decoded * ((drawn.float() - shown) ** 2).mean() / spread


def _chances(labels: np.ndarray, classes: int, balanced: bool) -> np.ndarray:
    """How likely each image is drawn: all alike, or every class alike."""
    counts = np.bincount(labels, minlength=classes)
    weight = 1.0 / counts[labels] if balanced else np.ones(len(labels))
    return np.asarray(weight / weight.sum())


def _weights(labels: np.ndarray, classes: int, weighted: bool) -> np.ndarray:
    """The weight of each class in the loss: ones, or one over its count."""
    if not weighted:
        return np.ones(classes)
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return np.asarray(len(labels) / (classes * counts))


def moved(x: Tensor, rng: np.random.Generator, augmented: bool) -> Tensor:
    """Each batch shifted a little; `augmented`: further, with light, contrast and small turns as well."""
    n = len(x)
    reach = 0.12 if augmented else 0.04
    turn = rng.normal(0, 0.12, n) if augmented else np.zeros(n)
    scale = np.exp(rng.normal(0, 0.08, n)) if augmented else np.ones(n)
    shift = rng.uniform(-reach, reach, (n, 2))
    grid = np.zeros((n, 2, 3), dtype=np.float32)
    grid[:, 0, 0], grid[:, 1, 1] = scale * np.cos(turn), scale * np.cos(turn)
    grid[:, 0, 1], grid[:, 1, 0] = -scale * np.sin(turn), scale * np.sin(turn)
    grid[:, :, 2] = shift
    where = functional.affine_grid(torch.from_numpy(grid).to(x.device), list(x.shape), align_corners=False)
    x = functional.grid_sample(x, where, padding_mode="border", align_corners=False)
    if augmented:
        light, contrast = rng.normal(0, 0.1, (n, 1, 1, 1)), np.exp(rng.normal(0, 0.15, (n, 1, 1, 1)))
        gain, add = (torch.from_numpy(a.astype(np.float32)).to(x.device) for a in (contrast, light))
        x = x * gain + add
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def seen(net: nn.Module, pixels: np.ndarray, device: str) -> tuple[np.ndarray, np.ndarray]:
    """What a network says of images: features and class probabilities, float32 (n, .)."""
    parts = []
    for start in range(0, len(pixels), CHUNK):
        x = place(pixels[start : start + CHUNK], device)
        with fast(device), one_thread():
            found, logits = net(x)
        parts.append((found.float().cpu().numpy(), logits.float().softmax(1).cpu().numpy()))
    if not parts:
        return np.zeros((0, FEATURES), np.float32), np.zeros((0, 1), np.float32)
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
