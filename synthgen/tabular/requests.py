"""What may be asked of a fitted generator: nothing that fewer than k people of the source meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from synthgen.contracts import Split
from synthgen.errors import SpecError, raise_all
from synthgen.spec import RunSpec, SampleSpec
from synthgen.tabular.modes import DATES, NUMERIC, Condition, people_in


def check_request(request: SampleSpec, split: Split, schema: Any, spec: RunSpec) -> None:
    """Refuse unknown columns, and fixed values or target groups that fewer than k people of the source meet.

    Raises SpecError with every problem; it names columns, never the value that was asked for.
    """
    wanted = [("The fixed values", request.fixed)] if request.fixed else []
    wanted += [(f"Target group {i + 1}", {**request.fixed, **t.where}) for i, t in enumerate(request.targets)]
    known = {c.name: c for c in schema.modelled}
    problems = [f"Column {c!r} of `balance` is not modelled." for c in request.balance if c not in known]
    for what, where in wanted:
        unknown = [c for c in where if c not in known]
        problems += [f"{what}: column {c!r} is not modelled." for c in unknown]
        if not unknown and _people_who_meet(where, known, split) < spec.k_floor:
            named = ", ".join(repr(c) for c in where)
            problems.append(f"{what} ({named}): fewer than {spec.k_floor} people of the source meet them.")
    raise_all(SpecError, problems, "Ask for values that more people share, or leave the condition out.")


def requested(column: Any, value: str | float | int | bool) -> Condition | None:
    """The condition `column = value`, or None where the text cannot be a value of that column's kind."""
    try:
        if column.kind in NUMERIC:
            return Condition(column.name, "is", float(value))
        if column.kind in DATES:
            return Condition(column.name, "is", str(pd.Timestamp(str(value)).to_datetime64()))
    except ValueError:
        return None
    return Condition(column.name, "is", str(value))


def _people_who_meet(where: Mapping[str, Any], known: Mapping[str, Any], split: Split) -> int:
    conditions = [requested(known[c], v) for c, v in where.items()]
    parts = (
        (split.train, split.train_people),
        (split.validation, split.validation_people),
        (split.holdout, split.holdout_people),
    )
    found = [c for c in conditions if c is not None]
    if len(found) < len(conditions):
        return 0
    return sum(people_in(np.logical_and.reduce([c.mask(f) for c in found]), p) for f, p in parts if len(f))


def mix_of(frame: pd.DataFrame, request: SampleSpec, schema: Any, rng: np.random.Generator) -> np.ndarray:
    """Row numbers of `frame` in the mix that was asked for: what a perfect generator would be compared with.

    Fixed values keep the rows that meet them; target groups and balanced columns draw their shares, again and again
    where rows are few. A request for the data's own mix keeps every row.
    """
    known = {c.name: c for c in schema.modelled}
    keep = _rows_that_meet(frame, request.fixed, known)
    if request.targets:
        groups = [np.flatnonzero(keep & _rows_that_meet(frame, t.where, known)) for t in request.targets]
        shares = np.array([t.rows for t in request.targets], dtype=float)
        return _drawn(groups, shares, int(keep.sum()), rng)
    rows = np.flatnonzero(keep)
    if request.mix == "balanced" and request.balance and len(rows):
        keys = frame.iloc[rows][list(request.balance)].astype(str).agg("\x1f".join, axis=1)
        codes = pd.factorize(keys, sort=True)[0]
        groups = [rows[codes == i] for i in range(int(codes.max()) + 1)]
        return _drawn(groups, np.ones(len(groups)), len(rows), rng)
    return rows


def _rows_that_meet(frame: pd.DataFrame, where: Mapping[str, Any], known: Mapping[str, Any]) -> np.ndarray:
    keep = np.ones(len(frame), dtype=bool)
    for name, value in where.items():
        condition = requested(known[name], value) if name in known else None
        keep &= condition.mask(frame) if condition else False
    return keep


def _drawn(groups: list[np.ndarray], shares: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    shares = np.where([len(g) > 0 for g in groups], shares, 0.0)
    if not shares.sum():
        return np.empty(0, dtype=int)
    counts = np.round(size * shares / shares.sum()).astype(int)
    return np.concatenate([_spread(g, n, rng) for g, n in zip(groups, counts, strict=True)]).astype(int)


def _spread(rows: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` of `rows`, none twice before each has come once."""
    if not len(rows) or not n:
        return np.empty(0, dtype=int)
    rounds = -(-n // len(rows))
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:n]
