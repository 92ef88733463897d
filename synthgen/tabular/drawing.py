"""From a sample specification to typed chunks: conditions, balance, resampling, decoding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from synthgen.errors import SpecError
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.tabular.balancing import allocate, balanced
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.requests import balanced_columns
from synthgen.tabular.sampling import choose

CHUNK = 8192
CANDIDATES = {"off": 1, "2x": 2, "4x": 4}

DrawCodes = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Score = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Drawer:
    """How codes are drawn (given fixed ones) and scored; knows nothing of networks, so every generator may use it.

    `score` gives the critic's clipped logit of codes, None where there is no critic. `target` is balanced when a spec
    asks for balance and names no column.
    """

    encoding: Encoding
    draw: DrawCodes
    score: Score | None = None
    target: str | None = None

    def chunks(self, spec: SampleSpec, rows: int, ctx: RunContext) -> Iterator[pd.DataFrame]:
        """Typed frames of at most CHUNK rows, `rows` in all (the sum of the targets' rows where there are targets).

        Raises SpecError, with all problems, for conditions the encoding cannot meet.
        """
        rng, shares = ctx.rng(f"sample/{spec.seed}"), []
        requests = [self._request(fixed, count, spec, rng) for fixed, count in _wanted(spec, rows)]
        total, done = sum(r.rows for r in requests), 0
        for request in requests:
            for start in range(0, request.rows, CHUNK):
                ctx.check_stop()
                codes, share = self._codes(request, min(CHUNK, request.rows - start), spec, rng)
                shares.append(share)
                done += len(codes)
                ctx.progress("sample", done, total)
                yield self._decode(codes, request.cells, rng)
        if self.score is not None and CANDIDATES[spec.resample] > 1 and shares:
            ctx.log(f"Critic resampling {spec.resample}: effective share of candidates {np.mean(shares):.3f}.")

    def given(self, given: np.ndarray, cells: Mapping[str, Any], rng: np.random.Generator) -> pd.DataFrame:
        """A typed frame for rows with their own fixed codes; `cells` (columns of cells) replace what was drawn."""
        return self._decode(self.draw(given, rng), cells, rng)

    def _request(self, fixed: Mapping[str, Any], rows: int, spec: SampleSpec, rng: np.random.Generator) -> _Request:
        codes, cells = self.encoding.conditions(fixed)
        names = balanced_columns(spec, self.target)
        if spec.mix == "balanced" and not names:
            raise SpecError("A balanced mix was asked for, but no column to balance.", "Name columns in `balance`.")
        if not names:
            return _Request(rows, cells, codes[None], np.ones(1))
        return _Request(rows, cells, *balanced(codes, names, self.encoding, lambda start: self.draw(start, rng)))

    def _codes(
        self, request: _Request, rows: int, spec: SampleSpec, rng: np.random.Generator
    ) -> tuple[np.ndarray, float]:
        """Codes of one chunk and the effective share of its candidates."""
        condition = allocate(request.shares, rows, rng)
        keep = CANDIDATES[spec.resample] if self.score is not None else 1
        condition = np.repeat(condition, keep)
        codes = self.draw(request.combos[condition], rng)
        if self.score is None or keep == 1:
            return codes, 1.0
        chosen, share = choose(self.score(codes), condition, keep, rng)
        return codes[chosen], share

    def _decode(self, codes: np.ndarray, cells: Mapping[str, Any], rng: np.random.Generator) -> pd.DataFrame:
        frame = self.encoding.decode(codes, rng)
        for name, cell in cells.items():
            column = pd.Series(cell if isinstance(cell, np.ndarray) else [cell] * len(frame), dtype=frame[name].dtype)
            frame[name] = column
        return frame


@dataclass(frozen=True)
class _Request:
    """Rows that share their fixed values; `combos` are the level combinations they are spread over by `shares`."""

    rows: int
    cells: Mapping[str, Any]
    combos: np.ndarray
    shares: np.ndarray


def _wanted(spec: SampleSpec, rows: int) -> list[tuple[dict[str, Any], int]]:
    """Fixed values and row counts of each part of a sample."""
    if not spec.targets:
        return [(dict(spec.fixed), rows)]
    return [({**spec.fixed, **target.where}, target.rows) for target in spec.targets]
