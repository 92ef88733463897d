"""Super-resolution from 14 to 28 pixels: the smooth maximum of the images' surprise against its mean, at equal steps.

python -m examples.super_resolution [--out DIRECTORY]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot
from scipy.ndimage import gaussian_filter
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the file can be run by its path

from examples import drawing
from synthgen import catalog, pipeline
from synthgen.losses import adversarial
from synthgen.runtime import RunContext
from synthgen.spec import ImageOptions, RunSpec

CELLS = Path(__file__).with_name("data") / "cells.zip"
SIZE, SPLITS = 28, 3  # pixels a side; splits by source, whose unseen images are judged together
STEPS, BATCH, RATE, WIDTH = 300, 32, 2e-3, 24
SHARPNESS = 1.0  # of the smooth maximum, where the mean surprise of an image is about 1
WORST = 0.01  # share of the unseen images
ARMS = {"mean": 0.0, "worst case": SHARPNESS}


class Enlarger(nn.Module):
    """Images (n, 3, h, w) to twice the size: the smooth enlargement, and what a small network adds to it."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, WIDTH, 3, padding=1, padding_mode="replicate"), nn.LeakyReLU(0.2)]
        for _ in range(2):
            layers += [nn.Conv2d(WIDTH, WIDTH, 3, padding=1, padding_mode="replicate"), nn.LeakyReLU(0.2)]
        self.detail = nn.Sequential(*layers, nn.Conv2d(WIDTH, 12, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, small: torch.Tensor) -> torch.Tensor:
        smooth = functional.interpolate(small, scale_factor=2, mode="bicubic")
        return smooth + self.detail(small)


def split(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images to learn from and unseen ones (n, 3, SIZE, SIZE) in 0 to 1; those of one smear stay on one side."""
    spec = RunSpec(modality="images", seed=seed, holdout_share=0.33, images=ImageOptions(size=SIZE, channels=3))
    found = pipeline.prepare(catalog.modality("images").call("read", CELLS), spec, RunContext(seed=seed)).split
    train, unseen = (torch.from_numpy(s.pixels).permute(0, 3, 1, 2).float() / 255 for s in (found.train, found.holdout))
    return train, unseen


def fitted(train: torch.Tensor, sharpness: float, seed: int) -> Enlarger:
    """A network after `STEPS` steps down the mean (sharpness 0) or the smooth maximum of the images' surprise.

    An image's surprise is its squared error in units of what plain enlargement leaves, as for Gaussian noise of that
    size: half a nat each, up to a constant.
    """
    torch.manual_seed(seed)
    network = Enlarger()
    optimiser = torch.optim.Adam(network.parameters())
    small = functional.avg_pool2d(train, 2)
    unit = (functional.interpolate(small, scale_factor=2, mode="bicubic") - train).square().mean()
    for step in range(STEPS):
        optimiser.param_groups[0]["lr"] = RATE * min(1.0, 2 * (1 - step / STEPS))
        rows = torch.randint(len(train), (BATCH,))
        surprise = (network(small[rows]) - train[rows]).square().mean((1, 2, 3)) / unit
        loss = adversarial.smooth_maximum(surprise, sharpness) if sharpness else surprise.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network


def signal_to_noise(made: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio (n,) in decibels of images (n, c, h, w) in 0 to 1."""
    return np.asarray(-10 * np.log10(((made - real) ** 2).mean((1, 2, 3)) + 1e-12))


def similarity(made: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Structural similarity (n,), the mean over pixels and channels (Wang et al. 2004, windows of sigma 1.5)."""

    def smooth(x: np.ndarray) -> np.ndarray:
        return np.asarray(gaussian_filter(x, (0, 0, 1.5, 1.5)))

    a, b = smooth(made), smooth(real)
    spread = smooth(made**2) - a**2 + smooth(real**2) - b**2
    together = smooth(made * real) - a * b
    light, form = 0.01**2, 0.03**2
    found = (2 * a * b + light) * (2 * together + form) / ((a**2 + b**2 + light) * (spread + form))
    return np.asarray(found.mean((1, 2, 3)))


def worst(values: np.ndarray) -> float:
    """The mean of the worst `WORST` of some figures, lower being worse."""
    return float(np.sort(values)[: max(1, round(WORST * len(values)))].mean())


def draw(unseen: np.ndarray, made: Mapping[str, np.ndarray]) -> pyplot.Figure:
    """The images that plain enlargement does worst by: as they are, enlarged, and by both networks."""
    hardest = np.argsort(signal_to_noise(made["bicubic"], unseen))[:10]
    rows = {"real, unseen": unseen, **made}
    figure, axes = pyplot.subplots(len(rows), 1, figsize=(9, 4.6), layout="constrained")
    for axis, (name, images) in zip(axes, rows.items(), strict=True):
        axis.imshow(np.hstack(np.clip(images[hardest], 0, 1).transpose(0, 2, 3, 1)))
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
        axis.set_xticks([])
        axis.set_yticks([])
    return figure


@torch.no_grad()
def enlarged(unseen: torch.Tensor, networks: Mapping[str, Enlarger]) -> dict[str, np.ndarray]:
    """Unseen images halved and enlarged again, plainly and by each network."""
    small = functional.avg_pool2d(unseen, 2)
    plain = functional.interpolate(small, scale_factor=2, mode="bicubic")
    return {"bicubic": plain.numpy()} | {name: network(small).numpy() for name, network in networks.items()}


def main() -> int:
    """Train both on every split, print the figures, draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=None)
    wish = parser.parse_args()
    drawing.quiet(0)
    real, made = [], []
    for seed in range(SPLITS):
        train, unseen = split(seed)
        real.append(unseen.numpy())
        made.append(enlarged(unseen, {name: fitted(train, t, seed) for name, t in ARMS.items()}))
    truth = np.concatenate(real)
    joined = {name: np.concatenate([part[name] for part in made]) for name in made[0]}
    print(f"{len(truth)} unseen images in {SPLITS} splits; worst {WORST:.0%}: {round(WORST * len(truth))} images")
    print(f"{'':<12}{'PSNR':>8}{'worst 1 %':>12}{'SSIM':>8}{'worst 1 %':>12}")
    for name, images in joined.items():
        noise, alike = signal_to_noise(images, truth), similarity(images, truth)
        print(f"{name:<12}{noise.mean():>8.2f}{worst(noise):>12.2f}{alike.mean():>8.3f}{worst(alike):>12.3f}")
    print(f"plot: {drawing.save(draw(truth, joined), 'super_resolution', wish.out)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
