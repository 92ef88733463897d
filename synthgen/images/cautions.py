"""What the owner of images is told before training: files that were not taken, and classes too small to be sure of."""

from __future__ import annotations

from typing import Any

import numpy as np

from synthgen.contracts import Source, Split
from synthgen.images.modes import people_of
from synthgen.images.schema import ImageSchema
from synthgen.spec import RunSpec

FEW = 30  # training images of a class; with fewer no score can tell whether made ones keep to them


def cautions(source: Source, split: Split, schema: ImageSchema, spec: RunSpec) -> tuple[str, ...]:
    """One line for each reason that files were not taken for, and for each small class; no file name.

    Every class of a schema has at least k people, so it may be named.
    """
    left = [f for f in schema.findings if f.what in ("refused", "left out")]
    told = [f"Reading: {f.count:,} {f.what}: {f.reason}" for f in left]  # files that are no images are among them
    return (
        *told,
        *(_of_class(split, place, name) for place, name in enumerate(schema.classes) if _small(split, place)),
    )


def _small(split: Split, place: int) -> bool:
    return int((split.train.labels == place).sum()) < FEW


def _of_class(split: Split, place: int, name: str) -> str:
    inside = split.train.labels == place
    owners: Any = people_of(split.train, split.train_people)
    people = len(np.unique(owners[inside]))
    return (
        f"Class {name!r}: {int(inside.sum())} images of {people} sources are trained on. So few are easily kept to, "
        f"and below {FEW} the scores cannot tell: look at the closest pairs before you release it."
    )
