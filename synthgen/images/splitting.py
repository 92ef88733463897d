"""Train, validation, hold-out: sources and near duplicates stay together, every class is in every part where it can be.

Groups are dealt out as in Sechidis et al. 2011 (iterative stratification, section 3.2): the rarest class first, each
group to the part that lacks the largest share of what it should get.
"""

from __future__ import annotations

import numpy as np

from synthgen.contracts import Source, Split
from synthgen.images import forming
from synthgen.images import people as grouping
from synthgen.images.originals import Originals
from synthgen.images.schema import ImageSchema
from synthgen.images.stack import ImageStack
from synthgen.runtime import RunContext
from synthgen.spec import RunSpec

TRAIN, VALIDATION, HOLDOUT = 0, 1, 2


def split(source: Source, schema: ImageSchema, spec: RunSpec, ctx: RunContext) -> Split:
    """Stacks of the schema's form for the three parts, and which person each image belongs to."""
    originals: Originals = source.data
    labels = grouping.labels(originals, schema.layout.get("label", originals.label), schema.classes)
    kept = np.flatnonzero(labels >= 0)
    people = grouping.people(originals, schema.person)[kept]
    people = np.unique(people, return_inverse=True)[1].astype(np.int64)
    held = _held(people, labels[kept], len(schema.classes))
    part = assign(held, _shares(spec), ctx.at("split").rng("assign"))[people]
    pixels = forming.stacked([originals.images[place] for place in kept], schema)
    whole = ImageStack(pixels, labels[kept])
    train, validation, holdout = (part == number for number in (TRAIN, VALIDATION, HOLDOUT))
    stacks = whole.take(train), whole.take(validation), whole.take(holdout)
    return Split(*stacks, people[train], people[validation], people[holdout])


def _held(people: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Images per person and class, (people, classes)."""
    held = np.zeros((int(people.max(initial=-1)) + 1, classes), dtype=np.int64)
    np.add.at(held, (people, labels), 1)
    return held


def _shares(spec: RunSpec) -> np.ndarray:
    return np.array([1 - spec.validation_share - spec.holdout_share, spec.validation_share, spec.holdout_share])


def assign(held: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The part of each person, (people,): `held` are its images per class, `shares` what each part gets."""
    part = np.full(len(held), -1, dtype=np.int64)
    wanted = shares[:, None] * held.sum(axis=0)
    wanted[1:] = np.where(shares[1:, None] > 0, np.maximum(1, np.rint(wanted[1:])), 0)
    need = wanted.astype(float)
    for place in np.argsort((held > 0).sum(axis=0), kind="stable"):
        waiting = np.flatnonzero((held[:, place] > 0) & (part < 0))
        for person in rng.permutation(waiting):
            part[person] = _part_for(held[person, place], need[:, place], wanted[:, place])
            need[part[person]] -= held[person]
    _fill_gaps(part, held, shares, rng)
    return part


def _part_for(images: int, need: np.ndarray, wanted: np.ndarray) -> int:
    """The part that lacks the largest share of the class and would not get far too many; else training."""
    fits = (need >= images / 2) & (wanted > 0)
    lacking = np.where(fits, need / np.maximum(wanted, 1), -1.0)
    lacking[TRAIN] = max(lacking[TRAIN], 0.0)
    return int(np.argmax(lacking))


def _fill_gaps(part: np.ndarray, held: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> None:
    """Give every part that should have images one person of each class it lacks, if others are left in training."""
    for place in range(held.shape[1]):
        for number in (TRAIN, HOLDOUT, VALIDATION):
            owners = np.flatnonzero(held[:, place] > 0)
            if shares[number] <= 0 or (part[owners] == number).any():
                continue
            giving = [giver for giver in (TRAIN, HOLDOUT, VALIDATION) if (part[owners] == giver).sum() > 1]
            if giving:
                candidates = rng.permutation(owners[part[owners] == giving[0]])
                part[candidates[np.argmin(held[candidates].sum(axis=1))]] = number
