"""The health of a training run: what state it is in, the figures that say so, and one sentence for a person.

States, the worst first, each from intervals and never from a bare number:

- *collapsing*: made records lost most of the variety of held-out ones, or the generator pays more for the very records
  it is trained on than one that draws every column alone, which is where it began.
- *copying*: made records lie nearer to records trained on than to unseen ones far more often than chance gives.
- *group lost*: a group comes out less than a quarter as often as in the data, by the census's own rule.
- *critic too strong*: the critics know their training records by heart, or tell nearly every unseen record: either way
  the logit no longer says how much is wrong where.
- *critic at chance*: the critics tell nothing of unseen records although made and held-out records differ, which a
  comparison of column pairs finds without them. A critic at chance for want of anything to find is no fault. Or the
  critic that teaches an implicit generator is still what it was at the start, although others tell made records: how
  well it tells them itself says nothing, since a generator that follows it stands near or beyond it all the time.
- *balanced*: none of these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from synthgen.training.evidence import Diversity, Estimate, Unlikeness, auc, lost

BY_HEART = 0.99
TELLS_ALL = 0.95
MEMORISES = 0.9
UNLIKE = 0.05
ENTROPY_KEPT, DISTINCT_KEPT = 0.75, 0.5
DIVERGED, DIVERGED_Z = 0.01, 3.0
COPIES, COPIES_Z = 0.03, 3.0
IDLE = 0.05  # of its first spread; after twenty steps critics that learn stood at .15 and more, dead ones under .02


class State(StrEnum):
    """What a run's health comes down to."""

    COLLAPSING = "collapsing"
    COPYING = "copying"
    GROUP_LOST = "group lost"
    TOO_STRONG = "critic too strong"
    AT_CHANCE = "critic at chance"
    BALANCED = "balanced"


@dataclass(frozen=True)
class Logits:
    """The critics' raw logits: of held-out real and fresh made records, and of what each critic was trained on.

    `trained` holds one pair (real, made) per critic. An implicit generator's critic that is never finished may leave
    it empty: then nothing is said of knowing by heart.
    """

    real: np.ndarray
    made: np.ndarray
    trained: tuple[tuple[np.ndarray, np.ndarray], ...] = ()


@dataclass(frozen=True)
class Counts:
    """Records per group among `made_rows` made and `real_rows` real records."""

    made: np.ndarray
    made_rows: int
    real: np.ndarray
    real_rows: int


@dataclass(frozen=True)
class Evidence:
    """All that is known at one point of a run; None where it was not looked at.

    `above_marginals` is what the generator pays for records it is trained on above one that draws each column by
    itself, as a share of what that one pays; its error is of the paired difference.
    `copying` is the share of made records whose nearest real one was trained on, above what chance gives.
    `teacher_moved` is of the critic that an implicit generator follows: the spread of what its logits of held-out
    records changed by since training began, over their spread then. `coordinate` names what diversity is looked at by.
    """

    logits: Logits | None = None
    diversity: Diversity | None = None
    unlikeness: Unlikeness | None = None
    counts: Counts | None = None
    above_marginals: Estimate | None = None
    copying: Estimate | None = None
    teacher_moved: float | None = None
    rows_per_person: float = 1.0
    coordinate: str = "column"


@dataclass(frozen=True)
class Health:
    """One look: states (the worst first), figures for an engineer, one sentence for everybody, and what was done.

    `lost` are the numbers of the groups that are lost; `idle` says that the critic which teaches is the one at chance.
    Nothing here holds a cell value.
    """

    states: tuple[State, ...]
    figures: Mapping[str, float | int | None]
    sentence: str
    lost: tuple[int, ...] = ()
    acted: tuple[str, ...] = field(default=())
    idle: bool = False

    @property
    def state(self) -> State:
        """The worst state."""
        return self.states[0]

    def after(self, *acted: str) -> Health:
        """The same look, with what was done about it."""
        return replace(self, acted=(*self.acted, *acted))

    def payload(self, stage: str, step: int) -> dict[str, Any]:
        """JSON-ready, for an event and the report."""
        return {
            "stage": stage,
            "step": step,
            "state": str(self.state),
            "states": [str(state) for state in self.states],
            "text": self.sentence,
            "acted": list(self.acted),
            **self.figures,
        }


