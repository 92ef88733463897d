"""Any generator's images as a scorecard: real, synthetic and unseen images in, an answer per metric out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from synthgen import catalog, pipeline
from synthgen.contracts import Generator, Scorecard, Source, Status
from synthgen.errors import InputError
from synthgen.pipeline import Prepared
from synthgen.runtime import Event, RunContext, ignore
from synthgen.spec import GroupTarget, ImageOptions, RunSpec, SampleSpec, checked

GIVEN = "given"  # name of the generator where only its output is known
NEEDED = "No real images were given that the generator never saw, so copying cannot be told from chance."
NO_HOLDOUT = (
    "No hold-out was given: a fifth of the real images took its place, which the generator may have seen. Nothing is "
    "said about privacy."
)


@dataclass(frozen=True)
class LabelledImages:
    """Images, uint8 (n, height, width, channels), and the name of each one's class."""

    images: np.ndarray
    labels: list[str]

    def __len__(self) -> int:
        return len(self.labels)


Images = LabelledImages | str | Path


def score_images(
    real: Images,
    synthetic: Images,
    holdout: Images | None = None,
    seed: int = 0,
    k_floor: int = 10,
    size: int | None = None,
    listener: Callable[[Event], None] = ignore,
    features: str | Path | None = None,
    label: str | None = None,
    person: str | None = None,
) -> Scorecard:
    """Score any generator's images: `real` is what it was trained on, `holdout` real images it never saw.

    Each is a folder, zip, .npz or `LabelledImages`; all are brought to one size (None: chosen from the real ones).
    `features` is a TorchScript network to look through (`synthgen.images.metrics.given`). `label` and `person` name the
    columns of a table of labels that hold the class and the source; None: found by their names. Raises SynthgenError
    where they cannot be compared at all.
    """
    share = 0.2 if holdout is None else 0.0
    form = checked(ImageOptions, size=size, label=label, person=person)
    spec = checked(RunSpec, modality="images", seed=seed, k_floor=k_floor, holdout_share=share, images=form)
    ctx = RunContext(seed=seed, listener=listener, features=None if features is None else Path(features))
    prepared = pipeline.prepare(source_of(real), spec, ctx)
    card = score_prepared(prepared, source_of(synthetic), None if holdout is None else source_of(holdout), spec, ctx)
    return card if holdout is not None else _without_privacy(card)


def score_prepared(
    prepared: Prepared,
    synthetic: Source,
    holdout: Source | None,
    spec: RunSpec,
    ctx: RunContext,
    generator: Generator | None = None,
) -> Scorecard:
    """The scorecard of a synthetic source beside a hold-out (None: that of the split)."""
    modality, schema = catalog.modality("images"), prepared.schema
    split = prepared.split
    if holdout is not None:
        held, people = modality.call("alike", holdout, schema)
        split = replace(split, holdout=held, holdout_people=people)
    stack, _ = modality.call("alike", synthetic, schema)
    request, notes = (SampleSpec(), []) if generator is not None else _as_given(stack, split.train, schema.classes)
    name = GIVEN if generator is None else generator.name
    with tempfile.TemporaryDirectory() as scratch:
        found = modality.call("write", iter([stack]), schema, Path(scratch), request, name, notes)
        return pipeline.score(replace(prepared, split=split), found, spec, ctx, generator)


def _as_given(stack: Any, train: Any, classes: Sequence[str]) -> tuple[SampleSpec, list[str]]:
    """The request that a set from elsewhere counts as, since nobody knows what was asked for, and a note on it.

    Its own counts; a class that it lacks was asked for by its share of the training images.
    """
    counts, shares = stack.counts(len(classes)), train.counts(len(classes)) / max(len(train), 1)
    wanted = np.where(counts > 0, counts, np.ceil(shares * len(stack))).astype(int)
    targets = [GroupTarget(where={"class": name}, rows=int(n)) for name, n in zip(classes, wanted, strict=True) if n]
    lacking = int(((counts == 0) & (wanted > 0)).sum())
    note = "What was asked for is not known: each class is expected as often as it came"
    note += f"; {lacking} absent classes by their share of the training images." if lacking else "."
    return SampleSpec(targets=tuple(targets)), [note]


def source_of(images: Any, labels: Any = None, sources: Any = None) -> Source:
    """A path, or images with their labels, as a source. Raises InputError."""
    modality = catalog.modality("images")
    if isinstance(images, LabelledImages):
        images, labels = images.images, images.labels
    if isinstance(images, str | Path):
        if labels is not None:
            raise InputError("Labels were given beside a path.", "Put the labels into the file, or give arrays.")
        found: Source = modality.call("read", Path(images))
        return found
    if labels is None:
        raise InputError("Images were given without labels.", "Give the class of every image.")
    made: Source = modality.call("from_memory", images, labels, sources)
    return made


def _without_privacy(card: Scorecard) -> Scorecard:
    """The card with every score of privacy unknown: nobody unseen was there to compare with."""
    blank = {
        "status": Status.INSUFFICIENT,
        "reason": NEEDED,
        "value": None,
        "holdout": None,
        "interval": None,
        "figures": (),
        "groups": (),
        "p_value": None,
        "attempts": None,
        "baseline": None,
    }
    found = (r.model_copy(update=blank) if r.family == "privacy" else r for r in card.results)
    return card.model_copy(update={"results": tuple(found), "notes": (*card.notes, NO_HOLDOUT)})
