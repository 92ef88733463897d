"""Drawing the columns that a request or a rule confines, by the model's own law given all of it.

Confined columns stand first in the order. Each is drawn from its factor with the levels that are not allowed left out;
the mass that was left in is what the factor gives the request. One confined column so follows the model exactly. With
several, a later column's mass depends on the earlier ones, so a pool of candidates is drawn and resampled with the
product of the masses as weights (sampling importance resampling, Rubin 1987): the result follows q(x | all of them).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from synthgen.errors import SpecError
from synthgen.tabular.allowed import Allowed

POOL = 8  # candidates per row where weights differ
BLOCK = 8192
MOST_TRIES = 100

Factor = Callable[[int, np.ndarray], np.ndarray]
DrawCodes = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def conditioned(
    given: np.ndarray, group: np.ndarray, allowed: Allowed, factor: Factor, rng: np.random.Generator
) -> np.ndarray:
    """`given` (rows, columns; -1: free) with its confined columns drawn; the rows of a group share their condition.

    `factor(column, codes)` is q(column | the levels that codes hold), (rows, levels).
    """
    order = _order(given, allowed, factor)
    if not order:
        return given
    pool = POOL if len(order) > 1 else 1
    codes, weights = _candidates(np.repeat(given, pool, axis=0), order, allowed, factor, rng)
    return codes if pool == 1 else codes[resampled(weights, np.repeat(group, pool), pool, rng)]


def rejected(given: np.ndarray, allowed: Allowed, draw: DrawCodes, rng: np.random.Generator) -> np.ndarray:
    """Complete codes for `given` from a generator without factors: rows are drawn again until each one is allowed.

    Raises SpecError when some are not met after MOST_TRIES rounds.
    """
    out, waiting = given.copy(), np.arange(len(given))
    for _ in range(MOST_TRIES):
        rows = np.repeat(waiting, max(1, BLOCK // len(waiting)))
        codes = draw(given[rows], rng)
        met = np.flatnonzero(rng.random(len(rows)) < allowed.share(codes))
        out[rows[met]] = codes[met]
        waiting = np.setdiff1d(waiting, rows[met])
        if not len(waiting):
            return out
    raise SpecError(
        f"{len(waiting)} of {len(given)} rows could not be drawn as asked: this generator meets it too seldom.",
        "Ask for wider ranges, or use the autoregressive GAN, which draws them directly.",
    )


def resampled(log_weights: np.ndarray, group: np.ndarray, pool: int, rng: np.random.Generator) -> np.ndarray:
    """Candidate numbers, one for `pool` of each group, drawn by weight; the k-th belongs to the k-th row of `group`.

    Systematic resampling within each group: as many copies of a candidate as its weight says, off by less than one.
    """
    order = np.argsort(group, kind="stable")
    first = np.flatnonzero(np.append(True, np.diff(group[order]) != 0))
    sizes = np.diff(np.append(first, len(order)))
    number = np.repeat(np.arange(len(first)), sizes)
    kept = sizes // pool
    top = np.maximum.reduceat(log_weights[order], first)
    weights = np.exp(log_weights[order] - np.where(np.isfinite(top), top, 0)[number])
    total = np.add.reduceat(weights, first)
    weights = np.where(total[number] > 0, weights / np.maximum(total, 1e-300)[number], 1 / sizes[number])
    reach = np.cumsum(weights * kept[number])
    rows = np.repeat(np.arange(len(first)), kept)
    start = np.cumsum(kept) - kept
    at = start[rows] + (rng.random(len(first))[rows] + np.arange(len(rows)) - start[rows])
    chosen = np.clip(np.searchsorted(reach, at), first[rows], first[rows] + sizes[rows] - 1)
    chosen = chosen[np.lexsort((rng.random(len(rows)), rows))]
    out = np.empty(len(rows), dtype=np.int64)
    out[order[::pool] // pool] = order[chosen]
    return out


def _order(given: np.ndarray, allowed: Allowed, factor: Factor) -> list[int]:
    """The confined columns that are free in some row, the one that leaves least first: weights then differ least."""
    columns = [c for c in allowed.columns if (given[:, c] < 0).any()]
    if len(columns) < 2:
        return columns
    start = given[:1]

    def mass(column: int) -> float:
        p = factor(column, start)[0]
        return float(p @ allowed.left(column, start, len(p))[0])

    return sorted(columns, key=mass)


def _candidates(
    codes: np.ndarray, order: list[int], allowed: Allowed, factor: Factor, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Codes with the columns of `order` drawn, and the log of the mass that each row's draws had left."""
    weights = np.zeros(len(codes))
    for column in order:
        for start in range(0, len(codes), BLOCK):
            rows = np.arange(start, min(start + BLOCK, len(codes)))
            rows = rows[codes[rows, column] < 0]
            if len(rows):
                codes[rows, column], mass = _drawn(column, codes[rows], allowed, factor, rng)
                weights[rows] += np.log(np.maximum(mass, 1e-300))
    return codes, weights


def _drawn(
    column: int, codes: np.ndarray, allowed: Allowed, factor: Factor, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A level of `column` for each row, and the mass of the levels that were left to it.

    Where the model gives none of the allowed levels any mass, they are equally likely.
    """
    known = np.flatnonzero((codes >= 0).any(axis=0))
    _, one, place = np.unique(codes[:, known], axis=0, return_index=True, return_inverse=True)
    p = factor(column, codes[one])
    left = allowed.left(column, codes[one], p.shape[1])
    p = p * left
    mass = p.sum(axis=1)
    p = np.where(mass[:, None] > 0, p, left)
    reach = np.cumsum(p, axis=1)
    place = place.ravel()
    u = rng.random(len(codes)) * reach[place, -1]
    levels = (reach[place] <= u[:, None]).sum(axis=1)
    last = p.shape[1] - 1 - np.argmax(p[:, ::-1] > 0, axis=1)
    return np.minimum(levels, last[place]), mass[place]
