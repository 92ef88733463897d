"""Detection: can a good classifier tell synthetic rows from real ones?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from synthgen.contracts import Generator, Group, GroupFigure, MetricResult, Split, SyntheticSet
from synthgen.measures.measure import Measure, percentile
from synthgen.runtime import RunContext
from synthgen.tabular.metrics import learners
from synthgen.tabular.metrics.tables import Tables, sample, tables

FOLDS = 3
MOST_ROWS = 8_000
FEWEST = 60
SHOWN = 20


class Detection(Measure):
    """AUC of LightGBM telling synthetic from training rows, three folds."""

    name, title = "detection", "Telling synthetic from real"
    family: ClassVar[Literal["fidelity"]] = "fidelity"
    better, best = "lower", 0.5
    explanation = (
        "A classifier tells synthetic rows from real ones: 0.5 means that it can only guess, 1 that it is always "
        "right. The hold-out shows what real rows score that were never used. The breakdown names the columns that "
        "told them apart: their share of what the classifier gained by its splits."
    )
    source = "Classifier two-sample test (Lopez-Paz and Oquab, 2017); LightGBM, out-of-fold."

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """AUC with a bootstrap interval over the rows, beside that of as many hold-out rows."""
        t = tables(split, synthetic, schema, ctx)
        n = min(t.equal_rows, len(t.train), MOST_ROWS)
        if not t.columns:
            return self.not_applicable("No modelled column.")
        if n < FEWEST:
            return self.insufficient(f"Fewer than {FEWEST} rows on each side.")
        found, gains = _told_apart(t, sample(t.synthetic, n, ctx.rng("synthetic")), ctx)
        other, beside = _told_apart(t, sample(t.holdout, n, ctx.rng("hold-out")), ctx)
        return self.result(
            value=float(found[0]),
            holdout=float(other[0]),
            interval=percentile(found[1:], "bootstrap over the rows"),
            groups=_most_telling(t, gains, beside),
        )


def _most_telling(t: Tables, gains: np.ndarray, beside: np.ndarray) -> tuple[GroupFigure, ...]:
    """The columns the classifier gained most from, and what it gained from them on hold-out rows, as shares."""
    order = np.argsort(-gains, kind="stable")[:SHOWN]
    names = [t.columns[i] for i in order]
    return tuple(
        GroupFigure(label=c, kind="column", columns=(c,), value=float(gains[i]), holdout=float(beside[i]))
        for c, i in zip(names, order, strict=True)
    )


def _told_apart(t: Tables, other: pd.DataFrame, ctx: RunContext) -> tuple[np.ndarray, np.ndarray]:
    """AUC of synthetic against training rows (the estimate first, then bootstrap draws) and each column's gain."""
    n = len(other)
    real = sample(t.train, n, ctx.rng("train"))
    x = np.vstack([learners.features(t, real), learners.features(t, other)])
    y = np.r_[np.zeros(n), np.ones(n)]
    rng = ctx.rng("folds")
    fold = np.concatenate([rng.permutation(np.arange(n) % FOLDS) for _ in range(2)])
    scores, gains = np.zeros(2 * n), np.zeros(x.shape[1])
    for k in range(FOLDS):
        ctx.check_stop()
        model = learners.classifier(trees=100, rate=0.08)
        model.fit(x[fold != k], y[fold != k], categorical_feature=learners.categorical(t))
        scores[fold == k] = model.predict_proba(x[fold == k])[:, 1]
        gains += model.booster_.feature_importance("gain")
    drawn = learners.weights(2 * n, ctx.rng("bootstrap"), 100)
    return learners.auc(y, scores, drawn), gains / max(gains.sum(), 1e-12)
