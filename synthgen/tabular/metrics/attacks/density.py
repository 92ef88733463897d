"""Membership inference by density: where is the synthetic set denser than people of the same kind are?"""

from __future__ import annotations

import numpy as np

from synthgen.tabular.metrics.attacks.membership import Attack, MembershipAttack, Scores
from synthgen.tabular.metrics.attacks.neighbours import Neighbours

ALIKE = 0.05  # distances well below this are equal: of two exact matches neither is the nearer


class MembershipDensity(MembershipAttack):
    """The density-ratio attack; each half of the hold-out is the attacker's data once and the control once."""

    name, title = "membership_density", "Membership inference by density"
    explanation = (
        "The attacker also has data on other people of the same kind, here one half of the hold-out while the other "
        "half is the control, and calls a member whoever lies where the set is denser than people are. That tells "
        "members in sparse regions from those whom chance alone puts near a synthetic row. A difference in one "
        "category is forgiven, so that a copy with a category changed still counts as near. The value is the area "
        "under the ROC curve, 0.5 being guessing; both halves take their turn, and the error is that of one."
    )
    source = (
        "Density ratio: van Breugel et al. (2023), DOMIAS; densities of synthetic and reference rows by the nearest "
        "neighbour (Loftsgaarden and Quesenberry 1965)."
    )

    def _scores(self, attack: Attack) -> list[Scores] | None:
        near = Neighbours.of(attack.split, attack.synthetic, attack.schema, attack.plan, attack.ctx)
        if near is None:
            return None
        first = _half(attack)
        to_set = attack.scored(lambda part, rows: near.forgiving(near.synthetic, near.points(part, rows)), near.most)
        return [_ratio(attack, near, to_set, known) for known in (first, ~first)]


def _half(attack: Attack) -> np.ndarray:
    """Boolean array: the hold-out rows of a random half of its people."""
    people = attack.split.holdout_people
    owners = np.arange(len(attack.split.holdout)) if people is None else np.unique(people, return_inverse=True)[1]
    count = int(owners.max()) + 1
    return np.asarray((attack.ctx.rng("halves").permutation(count) < count / 2)[owners])


def _ratio(attack: Attack, near: Neighbours, to_set: Scores, known: np.ndarray) -> Scores:
    """Log ratio of the distance to the `known` half of the hold-out to that to the set, up to constants.

    A nearest-neighbour density is 1 / distance to the power of the columns: the ratio's order is that of the densities.
    """
    people = attack.crowd[0].holdout[: near.most]
    among = near.points(1, people[known[people]])
    to_known = attack.scored(lambda part, others: near.forgiving(among, near.points(part, others)), near.most)
    train, holdout = (
        np.round(np.log(b + ALIKE) - np.log(a + ALIKE), 3)
        for a, b in ((to_set.train, to_known.train), (to_set.holdout, to_known.holdout))
    )
    return Scores(train, holdout, ~known, near.most)
