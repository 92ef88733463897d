"""Membership inference: can somebody who knows a person's whole record tell that it was trained on?

An attacker scores every record; people of the training part are members, people of the hold-out are not. Scores are
made once and read on the whole and on every population.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from synthgen.contracts import Figure, Generator, Group, GroupFigure, MetricResult, Split, Status, SyntheticSet
from synthgen.measures.measure import FEWEST_ROWS, Measure, absent
from synthgen.measures.trials import SURE, SUREST, Trial, area, surest
from synthgen.runtime import RunContext
from synthgen.spec import AttackPlan
from synthgen.tabular.metrics.attacks.neighbours import Neighbours
from synthgen.tabular.metrics.attacks.populations import Population, populations

FIGURES = {
    "tpr_at_1": ("True-positive rate at 1 % false positives", SURE, 100),
    "tpr_at_01": ("True-positive rate at 0.1 % false positives", SUREST, 1_000),
}
GROUP_SURE = 200  # people of the hold-out that a population needs for its surest guesses


@dataclass(frozen=True)
class Scores:
    """One attack's score of every attacked row of the split's frames.

    `control`: the hold-out rows that count as others; the rest were given to the attacker. `most`: of every population
    so many people are attacked, the first; that more of it were scored as part of a minority must not count.
    """

    train: np.ndarray
    holdout: np.ndarray
    control: np.ndarray
    most: int

    def trial(self, people: Population) -> Trial:
        """The scores of one population."""
        train, holdout = people.train[: self.most], people.holdout[: self.most]
        return Trial(self.train[train], self.holdout[holdout[self.control[holdout]]])


@dataclass(frozen=True)
class Attack:
    """What an attack is given: the comparison, who is attacked, and the attacker's tools."""

    split: Split
    synthetic: SyntheticSet
    schema: Any
    crowd: tuple[Population, ...]
    plan: AttackPlan
    ctx: RunContext
    generator: Generator | None

    def rows(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers to score in both frames: the first `most` people of every population."""
        train, holdout = ([getattr(p, part)[:most] for p in self.crowd] for part in ("train", "holdout"))
        return np.unique(np.concatenate(train)), np.unique(np.concatenate(holdout))

    def scored(self, score: Callable[[int, np.ndarray], np.ndarray], most: int) -> Scores:
        """The scores by `score(part, rows)`, part 0 being training and 1 the hold-out."""
        filled = []
        for part, (frame, rows) in enumerate(zip((self.split.train, self.split.holdout), self.rows(most), strict=True)):
            self.ctx.check_stop()
            out = np.full(len(frame), np.nan)
            out[rows] = np.nan_to_num(score(part, rows), nan=0.0, posinf=1e12, neginf=-1e12)
            filled.append(out)
        return Scores(filled[0], filled[1], np.ones(len(filled[1]), bool), most)


class MembershipAttack(Measure, ABC):
    """Reads scores: on the whole area, and the surest guesses; on every population the same two."""

    family: ClassVar[Literal["privacy"]] = "privacy"
    better: ClassVar[Literal["higher", "lower", "closer"]] = "lower"
    best = 0.0

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """How well members are told from others, on the whole and on every population."""
        plan = ctx.attacks or AttackPlan()
        crowd = populations(groups, split, schema, plan, ctx.at("people"), synthetic.spec)
        if (why := self._reason(synthetic, crowd[0], generator)) is not None:
            return why
        scores = self._scores(Attack(split, synthetic, schema, crowd, plan, ctx, generator))
        if scores is None:
            return self.not_applicable("No modelled column.")
        whole = [s.trial(crowd[0]) for s in scores]
        return self.result(
            **area(whole),
            figures=tuple(_figures(whole)),
            groups=tuple(line for people in crowd[1:] for line in _lines(people, scores)),
        )

    def _reason(
        self, synthetic: SyntheticSet, everybody: Population, generator: Generator | None
    ) -> MetricResult | None:
        """The answer where the attack cannot be made."""
        if everybody.reason:
            return self.insufficient(everybody.reason)
        if synthetic.rows < FEWEST_ROWS:
            return self.insufficient(f"{synthetic.rows} synthetic rows; an attack needs {FEWEST_ROWS}.")
        return None

    @abstractmethod
    def _scores(self, attack: Attack) -> list[Scores] | None:
        """The attack's scores, one for each part of the hold-out that serves as control; None: no column."""


def _figures(whole: Sequence[Trial]) -> Iterator[Figure]:
    others = min(len(trial.others) for trial in whole)
    for name, (title, share, fewest) in FIGURES.items():
        if others >= fewest:
            yield Figure(name=name, title=title, **surest(whole, share))
        else:
            why = f"{others} people of the hold-out serve as others; {fewest} are needed to tell."
            yield absent(name, title, why, Status.NOT_APPLICABLE)


def _lines(people: Population, scores: Sequence[Scores]) -> Iterator[GroupFigure]:
    """Area of one population and, where enough others are in it, its surest guesses."""
    trials = [s.trial(people) for s in scores]
    if people.reason or min(min(len(t.members), len(t.others)) for t in trials) < FEWEST_ROWS:
        yield people.line(status=Status.INSUFFICIENT, reason="Too few people of this kind were attacked.")
        return
    yield people.line(**area(trials))
    if min(len(t.others) for t in trials) >= GROUP_SURE:
        line = people.line(**surest(trials, SURE))
        yield line.model_copy(update={"label": f"{people.label}, surest 1 %"})


class Membership(MembershipAttack):
    """The distance attack."""

    name, title = "membership", "Membership inference by distance"
    explanation = (
        "An attacker holds a person's whole record and the set, and calls a member whoever lies near a synthetic row. "
        "The value is the area under the ROC curve: 0.5 is guessing, 1 tells every member; people of the hold-out are "
        "the control. Beside it the share of members found at 1 % (0.1 %) false alarms, where copies show first; so "
        "for each kind of minority, in the lines called surest 1 %."
    )
    source = (
        "Distance attack: Chen et al. (2020), GAN-Leaks, full black box; true positives at low false-positive rates: "
        "Carlini et al. (2022). DeLong et al. (1988), Mann and Whitney (1947)."
    )

    def _scores(self, attack: Attack) -> list[Scores] | None:
        near = Neighbours.of(attack.split, attack.synthetic, attack.schema, attack.plan, attack.ctx)
        if near is None:
            return None
        return [attack.scored(lambda part, rows: -np.round(near.distance(part, rows), 3), near.most)]
