"""A frame taken through the real steps up to `fit`, and settings that train in a second."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from synthgen.contracts import FitData, Group, Split
from synthgen.runtime import RunContext
from synthgen.spec import RunSpec
from synthgen.tabular import inference, io, modes, splitting
from synthgen.tabular.params import AutoregressiveParams

TINY = AutoregressiveParams(epochs=3, hidden=16, bins=12, critic_epochs=1, critic_rounds=2)


@dataclass(frozen=True)
class Prepared:
    """What `fit` is handed."""

    split: Split
    schema: Any
    groups: tuple[Group, ...]

    @property
    def data(self) -> FitData:
        return self.split.fitting


def prepared(frame: pd.DataFrame, seed: int = 0, **spec: Any) -> Prepared:
    """Schema, split and census of a raw frame."""
    run = RunSpec(**spec)
    source = io.from_memory(frame)
    found = inference.infer(source, run)
    split = splitting.split(source, found, run, RunContext(seed=seed).at("split"))
    return Prepared(split, found, modes.census(split, found, run))
