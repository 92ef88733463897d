"""Membership inference by likelihood: what somebody who has the model itself can tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from synthgen.contracts import FitData, Generator, MetricResult, SyntheticSet
from synthgen.tabular.keys import prepare
from synthgen.tabular.metrics.attacks.membership import Attack, MembershipAttack, Scores
from synthgen.tabular.metrics.attacks.populations import Population

PEOPLE = {"standard": 6_000, "full": 30_000}  # attacked on either side, at most


class MembershipLikelihood(MembershipAttack):
    """The white-box attack: a record that the model finds likely was trained on."""

    name, title = "membership_likelihood", "Membership inference by likelihood"
    explanation = (
        "The attacker has the fitted model and calls a member whoever it finds likely: an upper bound on what the set "
        "itself gives away. The value is the area under the ROC curve, 0.5 being guessing; people of the hold-out are "
        "the control. It decides only where a model itself is released; no policy for sets asks for it."
    )
    source = "Loss attack: Yeom et al. (2018); with the exact likelihood of the generator."

    def _reason(
        self, synthetic: SyntheticSet, everybody: Population, generator: Generator | None
    ) -> MetricResult | None:
        if _surprise(generator) is None:
            return self.not_applicable("The generator gives no probability of a record, or there is no generator here.")
        return super()._reason(synthetic, everybody, generator)

    def _scores(self, attack: Attack) -> list[Scores] | None:
        surprise = _surprise(attack.generator)
        assert surprise is not None
        parts = attack.split
        real = prepare(FitData(parts.train, parts.holdout, parts.train_people, parts.holdout_people), attack.schema)[0]
        frames = (real.train, real.validation)  # the hold-out stands where validation rows stood in training

        def score(part: int, rows: np.ndarray) -> np.ndarray:
            return -np.asarray(surprise(frames[part].iloc[rows].reset_index(drop=True)), dtype=float)

        return [attack.scored(score, PEOPLE[attack.plan.size])]


def _surprise(generator: Generator | None) -> Callable[[Any], Any] | None:
    """What the released model pays for each record; None where it cannot tell."""
    found = getattr(generator, "surprise", None)
    return None if found is None else lambda frame: found(frame, end="chosen")
