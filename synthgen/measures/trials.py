"""What an attacker's scores of members and of others come to: area under the curve, and the surest guesses.

A trial holds the scores of people who were trained on (members) and of as good as equal people who were not (others);
a higher score is a firmer "member". Without a leak both are draws of one law, whatever their numbers, and every p-value
here is exact or tie-corrected for that. Several trials may share people: their
normal scores are averaged as if they were one, which is never too bold however much they share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from synthgen.contracts import Interval
from synthgen.measures.chance import below_order_statistic
from synthgen.measures.measure import against_holdout, mean

SURE, SUREST = 0.01, 0.001  # false positives at which the surest guesses are counted
LEAST = 1e-300  # p-value that a normal score can hold


@dataclass(frozen=True)
class Trial:
    """Scores of people who were trained on and of people who were not."""

    members: np.ndarray
    others: np.ndarray


def area(trials: Sequence[Trial]) -> dict[str, Any]:
    """Area under the ROC curve beside one half: value, holdout, baseline, interval, p_value, attempts.

    Standard error after DeLong et al. (1988); p-value of Mann and Whitney (1947), corrected for ties.
    """
    found = [_area(trial) for trial in trials]
    value, error, z = (mean(part) for part in zip(*found, strict=True))
    interval = Interval(low=max(0.0, value - 1.96 * error), high=min(1.0, value + 1.96 * error), method="DeLong")
    p_value = float(stats.norm.sf(z))
    return _told(trials, value=value, holdout=0.5, interval=interval, p_value=p_value)


def surest(trials: Sequence[Trial], share: float) -> dict[str, Any]:
    """True-positive rate where `share` of the others are accused: the same fields, `holdout` being that share.

    The threshold is an order statistic of the others, so `holdout` is the share they expect above it. Of scores equal
    to the threshold as large a part counts as makes that share. Beta-binomial p-value.
    """
    found = [_above(trial, share) for trial in trials]
    value, expected, z = (mean(part) for part in zip(*found, strict=True))
    people, others = (min(len(getattr(t, side)) for t in trials) for side in ("members", "others"))
    interval = against_holdout(value, people, expected, others)
    return _told(trials, value=value, holdout=expected, interval=interval, p_value=float(stats.norm.sf(z)))


def _told(trials: Sequence[Trial], **found: Any) -> dict[str, Any]:
    attempts = max(len(trial.members) for trial in trials)
    return {**found, "baseline": found["holdout"], "attempts": attempts}


def _area(trial: Trial) -> tuple[float, float, float]:
    """Area, its standard error, and how many standard errors of pure chance it lies above one half."""
    m, n = len(trial.members), len(trial.others)
    both = np.r_[trial.members, trial.others]
    ranks = stats.rankdata(both)
    beaten = (ranks[:m] - stats.rankdata(trial.members)) / n
    beating = 1 - (ranks[m:] - stats.rankdata(trial.others)) / m
    value = float(beaten.mean())
    error = math.sqrt(beaten.var(ddof=1) / m + beating.var(ddof=1) / n)
    times = np.unique(both, return_counts=True)[1].astype(float)
    chance = ((m + n + 1) - (times**3 - times).sum() / ((m + n) * (m + n - 1))) / (12 * m * n)
    z = (value - 0.5) / math.sqrt(chance) if chance > 1e-15 else 0.0
    return value, max(error, 0.5 / min(m, n)), z  # never sure beyond half a person: all may lie on one side


def _above(trial: Trial, share: float) -> tuple[float, float, float]:
    """Share of members above the threshold, the share of others expected there, and the p-value as a normal score."""
    m, n = len(trial.members), len(trial.others)
    place = math.ceil(share * (n + 1))
    expected, edge = place / (n + 1), np.sort(trial.others)[n - place]
    tied = (trial.others == edge).mean()
    part = np.clip((expected - (trial.others > edge).mean()) / tied, 0, 1)
    value = float((trial.members > edge).mean() + part * (trial.members == edge).mean())
    chance = below_order_statistic(value * m, m, place, n)
    return value, expected, float(stats.norm.isf(np.clip(chance, LEAST, 1 - 1e-9)))
