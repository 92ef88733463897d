"""Linkability: two halves of a person's record brought together by way of the synthetic set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from synthgen.contracts import MetricResult
from synthgen.tabular.metrics.attacks.attack import Attack, Scene
from synthgen.tabular.metrics.attacks.planning import effort, synthetic_rows, targets
from synthgen.tabular.metrics.attacks.search import nearest
from synthgen.tabular.metrics.attacks.tally import Tally

NEIGHBOURS = 1


class Linkability(Attack):
    """Whether the two halves of a record have the same nearest synthetic row."""

    name, title = "linkability", "Linkability"
    explanation = (
        "An attacker holds two tables with half of the columns each and looks up every person's nearest row of the"
        " synthetic set by either half. The share of people whose two halves lead to the same row, beside that of"
        " people the generator never saw. Columns are dealt out by their number of values, so that both halves say"
        " about as much."
    )
    source = "Article 29 Working Party, Opinion 05/2014; Giomi et al. 2023 (anonymeter), LinkabilityEvaluator."

    def _attack(self, scene: Scene) -> MetricResult:
        planned = effort(scene.plan, 1_000, 400, 36.0)
        aims = targets(scene.populations, planned)
        halves = dealt(scene.split.train, scene.columns.names)
        people = len(aims.train) + len(aims.holdout)
        rows = scene.drawn(synthetic_rows([(people, len(half)) for half in halves], planned.seconds))
        found = scene.frames(aims.train, aims.holdout, rows)
        indexes = [nearest(*found.neighbours(half), NEIGHBOURS, scene.ctx) for half in halves]
        linked = links(*indexes)
        guessed = _guesses(len(aims.train), len(rows), scene.ctx.rng("naive"))
        hits, control = linked[: len(aims.train)], linked[len(aims.train) :]
        tallies = [
            Tally.of(hits[train], control[held], guessed[train]) if len(train) and len(held) else None
            for train, held in aims.places
        ]
        whole = tallies[0]
        assert whole is not None
        return self.result(**whole.fields(), figures=(whole.risk(),), groups=scene.lines(tallies))


def links(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Boolean array, one entry a person: some row is among the nearest by both halves."""
    from anonymeter.evaluators.linkability_evaluator import LinkabilityIndexes

    linked = np.zeros(len(first), dtype=bool)
    linked[list(LinkabilityIndexes(first, second).find_links(first.shape[1]))] = True
    return linked


def dealt(train: pd.DataFrame, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Two halves of the columns: by falling number of values, dealt first, second, second, first, ..."""
    ranked = sorted(names, key=lambda name: -int(train[name].nunique()))
    first = {name for i, name in enumerate(ranked) if i % 4 in (0, 3)}
    return tuple(n for n in names if n in first), tuple(n for n in names if n not in first)


def _guesses(people: int, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Whether two rows picked blindly are the same one, for so many people."""
    return rng.integers(0, rows, people) == rng.integers(0, rows, people)
