"""Detection: can a good classifier tell synthetic rows from real ones?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from synthgen.contracts import Generator, Group, MetricResult, Split, SyntheticSet
from synthgen.runtime import RunContext
from synthgen.tabular.metrics import learners
from synthgen.tabular.metrics.measure import Measure, percentile
from synthgen.tabular.metrics.tables import Tables, sample, tables

FOLDS = 3
MOST_ROWS = 8_000
FEWEST = 60


class Detection(Measure):
    """AUC of LightGBM telling synthetic from training rows, three folds."""

    name, title = "detection", "Telling synthetic from real"
    family: ClassVar[Literal["fidelity"]] = "fidelity"
    better, best = "lower", 0.5
    explanation = (
        "A classifier tells synthetic rows from real ones: 0.5 means that it can only guess, 1 that it is always "
        "right. The hold-out shows what real rows score that were never used."
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
        found = _told_apart(t, sample(t.synthetic, n, ctx.rng("synthetic")), ctx)
        other = _told_apart(t, sample(t.holdout, n, ctx.rng("hold-out")), ctx)
        return self.result(
            value=float(found[0]),
            holdout=float(other[0]),
            interval=percentile(found[1:], "bootstrap over the rows"),
        )


def _told_apart(t: Tables, other: pd.DataFrame, ctx: RunContext) -> np.ndarray:
    """AUC of synthetic against training rows: the estimate first, then bootstrap draws."""
    n = len(other)
    real = sample(t.train, n, ctx.rng("train"))
    x = np.vstack([learners.features(t, real), learners.features(t, other)])
    y = np.r_[np.zeros(n), np.ones(n)]
    rng = ctx.rng("folds")
    fold = np.concatenate([rng.permutation(np.arange(n) % FOLDS) for _ in range(2)])
    scores = np.zeros(2 * n)
    for k in range(FOLDS):
        ctx.check_stop()
        model = learners.classifier(trees=100, rate=0.08)
        model.fit(x[fold != k], y[fold != k], categorical_feature=learners.categorical(t))
        scores[fold == k] = model.predict_proba(x[fold == k])[:, 1]
    return learners.auc(y, scores, learners.weights(2 * n, ctx.rng("bootstrap"), 100))
