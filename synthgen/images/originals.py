"""What was read of a set of images before any interpretation, and the account of what was done to read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from synthgen.images.schema import Finding

MOST_NAMED = 5

What = Literal["converted", "refused", "left out", "duplicate"]


@dataclass(frozen=True)
class Originals:
    """Decoded images with what is known of each; all sequences are of one length.

    `images` are uint8 (height, width, 1 or 3), the longer side reduced while decoding; `sizes` are their (width,
    height) as they came, (n, 2). `columns` holds texts per image: labels, sources and what else a table of labels says;
    `label` and `person` name the columns taken for class and source. `coloured`: which images have colour, (n,) bool.
    `clusters`: a number per image that near duplicates share, (n,).
    """

    images: tuple[np.ndarray, ...]
    files: tuple[str, ...]
    sizes: np.ndarray
    columns: Mapping[str, tuple[str, ...]]
    label: str
    person: str | None
    coloured: np.ndarray
    clusters: np.ndarray
    findings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.images)


@dataclass
class Ledger:
    """Counts what happened to files, by reason, while a set is read; the first few names of each are kept."""

    entries: dict[tuple[What, str], list[str]] = field(default_factory=dict)

    def add(self, what: What, reason: str, file: str) -> None:
        """One more file of this kind."""
        self.entries.setdefault((what, reason), []).append(file)

    def findings(self) -> tuple[Finding, ...]:
        """What was counted, refusals first, then by number of files."""
        made = [
            Finding(what=what, reason=reason, count=len(names), files=tuple(sorted(names)[:MOST_NAMED]))
            for (what, reason), names in self.entries.items()
        ]
        return ranked(made)


def ranked(findings: list[Finding]) -> tuple[Finding, ...]:
    """Refusals first, then what was left out, duplicates, conversions; within each by number of files."""
    order = ("refused", "left out", "duplicate", "converted")
    return tuple(sorted(findings, key=lambda f: (order.index(f.what), -f.count, f.reason)))
