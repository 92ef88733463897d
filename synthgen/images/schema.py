"""What a set of images is read as: size, channels, classes, and what was converted, left out or refused, and why."""

from __future__ import annotations

from typing import Literal

from synthgen.contracts import Record

CLASS = "class"  # the one column that a request may fix, balance or give targets for


class Finding(Record):
    """What happened to so many files and why; `files` are the first few names, for those who may see the source."""

    what: Literal["converted", "refused", "left out", "duplicate"]
    reason: str
    count: int
    files: tuple[str, ...] = ()


class ImageSchema(Record):
    """What every image of a set is like.

    `classes` are the names in order, `counts` images of the source per class. `fit` says how images of other sizes are
    brought to `height` x `width`; `person` names what keeps images of one patient or source together in the split
    (empty: none was given). `sizes` are the commonest sizes of the source as (width, height, images).
    """

    height: int
    width: int
    channels: Literal[1, 3]
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    k_floor: int = 10
    fit: Literal["pad", "stretch", "crop"] = "pad"
    person: str | None = None
    columns: tuple[str, ...] = ()  # names that a table of labels has, any of which may be chosen as class or person
    sources: int | None = None
    sizes: tuple[tuple[int, int, int], ...] = ()
    duplicates: int = 0  # images that are near duplicates of another; each cluster of them stays on one side
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    layout: dict[str, str] = {}

    @property
    def target(self) -> str:
        """The column that a balanced mix balances."""
        return CLASS

    def place(self, name: str) -> int:
        """The number of a class. Raises ValueError if there is none of that name."""
        return self.classes.index(name)


def load(text: str) -> ImageSchema:
    """The schema from its JSON."""
    return ImageSchema.model_validate_json(text)
