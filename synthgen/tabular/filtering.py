"""Rows dropped after drawing: near copies of training rows, and outliers; others are drawn in their place.

Both edges come from validation rows, never from the hold-out, which stays unseen for the scores. Dropping near copies
is no protection that can be proven: it leaves holes around real people, and holes show to whoever draws often (Ganev
and De Cristofaro 2023, arXiv 2312.05114; "The DCR Delusion", arXiv 2505.01524). It reads training rows while sampling,
so it is refused under differential privacy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from synthgen.contracts import FitData
from synthgen.errors import SpecError
from synthgen.runtime import RunContext
from synthgen.tabular.metrics.distances import space
from synthgen.tabular.metrics.tables import MOST_COLUMNS, Tables, cut, kinds, plain, sample

FEWEST = 20  # validation rows
NEAR, FAR = 0.01, 0.995  # quantiles of the validation rows' distances
NEIGHBOR = 5  # an outlier is far from its fifth nearest training row (Ramaswamy et al. 2000)
TIE = 1e-4  # squared distances that differ by less are equal: single precision
MOST_CELLS = 60_000_000  # of the training rows' vectors: 240 MB
BLOCK_CELLS = 8_000_000  # of one block of distances: 32 MB
WORDS = {
    "near_copies": "they lay nearer to a training row than 99 % of validation rows do",
    "outliers": "they lay further from their fifth nearest training row than 99.5 % of validation rows do",
}
HOLES = (
    "dropping near copies leaves holes around real people, which can be seen in turn: it proves nothing, and the "
    "attacks on this set tell what it is worth"
)


@dataclass
class Sieve:
    """What is caught among typed rows, and how many rows were: `dropped` and drawn again, or `left` in the end.

    `edges` are squared distances; `reference` are the training rows as vectors [rows, dimensions].
    """

    edges: Mapping[str, float]
    vectors: Callable[[pd.DataFrame], np.ndarray]
    reference: np.ndarray
    remarks: tuple[str, ...] = ()
    rows: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)

    def catches(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """By what is to be dropped, the rows (mask) of a typed frame that are."""
        away = nearest_few(self.reference, self.vectors(frame))
        found = {"near_copies": away[:, 0] < self.edges.get("near_copies", 0.0) - TIE}
        found["outliers"] = away[:, -1] > self.edges.get("outliers", math.inf) + TIE
        return {what: found[what] for what in self.edges}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the set should know."""
        told = [f"{self.dropped.get(w, 0):,} rows were dropped and drawn again because {WORDS[w]}" for w in self.edges]
        told += [f"{n:,} rows stay although {WORDS[w]}: no others came out" for w, n in self.left.items()]
        return (*told, *([HOLES] if "near_copies" in self.edges else []), *self.remarks)

    def told(self) -> dict[str, Any]:
        """The same as data: rows of the set, rows dropped and rows left, by what was to be dropped."""
        return {
            "rows": self.rows,
            "dropped": {w: self.dropped.get(w, 0) for w in self.edges},
            "left": {w: self.left.get(w, 0) for w in self.edges},
        }


def learn(data: FitData, schema: Any, drop: Sequence[str], ctx: RunContext) -> Sieve:
    """A sieve for one draw. Raises SpecError where there are too few validation rows to set an edge."""
    if len(data.validation) < FEWEST:
        raise SpecError(
            f"Rows can only be dropped by what {FEWEST} or more validation rows show; there are "
            f"{len(data.validation)}.",
            "Leave `drop` out, or give more rows.",
        )
    discrete, numeric = cut(kinds(schema, data.train, data.validation), MOST_COLUMNS, schema.target, ctx)
    train, unseen = (plain(f, discrete, numeric) for f in (data.train, data.validation))
    to = space(Tables(discrete, numeric, train, unseen, unseen, (data.train, data.validation, data.validation)))
    most = max(1, MOST_CELLS // max(1, to(train.head(1)).shape[1]))
    reference = to(sample(train, most, ctx.rng("reference")))
    away = nearest_few(reference, to(unseen))
    edges = {"near_copies": _edge(away[:, 0], NEAR), "outliers": _edge(away[:, -1], FAR)}
    remarks = []
    if "near_copies" in drop and edges["near_copies"] <= TIE:
        remarks.append("1 % of validation rows equal a training row, so that no row counts as a near copy")
    if len(train) > most:
        remarks.append(f"rows were compared with {most:,} of the {len(train):,} training rows")

    def vectors(frame: pd.DataFrame) -> np.ndarray:
        return to(plain(frame, discrete, numeric))

    return Sieve({what: edges[what] for what in dict.fromkeys(drop)}, vectors, reference, tuple(remarks))


def _edge(values: np.ndarray, share: float) -> float:
    """The order statistic at `share` of the values: never a point between two."""
    place = min(len(values), max(1, math.ceil(share * (len(values) + 1))))
    return float(np.sort(values)[place - 1])


def nearest_few(reference: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Squared distances (rows, at most NEIGHBOR) of each of `others` to its nearest rows of `reference`, in order."""
    few = min(NEIGHBOR, len(reference))
    norms, out = (reference**2).sum(axis=1), np.empty((len(others), few), dtype=np.float32)
    size = max(16, BLOCK_CELLS // len(reference))
    for start in range(0, len(others), size):
        block = others[start : start + size]
        squared = norms[None, :] - 2 * block @ reference.T
        near = np.argpartition(squared, few - 1, axis=1)[:, :few]
        for place in range(few):  # differences, not norms: exact zero for a copy
            out[start : start + len(block), place] = ((block - reference[near[:, place]]) ** 2).sum(axis=1)
    return np.sort(out, axis=1)
