"""Which rows of a set came before: eight bytes a row, and a look-up that hardly slows down as the set grows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass
class Remembered:
    """Hashes (uint64) of rows without a missing cell, in sorted runs, each more than twice as long as the next.

    Rows that differ share a hash once in 2^64 pairs: such a row is drawn again in vain, but no repeat is missed.
    """

    runs: list[np.ndarray] = field(default_factory=list)

    def repeats(self, cells: pd.DataFrame) -> np.ndarray:
        """Boolean array: the rows of typed columns that were added before."""
        found, filled = np.zeros(len(cells), dtype=bool), cells.notna().all(axis=1).to_numpy()
        wanted = _hashes(cells[filled]) if self.runs else np.zeros(0, dtype=np.uint64)
        for run in self.runs:
            place = np.minimum(np.searchsorted(run, wanted), len(run) - 1)
            found[filled] |= run[place] == wanted
        return found

    def add(self, cells: pd.DataFrame) -> None:
        """Remember these rows. Each is merged into a run twice as long at most as often as the set doubles."""
        fresh = np.sort(_hashes(cells[cells.notna().all(axis=1).to_numpy()]))
        while self.runs and len(self.runs[-1]) <= 2 * len(fresh):
            fresh = np.sort(np.concatenate([self.runs.pop(), fresh]), kind="stable")
        if len(fresh):
            self.runs.append(fresh)


def _hashes(cells: pd.DataFrame) -> np.ndarray:
    """One uint64 a row, the same for cells that are equal, whatever dtype holds them."""
    plain = {i: _plain(cells.iloc[:, i]) for i in range(cells.shape[1])}
    return pd.util.hash_pandas_object(pd.DataFrame(plain), index=False).to_numpy(np.uint64)


def _plain(values: pd.Series) -> np.ndarray:
    if values.dtype.kind == "M":
        return values.to_numpy("datetime64[us]")
    if pd.api.types.is_numeric_dtype(values.dtype):
        return np.asarray(values.to_numpy(float) + 0.0)  # no negative zero
    return values.to_numpy(object)
