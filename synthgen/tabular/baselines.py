"""Baselines over the same codes as the GAN: a score says little unless a poor generator's score stands beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch

from synthgen.contracts import FitData, Group
from synthgen.errors import InputError
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.tabular import encoding
from synthgen.tabular.allowed import FREE, Allowed
from synthgen.tabular.constraints import NO_RULES, Rules
from synthgen.tabular.drawing import Drawer
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.params import IndependentParams
from synthgen.training import checkpoint

FORMAT = 1


class IndependentColumns:
    """Every column drawn from its own distribution: right margins, no relation between columns, no risk to speak of."""

    name: ClassVar[str] = "independent"
    capabilities: ClassVar[frozenset[str]] = frozenset({"log_prob", "condition", "balance", "constrain", "impute"})

    def __init__(self, params: IndependentParams = IndependentParams()) -> None:
        self.params = params

    @classmethod
    def parameters(cls) -> type[IndependentParams]:
        """The params class."""
        return IndependentParams

    def fit(self, data: FitData, schema: Any, groups: Sequence[Group], ctx: RunContext) -> Self:
        """Count the levels of every column of the training rows; groups play no part."""
        ctx.check_stop()
        self.encoding = encoding.fit(data.train, schema.modelled, data.train_people, schema.k_floor, self.params.bins)
        self.target = schema.target
        codes = self.encoding.encode(data.train)
        self.shares = [np.bincount(codes[:, i], minlength=n) / len(codes) for i, n in enumerate(self.encoding.sizes)]
        return self

    def sample(self, spec: SampleSpec, rows: int, ctx: RunContext, rules: Rules = NO_RULES) -> Iterator[pd.DataFrame]:
        """Typed chunks; fixed values are kept, and tell nothing about the other columns."""
        return self._drawer().chunks(spec, rows, ctx, rules)

    def sample_given(self, fixed: pd.DataFrame, ctx: RunContext, allowed: Allowed = FREE) -> pd.DataFrame:
        """One row for each row of `fixed`, a typed frame of some of the columns, whose cells are kept exactly."""
        return self._drawer().given(fixed, ctx.rng("sample_given"), allowed)

    def impute(self, frame: pd.DataFrame, gaps: np.ndarray, ctx: RunContext, rules: Rules = NO_RULES) -> pd.DataFrame:
        """A typed frame with the cells of `gaps` (rows, columns) drawn; the other cells tell nothing about them."""
        return self._drawer().filled(frame, gaps, ctx.rng("impute"), rules)

    def log_prob(self, frame: pd.DataFrame) -> np.ndarray:
        """`log q(x)` of each record of a typed frame, over the codes; half a row stands in for a level never seen."""
        codes, floor = self.encoding.encode(frame), 1e-6
        return np.sum([np.log(np.maximum(s, floor))[codes[:, i]] for i, s in enumerate(self.shares)], axis=0)

    def report(self) -> Mapping[str, Any]:
        """Nothing is trained."""
        return {"stages": [], "columns": len(self.encoding.columns)}

    def save(self, directory: Path) -> None:
        """Write shares and encoding to `directory`."""
        tensors = {f"shares/{i}": torch.from_numpy(s) for i, s in enumerate(self.shares)}
        facts = {
            "format": FORMAT,
            "generator": self.name,
            "params": self.params.model_dump(mode="json"),
            "encoding": self.encoding.model_dump(mode="json"),
            "target": self.target,
        }
        checkpoint.write(checkpoint.State(tensors, facts), Path(directory))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """The generator that `save` wrote. Raises InputError when there is none or it is damaged."""
        state = checkpoint.read(Path(directory))
        if state is None or state.facts.get("generator") != cls.name or state.facts.get("format") != FORMAT:
            raise InputError("The folder holds no model of this generator and format.", "Fit one first.")
        made = cls(IndependentParams(**state.facts["params"]))
        made.encoding, made.target = Encoding.model_validate(state.facts["encoding"]), state.facts["target"]
        made.shares = [state.tensors[f"shares/{i}"].numpy() for i in range(len(made.encoding.columns))]
        return made

    def _drawer(self) -> Drawer:
        return Drawer(self.encoding, self._draw, self._factor, target=self.target)

    def _factor(self, column: int, codes: np.ndarray) -> np.ndarray:
        return np.tile(self.shares[column], (len(codes), 1))

    def _draw(self, given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        out = given.copy()
        for i, share in enumerate(self.shares):
            free = given[:, i] < 0
            out[free, i] = rng.choice(len(share), size=int(free.sum()), p=share / share.sum())
        return out
