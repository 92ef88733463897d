"""Reducers: from the excess surprise of each group to the weight of each group, with one dial from mean to worst case.

Every reducer takes the excess of the groups (nats) and the dial `t >= 0` and returns weights that sum to one: the
gradient of its smooth maximum. t = 0 is the mean (equal weights), t -> infinity the maximum (all weight on the worst
group). DESIGN section 2, points 2 and 3; log-sum-exp: TERM, arXiv 2109.06141; CVaR: Rockafellar and Uryasev 2000.
To add a reducer: one function and one line in `REDUCERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Reducer = Callable[[np.ndarray, float], np.ndarray]


def mean(excess: np.ndarray, t: float) -> np.ndarray:
    """Equal weights, whatever the dial says: ordinary training."""
    return np.full(len(excess), 1.0 / len(excess))


def log_sum_exp(excess: np.ndarray, t: float) -> np.ndarray:
    """Gradient of `(1/t) log mean exp(t e)`: the softmax of `t e`."""
    tilted = np.exp(t * (excess - excess.max())) if t > 0 else np.ones(len(excess))
    return tilted / tilted.sum()


def cvar(excess: np.ndarray, t: float) -> np.ndarray:
    """Equal weight on the worst share `1 / (1 + t)` of the groups, the last of them in part."""
    share = max(len(excess) / (1.0 + t), 1.0)
    place = np.empty(len(excess))
    place[np.argsort(-excess, kind="stable")] = np.arange(len(excess))
    return np.clip(share - place, 0.0, 1.0) / share


def top_k(excess: np.ndarray, t: float) -> np.ndarray:
    """Equal weight on the `k = groups / (1 + t)` worst groups, at least one."""
    k = max(1, round(len(excess) / (1.0 + t)))
    weights = np.zeros(len(excess))
    weights[np.argsort(-excess, kind="stable")[:k]] = 1.0 / k
    return weights


def literal(excess: np.ndarray, t: float) -> np.ndarray:
    """Log-sum-exp over rows, as the talk writes it: hand it one excess per record instead of one per group."""
    return log_sum_exp(excess, t)


REDUCERS: Mapping[str, Reducer] = {
    "mean": mean,
    "log_sum_exp": log_sum_exp,
    "cvar": cvar,
    "top_k": top_k,
    "literal": literal,
}


def smooth_maximum(excess: np.ndarray, t: float) -> float:
    """`(1/t) log mean exp(t e)`: the mean at t = 0, the maximum as t grows (a Renyi divergence of order 1 + t)."""
    if t == 0:
        return float(excess.mean())
    top = excess.max()
    return float(top + np.log(np.exp(t * (excess - top)).mean()) / t)


def capped(weights: np.ndarray, cap: float) -> np.ndarray:
    """Weights that sum to one, none above `cap` times their mean; what is cut off goes to the others in proportion.

    Others at zero share it equally, so that the sum stays one however peaked the weights came in.
    """
    limit, out = max(cap, 1.0) / len(weights), weights.astype(float).copy()
    full = np.zeros(len(out), bool)
    for _ in range(len(out)):
        over = (out > limit * (1 + 1e-12)) & ~full
        if not over.any():
            break
        full |= over
        out[full] = limit
        left, rest = 1.0 - limit * full.sum(), out[~full]
        if len(rest):
            out[~full] = rest * left / rest.sum() if rest.sum() > 0 else left / len(rest)
    return out


def weights(excess: np.ndarray, reducer: str, t: float, cap: float) -> np.ndarray:
    """Weights with mean one, none above `cap`; NaN excess (nothing known about a group) gets weight one."""
    out = np.ones(len(excess))
    known = np.isfinite(excess)
    if known.any():
        out[known] = capped(REDUCERS[reducer](excess[known], t), cap) * known.sum()
    return out
