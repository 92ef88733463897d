"""Whether the hold-out can be a control at all: people who are in the training part as well are no unseen people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from synthgen.contracts import Split
from synthgen.measures.measure import wilson

MOST_SEEN = 0.5


def refusal(split: Split, schema: Any) -> str:
    """Why attacks have no control: more than half of the hold-out's rows are training rows beyond chance; else empty.

    Chance is how often a training row has a twin in the training part, which is what an unseen row would meet. The
    share of hold-out rows with a twin enters by the lower end of its interval.
    """
    names = [c.name for c in schema.modelled if c.name in split.train.columns and c.name in split.holdout.columns]
    if not names or not len(split.train) or not len(split.holdout):
        return ""
    train, held = (row_keys(frame[names]) for frame in (split.train, split.holdout))
    known, times = np.unique(train, return_counts=True)
    chance = float(times[times > 1].sum()) / len(train)
    met = wilson(float(np.isin(held, known).sum()), len(held)).low
    if met - chance <= MOST_SEEN * (1 - chance):
        return ""
    return (
        "More than half of the hold-out's rows are rows of the training part, beyond what chance makes equal: it is"
        " no control. Give rows that the generator never saw."
    )


def row_keys(frame: pd.DataFrame) -> np.ndarray:
    """One 64-bit number per row; equal rows have equal numbers, missing cells are equal."""
    plain = {i: frame[c].map(str) if frame[c].dtype == object else frame[c] for i, c in enumerate(frame)}
    return pd.util.hash_pandas_object(pd.DataFrame(plain), index=False).to_numpy()
