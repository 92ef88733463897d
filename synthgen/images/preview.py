"""What the screens show of a set of images: classes, counts, a few pictures of each, what was done to read it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from synthgen.contracts import Plot, Source, Split, SyntheticSet
from synthgen.images import forming, writing
from synthgen.images import people as grouping
from synthgen.images.inference import ordered
from synthgen.images.originals import Originals
from synthgen.images.schema import CLASS, ImageSchema
from synthgen.images.stack import ImageStack
from synthgen.spec import RunSpec

MOST_BYTES = 360_000  # of all pictures of one preview, as text
MOST_SHOWN = 8  # pictures of one class
LARGEST_SHOWN = 64
WORST_PIXEL = 4.4  # characters of a PNG of noise, as text, per pixel


def preview(source: Source, schema: ImageSchema, rows: int = MOST_SHOWN) -> dict[str, Any]:
    """JSON for the schema page: classes with counts and real thumbnails, sizes, findings, notes.

    Only for those who may see the source. `refused` is empty: a set that cannot be trained on has no schema.
    """
    originals: Originals = source.data
    texts = originals.columns[schema.layout.get("label", originals.label)]
    labels = grouping.labels(originals, schema.layout.get("label", originals.label), schema.classes)
    chosen = [np.flatnonzero(labels == place)[: min(rows, MOST_SHOWN)] for place in range(len(schema.classes))]
    shown = [forming.stacked([originals.images[i] for i in places], schema) for places in chosen]
    left_out = ordered(sorted(set(texts) - set(schema.classes) - {""}))
    return {
        "name": source.name,
        "row_count": len(originals),
        "images": int((labels >= 0).sum()),
        "height": schema.height,
        "width": schema.width,
        "channels": schema.channels,
        "fit": schema.fit,
        "classes": _classes(schema.classes, schema.counts, shown),
        "left_out": [{"name": name, "count": texts.count(name)} for name in left_out],
        "sizes": [{"width": w, "height": h, "count": count} for w, h, count in schema.sizes],
        "findings": [finding.model_dump(mode="json") for finding in schema.findings],
        "notes": list(schema.notes),
        "person": schema.person,
        "sources": schema.sources,
        "duplicates": schema.duplicates,
        "refused": "",
    }


def set_preview(synthetic: SyntheticSet, schema: ImageSchema, rows: int = MOST_SHOWN) -> dict[str, Any]:
    """JSON with synthetic thumbnails and counts per class."""
    counts = np.zeros(len(schema.classes), dtype=np.int64)
    held: list[list[np.ndarray]] = [[] for _ in schema.classes]
    for chunk in synthetic.chunks():
        counts += chunk.counts(len(schema.classes))
        for place, pictures in enumerate(held):
            wanted = min(rows, MOST_SHOWN) - len(pictures)
            pictures.extend(chunk.of_class(place).pixels[: max(0, wanted)])
    return {
        "row_count": synthetic.rows,
        "images": synthetic.rows,
        "height": schema.height,
        "width": schema.width,
        "channels": schema.channels,
        "classes": _classes(schema.classes, counts.tolist(), held),
        "notes": list(synthetic.notes),
    }


def _classes(
    names: Sequence[str], counts: Sequence[int], pictures: Sequence[Sequence[np.ndarray] | np.ndarray]
) -> list[dict[str, Any]]:
    """Name, count and pictures of each class; all pictures together stay under MOST_BYTES."""
    each = MOST_BYTES // max(1, len(names))
    side = min(LARGEST_SHOWN, int((each / WORST_PIXEL) ** 0.5))
    texts = [[data_uri(pixels, side) for pixels in one] for one in pictures]
    return [
        {"name": name, "count": int(count), "pictures": _fitting(uris, each)}
        for name, count, uris in zip(names, counts, texts, strict=True)
    ]


def _fitting(uris: Sequence[str], most: int) -> list[str]:
    """The first pictures whose texts together have at most `most` characters."""
    total, kept = 0, []
    for uri in uris:
        total += len(uri)
        if total > most:
            break
        kept.append(uri)
    return kept


def data_uri(pixels: np.ndarray, side: int = LARGEST_SHOWN) -> str:
    """A PNG whose sides are at most `side` pixels, as text that a page can show."""
    if max(pixels.shape[:2]) > side:
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        picture.thumbnail((side, side))
        pixels = np.asarray(picture).reshape(picture.height, picture.width, -1)
    return "data:image/png;base64," + base64.b64encode(writing.png(pixels)).decode()


def plots(split: Split, synthetic: SyntheticSet, schema: ImageSchema, spec: RunSpec) -> tuple[Plot, ...]:
    """One plot: shares of the classes in training and in the synthetic set, with people per class."""
    train: ImageStack = split.train
    made = np.zeros(len(schema.classes), dtype=np.int64)
    for chunk in synthetic.chunks():
        made += chunk.counts(len(schema.classes))
    real = train.counts(len(schema.classes))
    people = _people_per_class(train, split.train_people, len(schema.classes))
    return (
        Plot(
            column=CLASS,
            kind="category",
            bins=schema.classes,
            real=tuple((real / max(1, real.sum())).tolist()),
            synthetic=tuple((made / max(1, made.sum())).tolist()),
            real_counts=tuple(people.tolist()),
            suppressed=tuple((people < spec.k_floor).tolist()),
        ),
    )


def _people_per_class(stack: ImageStack, owners: np.ndarray | None, classes: int) -> np.ndarray:
    """How many sources have images of each class."""
    if owners is None:
        return stack.counts(classes)
    pairs = np.unique(np.column_stack([stack.labels, owners]), axis=0)
    return np.bincount(pairs[:, 0], minlength=classes)
