"""How many attacks are made, decided before the first from sizes and the plan alone, never from the clock.

1,500 people a side on the whole make the 95 % interval of (attack - control) at most .036 wide to each side, whatever
the rates, so that a set that gives nothing away is shown to lie below .09. Populations take the first people of one
common order, so that a nearest-neighbour search made once serves all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthgen.spec import AttackPlan
from synthgen.tabular.metrics.attacks.populations import Population

MOST_COLUMNS = 60  # of a wider table, so many drawn by the seed, and those that the plan names
MOST_SYNTHETIC, FEWEST_SYNTHETIC = 20_000, 2_000
MOST_PEOPLE = 20_000  # people among whom somebody is singled out
TRIES = 20  # combinations looked at for each attack planned


@dataclass(frozen=True)
class Effort:
    """People attacked a side: `whole` of everybody, `group` of each other population. `seconds` of a 2-GHz core."""

    whole: int
    group: int
    seconds: float


def effort(plan: AttackPlan, whole: int, group: int, seconds: float) -> Effort:
    """The effort of the standard plan; the full plan attacks more groups, with five times the work."""
    return Effort(whole, group, seconds * (5.0 if plan.size == "full" else 1.0))


@dataclass(frozen=True)
class Targets:
    """The union of the people attacked, as sorted row numbers of both parts, and each population's places in it."""

    train: np.ndarray
    holdout: np.ndarray
    places: tuple[tuple[np.ndarray, np.ndarray], ...]


def targets(populations: Sequence[Population], planned: Effort) -> Targets:
    """The first people of each population that is large enough; the first population is the whole."""
    chosen = []
    for i, people in enumerate(populations):
        most = 0 if people.reason else planned.group if i else planned.whole
        chosen.append((people.train[:most], people.holdout[:most]))
    train, holdout = (np.unique(np.concatenate([pair[part] for pair in chosen])) for part in (0, 1))
    places = tuple((np.searchsorted(train, a), np.searchsorted(holdout, b)) for a, b in chosen)
    return Targets(train, holdout, places)


def synthetic_rows(searches: Sequence[tuple[int, int]], seconds: float) -> int:
    """How many synthetic rows can be searched: `searches` holds (people, columns) of each search.

    A comparison of two rows takes about .2 + .005 x columns microseconds in anonymeter's search.
    """
    cost = sum(people * (0.2 + 0.005 * columns) * 1e-6 for people, columns in searches)
    return int(np.clip(seconds / max(cost, 1e-9), FEWEST_SYNTHETIC, MOST_SYNTHETIC))
