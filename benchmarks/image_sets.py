"""The image sets of `benchmarks.images`, split and thinned out: what is taken away is never trained on.

Where no image shares a source with another one, what is taken away joins the hold-out.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.tables import SHARED
from synthgen import catalog, pipeline
from synthgen.contracts import Source, Split
from synthgen.images.modes import people_of
from synthgen.images.stack import ImageStack
from synthgen.pipeline import Prepared
from synthgen.runtime import RunContext
from synthgen.spec import ImageOptions, RunSpec

FOLDER = SHARED / "data" / "images"
FEW = 40  # images of a minority that was cut
THIN, RATIO = 3, 20  # so many classes are left with one in so many of their training images


@dataclass(frozen=True)
class ImageSet:
    """Where the images come from, their size, and what is cut from the training part."""

    name: str
    source: Callable[[], Source]
    size: int
    keep: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None  # class counts -> images left
    holdout_share: float = 0.3
    returned: bool = False  # whether what is cut joins the hold-out

    def prepared(self, spec: RunSpec) -> Prepared:
        """Split by the run's seed, thinned, with the census of what is left."""
        ctx = RunContext(seed=spec.seed)
        found = pipeline.prepare(self.source(), spec, ctx)
        if self.keep is None:
            return found
        rng, split, classes = ctx.rng("thinned"), found.split, len(found.schema.classes)
        counts = split.train.counts(classes)
        left = self.keep(counts, rng)
        chosen = _some(split.train.labels, left, rng)
        also = _some(split.validation.labels, _as_thin(split.validation.counts(classes), left / counts), rng)
        cut = _cut(split, chosen, also)
        cut = _returned(split, cut, chosen, also) if self.returned else cut
        groups = catalog.modality("images").call("census", cut, found.schema, spec)
        return replace(found, split=cut, groups=groups)

    def spec(self, seed: int, minutes: float) -> RunSpec:
        """A job as its user would submit it."""
        return RunSpec(
            modality="images",
            seed=seed,
            holdout_share=self.holdout_share,
            time_budget=round(60 * minutes),
            images=ImageOptions(size=self.size),
        )


def _as_thin(counts: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Validation images left where training was cut: who has few images has few to validate by."""
    return np.where(counts > 0, np.maximum(np.round(counts * share), 1), 0).astype(int)


def _cut(split: Split, chosen: np.ndarray, also: np.ndarray) -> Split:
    """With these training and validation images only."""
    out = replace(split, train=split.train.take(chosen), validation=split.validation.take(also))
    for part, rows in (("train_people", chosen), ("validation_people", also)):
        people = getattr(split, part)
        out = out if people is None else replace(out, **{part: people[rows]})
    return out


def _returned(split: Split, cut: Split, chosen: np.ndarray, also: np.ndarray) -> Split:
    """With the images that were cut in the hold-out, but for those that may show what is still trained on."""
    stacks, people = [split.holdout], [_people(split, "holdout")]
    for part, rows in (("train", chosen), ("validation", also)):
        stack, who = getattr(split, part), _people(split, part)
        gone = np.setdiff1d(np.arange(len(stack)), rows)
        gone = gone[~np.isin(who[gone], who[rows])]
        stacks.append(stack.take(gone))
        people.append(who[gone] + people[-1].max(initial=-1) + 1)
    return replace(cut, holdout=ImageStack.joined(stacks), holdout_people=np.concatenate(people))


def _people(split: Split, part: str) -> np.ndarray:
    return people_of(getattr(split, part), getattr(split, f"{part}_people"))


def _some(labels: np.ndarray, left: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Places of at most `left` images of each class, in order."""
    kept = [rng.permutation(np.flatnonzero(labels == c))[:count] for c, count in enumerate(left)]
    return np.sort(np.concatenate(kept))


def cut_minorities(counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every class but the largest keeps `FEW` images."""
    return np.where(counts == counts.max(), counts, np.minimum(counts, FEW))


def thin_three(counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Three classes drawn by the seed keep one image in twenty."""
    thin = rng.permutation(len(counts))[:THIN]
    return np.where(np.isin(np.arange(len(counts)), thin), np.maximum(counts // RATIO, 1), counts)


def _bccd() -> Source:
    with (FOLDER / "bccd_cells" / "crops.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    images = [np.asarray(Image.open(FOLDER / "bccd_cells" / line["file"]).convert("RGB")) for line in lines]
    return _given(np.stack(images), [x["cell"] for x in lines], [x["source_image"] for x in lines])


def _pneumonia() -> Source:
    """The training part as published, nine to one; split anew."""
    with np.load(FOLDER / "pneumoniamnist_9to1.npz") as file:
        return _given(file["train_images"], file["train_labels"].ravel())


def _digits() -> Source:
    with np.load(FOLDER / "mnist_5k.npz") as file:
        return _given(file["images"], file["labels"].ravel())


def _ten_colours() -> Source:
    """Ten classes of RGB images at 64 pixels: digits laid over crops of cells, unlike sizes of class."""
    rng = np.random.default_rng(0)
    with np.load(FOLDER / "mnist_5k.npz") as file:
        digits, labels = file["images"].reshape(-1, 28, 28), file["labels"].ravel()
    cells = sorted((FOLDER / "bccd_cells").rglob("*.jpg"))
    kept = np.concatenate([np.flatnonzero(labels == d)[: 300 - 26 * d] for d in range(10)])
    images = [_laid_over(digits[i], cells[int(rng.integers(len(cells)))], rng) for i in kept]
    return _given(np.stack(images), labels[kept])


def _laid_over(digit: np.ndarray, cell: Path, rng: np.random.Generator) -> np.ndarray:
    under = np.asarray(Image.open(cell).convert("RGB").resize((64, 64), Image.Resampling.BICUBIC), np.float32)
    size = int(rng.integers(40, 57))
    ink = np.zeros((64, 64), np.float32)
    top, left = rng.integers(0, 65 - size, 2)
    mark = Image.fromarray(digit.astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
    ink[top : top + size, left : left + size] = np.asarray(mark, np.float32) / 255
    colour = rng.integers(0, 90, 3)
    return np.clip(under * (1 - ink[..., None]) + colour * ink[..., None], 0, 255).astype(np.uint8)


def _given(images: np.ndarray, labels: object, sources: object = None) -> Source:
    found: Source = catalog.modality("images").call("from_memory", images, labels, sources)
    return found


SETS: Mapping[str, ImageSet] = {
    found.name: found
    for found in (
        ImageSet("bccd_cells", _bccd, 32),
        ImageSet("bccd_cells_40", _bccd, 32, cut_minorities),
        ImageSet("pneumonia", _pneumonia, 28),
        ImageSet("digits_thinned", _digits, 28, thin_three, returned=True),
        ImageSet("ten_classes_64", _ten_colours, 64),
    )
}
