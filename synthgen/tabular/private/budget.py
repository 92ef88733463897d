"""How a stated epsilon and delta are shared out, and the receipt that lets anybody account for them again.

Everything the rows depend on is one of three mechanisms: Gaussian noise on people's counts (all counts together are one
Gaussian mechanism), a threshold below which names that only one person may have are not let out (its failure costs a
part of delta), and Poisson-sampled Gaussian noise on clipped gradients. Their composition is accounted numerically
(Gopi, Lee and Wutschitz 2021, as Opacus has it).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from synthgen.errors import SpecError
from synthgen.spec import DifferentialPrivacy

SELECTION = 0.1  # share of delta for names that should not have been let out
CLOSE, AIM, TRIES = 0.99, 0.996, 6  # share of epsilon that is spent at least; that is aimed at; attempts
LEAST, MOST = 1e-2, 1e4  # noise multipliers that are looked at
History = tuple[tuple[float, float, int], ...]  # noise multiplier, sampling rate, steps


@dataclass(frozen=True)
class Budget:
    """Noise of every mechanism.

    `count_noise` is the standard deviation of each noisy count of people, `noise_multiplier` that of a step's noise in
    units of the clip, `sampling_rate` a person's chance to be in a step; `queries` vectors of counts are paid for.
    """

    epsilon: float
    delta: float
    queries: int
    count_noise: float
    noise_multiplier: float
    sampling_rate: float
    steps: int

    @property
    def selection_delta(self) -> float:
        """The part of delta that the thresholds may fail with."""
        return SELECTION * self.delta

    def history(self, steps: int | None = None) -> History:
        """The mechanisms as an accountant takes them, for all steps or those that were taken."""
        counted = (self.count_noise / math.sqrt(self.queries), 1.0, 1)
        return (counted, (self.noise_multiplier, self.sampling_rate, self.steps if steps is None else steps))

    def receipt(self, steps: int, clip: float, rows: int, people: int) -> dict[str, Any]:
        """What the card tells, JSON-ready: enough to work epsilon out again with any accountant."""
        counted, trained = self.history(steps)
        mechanisms = [
            _mechanism("noisy counts of people (levels, bins, ranges, gaps, weights)", *counted)
            | {"count_vectors": self.queries, "count_noise": self.count_noise},
            _mechanism("clipped gradients", *trained) | {"last_clip": clip},
        ]
        return {
            "epsilon": self.epsilon,
            "delta": self.delta,
            "epsilon_spent": spent(self.history(steps), self.delta - self.selection_delta),
            "unit": "person",
            "neighbours": "one person gives nothing to any count or gradient; numbers of people and rows are known",
            "delta_of_thresholds": self.selection_delta,
            "delta_of_noise": self.delta - self.selection_delta,
            "accountant": "privacy loss distribution (opacus PRVAccountant), upper bound",
            "mechanisms": mechanisms,
            "people": people,
            "rows_per_person": rows,
        }


def _mechanism(name: str, noise: float, rate: float, steps: int) -> dict[str, Any]:
    kind = "Gaussian" if rate == 1 else "Poisson-sampled Gaussian"
    return {"name": name, "kind": kind, "noise_multiplier": noise, "sampling_rate": rate, "steps": steps}


def plan(privacy: DifferentialPrivacy, people: int, queries: int, rate: float, steps: int) -> Budget:
    """The noise that spends `privacy` on so many count vectors and training steps. Raises SpecError if none does."""
    delta = privacy.delta or default_delta(people)
    if delta * people >= 1:
        raise SpecError(
            f"A delta of {delta:g} with {people:,} people allows to give one of them away outright.",
            f"Leave delta out, or choose one far below {1 / people:.1e}.",
        )
    counts, training = _noises(privacy.epsilon, (1 - SELECTION) * delta, privacy.counts_share, rate, steps)
    return Budget(privacy.epsilon, delta, queries, counts * math.sqrt(queries), training, rate, steps)


def default_delta(people: int) -> float:
    """A tenth of one over the number of people."""
    return 1 / (10 * people)


@lru_cache(maxsize=64)
def _noises(epsilon: float, delta: float, share: float, rate: float, steps: int) -> tuple[float, float]:
    """Noise multipliers of counts and training. Counts get `share` of what one Gaussian of that epsilon would give.

    Raises SpecError for an epsilon so small that the accountant cannot show it to be kept.
    """
    whole = _bisected(lambda noise: gaussian_delta(noise, epsilon) <= delta, LEAST, MOST)
    counts = whole / math.sqrt(share)
    training = _training_noise(counts, epsilon, delta, rate, steps)
    if not spent(((counts, 1.0, 1), (training, rate, steps)), delta) <= epsilon:
        raise SpecError(
            f"No noise was found that an accountant shows to keep within epsilon {epsilon:g}.",
            "Choose a larger epsilon, from about 0.05 on.",
        )
    return counts, training


def _training_noise(counts: float, epsilon: float, delta: float, rate: float, steps: int) -> float:
    """The noise of training steps with which all costs at most epsilon and not much less.

    Renyi's bound is quick and says more noise than is needed; from there on epsilon goes about as one over the noise.
    """

    def history(noise: float) -> History:
        return ((counts, 1.0, 1), (noise, rate, steps))

    safe = noise = _bisected(lambda noise: renyi(history(noise), delta) <= epsilon, LEAST, MOST)
    for _ in range(TRIES):
        cost = spent(history(noise), delta)
        if cost <= epsilon:
            safe = min(safe, noise)
        if CLOSE * epsilon <= cost <= epsilon or not math.isfinite(cost):
            break
        noise *= cost / (AIM * epsilon)
    return safe


def gaussian_delta(noise: float, epsilon: float) -> float:
    """Delta of one Gaussian mechanism of sensitivity 1 (Balle and Wang 2018, theorem 8)."""
    from scipy.stats import norm

    below, beyond = 0.5 / noise - epsilon * noise, -0.5 / noise - epsilon * noise
    return float(norm.cdf(below) - math.exp(epsilon + norm.logcdf(beyond)))


def _bisected(enough: Callable[[float], bool], low: float, high: float) -> float:
    """The least noise from `low` to `high` that is `enough`, which `high` is taken to be."""
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@lru_cache(maxsize=256)
def spent(history: History, delta: float) -> float:
    """Epsilon of a history by Opacus' accountant of privacy loss distributions: an upper bound."""
    from opacus.accountants import PRVAccountant

    return _accounted(PRVAccountant(), history, delta)


def renyi(history: History, delta: float) -> float:
    """Epsilon of a history by Opacus' Renyi accountant: an upper bound, looser and quicker."""
    from opacus.accountants import RDPAccountant

    return _accounted(RDPAccountant(), history, delta)


def _accounted(accountant: Any, history: History, delta: float) -> float:
    if any(noise == 0 for noise, _, steps in history if steps):
        return math.inf
    accountant.history = [part for part in history if part[2] > 0]
    with (
        warnings.catch_warnings()
    ):  # of logarithms of zero at a sampling rate of one, and of orders at the end of their range
        warnings.simplefilter("ignore")
        try:
            return float(accountant.get_epsilon(delta))
        except ValueError:  # its numbers ran out: nothing is shown
            return math.inf
