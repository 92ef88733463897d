"""Clusters: islands of numbers, parted by empty stretches; a kind of mode (see `modes`).

The rule. A stretch without anybody is a gap when it is twice as wide as what the k nearest people on its two sides span
together, and five times as wide as the usual distance between neighbouring values. Under an even density chance leaves
one such stretch in 3^2k. The table is cut in the middle of its clearest gap, over all columns of numbers, and
each part again, largest first; what can no longer be cut is a cluster, if at least k people are in it. Bounds are round
numbers inside a gap, so they give no one's value away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

SAMPLE = 50_000  # rows that are looked at
WORK = 2_000  # columns sorted, over all cuts
CLEAR, EMPTY = 5.0, 2.0  # times the usual distance between neighbouring values; times what the people around span

Bounds = dict[str, tuple[float, float]]  # at least, below


def find(frame: pd.DataFrame, names: Sequence[str], people: np.ndarray | None, k: int) -> list[Bounds]:
    """Bounds of each cluster in the columns it was cut in, the smallest cluster first; none where nothing is parted."""
    rows = np.unique(np.linspace(0, len(frame) - 1, min(len(frame), SAMPLE)).astype(int)) if len(frame) else np.zeros(0)
    if people is not None:
        rows = rows[np.unique(people[rows.astype(int)], return_index=True)[1]]
    values = frame[list(names)].to_numpy(float)[rows.astype(int)]
    open_parts: list[tuple[np.ndarray, Bounds]] = [(np.arange(len(values)), {})]
    done: list[tuple[int, Bounds]] = []
    for _ in range(max(8, WORK // max(len(names), 1))):
        if not open_parts:
            break
        inside, bounds = open_parts.pop(max(range(len(open_parts)), key=lambda i: len(open_parts[i][0])))
        cut = _clearest(values[inside], k)
        if cut is None:
            done.append((len(inside), bounds))
            continue
        column, at = cut
        low, high = bounds.get(names[column], (-math.inf, math.inf))
        here = values[inside, column]
        open_parts.append((inside[here < at], {**bounds, names[column]: (low, at)}))
        open_parts.append((inside[here >= at], {**bounds, names[column]: (at, high)}))
    done += [(len(inside), bounds) for inside, bounds in open_parts]
    return [bounds for size, bounds in sorted(done, key=lambda d: d[0]) if size >= k and bounds]


def _clearest(values: np.ndarray, k: int) -> tuple[int, float] | None:
    """The column and the round number to cut at; None where no stretch is a gap."""
    found = [(score, column, at) for column in range(values.shape[1]) for score, at in _gap(values[:, column], k)]
    return max(found)[1:] if found else None


def _gap(values: np.ndarray, k: int) -> list[tuple[float, float]]:
    """The widest gap of one column beside its surroundings: how clear it is and where to cut; empty without a gap."""
    v = np.sort(values[~np.isnan(values)])
    if len(v) < 2 * k:
        return []
    step = np.diff(v)
    usual = float(np.median(step[step > 0])) if (step > 0).any() else 0.0
    i = np.arange(k - 1, len(v) - k)  # k people on either side
    around = (v[i] - v[i - k + 1]) + (v[i + k] - v[i + 1])
    score = np.where(step[i] > CLEAR * usual, step[i] / (around + usual + 1e-300), 0.0)
    best = int(score.argmax())
    if score[best] <= EMPTY:
        return []
    return [(float(score[best]), _round_between(v[i[best]], v[i[best] + 1]))]


def _round_between(low: float, high: float) -> float:
    """A round number strictly between two values, near their middle."""
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    return float(f"{round((low + high) / 2 / step) * step:.12g}")
