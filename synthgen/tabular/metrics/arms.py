"""The arms of the augmentation question: real rows alone, weighted, oversampled, or with synthetic rows beside them.

Every repetition leaves out a tenth of the real rows and takes another seed for the learner and other synthetic rows;
all arms of a repetition share its real rows, so that differences are paired. Each arm is tested on the same real
people that nothing was learnt from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from synthgen.runtime import RunContext
from synthgen.tabular.metrics import learners
from synthgen.tabular.smote import between

REPETITIONS, KEPT, DRAWS = 6, 0.9, 200
TREES, LEAVES, RATE = 50, 15, 0.1
MACRO_TREES = 25
NEIGHBORS = 5
NEARLY = 0.8  # a mix is tried where the set holds at least so much of the rows it takes
PERCENTS = (25, 50, 100)
BASELINES = ("real", "class_weights", "smote", "smote_balance")
TITLES = {"real": "Real rows alone", "class_weights": "Real rows with class weights", "all": "Real and all synthetic"}
MIXES = (*(f"more_{p}" for p in PERCENTS), "more_balance", "all")
ARMS = (*BASELINES, *MIXES)


@dataclass(frozen=True)
class Arm:
    """What is added to the real rows of each repetition: `rows` of `source`, nothing where that is empty."""

    name: str
    title: str
    source: str = ""  # "smote", "synthetic" (of the class) or "all"
    rows: int = 0
    missing: str = ""  # why it is not tried
    weighted: bool = False
    beyond: bool = False  # it takes more rows of the class than the set holds


@dataclass(frozen=True)
class Question:
    """Features [rows, columns] and what is to be learnt: 1 for the class, or a number where `discrete` is False.

    `pool` holds synthetic rows of the class, `own` how many of them the set itself has; `whole` and `whole_y` are rows
    of the set, `set_rows` how many it has. `weights` [1 + draws, test rows]: ones, then bootstrap weights.
    """

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    pool: np.ndarray
    own: int
    whole: np.ndarray
    whole_y: np.ndarray
    set_rows: int
    weights: np.ndarray
    categorical: Sequence[int]
    discrete: bool
    most: int  # real rows that are learnt from, at most
    ctx: RunContext = field(repr=False)

    @property
    def share(self) -> float:
        """The part of the real rows that each repetition learns from."""
        return part(len(self.y), self.most)

    @cached_property
    def arms(self) -> tuple[Arm, ...]:
        """Every arm, planned before anything is learnt; those that cannot be tried say why."""
        whole = Arm("all", TITLES["all"], "all", min(len(self.whole), round(self.set_rows * self.share)))
        if not self.discrete:
            base = round(len(self.y) * self.share)
            return (Arm("real", TITLES["real"]), *(self._percent(p, base, len(self.whole)) for p in PERCENTS), whole)
        count = round(float(self.y.sum()) * self.share)
        want = max(0, round(len(self.y) * self.share) - 2 * count)
        baselines = (
            Arm("real", TITLES["real"]),
            Arm("class_weights", TITLES["class_weights"], weighted=True),
            _smote("smote", count, min(count, want)),
            _smote("smote_balance", count, want if want > 1.1 * count else 0),
        )
        mixes = (self._percent(p, count, len(self.pool), want) for p in PERCENTS)
        return (*baselines, *mixes, self._balance(count, want), whole)

    def _percent(self, percent: int, count: int, held: int, want: int | None = None) -> Arm:
        name, title, rows = f"more_{percent}", f"+{percent} %", round(count * percent / 100)
        if want is not None and rows > want:
            return Arm(name, title, missing="It would make the class more common than all others together.")
        if held < NEARLY * rows or rows < 1:
            return Arm(name, title, missing="The set holds too few rows for it.")
        source = "all" if want is None else "synthetic"
        return Arm(name, title, source, min(rows, held), beyond=want is not None and rows > self._own)

    def _balance(self, count: int, want: int) -> Arm:
        rows = min(want, len(self.pool))
        if rows <= 1.1 * count:
            why = "The set holds too few rows for it." if want > rows else "The mixes above are balanced already."
            return Arm("more_balance", "To balance", missing=why)
        title = f"+{100 * rows / max(count, 1):.0f} %{' (to balance)' if rows == want else ''}"
        return Arm("more_balance", title, "synthetic", rows, beyond=rows > self._own)

    @property
    def _own(self) -> float:
        """Rows of the class that the set itself has, for the part of the real rows that is learnt from."""
        return self.own * self.share / NEARLY

    def scores(self) -> dict[str, dict[str, np.ndarray]]:
        """measure -> arm -> its score [repetitions, 1 + draws]; only a Brier score is better low."""
        tried = [arm for arm in self.arms if not arm.missing]
        found: dict[str, dict[str, list[np.ndarray]]] = {}
        for number in range(REPETITIONS):
            here = self.ctx.at(f"repetition{number}")
            kept = _stratified(self.y if self.discrete else np.zeros(len(self.y)), self.share, here.rng("rows"))
            made = self._made(kept, tried, here.rng("smote"))
            for arm in tried:
                self.ctx.check_stop()
                for measure, score in self._score(arm, kept, made, here).items():
                    found.setdefault(measure, {}).setdefault(arm.name, []).append(score)
        return {m: {arm: np.array(s) for arm, s in by.items()} for m, by in found.items()}

    def _made(self, kept: np.ndarray, tried: Sequence[Arm], rng: np.random.Generator) -> np.ndarray:
        """The SMOTE-NC rows of one repetition: as many as its largest arm takes, the others take the first of them."""
        most = max((arm.rows for arm in tried if arm.source == "smote"), default=0)
        return _oversampled(self.x[kept], self.y[kept] == 1, most, self.categorical, rng) if most else self.x[:0]

    def _added(self, arm: Arm, made: np.ndarray, ctx: RunContext) -> tuple[np.ndarray, np.ndarray | None]:
        """The features that an arm adds, and which rows of the set they are where they are not of the class alone."""
        rng = ctx.rng(arm.source or "nothing")
        if arm.source == "all":
            chosen = rng.permutation(len(self.whole))[: arm.rows]
            return self.whole[chosen], chosen
        if arm.source == "synthetic":
            return self.pool[rng.permutation(len(self.pool))[: arm.rows]], None
        return made[: arm.rows], None

    def _learnt(
        self, arm: Arm, kept: np.ndarray, y: np.ndarray, whole_y: np.ndarray, value: float, added: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features and labels of one arm: the kept real rows and what is added, whose label is `value` or its own."""
        x, rows = added
        labels = np.full(len(x), value) if rows is None else whole_y[rows]
        return np.vstack([self.x[kept], x]), np.r_[y[kept], labels]

    def _score(self, arm: Arm, kept: np.ndarray, made: np.ndarray, ctx: RunContext) -> dict[str, np.ndarray]:
        x, y = self._learnt(arm, kept, self.y, self.whole_y, 1.0, self._added(arm, made, ctx))
        kind = learners.classifier if self.discrete else learners.regressor
        seed = {"random_state": ctx.seed_for("learner") % 2**31}
        model = _small(kind(TREES, RATE), **seed)
        if arm.weighted:
            model.set_params(class_weight="balanced")
        model.fit(x, y, categorical_feature=list(self.categorical))
        if not self.discrete:
            told = learners.r_squared(self.test_y, model.predict(self.test_x), self.weights)
            return {"score": np.maximum(told, 0.0)}
        prior = float(self.y.mean())
        chance = at_prior(model.predict_proba(self.test_x)[:, 1], 0.5 if arm.weighted else float(y.mean()), prior)
        return _told(self.test_y, chance, prior, self.weights)

    def macro(self, labels: Mapping[str, np.ndarray], value: int, arms: Sequence[Arm]) -> dict[str, float]:
        """Arm -> average precision on the test people, mean over all classes each against the rest.

        `labels` are class numbers of "real", "whole" and "test" rows, `value` the number of the class with a pool.
        """
        here = self.ctx.at("macro")
        kept = _stratified(self.y, self.share, here.rng("rows"))
        ones, out = np.ones((1, len(self.test_y))), {}
        for arm in arms:
            self.ctx.check_stop()
            added = self._added(arm, self.x[:0], here)
            x, y = self._learnt(arm, kept, labels["real"], labels["whole"], value, added)
            model = _small(learners.classifier(MACRO_TREES, 2 * RATE), random_state=0)
            model.fit(x, y, categorical_feature=list(self.categorical))
            chances = dict(zip(model.classes_, model.predict_proba(self.test_x).T, strict=True))
            tested = [c for c, n in zip(*np.unique(labels["test"], return_counts=True), strict=True) if n >= 10]
            nothing = np.zeros(len(self.test_y))
            parts = [
                learners.average_precision((labels["test"] == c).astype(float), chances.get(c, nothing), ones)[0]
                for c in tested
            ]
            out[arm.name] = float(np.mean(parts))
        return out


