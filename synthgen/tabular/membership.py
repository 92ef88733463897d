"""Who belongs to which group: rows x groups of bits, eight to a byte; 63 MB for a million rows in 500 groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from synthgen.tabular import modes

PART = 65_536  # rows looked at in one go


class Membership:
    """A read-only boolean array (rows, groups) that is read by rows, or by columns as `[:, groups]`."""

    def __init__(self, bits: np.ndarray, groups: int) -> None:
        self.bits, self.shape = bits, (len(bits), groups)

    @classmethod
    def of(cls, groups: Sequence[Any], frame: pd.DataFrame) -> Membership:
        """The rows of a typed frame that belong to each of `groups`, found a part of the rows at a time."""
        parts = [
            np.packbits(modes.membership(groups, frame.iloc[i : i + PART]), axis=0, bitorder="little").T
            for i in range(0, max(len(frame), 1), PART)
        ]
        return cls(np.ascontiguousarray(np.concatenate(parts)), len(groups))

    def __len__(self) -> int:
        return len(self.bits)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Rows by slice, numbers or mask: (rows, groups); `[:, number]`: (rows,); `[:, numbers]`: (rows, numbers)."""
        if isinstance(key, tuple):
            rows, groups = key
            number = np.arange(self.shape[1])[groups]
            return (self.bits[rows][:, number >> 3] >> (number & 7) & 1).astype(bool)
        return np.unpackbits(self.bits[key], axis=1, count=self.shape[1], bitorder="little").view(bool)

    def sum(self) -> np.ndarray:
        """Rows in each group."""
        parts = [self[i : i + PART].sum(0) for i in range(0, max(len(self), 1), PART)]
        return np.sum(parts, axis=0)
