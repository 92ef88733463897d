"""Baselines over the same codes as the GAN: a score says little unless a poor generator's score stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from synthgen.contracts import FitData, Group
from synthgen.runtime import RunContext
from synthgen.tabular.coded import Factored
from synthgen.tabular.params import IndependentParams


class IndependentColumns(Factored):
    """Every column drawn from its own distribution: right margins, no risk to speak of.

    No relation between columns is learnt; what other columns determine is looked up and worked out as always.
    """

    name: ClassVar[str] = "independent"
    capabilities: ClassVar[frozenset[str]] = Factored.capabilities | {"log_prob"}
    params_class: ClassVar[type[IndependentParams]] = IndependentParams

    def __init__(self, params: IndependentParams = IndependentParams()) -> None:
        self.params = params

    def fit(self, data: FitData, schema: Any, groups: Sequence[Group], ctx: RunContext) -> Self:
        """Count the levels of every column of the training rows; groups play no part."""
        ctx.check_stop()
        self._count(data, schema, self.params.bins)
        return self

    def log_prob(self, frame: pd.DataFrame) -> np.ndarray:
        """`log q(x)` of each record of a typed frame, over the codes; half a row stands in for a level never seen."""
        codes, floor = self.encoding.encode(frame), 1e-6
        return np.sum([np.log(np.maximum(s, floor))[codes[:, i]] for i, s in enumerate(self.shares)], axis=0)

    def _factor(self, column: int, codes: np.ndarray) -> np.ndarray:
        return np.tile(self.shares[column], (len(codes), 1))

    def _draw(self, given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        out = given.copy()
        for i, share in enumerate(self.shares):
            free = given[:, i] < 0
            out[free, i] = rng.choice(len(share), size=int(free.sum()), p=share / share.sum())
        return out
