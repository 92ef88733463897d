"""Disclosure protection of sdmetrics: can a secret be read off the synthetic rows that agree with what is known?"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from synthgen.contracts import Generator, Group, GroupFigure, Interval, MetricResult, Split, Status, SyntheticSet
from synthgen.measures.measure import FEWEST_ROWS, Measure, against_holdout
from synthgen.runtime import RunContext
from synthgen.spec import AttackPlan
from synthgen.tabular.metrics.attacks.populations import populations
from synthgen.tabular.metrics.tables import Tables, coded, plain, sample, tables

ROWS, BINS = 500, 10
MOST_SECRETS = 3
FOUND = 0.8  # of unseen people who still meet a synthetic row that agrees in every known column


class DisclosureProtection(Measure):
    """sdmetrics' DisclosureProtection by correct attribution, for people of both parts."""

    name, title = "disclosure_protection", "sdmetrics disclosure protection"
    family: ClassVar[Literal["privacy"]] = "privacy"
    better: ClassVar[Literal["higher", "lower", "closer"]] = "higher"
    explanation = (
        "An attacker looks up the synthetic rows that agree with what is known of a person and guesses the secret by "
        "their shares. 1: no better than a blind guess among the secret's values; 0: always right. What a set tells "
        "about everybody counts as well: compare with the hold-out, whose people the set cannot have given away. "
        "Known are the columns named in the plan, else as many, in their order, as let four of five unseen people "
        "find a row; numbers in tenths. The value is that of the least protected secret."
    )
    source = "sdmetrics DisclosureProtection; correct attribution probability, Taub et al. (2018)."

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """The protection of training people beside that of hold-out people, on at most 500 of each."""
        plan = ctx.attacks or AttackPlan()
        everybody = populations((), split, schema, plan, ctx.at("people"), synthetic.spec)[0]
        if everybody.reason or synthetic.rows < FEWEST_ROWS:
            return self.insufficient(everybody.reason or f"Fewer than {FEWEST_ROWS} synthetic rows.")
        t = tables(split, synthetic, schema, ctx, mixed=False)
        secrets = [c for c in plan.secrets or (schema.target,) if c in t.columns][:MOST_SECRETS]
        if not secrets:
            return self.not_applicable("There is no target among the modelled columns, and no secret was named.")
        real = (split.train.iloc[everybody.train[:ROWS]], split.holdout.iloc[everybody.holdout[:ROWS]])
        frames = (*(plain(f, t.discrete, t.numeric) for f in real), sample(t.synthetic, ROWS, ctx.rng("synthetic")))
        return self._worst([_line(frames, t, secret, plan) for secret in secrets])

    def _worst(self, lines: Sequence[GroupFigure]) -> MetricResult:
        """The result of the least protected secret, with all of them as lines."""
        told = [line for line in lines if line.value is not None]
        if not told:
            return self.not_applicable(lines[0].reason)
        worst = min(told, key=lambda line: line.value or 0.0)
        return self.result(value=worst.value, holdout=worst.holdout, interval=worst.interval, groups=tuple(lines))


def _line(frames: tuple[pd.DataFrame, ...], t: Tables, secret: str, plan: AttackPlan) -> GroupFigure:
    """One secret's protection."""
    codes = coded(t, frames, BINS)
    train, holdout, drawn = (pd.DataFrame(part, columns=list(codes.columns)) for part in codes.frames)
    wanted = [c for c in plan.known or t.columns if c in t.columns and c != secret]
    known = wanted if plan.known else _findable(wanted, holdout, drawn)
    about = {"label": secret, "kind": "column", "columns": (secret,)}
    if not known:
        return _absent(about, "No known column is left in which unseen people agree with synthetic rows.")
    if train[secret].nunique() < 2:
        return _absent(about, "The secret has one value among the people attacked: there is nothing to guess.")
    return _protected(about, [_measured(real, drawn, known, secret) for real in (train, holdout)], len(train))


def _protected(about: dict[str, Any], found: list[dict[str, float]], people: int) -> GroupFigure:
    """The line of both sides' findings; both are held against the training people's blind guess, as one yardstick."""
    caught, held = (side["cap_protection"] for side in found)
    blind = found[0]["baseline_protection"]
    if not np.isfinite(caught) or not np.isfinite(held):
        return _absent(about, "No synthetic row agrees with anybody in every known column.")
    wide = against_holdout(caught, people, held, people)
    value, beside, low, high = (min(1.0, x / blind) for x in (caught, held, wide.low, wide.high))
    return GroupFigure(**about, value=value, holdout=beside, interval=Interval(low=low, high=high, method=wide.method))


def _absent(about: dict[str, Any], reason: str) -> GroupFigure:
    return GroupFigure(**about, status=Status.NOT_APPLICABLE, reason=reason)


def _findable(columns: Sequence[str], holdout: pd.DataFrame, drawn: pd.DataFrame) -> list[str]:
    """The columns, each in its turn, that leave most unseen people with a synthetic row that agrees in all."""
    known: list[str] = []
    for column in columns:
        keys = [pd.MultiIndex.from_frame(f[[*known, column]]) for f in (holdout, drawn)]
        if keys[0].isin(keys[1]).mean() >= FOUND:
            known.append(column)
    return known


def _measured(real: pd.DataFrame, drawn: pd.DataFrame, known: list[str], secret: str) -> dict[str, float]:
    """sdmetrics' own breakdown; nothing in it is random."""
    from sdmetrics.single_table.privacy import DisclosureProtection as Judge

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: dict[str, float] = Judge.compute_breakdown(real, drawn, known, [secret])
    return found
