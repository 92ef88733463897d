"""Emphasis on groups: in the worst-case stage rows of small and of badly fitted groups are drawn more often.

Inside every column that has groups, a group's share of the draws is its share of the rows to the power `1 / (1 + t)`:
the law at which the smooth maximum of the group's own surprise has its minimum (DESIGN section 2, point 2), and all
that is known of a group's excess before a critic has looked, since what was seen less often is fitted less well. The
critics' excess tilts it from there. Whole rows are drawn, so frequencies come out tilted too: a last stage at the
data's own frequency calibrates them (ADR 11).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from synthgen.contracts import Group
from synthgen.losses import worst_case
from synthgen.tabular.membership import Membership


class GroupWeights:
    """The groups of a training table and what the critics make of each (1 = no more than its size says)."""

    def __init__(self, groups: Sequence[Group], names: Sequence[str]) -> None:
        known = set(names)
        self.groups = tuple(g for g in groups if g.columns and set(g.columns) <= known)
        self.columns = [[names.index(c) for c in g.columns] for g in self.groups]
        self.weights = np.ones(len(self.groups))

    def membership(self, frame: pd.DataFrame) -> Membership:
        """(rows, groups), packed."""
        return Membership.of(self.groups, frame)

    def row_odds(self, inside: Membership, spared: np.ndarray, t: float, cap: float) -> np.ndarray:
        """Probability (rows,) with which each training row is drawn, none above `cap` times the mean.

        `inside` says who belongs where, `spared` (groups,) which groups stay at the data's frequency, because emphasis
        would memorise them. Odds are averaged over the columns; a group of several columns adds only its critics' tilt.
        """
        alone = [g for g in range(len(self.groups)) if len(self.columns[g]) == 1]
        total, joint = np.zeros(len(inside)), np.ones(len(inside))
        for column in sorted({self.columns[g][0] for g in alone}):
            total += self._within([g for g in alone if self.columns[g] == [column]], inside, spared, t)
        for g in range(len(self.groups)):
            if len(self.columns[g]) > 1 and self.weights[g] > 1 and not spared[g]:
                joint = np.maximum(joint, np.where(inside[:, g], self._tilt(g), 1.0))
        odds = joint * (total if alone else 1.0)
        return worst_case.capped(odds / odds.sum(), cap)

    def _within(self, groups: Sequence[int], inside: Membership, spared: np.ndarray, t: float) -> np.ndarray:
        """Odds (rows,) that sum to one, for groups of one column and, as one more, the rows in none of them.

        Rows of spared groups are drawn as often as the data have them; what the others gain, the others pay.
        """
        out, as_is, power = np.zeros(len(inside)), np.zeros(len(inside), dtype=bool), 1.0 / (1.0 + t)
        for g in groups:
            member = inside[:, g]
            if spared[g]:
                as_is |= member
            else:
                out[member] = np.maximum(out[member], self._tilt(g) * member.sum() ** (power - 1.0))
        rest = (out == 0) & ~as_is
        out[rest] = max(rest.sum(), 1) ** (power - 1.0)
        out[as_is] = 0.0
        out *= (1.0 - as_is.mean()) / max(out.sum(), np.finfo(float).tiny)
        out[as_is] = 1.0 / len(out)
        return out

    def _tilt(self, group: int) -> float:
        """At most double: the size of a group says more about its excess than a critic that looks early."""
        return float(np.clip(self.weights[group], 1.0, 2.0))


def an_epoch(odds: np.ndarray, batches: int, batch: int, rng: np.random.Generator) -> np.ndarray:
    """Rows (batches * batch,) of one epoch, each as often as `odds` (rows,) say to within one (systematic sampling).

    Draws that know nothing of each other would leave a third of the rows out of an epoch, at odds that hardly differ.
    A row that comes several times comes in different batches.
    """
    shuffled = rng.permutation(len(odds))
    below = np.cumsum(odds[shuffled])
    places = (np.arange(batches * batch) + rng.random()) / (batches * batch) * below[-1]
    rows = shuffled[np.minimum(np.searchsorted(below, places), len(odds) - 1)]
    return rows.reshape(batch, batches).T.ravel()
