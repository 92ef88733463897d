"""SMOTE-NC (Chawla et al. 2002, imbalanced-learn) as a generator: it copies real people; benchmark only.

Every row it makes lies between a real person and one of that person's nearest neighbours, and the model is the training
rows themselves. It is here because augmentation and utility must be compared with it; the rules against copies of the
standard policy block its sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch

from synthgen.contracts import FitData, Group
from synthgen.errors import SpecError
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.tabular import plain
from synthgen.tabular.coded import Coded
from synthgen.tabular.params import SmoteParams
from synthgen.training.checkpoint import State

CHUNK, BLOCK = 8192, 100_000


class SmoteNC(Coded):
    """Rows between neighbours of the same class, as many of each class as in the data."""

    name: ClassVar[str] = "smote_nc"
    capabilities: ClassVar[frozenset[str]] = frozenset({"follow"})
    params_class: ClassVar[type[SmoteParams]] = SmoteParams
    format: ClassVar[int] = 2

    def __init__(self, params: SmoteParams = SmoteParams()) -> None:
        self.params = params

    def fit(self, data: FitData, schema: Any, groups: Sequence[Group], ctx: RunContext) -> Self:
        """Keep the training rows; validation and groups play no part."""
        ctx.check_stop()
        self._encode(data, schema, 100)
        frame, discrete = plain.opened(data.train, self.encoding)
        self.columns = list(frame.columns)
        self.discrete = [self.columns.index(name) for name in discrete]
        self.records = frame.to_numpy(float)
        self.classes = _classes(frame, schema.target, discrete)
        return self

    def sample(self, spec: SampleSpec, rows: int, ctx: RunContext) -> Iterator[pd.DataFrame]:
        """Typed chunks. Raises SpecError for conditions and balance."""
        if spec.fixed or spec.targets or spec.balance or spec.mix != "data":
            raise SpecError(
                "SMOTE-NC as a generator keeps the data's classes.", "Use the autoregressive GAN for wishes."
            )
        rng = ctx.rng(f"sample/{spec.seed}")
        for start in range(0, rows, BLOCK):
            made = self._block(min(BLOCK, rows - start), rng, ctx)
            for first in range(0, len(made), CHUNK):
                part = made[first : first + CHUNK]
                yield plain.closed({name: part[:, i] for i, name in enumerate(self.columns)}, self.encoding, rng)

    def report(self) -> Mapping[str, Any]:
        """Nothing is trained: the rows are kept."""
        return {"stages": [], "columns": len(self.encoding.columns), "copies_real_people": True}

    def _state(self) -> State:
        tensors = {"records": torch.from_numpy(self.records), "classes": torch.from_numpy(self.classes)}
        return State(tensors, {"columns": self.columns, "discrete": self.discrete})

    def _restore(self, state: State, device: str) -> None:
        self.columns, self.discrete = state.facts["columns"], state.facts["discrete"]
        self.records, self.classes = state.tensors["records"].numpy(), state.tensors["classes"].numpy()

    def _block(self, rows: int, rng: np.random.Generator, ctx: RunContext) -> np.ndarray:
        """Rows (rows, columns) in random order, each class in proportion."""
        counts = np.bincount(self.classes)
        wanted = np.diff(np.floor(np.concatenate([[0], np.cumsum(counts) / counts.sum() * rows]) + 1e-9).astype(int))
        parts = []
        for number, want in enumerate(wanted):
            ctx.check_stop()
            if want:
                inside = self.classes == number
                parts.append(between(self.records, inside, int(want), self.discrete, self.params.neighbors, rng))
        return rng.permutation(np.concatenate(parts))


def between(
    records: np.ndarray,
    inside: np.ndarray,
    want: int,
    discrete: Sequence[int],
    neighbors: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """`want` rows between those records (rows, columns) that are `inside` (mask) and their neighbours among them.

    `discrete` are the indices of discrete columns. A class of one row can only be repeated.
    """
    from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC

    count = int(inside.sum())
    if count < 2:
        return np.repeat(records[inside], want, axis=0)
    settings: dict[str, Any] = {
        "k_neighbors": min(neighbors, count - 1),
        "sampling_strategy": {1: count + want},
        "random_state": int(rng.integers(2**31)),
    }
    others = ~inside if not inside.all() else np.zeros(len(records), bool)
    table = np.concatenate([records[inside], records[others] if others.any() else records[:1]])
    classes = np.r_[np.ones(count, int), np.zeros(len(table) - count, int)]
    if len(discrete) == records.shape[1]:
        sampler = SMOTEN(**settings)
    else:
        sampler = SMOTENC(categorical_features=list(discrete), **settings) if discrete else SMOTE(**settings)
    made, _ = sampler.fit_resample(table, classes)
    return np.asarray(made, dtype=float)[len(table) :]


def _classes(frame: pd.DataFrame, target: str | None, discrete: Sequence[str]) -> np.ndarray:
    """The class of each row: levels of a discrete target, halves of a number, one class where there is no target."""
    if target is None or target not in frame:
        return np.zeros(len(frame), dtype=np.int64)
    if target in discrete:
        return np.unique(frame[target], return_inverse=True)[1].astype(np.int64)
    return (frame[target] > frame[target].median()).to_numpy(np.int64)
