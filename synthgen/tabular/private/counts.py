"""Noisy counts of people, and the threshold a name needs to be let out."""

from __future__ import annotations

import math

import numpy as np

from synthgen.errors import SynthgenError
from synthgen.tabular.private.budget import Budget


class Overspent(SynthgenError):
    """More was asked of the data than was paid for: a defect of synthgen, never of a table."""

    code = "internal"


class Counter:
    """Answers counts of people with Gaussian noise, as many as the budget has paid for.

    Every person has one vote in a vector of counts and spreads it over the person's rows, so blanking a person moves a
    vector by at most 1 (Euclidean length).
    """

    def __init__(self, people: np.ndarray, budget: Budget, names_each: int, columns: int, rng: np.random.Generator):
        _, who, rows = np.unique(people, return_inverse=True, return_counts=True)
        self.people, self.vote = len(rows), 1.0 / rows[who]
        self.noise, self.left, self.rng = budget.count_noise, budget.queries, rng
        self.threshold = threshold(budget.count_noise, budget.selection_delta / max(columns, 1), names_each)

    def votes(self, levels: np.ndarray, size: int) -> np.ndarray:
        """(size,) noisy people at each level; `levels` (rows,) has -1 where a row's vote counts nowhere."""
        if self.left <= 0:
            raise Overspent("More counts were asked of the data than were paid for.", "Report this.")
        self.left -= 1
        inside = levels >= 0
        exact = np.bincount(levels[inside], self.vote[inside], minlength=size)
        noisy: np.ndarray = exact + self.noise * self.rng.standard_normal(size)
        return noisy

    def named(self, levels: np.ndarray, size: int, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Noisy people at each level, and which levels may be named though only the data say that they exist.

        A name needs `k` people besides passing the threshold, which a name that one person alone has passes with a
        chance within delta.
        """
        noisy = self.votes(levels, size)
        return noisy, noisy >= max(self.threshold, k)


def threshold(noise: float, delta: float, names: int) -> float:
    """Noisy count above which a person's own names, at most so many in a column, come out with a chance under delta.

    Gaussian mechanism over an open set of names (Gopi et al. 2020, "Differentially private set union", section 5): a
    person who alone has t names votes at most 1 in all.
    """
    from scipy.stats import norm

    each = -math.expm1(math.log1p(-delta) / max(names, 1))
    return 1.0 + noise * float(norm.isf(each))
