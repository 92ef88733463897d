"""What inference looks at in one column, and the record of what it finds there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from synthgen.spec import ColumnKind
from synthgen.tabular import cells
from synthgen.tabular.schema import Column

KINDS: dict[str, str] = {"integer": "whole number", "number": "number", "datetime": "date and time", "code": "code"}


@dataclass(frozen=True)
class Cells:
    """What inference looks at: the filled distinct values of a column and how often each occurs."""

    name: str
    values: list[str]
    counts: np.ndarray
    rows: int
    dtype: str
    k: int
    missing: tuple[str, ...]
    marked: bool = True  # texts among numbers and dates may be kept: their owner says nothing of categories

    @property
    def filled(self) -> int:
        """How many cells are filled."""
        return int(self.counts.sum())

    @property
    def unique(self) -> bool:
        """Whether no two filled cells are equal."""
        return bool(len(self.counts)) and int(self.counts.max()) == 1

    def share(self, mask: Sequence[bool] | np.ndarray) -> float:
        """The share of filled cells whose value is in `mask`."""
        return float(self.counts[np.asarray(mask, bool)].sum()) / max(1, self.filled)

    def without(self, tokens: Sequence[str]) -> Cells:
        """The same column with `tokens` read as missing."""
        keep = ~cells.missing_mask(self.values, tokens)
        values = [value for value, kept in zip(self.values, keep, strict=True) if kept]
        return replace(self, values=values, counts=self.counts[keep], missing=(*self.missing, *tokens))

    def without_number_tokens(self) -> Cells:
        """The same column with what means "missing" among numbers and dates read so."""
        tokens = cells.missing_among_numbers(self.values)
        return self.without(tokens) if tokens else self


def record(found: Cells, kind: ColumnKind, reason: str, **fields: Any) -> Column:
    """The column record of a kind, with the missing tokens that were read."""
    return Column(name=found.name, kind=kind, reason=reason, missing_tokens=tuple(found.missing), **fields)
