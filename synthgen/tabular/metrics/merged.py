"""Categories of fewer than k people: which were merged into "other", and whether any row of the set names one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from synthgen.contracts import Generator, Group, GroupFigure, MetricResult, Split, SyntheticSet
from synthgen.measures.measure import Measure, wilson
from synthgen.runtime import RunContext
from synthgen.tabular.category_codes import people_per_level
from synthgen.tabular.modes import DISCRETE

MOST_ROWS, MOST_NAMED = 50_000, 100  # synthetic rows looked at; categories of a column that are named


class Merged(Measure):
    """What a reviewer should know was merged: per column how many categories of how many people, and their names."""

    name, title = "merged", "Categories of too few people"
    family: ClassVar[Literal["coverage"]] = "coverage"
    better: ClassVar[Literal["higher", "lower", "closer"]] = "lower"
    best = 0.0
    explanation = (
        "Categories that fewer than k people of the training rows hold are merged before training, unless their column "
        "is public. The value is the share of synthetic rows that name one all the same; the lines say how many were "
        "merged in each column and how many people are in them. Only a reviewer sees their names."
    )
    source = "k-floor: people per category of the training rows."

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """The columns with categories of fewer than k people, and how often the set names one."""
        columns = [c for c in schema.modelled if c.kind in DISCRETE and not c.public and c.name in split.train]
        drawn = synthetic.take(MOST_ROWS, ctx.seed_for("take"))
        if not columns:
            return self.not_applicable("No column of categories whose rare ones are merged.")
        if not len(drawn) or not len(split.train):
            return self.insufficient("No rows to compare.")
        who = np.arange(len(split.train)) if split.train_people is None else split.train_people
        lines, named = [], np.zeros(len(drawn), dtype=bool)
        for column in (c.name for c in columns if c.name in drawn):
            few = few_people(split.train[column], who, schema.k_floor)
            if len(few):
                named |= drawn[column].isin(few.index).to_numpy()
                lines.append(list(_lines(column, few, split.train[column], who, drawn[column])))
        lines.sort(key=lambda of: -(of[0].real_count or 0))
        return self.result(
            value=float(named.mean()),
            interval=wilson(int(named.sum()), len(named)),
            groups=tuple(line for of in lines for line in of),
        )


def few_people(values: pd.Series, who: np.ndarray, k: int) -> pd.Series:
    """People per category for those that fewer than `k` people hold, the most people first."""
    levels, uniques = pd.factorize(values)
    filled = levels >= 0
    holders = people_per_level(levels[filled], who[filled], len(uniques))
    return pd.Series(holders, index=uniques)[holders < k].sort_values(ascending=False, kind="stable")


def _lines(column: str, few: pd.Series, real: pd.Series, who: np.ndarray, drawn: pd.Series) -> Iterator[GroupFigure]:
    """One line for the column, which names no category, then one for each category, which only a reviewer sees."""
    people = len(np.unique(who[real.isin(few.index).to_numpy()]))
    counts = drawn.value_counts()
    yield GroupFigure(
        label=f"{column}: {len(few)} {'category' if len(few) == 1 else 'categories'}",
        kind="column",
        columns=(column,),
        real_count=people,
        synthetic_count=int(counts.reindex(few.index, fill_value=0).sum()),
        value=people / len(np.unique(who)),
    )
    for name, holders in few.head(MOST_NAMED).items():
        yield GroupFigure(
            label=f"{column} = {name}",
            kind="merged category",
            columns=(column,),
            suppressed=True,
            real_count=int(holders),
            synthetic_count=int(counts.get(name, 0)),
        )
