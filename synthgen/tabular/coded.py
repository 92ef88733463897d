"""What the generators over an encoding share: how they are saved and loaded, and how those with factors draw rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from pydantic import ValidationError

from synthgen.contracts import FitData
from synthgen.errors import InputError
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec, Spec
from synthgen.tabular import encoding
from synthgen.tabular.allowed import FREE, Allowed
from synthgen.tabular.constraints import NO_RULES, Rules
from synthgen.tabular.drawing import Drawer
from synthgen.tabular.encoding import Encoding
from synthgen.training import checkpoint
from synthgen.training.checkpoint import State


class Coded(ABC):
    """A generator over an encoding, as named tensors and JSON on disk.

    `format` numbers the layout of what a generator saves: a folder of another number is refused.
    """

    name: ClassVar[str]
    capabilities: ClassVar[frozenset[str]] = frozenset()
    params_class: ClassVar[type[Spec]]
    format: ClassVar[int] = 1
    params: Any
    encoding: Encoding
    target: str | None

    @classmethod
    def parameters(cls) -> type[Spec]:
        """The params class."""
        return cls.params_class

    def save(self, directory: Path) -> None:
        """Write named tensors and JSON to `directory`."""
        state = self._state()
        facts = {
            "format": self.format,
            "generator": self.name,
            "params": self.params.model_dump(mode="json"),
            "encoding": self.encoding.model_dump(mode="json"),
            "target": self.target,
        }
        checkpoint.write(State(state.tensors, {**facts, **state.facts}), Path(directory))

    @classmethod
    def load(cls, directory: Path, device: str = "cpu") -> Self:
        """The generator that `save` wrote, on any device. Raises InputError when there is none or it is damaged."""
        state = checkpoint.read(Path(directory))
        if state is None or state.facts.get("generator") != cls.name or state.facts.get("format") != cls.format:
            raise InputError(
                f"The folder holds no model that this version of {cls.name!r} can read.",
                "Fit it again with this version.",
            )
        try:
            made = cls(cls.params_class(**state.facts["params"]))  # type: ignore[call-arg]
            made.encoding, made.target = Encoding.model_validate(state.facts["encoding"]), state.facts["target"]
            made._restore(state, device)
        except (KeyError, ValidationError) as problem:
            raise InputError("The folder holds a model of another version.", "Fit it again.") from problem
        return made

    def _encode(self, data: FitData, schema: Any, bins: int) -> None:
        """Fit the encoding, on training rows only."""
        self.encoding = encoding.fit(
            data.train, schema.modelled, data.train_people, schema.k_floor, bins, "relate" in self.capabilities
        )
        self.target = schema.target

    @abstractmethod
    def _state(self) -> State:
        """What was learnt, beside params, encoding and target."""

    @abstractmethod
    def _restore(self, state: State, device: str) -> None:
        """Put back what `_state` gave; params, encoding and target are there already."""


class Factored(Coded):
    """A generator that tells how likely each level of a column is given others: what is asked of rows is kept exactly.

    `shares` holds the share of training rows at each level, column by column.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset({"condition", "balance", "constrain", "impute", "follow"})
    shares: list[np.ndarray]

    def sample(self, spec: SampleSpec, rows: int, ctx: RunContext, rules: Rules = NO_RULES) -> Iterator[pd.DataFrame]:
        """Typed chunks, with conditions and balance as `spec` asks and `rules` kept."""
        return self._drawer().chunks(spec, rows, ctx, rules)

    def sample_given(self, fixed: pd.DataFrame, ctx: RunContext, allowed: Allowed = FREE) -> pd.DataFrame:
        """One row for each row of `fixed`, a typed frame of some of the columns, whose cells are kept exactly."""
        return self._drawer().given(fixed, ctx.rng("sample_given"), allowed)

    def impute(self, frame: pd.DataFrame, gaps: np.ndarray, ctx: RunContext, rules: Rules = NO_RULES) -> pd.DataFrame:
        """A typed frame with the cells of `gaps` (rows, columns) drawn, given the other cells."""
        return self._drawer().filled(frame, gaps, ctx.rng("impute"), rules)

    def report(self) -> Mapping[str, Any]:
        """Nothing is trained in steps."""
        return {"stages": [], "columns": len(self.encoding.source_columns)}

    def _count(self, data: FitData, schema: Any, bins: int) -> np.ndarray:
        """Fit the encoding and count the levels of the training rows; their codes (rows, columns)."""
        self._encode(data, schema, bins)
        codes = self.encoding.encode(data.train)
        self.shares = [np.bincount(codes[:, i], minlength=n) / len(codes) for i, n in enumerate(self.encoding.sizes)]
        return codes

    def _drawer(self) -> Drawer:
        return Drawer(self.encoding, self._draw, self._factor, target=self.target)

    def _state(self) -> State:
        return State({f"shares/{i}": torch.from_numpy(s) for i, s in enumerate(self.shares)})

    def _restore(self, state: State, device: str) -> None:
        self.shares = [state.tensors[f"shares/{i}"].numpy() for i in range(len(self.encoding.columns))]

    @abstractmethod
    def _draw(self, given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Codes (rows, columns) with `given` kept where it is not -1."""

    @abstractmethod
    def _factor(self, column: int, codes: np.ndarray) -> np.ndarray:
        """Probability (rows, levels) of a column given the known levels in `codes` (-1: unknown)."""
