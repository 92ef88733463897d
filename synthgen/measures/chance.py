"""How likely chance alone makes what a test saw: one-sided p-values against rows the generator never saw."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from synthgen.contracts import Split


def more_often(hits: float, n: float, control_hits: float, m: float) -> float:
    """Fisher's exact p-value that a share is no higher than the control's: `hits` of `n` against `control_hits` of `m`.

    Counts that are not whole (an effective number of rows) are rounded against the accusation.
    """
    seen, other = math.floor(hits + 1e-9), math.ceil(control_hits - 1e-9)
    n, m = math.floor(n), math.floor(m)
    return float(stats.hypergeom.sf(seen - 1, n + m, seen + other, n)) if n and m else 1.0


def below_order_statistic(count: float, n: int, place: int, m: int) -> float:
    """P-value that so many of `n` values lie below the `place`-th smallest of `m` values of the same law.

    The edge is an estimate itself: their number is beta-binomial with parameters `place` and `m` + 1 - `place`. So many
    lie there when the first `count` + `place` - 1 of all values hold at least `count` of the `n`: hypergeometric, which
    keeps its digits in the tail.
    """
    seen = math.floor(count + 1e-9)
    return float(stats.hypergeom.sf(seen - 1, n + m, n, seen + place - 1))


def unseen_mass(times: np.ndarray) -> tuple[float, float]:
    """Hits and rows of a control out of the training rows: how likely a further row equals one of them.

    `times`: how often each distinct row occurs. The share that occurs more than once estimates it (Good 1953), with
    the variance of Esty (1983); both as if so many independent rows had been looked up, never more than half of them.
    """
    n = float(times.sum())
    twice = float((times == 2).sum())
    share = 1.0 - float((times == 1).sum()) / n
    spread = share * (1 - share)
    rows = n * spread / (spread + 2 * twice / n) if spread > 0 else n / 2
    rows = min(rows, n / 2)
    return share * rows, rows


def rows_are_people(split: Split) -> bool:
    """Whether training rows are strangers to each other, so that one may stand in for an unseen row."""
    people = split.train_people
    return people is None or len(np.unique(people)) == len(people)
