"""What the three attacks of the Article 29 Working Party share: who, with what, and when there is no answer.

Each is made by anonymeter (Giomi et al. 2023), reviewed by the French data protection authority.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from synthgen.contracts import Generator, Group, GroupFigure, MetricResult, Split, Status, SyntheticSet
from synthgen.measures.measure import Measure
from synthgen.runtime import RunContext
from synthgen.spec import AttackPlan
from synthgen.tabular.metrics.attacks.frames import Columns, Frames, columns_of, frames
from synthgen.tabular.metrics.attacks.overlap import refusal
from synthgen.tabular.metrics.attacks.populations import Population, populations
from synthgen.tabular.metrics.attacks.tally import Tally

FEWEST_ROWS = 30  # synthetic rows below which nobody is attacked
NO_ROWS: Mapping[str, Any] = {
    "status": Status.INSUFFICIENT,
    "reason": f"Fewer than {FEWEST_ROWS} synthetic rows are of this kind.",
}


@dataclass(frozen=True)
class Scene:
    """Everything an attack works with."""

    split: Split
    synthetic: SyntheticSet
    schema: Any
    plan: AttackPlan
    columns: Columns
    populations: tuple[Population, ...]
    ctx: RunContext

    def drawn(self, rows: int) -> pd.DataFrame:
        """At most `rows` synthetic rows, drawn by the seed."""
        taken: pd.DataFrame = self.synthetic.take(rows, self.ctx.seed_for("take"))
        return taken

    def frames(self, train: np.ndarray, holdout: np.ndarray, drawn: pd.DataFrame) -> Frames:
        """Plain frames of these people and synthetic rows."""
        real = self.split.train.iloc[train], self.split.holdout.iloc[holdout]
        return frames(self.columns, *real, drawn, self.split.train)

    def lines(self, tallies: Sequence[Tally | None]) -> tuple[GroupFigure, ...]:
        """One line for every population but the whole; no tally: it could not be attacked."""
        pairs = zip(self.populations[1:], tallies[1:], strict=True)
        return tuple(people.line(**(tally.fields() if tally else NO_ROWS)) for people, tally in pairs)


class Attack(Measure, ABC):
    """Opens the scene and refuses what cannot be attacked."""

    family: ClassVar[Literal["privacy"]] = "privacy"
    better: ClassVar[Literal["higher", "lower", "closer"]] = "lower"
    best = 0.0
    fewest_columns: ClassVar[int] = 2

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """The attack on the whole and on every population, each beside its control."""
        plan = ctx.attacks or AttackPlan()
        people = populations(groups, split, schema, plan, ctx, synthetic.spec)
        few = synthetic.take(FEWEST_ROWS, ctx.seed_for("few"))
        if people[0].reason:
            return self.insufficient(people[0].reason)
        if len(few) < FEWEST_ROWS:
            return self.insufficient(f"Fewer than {FEWEST_ROWS} synthetic rows.")
        if told := refusal(split, schema):
            return self.result(Status.ERROR, reason=told)
        columns = columns_of(schema, split.train, few, {*plan.secrets, *plan.known}, ctx)
        if len(columns.names) < self.fewest_columns:
            return self.not_applicable("Fewer than two columns that vary: there is nothing to attack with.")
        return self._attack(Scene(split, synthetic, schema, plan, columns, people, ctx))

    @abstractmethod
    def _attack(self, scene: Scene) -> MetricResult:
        """The result, where there are people, columns and rows enough."""
