"""Singling out: a description that fits one synthetic row alone, and one person alone."""

from __future__ import annotations

import logging
import warnings
from typing import Any, Literal

import numpy as np
import pandas as pd

from synthgen.contracts import MetricResult
from synthgen.runtime import RunContext
from synthgen.tabular.metrics.attacks.attack import FEWEST_ROWS, Attack, Scene
from synthgen.tabular.metrics.attacks.frames import Frames
from synthgen.tabular.metrics.attacks.isolation import by_chance, fits, polars_table
from synthgen.tabular.metrics.attacks.planning import MOST_PEOPLE, TRIES, Effort, targets
from synthgen.tabular.metrics.attacks.tally import Tally, figure

MOST_ROWS = 10_000
FEWEST_NAMED, MOST_NAMED = 3, 12  # columns that a description names
WHOLE, GROUP, NAIVE = 1_500, 500, 300  # descriptions

Mode = Literal["multivariate", "univariate"]


class SinglingOut(Attack):
    """Whether what singles out a synthetic row singles out a person."""

    name, title = "singling_out", "Singling out"
    explanation = (
        "An attacker makes up descriptions (of half of the columns, at least three) that fit exactly one synthetic"
        " row and claims that they fit exactly one person. The share of planned descriptions that do among training"
        " people, beside that among as many people the generator never saw. A small group is attacked within itself."
        " Univariate: descriptions by one rare value or extreme."
    )
    source = "Article 29 Working Party, Opinion 05/2014; Giomi et al. 2023 (anonymeter), SinglingOutEvaluator."

    def _attack(self, scene: Scene) -> MetricResult:
        aims = targets(scene.populations, Effort(MOST_PEOPLE, MOST_PEOPLE, 0.0))
        drawn = scene.drawn(MOST_ROWS)
        found = scene.frames(aims.train, aims.holdout, drawn)
        tallies: list[Tally | None] = []
        for i, (people, places) in enumerate(zip(scene.populations, aims.places, strict=True)):
            scene.ctx.check_stop()
            rows = found.synthetic[people.mask(drawn)]
            able = not people.reason and len(rows) >= FEWEST_ROWS
            ctx = scene.ctx.at(f"population {i}")
            tallies.append(_singled(found, places, rows, "multivariate", GROUP if i else WHOLE, ctx) if able else None)
        whole = tallies[0]
        assert whole is not None  # its people and rows were counted before
        alone = _singled(found, aims.places[0], found.synthetic, "univariate", WHOLE, scene.ctx.at("univariate"))
        figures = (figure("univariate", "Singling out by one column", alone), whole.risk())
        return self.result(**whole.fields(), figures=figures, groups=scene.lines(tallies))


def _singled(
    found: Frames, places: tuple[np.ndarray, np.ndarray], rows: pd.DataFrame, mode: Mode, planned: int, ctx: RunContext
) -> Tally:
    """The attack on as many people of either part; a description that could not be made up is a failed attack."""
    n = min(len(part) for part in places)
    train, held = found.train.iloc[places[0][:n]], found.holdout.iloc[places[1][:n]]
    rng = ctx.rng(mode)
    queries = descriptions(rows, mode, planned, rng)
    naive = fits(_blind(rows, mode, rng), train)
    inside, outside = fits(queries, train), fits(queries, held)
    p_value, spread = by_chance(inside, outside, ctx.rng("sides"))
    hits, control = (int((fit.sum(0) == 1).sum()) for fit in (inside, outside))
    return Tally(hits, planned, control, planned, int((naive.sum(0) == 1).sum()), NAIVE, p_value, spread)


def descriptions(rows: pd.DataFrame, mode: Mode, planned: int, rng: np.random.Generator) -> list[Any]:
    """At most `planned` queries that each fit one of the synthetic rows, from 20 tries each.

    polars counts values in no order that could be repeated: of the univariate queries all are made, and some drawn.
    """
    from anonymeter.evaluators import singling_out_evaluator as anonymeter

    logging.getLogger(anonymeter.__name__).setLevel(logging.ERROR)  # it warns where it finds fewer than planned
    table = polars_table(rows).unique(maintain_order=True)
    if mode == "multivariate":
        named = columns_named(rows.shape[1])
        return anonymeter.multivariate_singling_out_queries(table, planned, named, TRIES * planned, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it compares with null where one cell is missing; such a query fits nobody
        found = anonymeter.univariate_singling_out_queries(table, 3 * table.width * (table.height + 1), rng)
    every = sorted(found, key=str)
    return [every[i] for i in rng.permutation(len(every))[:planned]]


def columns_named(columns: int) -> int:
    """How many columns a description names: half of them, 3 to 12.

    Of the three that are usual a random choice hardly ever singles out a row among ten thousand (Adult: 1 in 120).
    """
    return min(columns, max(FEWEST_NAMED, min(MOST_NAMED, (columns + 1) // 2)))


def _blind(rows: pd.DataFrame, mode: Mode, rng: np.random.Generator) -> list[Any]:
    """Queries of random columns, values and comparisons, as anonymeter's naive attacker makes them."""
    from anonymeter.evaluators import singling_out_evaluator as anonymeter

    table = polars_table(rows)
    values = {c: table[c].unique(maintain_order=True).to_list() for c in table.columns}
    sorts = {c: anonymeter._convert_polars_dtype(table[c].dtype) for c in table.columns}
    named = 1 if mode == "univariate" else columns_named(rows.shape[1])
    chosen = [rng.choice(table.columns, named, replace=False).tolist() for _ in range(NAIVE)]
    return [anonymeter._random_query(values, columns, sorts, rng) for columns in chosen]
