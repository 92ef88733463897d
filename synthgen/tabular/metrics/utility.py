"""Utility: is a model trained on the synthetic set as good on real people as one trained on real data?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from synthgen.contracts import Figure, Generator, Group, MetricResult, Split, Status, SyntheticSet
from synthgen.measures.measure import Measure, absent, percentile
from synthgen.runtime import RunContext
from synthgen.tabular.metrics import learners
from synthgen.tabular.metrics.tables import Tables, sample, tables

FEWEST_TEST, FEWEST_OF_CLASS, MOST_CLASSES, MOST_TRAIN = 50, 10, 8, 20_000
TITLES = {
    "auc": "Area under the ROC curve",
    "ap": "Average precision",
    "worst_recall": "Recall of the worst class",
    "r2": "Share of variance explained",
}


class Utility(Measure):
    """Train on synthetic, test on real (TSTR), beside train on real, test on real (TRTR)."""

    name, title = "utility", "Train on synthetic, test on real"
    family: ClassVar[Literal["utility"]] = "utility"
    explanation = (
        "A model learns the target from the synthetic set and is tested on real people it never saw; beside it "
        "the same model trained on as many real rows. The value is average precision (for a number: explained "
        "variance, not below 0), mean over classes; `gap` figures give the difference with its interval."
    )
    source = "TSTR (Esteban et al., 2017); LightGBM; paired bootstrap over the hold-out rows."

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """Scores on the hold-out of a model trained on synthetic rows, and of one trained on as many real rows."""
        if schema.target is None:
            return self.not_applicable("No target column was named.")
        t = tables(split, synthetic, schema, ctx, once=True)
        if schema.target not in t.columns or len(t.columns) < 2:
            return self.not_applicable("The target is not a modelled column, or it is the only one.")
        n = min(len(t.train), len(t.synthetic), MOST_TRAIN)
        task = _Task(t, schema.target, getattr(schema, "positive", None), ctx)
        problem = task.problem(n)
        if problem:
            return self.insufficient(problem)
        ours = task.scores(sample(t.synthetic, n, ctx.rng("synthetic")))
        real = task.scores(sample(t.train, n, ctx.rng("train")))
        return self._told(ours, real)

    def _told(self, ours: dict[str, np.ndarray], real: dict[str, np.ndarray]) -> MetricResult:
        figures: list[Figure] = []
        for name in TITLES:
            figures += _figures(name, ours.get(name), real.get(name))
        main = next(f for f in figures if f.name == ("ap" if "ap" in ours else "r2"))
        if main.status is not Status.OK or main.value is None or main.holdout is None:
            return self.result(main.status, reason=main.reason, figures=tuple(figures))
        return self.result(
            value=max(main.value, 0.0), interval=main.interval, holdout=max(main.holdout, 0.0), figures=tuple(figures)
        )


@dataclass(frozen=True)
class _Task:
    """Learning one target: what to predict, and the hold-out to be tested on."""

    t: Tables
    target: str
    positive: str | None
    ctx: RunContext

    @property
    def discrete(self) -> bool:
        return self.target in self.t.discrete

    @property
    def test(self) -> pd.DataFrame:
        return self.t.holdout[self.t.holdout[self.target].notna()].reset_index(drop=True)

    def problem(self, train_rows: int) -> str:
        """Why there is too little to tell, or nothing."""
        if len(self.test) < FEWEST_TEST or train_rows < FEWEST_TEST:
            return f"Fewer than {FEWEST_TEST} rows to learn from or to test on."
        if self.discrete and not self.classes():
            return f"No two values of the target have {FEWEST_OF_CLASS} hold-out rows."
        if not self.discrete and self.test[self.target].nunique() < 2:
            return "The target is constant in the hold-out."
        return ""

    def classes(self) -> list[Any]:
        """The values to predict: the positive one, or all with enough hold-out rows (of two, the rarer)."""
        prior = self.t.train[self.target].value_counts()
        counts = self.test[self.target].value_counts()
        usual = [
            c for c in sorted(prior.index, key=lambda c: (-prior[c], str(c))) if counts.get(c, 0) >= FEWEST_OF_CLASS
        ]
        if self.positive is not None:
            wanted = [c for c in usual if same_value(c, self.positive)]
            if wanted and counts[wanted[0]] < len(self.test):
                return wanted
        if len(usual) < 2:
            return []
        return usual[1:] if len(prior) == 2 else usual[-MOST_CLASSES:]

    def scores(self, train: pd.DataFrame) -> dict[str, np.ndarray]:
        """name -> the score first, then its bootstrap draws (the same draws for every model)."""
        train = train[train[self.target].notna()].reset_index(drop=True)
        w = learners.weights(len(self.test), self.ctx.rng("bootstrap"))
        if not self.discrete:
            return {"r2": learners.r_squared(self.test[self.target].to_numpy(), self._guess(train), w)}
        parts = [self._class_scores(train, c, w) for c in self.classes()]
        return {
            "auc": np.mean([p[0] for p in parts], axis=0),
            "ap": np.mean([p[1] for p in parts], axis=0),
            "worst_recall": np.min([p[2] for p in parts], axis=0),
        }

    def _class_scores(
        self, train: pd.DataFrame, value: Any, w: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        self.ctx.check_stop()
        learn, truth = (np.array(f[self.target] == value, dtype=float) for f in (train, self.test))
        if len(np.unique(learn)) < 2:  # the class was lost: nothing can be learnt about it
            return np.full(len(w), 0.5), w @ truth / w.sum(axis=1), np.zeros(len(w))
        chance = self._fit(learners.classifier(), train, learn).predict_proba(self._x(self.test))[:, 1]
        prior = float((self.t.train[self.target] == value).mean())
        cut = max(float(np.quantile(chance, 1 - prior)), 1e-12)
        chosen = (chance >= cut).astype(float)
        return (
            learners.auc(truth, chance, w),
            learners.average_precision(truth, chance, w),
            learners.recall(truth, chosen, w),
        )

    def _guess(self, train: pd.DataFrame) -> np.ndarray:
        model = self._fit(learners.regressor(), train, train[self.target].to_numpy())
        return np.asarray(model.predict(self._x(self.test)))

    def _x(self, frame: pd.DataFrame) -> np.ndarray:
        return learners.features(self.t, frame, self.target)

    def _fit(self, model: Any, train: pd.DataFrame, y: np.ndarray) -> Any:
        return model.fit(self._x(train), y, categorical_feature=learners.categorical(self.t, self.target))


def same_value(value: Any, asked: str) -> bool:
    """Whether a level is the positive value that was asked for, as text or as number."""
    if str(value) == str(asked):
        return True
    try:
        return float(value) == float(asked)
    except (TypeError, ValueError):
        return False


def _figures(name: str, ours: np.ndarray | None, real: np.ndarray | None) -> list[Figure]:
    title = TITLES[name]
    if ours is None or real is None:
        reason = "Only for a target of numbers." if name == "r2" else "Only for a target of classes."
        return [absent(name, title, reason), absent(f"{name}_gap", f"{title}: synthetic minus real", reason)]
    if not (np.isfinite(ours[0]) and np.isfinite(real[0])):
        return [absent(name, title, "It could not be computed on the hold-out.", Status.INSUFFICIENT)]
    how, gap = "bootstrap over the hold-out rows", ours - real
    return [
        Figure(
            name=name, title=title, value=float(ours[0]), interval=percentile(ours[1:], how), holdout=float(real[0])
        ),
        Figure(
            name=f"{name}_gap",
            title=f"{title}: synthetic minus real",
            value=float(gap[0]),
            interval=percentile(gap[1:], f"paired {how}"),
        ),
    ]
