"""anonymeter's nearest-neighbour search, a block of people at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synthgen.runtime import RunContext

BLOCK = 2_000  # people searched for between two looks at the stop signal


def nearest(people: pd.DataFrame, rows: pd.DataFrame, k: int, ctx: RunContext) -> np.ndarray:
    """Places of the `k` nearest `rows` of each of `people`, the nearest first: integers (people, k)."""
    import anonymeter.evaluators  # noqa: F401  its modules import one another and must be entered here
    from anonymeter.neighbors.mixed_types_kneighbors import MixedTypeKNeighbors

    found = []
    for start in range(0, len(people), BLOCK):
        ctx.check_stop()
        search = MixedTypeKNeighbors(n_neighbors=min(k, len(rows)), n_jobs=-1).fit(rows)
        found.append(search.kneighbors(people.iloc[start : start + BLOCK]))
    return np.concatenate(found).astype(np.int64)
