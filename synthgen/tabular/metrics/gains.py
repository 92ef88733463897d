"""What each mix gains over the best baseline, with intervals that hold for all mixes together, and what is advised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthgen.contracts import Interval
from synthgen.measures.measure import percentile, simultaneous
from synthgen.tabular.metrics import learners
from synthgen.tabular.metrics.arms import DRAWS, REPETITIONS, Arm

MEASURES = {"score": "average precision", "recall": "recall of the class", "brier": "Brier score"}
HOW = "bootstrap over hold-out people and repetitions"


@dataclass(frozen=True)
class Gain:
    """One mix against the best baseline: `value` with its simultaneous interval; recall and Brier score beside it."""

    arm: Arm
    value: float
    interval: Interval
    others: dict[str, tuple[float, Interval | None]]

    @property
    def worse(self) -> bool:
        """Whether probabilities are worse beyond chance."""
        interval = self.others["brier"][1] if "brier" in self.others else None
        return interval is not None and interval.low > 0

    @property
    def helps(self) -> bool:
        """Whether the gain excludes 0 and the probabilities are not clearly worse."""
        return self.interval.low > 0 and not self.worse


def advice(gains: Sequence[Gain], arms: Sequence[Arm], best: str, discrete: bool) -> tuple[Gain, str, str]:
    """The mix that is told of, the verdict in a few words, and the sentence that says why."""
    helping = [g for g in gains if g.helps]
    chosen = max(helping, key=lambda g: g.interval.low) if helping else max(gains, key=lambda g: g.value)
    rival = next(arm.title for arm in arms if arm.name == best)
    rival = rival[0].lower() + rival[1:]
    mix = "all its rows" if chosen.arm.name == "all" else chosen.arm.title
    what = MEASURES["score"] if discrete else "explained variance"
    change = f"{_signed(chosen.value)} ({_signed(chosen.interval.low)} to {_signed(chosen.interval.high)})"
    if helping:
        more = " It takes more rows of the class than the set holds: draw them as a target group." * chosen.arm.beyond
        reason = f"Use {mix}: {what} changes by {change} against {rival}, beyond chance.{more}"
        return chosen, f"use {mix}", reason
    beside = f"the best mix, {mix}, changes {what} by {change} against {rival}"
    if all(g.interval.high < 0 for g in gains):
        why = f"every mix makes the model worse: {beside}"
    elif any(g.interval.low > 0 for g in gains):
        why = f"what is gained in {what} is paid for with worse probabilities: {beside}"
    else:
        why = f"no mix gains beyond chance: {beside}"
    return chosen, "do not use", f"Do not use it, because {why}."


class Means:
    """Scores of every arm, mean over the repetitions, first as found, then in each bootstrap draw."""

    def __init__(self, scores: dict[str, dict[str, np.ndarray]], rng: np.random.Generator) -> None:
        # one repetition fewer is drawn than there are: their mean then varies as the mean of all does (Rao and Wu 1988)
        picks = rng.multinomial(REPETITIONS - 1, np.full(REPETITIONS, 1 / REPETITIONS), size=DRAWS) / (REPETITIONS - 1)
        self.draws = {
            measure: {arm: np.r_[s[:, 0].mean(), (picks * s[:, 1:].T).sum(axis=1)] for arm, s in by.items()}
            for measure, by in scores.items()
        }

    def value(self, measure: str, arm: str) -> float:
        """The mean over the repetitions."""
        return float(self.draws[measure][arm][0])

    def gains(self, mixes: Sequence[Arm], best: str) -> list[Gain]:
        """Every mix against the best baseline; the intervals of the score hold together for all mixes."""
        apart = {m: {a.name: by[a.name] - by[best] for a in mixes} for m, by in self.draws.items()}
        ends = simultaneous(np.array([apart["score"][a.name] for a in mixes]))
        found = []
        for arm, (low, high) in zip(mixes, ends, strict=True):
            others = {m: (float(by[arm.name][0]), percentile(by[arm.name][1:], HOW)) for m, by in apart.items()}
            interval = Interval(low=low, high=high, method=f"{HOW}, max-T over the mixes")
            found.append(Gain(arm, float(apart["score"][arm.name][0]), interval, others))
        return found


def by_person(people: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap weights [1 + draws, rows]: ones first, then how often each row's person was drawn."""
    place = np.unique(people, return_inverse=True)[1]
    return learners.weights(int(place.max()) + 1, rng, DRAWS)[:, place].astype(np.float32)  # counts: exact


def _signed(number: float) -> str:
    return f"{number:+.3f}".replace("-", "−")
