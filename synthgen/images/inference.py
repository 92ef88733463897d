"""From what was read to a schema: classes over the k-floor, one size, one number of channels, each choice by a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np

from synthgen.contracts import Source
from synthgen.errors import InputError, SchemaError
from synthgen.images import people as grouping
from synthgen.images.duplicates import repeated
from synthgen.images.originals import Ledger, Originals, ranked
from synthgen.images.schema import ImageSchema
from synthgen.spec import RunSpec

SIZES = (28, 32, 48, 64)
ENLARGED = 1.15  # at most how much the middle image is enlarged by the size that is chosen
COLOURED_IMAGES = 0.01  # share of coloured images over which the set is one of colour
MOST_CLASSES = 100
MOST_SIZES = 8
SHAPES = {
    "pad": "padded to a square in the colour of its border",
    "stretch": "stretched to a square",
    "crop": "cut to a square around the middle",
}


def infer(source: Source, spec: RunSpec) -> ImageSchema:
    """The schema of a set of images. Raises SchemaError for columns that do not exist and InputError where no class
    is held by enough images or there are too many classes."""
    originals: Originals = source.data
    label = _label(originals, spec)
    person = _person(originals, label, spec)
    owners = grouping.people(originals, person)
    ledger = Ledger()
    classes = _classes(originals, label, owners, person, spec, ledger)
    places = grouping.labels(originals, label, classes)
    kept = places >= 0
    size = spec.images.size or _size(originals.sizes[kept])
    channels = spec.images.channels or _channels(originals.coloured[kept])
    _tell_conversions(originals, kept, (size, channels, spec.images.fit), ledger)
    return ImageSchema(
        height=size,
        width=size,
        channels=channels,
        classes=classes,
        counts=tuple(np.bincount(places[kept], minlength=len(classes)).tolist()),
        k_floor=spec.k_floor,
        fit=spec.images.fit,
        person=person,
        columns=tuple(sorted(originals.columns)),
        sources=_sources(originals, person, kept),
        sizes=_sizes(originals.sizes),
        duplicates=int(repeated(originals.clusters).sum()),
        findings=ranked([*originals.findings, *ledger.findings()]),
        notes=(*_origins(source, label, person), *source.notes, *_choices(originals, kept, size, channels, spec)),
        layout={**{k: str(v) for k, v in source.layout.items()}, "label": label},
    )


def _label(originals: Originals, spec: RunSpec) -> str:
    """The column of classes: the one that was named, else the one that was found."""
    return originals.label if spec.images.label is None else _column(originals, spec.images.label)


def _person(originals: Originals, label: str, spec: RunSpec) -> str | None:
    """The column of sources: the one that was named, else the one that was found, if it is wanted."""
    if not spec.images.grouped:
        return None
    found = originals.person if spec.images.person is None else _column(originals, spec.images.person)
    return None if found == label else found


def _column(originals: Originals, name: str) -> str:
    if name not in originals.columns:
        known = ", ".join(sorted(originals.columns))
        raise SchemaError(f"The labels have no column {name!r}.", f"The columns are {known}.")
    return name


def _classes(
    originals: Originals, label: str, owners: np.ndarray, person: str | None, spec: RunSpec, ledger: Ledger
) -> tuple[str, ...]:
    """The classes with enough different images and sources, in order; images of the others are left out."""
    texts = np.array(originals.columns[label], dtype=object)
    held = {name: len(np.unique(owners[texts == name])) for name in sorted(set(texts.tolist()) - {""})}
    kept = [name for name, count in held.items() if count >= spec.k_floor]
    what = "sources" if person is not None else "different images"
    for text, file in zip(texts, originals.files, strict=True):
        if text == "":
            ledger.add("left out", "no label", file)
        elif held[text] < spec.k_floor:
            ledger.add("left out", f"its class has fewer than {spec.k_floor} {what}", file)
    if not kept:
        raise InputError(
            f"None of the {len(held)} classes has {spec.k_floor} {what}; the most are {max(held.values(), default=0)}.",
            "Give more images of each class, or a lower floor of people.",
        )
    if len(kept) > MOST_CLASSES:
        raise InputError(
            f"The labels have {len(kept)} values, more than {MOST_CLASSES} classes.", "Name another column as target."
        )
    return ordered(kept)


def ordered(names: Sequence[str]) -> tuple[str, ...]:
    """Numbers by size where all names are whole numbers, else by text."""
    if all(name.lstrip("-").isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def _size(sizes: np.ndarray) -> int:
    """The middle image's own size if it is one of SIZES, else the largest of them that enlarges it by no more than
    ENLARGED; at least the smallest of them."""
    middle = float(np.median(sizes.max(axis=1)))
    if middle in SIZES:
        return int(middle)
    return max((size for size in SIZES if size <= ENLARGED * middle), default=SIZES[0])


def _channels(coloured: np.ndarray) -> Literal[1, 3]:
    return 3 if float(coloured.mean()) > COLOURED_IMAGES else 1


def _tell_conversions(originals: Originals, kept: np.ndarray, form: tuple[int, int, str], ledger: Ledger) -> None:
    """Tell of images whose shape, size or colour changes on the way to the form of the set."""
    size, channels, fit = form
    for place in np.flatnonzero(kept):
        file, (width, height) = originals.files[place], originals.sizes[place]
        if width != height:
            ledger.add("converted", SHAPES[fit], file)
        if max(width, height) < size:
            ledger.add("converted", f"enlarged to {size} pixels", file)
        if max(width, height) > size:
            ledger.add("converted", f"reduced to {size} pixels", file)
        if channels == 1 and originals.coloured[place]:
            ledger.add("converted", "colour made grey", file)
        if channels == 3 and originals.images[place].shape[-1] == 1:
            ledger.add("converted", "grey made three equal channels", file)


def _sources(originals: Originals, person: str | None, kept: np.ndarray) -> int | None:
    if person is None:
        return None
    texts = np.array(originals.columns[person], dtype=object)[kept]
    return len(set(texts.tolist()) - {""}) + int((texts == "").sum())


def _sizes(sizes: np.ndarray) -> tuple[tuple[int, int, int], ...]:
    counts = Counter((int(w), int(h)) for w, h in sizes)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple((w, h, count) for (w, h), count in ranked[:MOST_SIZES])


def _origins(source: Source, label: str, person: str | None) -> tuple[str, ...]:
    """In words, which columns of a table of labels were taken."""
    if source.layout.get("labels") != "table":
        return ()
    sources = "no column of sources" if person is None else f"sources from column {person!r}"
    return f"classes from column {label!r}", sources


def _choices(originals: Originals, kept: np.ndarray, size: int, channels: int, spec: RunSpec) -> tuple[str, ...]:
    """In words, how size and channels were chosen."""
    middle = int(np.median(originals.sizes[kept].max(axis=1)))
    sized = "as asked for" if spec.images.size else f"the middle image's longer side is {middle}"
    coloured = int(originals.coloured[kept].sum())
    told = "as asked for" if spec.images.channels else f"{coloured} of {int(kept.sum())} images have colour"
    kind = "colour" if channels == 3 else "grey"
    return (f"{size} x {size} pixels: {sized}", f"{kind}: {told}")
