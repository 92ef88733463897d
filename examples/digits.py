"""A conditional DCGAN learns handwritten digits, one class of them rare: synthgen's own, in five lines.

python -m examples.digits [--out DIRECTORY]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import pyplot
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the file can be run by its path

from examples import drawing
from synthgen.synthesizer import ImageSynthesizer, LabelledImages

RARE, KEPT = "8", 20  # the digit that is made rare, and how many of its images are kept to learn from
HELD = 3  # every third image is held out
SETTINGS = {"steps": 900, "warm_steps": 200, "width": 16, "noise": 32, "batch": 32}
SHOWN = 8


@dataclass(frozen=True)
class Digits:
    """Images to learn from, and unseen ones."""

    train: LabelledImages
    unseen: LabelledImages


def digits() -> Digits:
    """The 1,797 digits of 8 x 8 pixels that come with scikit-learn; of the rare one most are left out of learning."""
    found = load_digits()
    pixels = np.round(found.images * (255 / 16)).astype(np.uint8)[..., None]
    names = np.array([str(name) for name in found.target])
    held = np.arange(len(names)) % HELD == 0
    rare = np.flatnonzero((names == RARE) & ~held)
    learnt = ~held
    learnt[rare[KEPT:]] = False
    return Digits(*(LabelledImages(pixels[rows], list(names[rows])) for rows in (learnt, held)))


def fitted(train: LabelledImages, seed: int = 0) -> ImageSynthesizer:
    """The generator; steps are given, so that the clock decides nothing."""
    return ImageSynthesizer(params=SETTINGS, size=8, time_budget=3600, seed=seed).fit(train.images, train.labels)


def draw(real: LabelledImages, made: LabelledImages) -> pyplot.Figure:
    """One row a digit: unseen real images on the left, made ones on the right."""
    names = sorted(set(real.labels))
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 5.6), layout="constrained")
    for axis, source, title in zip(axes, (real, made), ("real, unseen", "made"), strict=True):
        axis.imshow(sheet(source, names), cmap="gray_r", vmin=0, vmax=255)
        axis.set_title(title)
        side = source.images.shape[1] + 1
        axis.set_yticks([side * row + side // 2 for row in range(len(names))], names)
        axis.set_xticks([])
        axis.spines[:].set_visible(False)
    axes[1].get_yticklabels()[names.index(RARE)].set_color(drawing.MADE)
    return figure


def sheet(source: LabelledImages, names: list[str]) -> np.ndarray:
    """`SHOWN` images of each class, a row a class."""
    labels, rows = np.array(source.labels), []
    for name in names:
        some = source.images[labels == name][:SHOWN, :, :, 0]
        rows.append(np.hstack([np.pad(image, (0, 1)) for image in some]))
    return np.vstack(rows)


def main() -> int:
    """Fit, sample, print, draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=None)
    wish = parser.parse_args()
    data = digits()
    counts = Counter(data.train.labels)
    print(f"{len(data.train)} images of {len(counts)} digits to learn from, {counts[RARE]} of the rarest ({RARE})")
    model = fitted(data.train)
    report = model.model_.generator.report()
    for stage in report["stages"]:
        print(f"  {stage['stage']}: {stage['steps']} steps, best at {stage['best_step']}, {stage['stopped']}")
    print(f"  health at the last look: {report['health']}. {report['health_text']}")
    made = model.sample(dict.fromkeys(sorted(counts), SHOWN))
    print(f"made: {len(made)} images, {SHOWN} of each digit")
    print(f"plot: {drawing.save(draw(data.unseen, made), 'digits', wish.out)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
