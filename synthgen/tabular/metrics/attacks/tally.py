"""What came of an attack: hits on training people and on the control, as the fields of a result."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthgen.contracts import Figure, Interval
from synthgen.measures.chance import more_often
from synthgen.measures.measure import against_holdout


@dataclass(frozen=True)
class Tally:
    """Hits of `attempts` on training people, of `control_attempts` on unseen ones, and of guesses without the set.

    `p_value` None: Fisher's exact test, right where the attempts are independent given the set, as they are when each
    is about another person. `spread` is how much more the difference scatters than independent attempts would.
    """

    hits: int
    attempts: int
    control: int
    control_attempts: int
    naive: int
    naive_attempts: int
    p_value: float | None = None
    spread: float = 1.0

    @classmethod
    def of(cls, hits: np.ndarray, control: np.ndarray, naive: np.ndarray) -> Tally:
        """From boolean arrays, one entry an attack."""
        parts = [n for found in (hits, control, naive) for n in (int(found.sum()), len(found))]
        return cls(*parts)

    def fields(self) -> dict[str, Any]:
        """value, holdout, interval, attempts, baseline and p_value of a result, figure or line."""
        share, held = self.hits / self.attempts, self.control / self.control_attempts
        return {
            "value": share,
            "holdout": held,
            "interval": against_holdout(share, self.attempts / self.spread, held, self.control_attempts / self.spread),
            "attempts": self.attempts,
            "baseline": self.naive / max(self.naive_attempts, 1),
            "p_value": self.p_value if self.p_value is not None else self._exact(),
        }

    def risk(self) -> Figure:
        """anonymeter's risk, (attack - control) / (1 - control) with its interval: what others publish."""
        from anonymeter.stats.confidence import EvaluationResults

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where guessing does as well, which `baseline` tells
            found = EvaluationResults(
                n_attacks=(self.attempts, max(self.naive_attempts, 1), self.control_attempts),
                n_success=self.hits,
                n_baseline=self.naive,
                n_control=self.control,
            ).risk()
        interval = Interval(low=found.ci[0], high=found.ci[1], method="anonymeter, propagated Wilson errors")
        return Figure(name="risk", title="Risk as anonymeter states it", value=found.value, interval=interval)

    def _exact(self) -> float:
        return more_often(self.hits, self.attempts, self.control, self.control_attempts)


def figure(name: str, title: str, tally: Tally) -> Figure:
    """An attack of its own beside the main one."""
    fields: Mapping[str, Any] = tally.fields()
    return Figure(name=name, title=title, **fields)
