"""From a sample specification to typed chunks: conditions, balance, resampling, decoding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from synthgen.errors import InputError, SpecError
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec, Wish
from synthgen.tabular.allowed import FREE, Allowed, without_missing
from synthgen.tabular.balancing import allocate, balanced
from synthgen.tabular.conditioning import DrawCodes, Factor, conditioned, rejected
from synthgen.tabular.constraints import NO_RULES, Rules
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.links import confined
from synthgen.tabular.mixes import balanced_columns
from synthgen.tabular.ordering import put_in_order
from synthgen.tabular.parts import sources_of
from synthgen.tabular.sampling import choose

CHUNK = 8192
CALLS, FEWEST_ALIKE = 16, 128  # a request is drawn in so many calls, unless one had fewer rows
CANDIDATES = {"off": 1, "2x": 2, "4x": 4}

Score = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Drawer:
    """How codes are drawn (given fixed ones) and scored; knows nothing of networks, so every generator may use it.

    `factor(column, codes)` gives (rows, levels) probabilities of a column given the levels in `codes` (-1: unknown);
    without it, what a request confines is met by drawing again. `score` gives the critic's clipped logit of codes, None
    where there is no critic. `target` is balanced when a spec asks for balance and names no column.
    """

    encoding: Encoding
    draw: DrawCodes
    factor: Factor | None = None
    score: Score | None = None
    target: str | None = None

    def chunks(self, spec: SampleSpec, rows: int, ctx: RunContext, rules: Rules = NO_RULES) -> Iterator[pd.DataFrame]:
        """Typed frames of at most CHUNK rows, `rows` in all (the sum of the targets' rows where there are targets).

        `rules` are kept as far as levels and cells can; what is unique is not looked at here. Raises SpecError for
        conditions the encoding cannot meet.
        """
        rng, shares = ctx.rng(f"sample/{spec.seed}"), []
        requests = [self._request(fixed, count, spec, rules, rng) for fixed, count in _wanted(spec, rows)]
        total, done = sum(r.rows for r in requests), 0
        for request in requests:
            for start in range(0, request.rows, CHUNK):
                ctx.check_stop()
                codes, share = self._codes(request, min(CHUNK, request.rows - start), spec, rng)
                shares.append(share)
                done += len(codes)
                ctx.progress("sample", done, total)
                frame = self.encoding.decode(codes, rng, request.allowed.cells, request.wished)
                yield put_in_order(frame, codes, self.encoding, request.allowed, rng)
        if self.score is not None and CANDIDATES[spec.resample] > 1 and shares:
            ctx.log(f"Critic resampling {spec.resample}: effective share of candidates {np.mean(shares):.3f}.")

    def given(self, fixed: pd.DataFrame, rng: np.random.Generator, allowed: Allowed = FREE) -> pd.DataFrame:
        """One row for each row of `fixed`, a typed frame of some of the columns, whose cells are kept exactly."""
        given = np.full((len(fixed), len(self.encoding.columns)), -1, dtype=np.int64)
        for name in fixed.columns:
            if name not in self.encoding.names:
                raise InputError(f"There is no modelled column {name!r} to condition on.", "Leave it out.")
            i = self.encoding.names.index(name)
            given[:, i] = self.encoding.columns[i].encode(fixed[name])
        codes = self._drawn(given, np.arange(len(given)), allowed, rng)
        frame = self.encoding.decode(codes, rng, allowed.cells, allowed.shares, fixed)
        return put_in_order(frame, codes, self.encoding, allowed, rng, tuple(fixed.columns))

    def filled(
        self, frame: pd.DataFrame, gaps: np.ndarray, rng: np.random.Generator, rules: Rules = NO_RULES
    ) -> pd.DataFrame:
        """A typed frame with the cells of `gaps` (rows, the table's own columns) drawn given each row's other cells.

        No cell is filled with "missing". Rows with the same gaps are decoded together.
        """
        encoding, own = self.encoding, len(self.encoding.source_columns)
        codes = encoding.encode(frame)
        codes[:, :own][gaps] = -1
        for i, part in enumerate(encoding.parts, start=own):
            sources = [encoding.names.index(c) for c in sources_of(part)]
            codes[gaps[:, sources].any(axis=1), i] = -1
        allowed = confined(
            encoding, rules, without_missing(encoding.sizes[:own], [c.missing for c in encoding.columns])
        )
        codes = self._drawn(codes, np.arange(len(codes)), allowed, rng)
        out, patterns = frame.copy(), np.unique(gaps, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns[0]):
            rows = np.flatnonzero(patterns[1].ravel() == number)
            holes = [c.name for c, gap in zip(encoding.source_columns, pattern, strict=True) if gap]
            known = frame.drop(columns=holes).iloc[rows].reset_index(drop=True)
            made = self._in_holes(codes[rows], known, holes, allowed, rng)
            for name in holes:
                cells = out[name].to_numpy(copy=True)
                cells[rows] = made[name].to_numpy()
                out[name] = pd.Series(cells, index=out.index, dtype=out[name].dtype)
        return out

    def _in_holes(
        self, codes: np.ndarray, known: pd.DataFrame, holes: list[str], allowed: Allowed, rng: np.random.Generator
    ) -> pd.DataFrame:
        """Cells for the columns `holes` beside the `known` ones, drawn where another column says missing too."""
        made = self.encoding.decode(codes, rng, allowed.cells, (), known)
        for name in (n for n in holes if made[n].isna().any()):
            i = self.encoding.names.index(name)
            gone = made[name].isna().to_numpy()
            made.loc[gone, name] = self.encoding.columns[i].decode(codes[gone, i], rng)
        return put_in_order(made, codes, self.encoding, allowed, rng, tuple(known.columns))

    def _request(
        self, fixed: Mapping[str, Wish], rows: int, spec: SampleSpec, rules: Rules, rng: np.random.Generator
    ) -> _Request:
        allowed = confined(self.encoding, rules, self.encoding.allowed(fixed))
        start = allowed.given(len(self.encoding.columns))
        names = balanced_columns(spec, self.target)
        if spec.mix == "balanced" and not names:
            raise SpecError("A balanced mix was asked for, but no column to balance.", "Name columns in `balance`.")
        if not names:
            return _Request(rows, allowed, start[None], np.ones(1))

        def draw(given: np.ndarray) -> np.ndarray:
            return self._drawn(given, np.unique(given, axis=0, return_inverse=True)[1].ravel(), allowed, rng)

        combos = balanced(start, names, self.encoding, allowed, draw, spec.balance_within)
        return _Request(rows, allowed, *combos)

    def _codes(
        self, request: _Request, rows: int, spec: SampleSpec, rng: np.random.Generator
    ) -> tuple[np.ndarray, float]:
        """Codes of one chunk and the effective share of its candidates."""
        condition = allocate(request.shares, rows, rng)
        keep = CANDIDATES[spec.resample] if self.score is not None else 1
        condition = np.repeat(condition, keep)
        alike = max(FEWEST_ALIKE, keep * request.rows // CALLS)
        codes = self._drawn(request.combos[condition], condition, request.allowed, rng, alike)
        if self.score is None or keep == 1:
            return codes, 1.0
        chosen, share = choose(self.score(codes), condition, keep, rng)
        return codes[chosen], share

    def _drawn(
        self, given: np.ndarray, group: np.ndarray, allowed: Allowed, rng: np.random.Generator, alike: int = CHUNK
    ) -> np.ndarray:
        """Complete codes for `given`, as `allowed` says; rows of a `group` share what is given to them.

        A model of any order of the columns is the mean over orders, and each call of `draw` takes one. A small sample
        in one order has that order's errors: at most `alike` rows share a call.
        """
        if any((given[:, c] < 0).any() for c in allowed.columns):
            if self.factor is None:
                return rejected(given, allowed, self.draw, rng)
            given = conditioned(given, group, allowed, self.factor, rng)
        return np.concatenate([self.draw(given[i : i + alike], rng) for i in range(0, max(len(given), 1), alike)])


@dataclass(frozen=True)
class _Request:
    """Rows that share their wishes; `combos` are the level combinations they are spread over by `shares`."""

    rows: int
    allowed: Allowed
    combos: np.ndarray
    shares: np.ndarray

    @property
    def wished(self) -> set[int]:
        """The columns whose levels were asked for."""
        return {*self.allowed.shares, *np.flatnonzero((self.combos >= 0).any(axis=0)).tolist()}


def _wanted(spec: SampleSpec, rows: int) -> list[tuple[dict[str, Any], int]]:
    """Wishes and row counts of each part of a sample."""
    if not spec.targets:
        return [(dict(spec.fixed), rows)]
    return [({**spec.fixed, **target.where}, target.rows) for target in spec.targets]
