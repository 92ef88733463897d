"""Augmentation: would adding this set to the real table help a model of it, and is that more than chance?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from synthgen.contracts import Figure, Generator, Group, MetricResult, Split, SyntheticSet
from synthgen.errors import SynthgenError
from synthgen.measures.measure import Measure, absent, percentile
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.tabular.metrics import learners
from synthgen.tabular.metrics.arms import ARMS, BASELINES, Arm, Question, part
from synthgen.tabular.metrics.gains import HOW, MEASURES, Gain, Means, advice, by_person
from synthgen.tabular.metrics.tables import Tables, plain, tables
from synthgen.tabular.metrics.utility import FEWEST_OF_CLASS, FEWEST_TEST, MOST_CLASSES, same_value
from synthgen.tabular.modes import people_in

FEWEST_LEARNT = 5  # real rows of the class to learn from
MOST_COLUMNS, MOST_TRAIN, MOST_CELLS, MOST_TEST, MOST_POOL = 100, 6_000, 150_000, 5_000, 20_000


class Augmentation(Measure):
    """Real rows with synthetic ones beside them, against the best that real rows alone can do."""

    name, title = "augmentation", "Would adding this set help a model?"
    family: ClassVar[Literal["utility"]] = "utility"
    low = -1.0
    explanation = (
        "A model of the rare class learns from real rows alone, with class weights, with SMOTE-NC, and with synthetic "
        "rows of the class at several mixes, six times over, and is tested on real people it never saw. The value is "
        "the best mix's average precision minus that of the best of the first three (for a number as target: explained "
        "variance). 'Use' is said only where the interval, which allows for having tried several mixes, excludes 0 and "
        "the probabilities are not clearly worse (Brier score, at the real share of the class)."
    )
    source = (
        "SMOTE-NC (Chawla et al. 2002); LightGBM; paired bootstrap over hold-out people and repetitions, single-step "
        "max-T over the mixes (Westfall and Young 1993); probabilities at the real prior (Elkan 2001); Brier (1950), a "
        "proper score, where calibration errors by bins depend on the bins."
    )

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """The gain of the best mix over the best baseline, with a verdict in words."""
        if schema.target is None:
            return self.not_applicable("No target column was named.")
        t = tables(split, synthetic, schema, ctx, columns=MOST_COLUMNS, mixed=False)
        if schema.target not in t.columns or len(t.columns) < 2:
            return self.not_applicable("The target is not a modelled column, or it is the only one.")
        task = _Task(t, split, synthetic, schema, ctx)
        problem = task.problem()
        return self.insufficient(problem) if problem else self._judged(task, generator)

    def _judged(self, task: _Task, generator: Generator | None) -> MetricResult:
        question = task.question(generator)
        mixes = [arm for arm in question.arms if arm.name not in BASELINES and not arm.missing and arm.rows]
        if not mixes:
            return self.insufficient("The set holds too few rows to be added at any mix.")
        means = Means(question.scores(), task.ctx.rng("repetitions"))
        best = max((a for a in BASELINES if a in means.draws["score"]), key=lambda a: means.value("score", a))
        chosen, verdict, reason = advice(means.gains(mixes, best), question.arms, best, task.discrete)
        return self.result(
            value=float(np.clip(chosen.value, -1, 1)),
            interval=chosen.interval,
            verdict=verdict,
            reason=reason,
            figures=tuple(_figures(question, means, chosen, task)),
        )


@dataclass(frozen=True)
class _Task:
    """The target, the rows that are learnt from and tested on, and the class that is rare."""

    t: Tables
    split: Split
    synthetic: SyntheticSet
    schema: Any
    ctx: RunContext

    @property
    def target(self) -> str:
        return str(self.schema.target)

    @property
    def discrete(self) -> bool:
        return self.target in self.t.discrete

    @property
    def real(self) -> pd.DataFrame:
        return _known(self.t.train, self.target)

    @property
    def test(self) -> pd.DataFrame:
        return self.t.holdout[self._tested]

    @property
    def _tested(self) -> np.ndarray:
        """Which hold-out rows are tested on: those with a target, at most MOST_TEST (they are in random order)."""
        filled = self.t.holdout[self.target].notna().to_numpy()
        return np.asarray(filled & (np.cumsum(filled) <= MOST_TEST))

    @property
    def counts(self) -> pd.Series:
        """Training rows of each class with enough hold-out rows, the rarest last."""
        tested, learnt = (f[self.target].value_counts() for f in (self.test, self.real))
        usual = [c for c in learnt.index if tested.get(c, 0) >= FEWEST_OF_CLASS and learnt[c] >= FEWEST_LEARNT]
        return learnt[sorted(usual, key=lambda c: (-learnt[c], str(c)))]

    @property
    def rare(self) -> Any:
        """The class the question is about: the positive one if it is not the commoner half, else the rarest."""
        asked = getattr(self.schema, "positive", None)
        wanted = [c for c in self.counts.index if asked is not None and same_value(c, asked)]
        if wanted and self.counts[wanted[0]] <= len(self.real) / 2:
            return wanted[0]
        return self.counts.index[-1]

    def problem(self) -> str:
        """Why there is too little to tell, or nothing."""
        if min(len(self.test), len(self.real)) < FEWEST_TEST or not len(self.t.synthetic):
            return f"Fewer than {FEWEST_TEST} rows to learn from or to test on."
        if self.discrete and (not len(self.counts) or self.counts.iloc[-1] == len(self.real)):
            return f"No rare value of the target has {FEWEST_OF_CLASS} hold-out rows and {FEWEST_LEARNT} to learn from."
        if not self.discrete and self.test[self.target].nunique() < 2:
            return "The target is constant in the hold-out."
        return ""

    def question(self, generator: Generator | None) -> Question:
        """Everything as numbers; rows of the class are drawn through the generator where the set has too few."""
        real, test, whole = self.real, self.test, _known(self.t.synthetic, self.target)
        most = min(MOST_TRAIN, MOST_CELLS // len(self.t.columns))
        pool, own = self._pool(generator, most) if self.discrete else (whole.iloc[:0], 0)
        return Question(
            x=self._x(real),
            y=self._y(real),
            test_x=self._x(test),
            test_y=self._y(test),
            pool=self._x(pool),
            own=own,
            whole=self._x(whole),
            whole_y=self._y(whole),
            set_rows=self.synthetic.rows,
            weights=by_person(self._people(), self.ctx.rng("bootstrap")),
            categorical=learners.categorical(self.t, self.target),
            discrete=self.discrete,
            most=most,
            ctx=self.ctx,
        )

    def _x(self, frame: pd.DataFrame) -> np.ndarray:
        return learners.features(self.t, frame, self.target)

    def _y(self, frame: pd.DataFrame) -> np.ndarray:
        cells = frame[self.target]
        return np.array(cells == self.rare, dtype=float) if self.discrete else cells.to_numpy(dtype=float)

    def _people(self) -> np.ndarray:
        """Whose rows are tested on; every row is a person where there is no key."""
        rows, person = np.flatnonzero(self._tested), self.schema.person
        if person is None or person not in self.t.typed[1].columns:
            return np.arange(len(rows))
        codes = pd.factorize(self.t.typed[1][person].iloc[rows])[0]
        return np.where(codes < 0, codes.max(initial=0) + 1 + np.arange(len(codes)), codes)

    def _pool(self, generator: Generator | None, most: int) -> tuple[pd.DataFrame, int]:
        """Synthetic rows of the class to be added, and how many of them the set has.

        Without a generator that can draw more there are as many as the set has, for the part of the real rows that a
        repetition learns from; with one, as many as balance takes.
        """
        found, own = self._held()
        share = part(len(self.real), most)
        if not self._can_draw(generator):
            return found.iloc[: round(own * share)], own
        wanted = min(round((len(self.real) - 2 * float(self._y(self.real).sum())) * share), MOST_POOL)
        if wanted > len(found):
            more = self._drawn(generator, wanted - len(found))  # type: ignore[arg-type]
            found = pd.concat([found, more], ignore_index=True)
        return found, own

    def _held(self) -> tuple[pd.DataFrame, int]:
        """At most MOST_POOL rows of the class, drawn over the whole set a chunk at a time, and how many there are."""
        rng, own = self.ctx.rng("pool"), 0
        kept, keys = self._plain(self.t.typed[2].iloc[:0]), np.empty(0)
        for chunk in self.synthetic.chunks():
            frame = self._plain(chunk)
            inside = frame[np.array(frame[self.target] == self.rare, dtype=bool)]
            own += len(inside)
            kept, keys = pd.concat([kept, inside], ignore_index=True), np.r_[keys, rng.random(len(inside))]
            order = np.argsort(keys)[:MOST_POOL]
            kept, keys = kept.iloc[order].reset_index(drop=True), keys[order]
        return kept, own

    def _can_draw(self, generator: Generator | None) -> bool:
        """Whether more rows of the class can be had: the generator takes conditions and enough people are in it."""
        asked = self.synthetic.spec
        inside = np.array(self.split.train[self.target] == self.rare, dtype=bool)
        able = "condition" in getattr(generator, "capabilities", ())
        people = people_in(inside, self.split.train_people)
        return able and not asked.fixed and not asked.targets and people >= self.schema.k_floor

    def _drawn(self, generator: Generator, rows: int) -> pd.DataFrame:
        """More rows of the class from the generator; none where it refuses."""
        value = self.rare.item() if isinstance(self.rare, np.generic) else self.rare
        request = SampleSpec(rows=rows, fixed={self.target: value}, resample=self.synthetic.spec.resample)
        try:
            made = list(generator.sample(request, rows, self.ctx.at("drawn")))
        except SynthgenError as problem:
            self.ctx.log(f"No more rows of the class could be drawn: {problem.message}")
            return self._plain(self.t.typed[2].iloc[:0])
        return self._plain(pd.concat(made, ignore_index=True).iloc[:rows])

    def _plain(self, frame: pd.DataFrame) -> pd.DataFrame:
        return plain(frame, self.t.discrete, self.t.numeric)

    def macro(self, question: Question, chosen: Arm) -> dict[str, float]:
        """Macro average precision of three arms where the target has more than two classes."""
        if not self.discrete or self.real[self.target].nunique() < 3 or len(self.counts) < 2:
            return {}
        classes = self.counts.index[:MOST_CLASSES].tolist()
        classes = classes if self.rare in classes else [*classes[:-1], self.rare]
        frames = {"real": self.real, "test": self.test, "whole": _known(self.t.synthetic, self.target)}
        labels = {n: pd.Index(classes).get_indexer(pd.Index(f[self.target])) for n, f in frames.items()}
        tried = {a.name: a for a in (question.arms[0], chosen, question.arms[-1])}
        return question.macro(labels, classes.index(self.rare), list(tried.values()))


def _figures(question: Question, means: Means, chosen: Gain, task: _Task) -> Iterator[Figure]:
    """One figure for each arm and measure, then the changes of the mix that is told of."""
    there = {arm.name: arm for arm in question.arms}
    for name in ARMS:
        arm = there.get(name, Arm(name, name.replace("_", " "), missing="Only for a target of classes."))
        for measure, words in MEASURES.items():
            words = words if task.discrete or measure != "score" else "explained variance"
            title = f"{_beside(arm)}: {words}"
            draws = means.draws.get(measure, {}).get(name)
            if draws is None:
                yield absent(f"{name}_{measure}", title, arm.missing or "Only for a target of classes.")
            else:
                interval = percentile(draws[1:], HOW)
                yield Figure(name=f"{name}_{measure}", title=title, value=float(draws[0]), interval=interval)
    for measure in ("recall", "brier"):
        title = f"{MEASURES[measure].capitalize()}: change by the mix told of"
        if measure in chosen.others:
            value, interval = chosen.others[measure]
            yield Figure(name=f"{measure}_gain", title=title, value=value, interval=interval)
        else:
            yield absent(f"{measure}_gain", title, "Only for a target of classes.")
    found = task.macro(question, chosen.arm)
    for name, arm_name, words in (("macro_gain", chosen.arm.name, "mix told of"), ("macro_all", "all", "whole set")):
        title = f"Average precision, mean over classes: change by the {words}"
        if found:
            yield Figure(name=name, title=title, value=found[arm_name] - found["real"])
        else:
            yield absent(name, title, "Only for a target of more than two classes.")


def _known(frame: pd.DataFrame, target: str) -> pd.DataFrame:
    return frame[frame[target].notna()].reset_index(drop=True)


def _beside(arm: Arm) -> str:
    """How a figure names an arm: what is learnt from, the real rows among it."""
    return arm.title if arm.title.startswith("Real") else f"Real and synthetic, {arm.title[0].lower()}{arm.title[1:]}"