def part(rows: int, most: int) -> float:
    """The share of the real rows that a repetition learns from, where it may learn from at most `most`."""
    return min(KEPT, most / rows)


def at_prior(chance: np.ndarray, learnt: float, prior: float) -> np.ndarray:
    """Probabilities of a model that met the class with share `learnt`, brought back to the real share `prior`.

    What was added is known, so its shift of the odds is taken out exactly (Elkan 2001, theorem 2).
    """
    learnt, prior = (min(max(p, 1e-9), 1 - 1e-9) for p in (learnt, prior))
    odds = (prior / (1 - prior)) / (learnt / (1 - learnt))
    return np.asarray(chance * odds / (chance * odds + 1 - chance))


def _told(truth: np.ndarray, chance: np.ndarray, prior: float, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Average precision, recall when as many are chosen as the real share says, and the Brier score."""
    cut = max(float(np.quantile(chance, 1 - prior)), 1e-12)
    return {
        "score": learners.average_precision(truth, chance, weights),
        "recall": learners.recall(truth, (chance >= cut).astype(float), weights),
        "brier": weights @ (chance - truth) ** 2 / weights.sum(axis=1),
    }


def _smote(name: str, count: int, rows: int) -> Arm:
    title = f"Real and SMOTE-NC, +{100 * rows / max(count, 1):.0f} %"
    why = "" if rows >= 1 and count >= 2 else "Another arm is balanced already, or the class has one row."
    return Arm(name, title, "smote", rows, missing=why)


def _small(model: Any, **settings: Any) -> Any:
    """A learner that draws rows and columns, so that its seed matters."""
    return model.set_params(num_leaves=LEAVES, subsample=0.8, subsample_freq=1, colsample_bytree=0.8, **settings)


def _stratified(y: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Row numbers in order: `share` of the rows of every value of `y`, at least one."""
    parts = []
    for value in np.unique(y):
        rows = np.flatnonzero(y == value)
        parts.append(rng.permutation(rows)[: max(1, round(share * len(rows)))])
    return np.sort(np.concatenate(parts))


def _oversampled(
    x: np.ndarray, inside: np.ndarray, rows: int, categorical: Sequence[int], rng: np.random.Generator
) -> np.ndarray:
    """SMOTE-NC rows of the class; a gap in a number is filled by the median, a gap in a category is one of its own."""
    filled = x.copy()
    for i in range(x.shape[1]):
        gaps = np.isnan(x[:, i])
        if gaps.any():
            filled[gaps, i] = -1.0 if i in categorical or gaps.all() else np.median(x[~gaps, i])
    made = between(filled, inside, rows, list(categorical), NEIGHBORS, rng)
    for i in categorical:
        made[made[:, i] < 0, i] = np.nan
    return made
