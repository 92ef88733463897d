"""Identifiers handed on: columns that no generator learns must not carry real keys or texts out of the house."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from synthgen.contracts import Generator, Group, GroupFigure, MetricResult, Split, SyntheticSet
from synthgen.measures.chance import more_often
from synthgen.measures.measure import Measure, against_holdout
from synthgen.runtime import RunContext
from synthgen.tabular.schema import PLACEHOLDER

KEYS = frozenset({"id", "person", "text"})
FEWEST, MOST_ROWS = 30, 50_000


class CopiedKeys(Measure):
    """Cells of keys and free texts that equal a training cell."""

    name, title = "copied_keys", "Identifiers handed on"
    family: ClassVar[Literal["privacy"]] = "privacy"
    better: ClassVar[Literal["higher", "lower", "closer"]] = "lower"
    best = 0.0
    explanation = (
        "Share of synthetic rows in which a key, a person's number or a free text equals one of the training rows. "
        "Fresh keys never do; the hold-out shows what unseen rows of the same table do."
    )
    source = "Exact match share; Fisher's exact test."

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """The share of synthetic rows that hand on any key, and of every column, beside those of the hold-out."""
        drawn = synthetic.take(MOST_ROWS, ctx.seed_for("take"))
        names = [c.name for c in schema.columns if c.kind in KEYS and c.name in split.train and c.name in drawn]
        if not names:
            return self.not_applicable("No column of keys or free text.")
        if min(len(split.train), len(split.holdout), len(drawn)) < FEWEST:
            return self.insufficient(f"Fewer than {FEWEST} training, hold-out or synthetic rows.")
        own, held = ({c: _known(split.train[c], frame[c]) for c in names} for frame in (drawn, split.holdout))
        hits, control = (np.logical_or.reduce(list(found.values())) for found in (own, held))
        share, unseen = float(hits.mean()), float(control.mean())
        return self.result(
            value=share,
            holdout=unseen,
            interval=against_holdout(share, len(hits), unseen, len(control)),
            p_value=more_often(hits.sum(), len(hits), control.sum(), len(control)),
            groups=tuple(_line(c, own[c], held[c]) for c in names),
        )


def _known(train: pd.Series, cells: pd.Series) -> np.ndarray:
    """Which cells are filled, are no placeholder and equal a training cell, compared as text."""
    known = set(train.dropna().astype(str)) - {PLACEHOLDER}
    return np.asarray(cells.notna() & cells.astype(str).isin(known), dtype=bool)


def _line(column: str, own: np.ndarray, held: np.ndarray) -> GroupFigure:
    return GroupFigure(
        label=column, kind="column", columns=(column,), value=float(own.mean()), holdout=float(held.mean())
    )
