"""A Gaussian copula over the codes (Patki et al. 2016): right margins, and one correlation for each pair of columns.

The simplest generator that keeps relations between columns: it needs no training steps, so it is what `auto` takes
where a network cannot be trained. Every level of a column is an interval of a standard normal score, as wide as the
level is frequent; nominal levels stand in the order of their frequency, which is the model's weakness. Levels of a
column that determines others stand in the order of what they determine: that is looked up, so its relations to the rest
of the table go by way of these levels alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy.special import ndtr, ndtri

from synthgen.contracts import FitData, Group
from synthgen.runtime import RunContext
from synthgen.tabular.coded import Factored
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.params import GaussianCopulaParams
from synthgen.training.checkpoint import State

FAR = 8.0  # scores beyond it never occur
SWEEPS, ROWS = 12, 100_000  # sweeps over the scores, of which the later half counts; most rows that are looked at


class GaussianCopula(Factored):
    """Normal scores with a shrunk correlation matrix; conditions are met by drawing the fixed scores first."""

    name: ClassVar[str] = "gaussian_copula"
    params_class: ClassVar[type[GaussianCopulaParams]] = GaussianCopulaParams
    capabilities: ClassVar[frozenset[str]] = Factored.capabilities | {"relate"}

    def __init__(self, params: GaussianCopulaParams = GaussianCopulaParams()) -> None:
        self.params = params

    def fit(self, data: FitData, schema: Any, groups: Sequence[Group], ctx: RunContext) -> Self:
        """Count the levels and correlate their scores on the training rows; validation and groups play no part."""
        ctx.check_stop()
        codes = self._count(data, schema, self.params.bins)
        self._line_up([line_of(self.encoding, i) for i in range(len(self.shares))])
        self.correlation = self._correlated(self._lined_up(codes), ctx)
        return self

    # --- details -----------------------------------------------------------------------------------------------------

    def _state(self) -> State:
        lines = {f"lines/{i}": torch.from_numpy(line) for i, line in enumerate(self._lines)}
        return State({**super()._state().tensors, **lines, "correlation": torch.from_numpy(self.correlation)})

    def _restore(self, state: State, device: str) -> None:
        super()._restore(state, device)
        lines = [state.tensors.get(f"lines/{i}") for i in range(len(self.shares))]  # none in models from before them
        self._line_up(
            [np.arange(n) if of is None else of.numpy() for n, of in zip(self.encoding.sizes, lines, strict=True)]
        )
        self.correlation = state.tensors["correlation"].numpy()

    def _line_up(self, lines: list[np.ndarray]) -> None:
        """Give the levels of each column, as they stand in its line of scores, their intervals."""
        self._lines = lines
        self._edges = [_edges(share[line]) for share, line in zip(self.shares, lines, strict=True)]

    def _lined_up(self, codes: np.ndarray) -> np.ndarray:
        """The place in its line of each level in `codes` (rows, columns); -1 stays."""
        places = [np.append(np.argsort(line), -1) for line in self._lines]
        return np.stack([place[codes[:, i]] for i, place in enumerate(places)], axis=1)

    def _correlated(self, codes: np.ndarray, ctx: RunContext) -> np.ndarray:
        """Correlation (columns, columns) of the scores behind lined-up codes, by the rank likelihood (Hoff 2007).

        Scores are drawn inside their levels given the other columns' scores, again and again: drawn blindly they would
        make a column of few levels look less correlated than it is.
        """
        rng = ctx.rng("scores")
        some = codes if len(codes) <= ROWS else codes[rng.choice(len(codes), ROWS, replace=False)]
        scores, kept = self._blind_scores(some, rng), []
        for _ in range(SWEEPS):
            ctx.check_stop()
            kept.append(_shrunk(scores))
            self._redraw(scores, some, kept[-1], rng)
        return np.asarray(np.mean(kept[SWEEPS // 2 :], axis=0))

    def _blind_scores(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A normal score (rows, columns) drawn inside the interval of each code's level."""
        free = np.zeros(len(codes))
        return np.stack([_inside(self._edges[i], codes[:, i], free, 1.0, rng) for i in range(codes.shape[1])], axis=1)

    def _redraw(self, scores: np.ndarray, codes: np.ndarray, correlation: np.ndarray, rng: np.random.Generator) -> None:
        """One Gibbs sweep, in place: every column's scores given the others'."""
        precision = np.linalg.inv(correlation)
        for i in range(codes.shape[1]):
            mean = scores[:, i] - scores @ precision[i] / precision[i, i]
            scores[:, i] = _inside(self._edges[i], codes[:, i], mean, precision[i, i] ** -0.5, rng)

    def _draw(self, given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Codes (rows, columns) with `given` kept where it is not -1; rows with the same columns fixed go together."""
        out, given = given.copy(), self._lined_up(given)
        for known, rows in _patterns(given):
            out[rows] = self._draw_alike(given[rows], known, rng)
        return np.stack([line[out[:, i]] for i, line in enumerate(self._lines)], axis=1)

    def _draw_alike(self, given: np.ndarray, known: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Fixed columns first, each score inside its level given the scores before it (Geweke 1991); then the rest."""
        order = np.concatenate([np.flatnonzero(known), np.flatnonzero(~known)])
        root = np.linalg.cholesky(self.correlation[np.ix_(order, order)] + 1e-9 * np.eye(len(order)))
        noise = rng.standard_normal(given.shape)
        for j, column in enumerate(order[: known.sum()]):
            mean = noise[:, :j] @ root[j, :j]
            score = _inside(self._edges[column], given[:, column], mean, root[j, j], rng)
            noise[:, j] = (score - mean) / root[j, j]
        scores, out = noise @ root.T, given.copy()
        for j, column in enumerate(order):
            if not known[column]:
                out[:, column] = np.searchsorted(self._edges[column][1:-1], scores[:, j], side="right")
        return out

    def _factor(self, column: int, codes: np.ndarray) -> np.ndarray:
        """Probability (rows, levels) of a column given the known levels in `codes`, each at the middle of its score."""
        codes, out = self._lined_up(codes), np.empty((len(codes), len(self.shares[column])))
        for known, rows in _patterns(codes):
            known[column] = False
            at = np.flatnonzero(known)
            weights = np.linalg.solve(self.correlation[np.ix_(at, at)], self.correlation[at, column])
            mean = np.zeros(int(rows.sum()))
            for i, weight in zip(at, weights, strict=True):
                share = ndtr(self._edges[i])
                mean += weight * ndtri((share[codes[rows, i]] + share[codes[rows, i] + 1]) / 2)
            spread = np.sqrt(max(1 - weights @ self.correlation[at, column], 1e-6))
            ends = np.concatenate([[-np.inf], self._edges[column][1:-1], [np.inf]])
            out[np.ix_(rows, self._lines[column])] = np.diff(ndtr((ends - mean[:, None]) / spread), axis=1)
        return out


def line_of(encoding: Encoding, column: int) -> np.ndarray:
    """The levels (levels,) of a column as its scores go up: those that determine others by what they determine.

    What has an order counts before names, and what many levels share before the rest. Levels that determine nothing
    stand in the middle, where they say least.
    """
    span, own = encoding.columns[column], np.arange(encoding.sizes[column])
    lookups = [found for found in encoding.lookups if found.by == span.name]
    if not lookups or span.ordered:
        return own
    spans = [encoding.columns[encoding.names.index(found.column)] for found in lookups]
    levels = [found.levels_in(of) for found, of in zip(lookups, spans, strict=True)]
    which = sorted(range(len(spans)), key=lambda i: (not spans[i].ordered, len(np.unique(levels[i]))))
    kept, shares = levels[which[0]] >= 0, np.asarray(lookups[0].shares)
    line = np.lexsort([own, *(levels[i] for i in reversed(which))])
    line = line[kept[line]]
    half = np.searchsorted(np.cumsum(shares[line]), shares[line].sum() / 2)
    return np.concatenate([line[:half], own[~kept], line[half:]])


def _edges(shares: np.ndarray) -> np.ndarray:
    """Ends of the levels' intervals as scores (levels + 1)."""
    return np.clip(ndtri(np.concatenate([[0.0], np.minimum(np.cumsum(shares), 1.0)])), -FAR, FAR)


def _inside(edges: np.ndarray, levels: np.ndarray, mean: np.ndarray, spread: float, rng: np.random.Generator) -> Any:
    """A score (rows,) for each level, from the normal of that mean and spread, cut to the level's interval."""
    low, high = (edges[levels] - mean) / spread, (edges[levels + 1] - mean) / spread
    upper = low > 0  # the far upper tail has no digits left near 1: mirror it
    low, high = np.where(upper, -high, low), np.where(upper, -low, high)
    from_, to = ndtr(low), ndtr(high)
    drawn = np.clip(ndtri(from_ + rng.random(len(levels)) * (to - from_)), low, high)
    return mean + spread * np.where(upper, -drawn, drawn)


def _shrunk(scores: np.ndarray) -> np.ndarray:
    """The correlation matrix of scores (rows, columns), shrunk towards none (Ledoit and Wolf 2004)."""
    from sklearn.covariance import ledoit_wolf

    found = ledoit_wolf(scores)[0]
    spread = np.sqrt(np.diag(found))
    return np.asarray(found / np.outer(spread, spread))


def _patterns(given: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Which columns are known (columns,), and the rows (mask) of which that is so."""
    kinds, which = np.unique(given >= 0, axis=0, return_inverse=True)
    for number, known in enumerate(kinds):
        yield known.copy(), which.ravel() == number