def groups(count: int) -> str:
    """1 group, 2 groups."""
    return "1 group" if count == 1 else f"{count} groups"


def judge(evidence: Evidence) -> Health:
    """States, figures and sentence of one look."""
    reading = _Reading(evidence)
    found = {state: reason for state, reason in reading.reasons() if reason} or {State.BALANCED: reading.balanced()}
    return Health(tuple(found), reading.figures(), next(iter(found.values())), reading.lost, idle=reading.idle())


class _Reading:
    """Evidence, read: one method a state, each giving the reason why it holds, or an empty text."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        logits, people = evidence.logits, evidence.rows_per_person
        self.held = auc(logits.real, logits.made, people) if logits and len(logits.real) > 1 else None
        self.trained = _mean([auc(r, m, people) for r, m in logits.trained]) if logits and logits.trained else None
        self.lost: tuple[int, ...] = ()
        if evidence.counts is not None:
            c = evidence.counts
            found = lost(c.made, c.made_rows, c.real, c.real_rows, people)
            self.lost = tuple(int(g) for g in np.flatnonzero(found))

    def reasons(self) -> Iterator[tuple[State, str]]:
        """Every state but the good one, the worst first, with its reason."""
        yield State.COLLAPSING, self.collapsing()
        yield State.COPYING, self.copying()
        yield State.GROUP_LOST, self.group_lost()
        yield State.TOO_STRONG, self.too_strong()
        yield State.AT_CHANCE, self.at_chance()

    def collapsing(self) -> str:
        """Whether variety is lost or the model is worse than the one it began as.

        Entropy: healthy runs keep .97 to 1.03; at 3/4 a column of a hundred equally common values is down to about
        thirty. Distinct records: half of what as many held-out records have. Both by the end of the interval nearer to
        1. A column: see `evidence.diversity`. Divergence: three standard errors and 1 % above the marginals, on records
        that were trained on, so that overfitting, which lowers their surprise, is never taken for it.
        """
        above, d = self.evidence.above_marginals, self.evidence.diversity
        if above is not None and not above.value - DIVERGED_Z * above.error <= DIVERGED:
            return "Training diverged: the generator knows less than when it began."
        if d is None:
            return ""
        if d.entropy.high < ENTROPY_KEPT:
            return f"The generator is collapsing: it kept {d.entropy.value:.0%} of the variety of unseen real records."
        if d.distinct_high < DISTINCT_KEPT:
            return f"The generator is collapsing: it repeats itself ({d.distinct:.0%} of the distinct records)."
        count = len(d.narrow)
        what = f"one {self.evidence.coordinate}" if count == 1 else f"{count} {self.evidence.coordinate}s"
        return f"The generator is collapsing in {what}." if count else ""

    def copying(self) -> str:
        """Whether training records come back: three standard errors and 3 % of the made ones beyond chance."""
        found = self.evidence.copying
        if found is None or not found.value - COPIES_Z * found.error > COPIES:
            return ""
        return "Made records lie nearer to records trained on than to unseen ones: training is copying."

    def group_lost(self) -> str:
        """Whether a group is lost; see `evidence.lost`."""
        if not self.lost:
            return ""
        come = "comes" if len(self.lost) == 1 else "come"
        return f"{groups(len(self.lost))} {come} out less than a quarter as often as in the data."

    def too_strong(self) -> str:
        """Whether the critics know by heart, or tell everything.

        By heart: on its training records a critic orders 99 of 100 pairs, on unseen ones clearly fewer. Healthy critics
        stood at .66 to .98 on 300 to 4,000 rows, those with sixty passes at 1.000. Below that a critic that finds
        nothing where there is something has memorised if it orders nine of ten training pairs. Tells all: 95 of 100
        unseen pairs; most logits then stand at their limit, where groups cannot be told apart.
        """
        held, trained = self.held, self.trained
        if held is None:
            return ""
        if held.low > TELLS_ALL:
            return "The critics tell nearly every made record: the generator is far behind them."
        if trained is None or trained.low <= held.high:
            return ""
        by_heart = trained.value > BY_HEART and held.high < BY_HEART
        if by_heart or (trained.low > MEMORISES and self._blind()):
            return "The critics know their training records by heart and say little of unseen ones."
        return ""

    def at_chance(self) -> str:
        """Whether critics see nothing although there is something to see, and did not just memorise; or one idles."""
        if self.idle():
            return "The critic that teaches stands still although others tell made records: raise its learning rate."
        if not self._blind() or self.too_strong():
            return ""
        return "The critics are at chance although made records still differ from real ones: they are not learning."

    def balanced(self) -> str:
        """The sentence of a run that is well."""
        if self.held is None:
            return "Training is balanced so far: variety and groups are as in the data."
        if self.held.low <= 0.5:
            return "Training is balanced: neither the critics nor a comparison of columns finds a difference."
        right = f"{100 * self.held.value:.0f} of 100 pairs"
        return f"Training is balanced: the critics tell real from made in {right}, 50 being no better than a guess."

    def idle(self) -> bool:
        """Whether the critic that teaches stands still while others tell real from made beyond chance."""
        moved = self.evidence.teacher_moved
        return moved is not None and moved < IDLE and self.held is not None and self.held.low > 0.5

    def _blind(self) -> bool:
        """At chance on unseen records, with a certain difference of 5 points in some columns.

        Two laws at total variation d are ordered rightly in .5 + d / 2 of the pairs by whoever sees the set on which
        they differ most, so a critic that reaches that much with two columns to go by is not called blind.
        """
        unlike = self.evidence.unlikeness
        if self.held is None or unlike is None or self.held.low > 0.5:
            return False
        return unlike.certain and unlike.excess > UNLIKE and self.held.value < 0.5 + unlike.excess / 2

    def figures(self) -> dict[str, float | int | None]:
        """What the states were read from."""
        out: dict[str, float | int | None] = {}
        if self.held is not None and self.evidence.logits is not None:
            out |= {"held_out_auc": self.held.value, "held_out_auc_error": self.held.error}
            out["held_out_gap"] = float(self.evidence.logits.real.mean() - self.evidence.logits.made.mean())
        if self.trained is not None:
            out["trained_auc"] = self.trained.value
        if (d := self.evidence.diversity) is not None:
            out |= {"diversity": d.entropy.value, "distinct": d.distinct, "narrow_columns": len(d.narrow)}
        if (u := self.evidence.unlikeness) is not None:
            out["unlikeness"] = u.excess if u.certain else 0.0
        if self.evidence.counts is not None:
            out["groups_lost"] = len(self.lost)
        if self.evidence.copying is not None:
            out["copying"] = self.evidence.copying.value
        if self.evidence.teacher_moved is not None:
            out["teacher_moved"] = self.evidence.teacher_moved
        if (above := self.evidence.above_marginals) is not None:
            out["above_marginals"] = above.value
        return {name: value if isinstance(value, int) else _finite(value) for name, value in out.items()}


def _mean(estimates: list[Estimate]) -> Estimate:
    error = math.sqrt(sum(e.error**2 for e in estimates)) / len(estimates)
    return Estimate(sum(e.value for e in estimates) / len(estimates), error)


def _finite(value: float | None) -> float | None:
    return round(float(value), 4) if value is not None and math.isfinite(value) else None
