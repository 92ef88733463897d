"""Gradient-boosted trees and their scores: the one learner behind detection and utility."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from synthgen.tabular.metrics.tables import Tables

LEVELS = 200
BOOTSTRAP = 200


def features(t: Tables, frame: pd.DataFrame, without: str | None = None) -> np.ndarray:
    """Learner input [rows, columns]: numbers as they are, of a discrete column the rank of its 200 commonest levels."""
    out = []
    for c in t.columns:
        if c == without:
            continue
        if c in t.discrete:
            out.append(_ranks(t.train[c], frame[c]))
        else:
            out.append(frame[c].to_numpy(dtype=float))
    return np.column_stack(out) if out else np.zeros((len(frame), 0))


def categorical(t: Tables, without: str | None = None) -> list[int]:
    """Which features are categories, by position."""
    return [i for i, c in enumerate(c for c in t.columns if c != without) if c in t.discrete]


def _ranks(train: pd.Series, values: pd.Series) -> np.ndarray:
    levels = pd.Index(train.value_counts().index[:LEVELS])
    codes = levels.get_indexer(pd.Index(values)).astype(float)
    codes[codes < 0] = len(levels)
    codes[values.isna().to_numpy()] = np.nan
    return codes


def classifier(trees: int = 150, rate: float = 0.06) -> Any:
    """A seeded LightGBM classifier whose result does not depend on the number of threads."""
    return _model("LGBMClassifier", trees, rate)


def regressor(trees: int = 150, rate: float = 0.06) -> Any:
    """The same for numbers."""
    return _model("LGBMRegressor", trees, rate)


def _model(kind: str, trees: int, rate: float) -> Any:
    import lightgbm

    return getattr(lightgbm, kind)(
        n_estimators=trees,
        num_leaves=31,
        learning_rate=rate,
        min_child_samples=10,
        verbose=-1,
        n_jobs=1,
        random_state=0,
        deterministic=True,
        force_row_wise=True,
    )


def weights(n: int, rng: np.random.Generator, draws: int = BOOTSTRAP) -> np.ndarray:
    """Bootstrap weights [1 + draws, rows]: ones first, then how often each row was drawn."""
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=draws)
    return np.vstack([np.ones((1, n)), drawn])


def auc(truth: np.ndarray, scores: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Area under the ROC curve for every row of weights; NaN where a class has no weight."""
    order, last = _ranking(scores)
    hit = np.cumsum((w * truth)[:, order], axis=1)[:, last]
    miss = np.cumsum((w * (1 - truth))[:, order], axis=1)[:, last]
    tp, fp = (np.hstack([np.zeros((len(w), 1)), x]) for x in (hit, miss))
    area = (np.diff(fp) * (tp[:, 1:] + tp[:, :-1]) / 2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(area / (tp[:, -1] * fp[:, -1]))


def average_precision(truth: np.ndarray, scores: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Average precision for every row of weights; NaN where the class has no weight."""
    order, last = _ranking(scores)
    hit = np.cumsum((w * truth)[:, order], axis=1)[:, last]
    seen = np.cumsum(w[:, order], axis=1)[:, last]
    gained = np.diff(np.hstack([np.zeros((len(w), 1)), hit]), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(seen > 0, hit / np.maximum(seen, 1e-12), 0.0)
        return np.asarray((gained * precision).sum(axis=1) / hit[:, -1])


def recall(truth: np.ndarray, chosen: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Share of the class that was chosen, for every row of weights."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((w * (truth * chosen)).sum(axis=1) / (w * truth).sum(axis=1))


def r_squared(truth: np.ndarray, guess: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Share of variance explained, for every row of weights."""
    middle = (w @ truth) / w.sum(axis=1)
    spread = (w * (truth[None, :] - middle[:, None]) ** 2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 - (w @ (truth - guess) ** 2) / spread)


def _ranking(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows from highest score to lowest, and the last position of every run of equal scores."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    return order, last
