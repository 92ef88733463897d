"""What may be asked of a fitted generator: nothing that fewer than k people of the source meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from synthgen.contracts import Split
from synthgen.errors import SpecError, raise_all
from synthgen.spec import RunSpec, SampleSpec
from synthgen.tabular.category_codes import fit_categories
from synthgen.tabular.modes import DATES, DISCRETE, NUMERIC, Condition, people_in


def check_request(request: SampleSpec, split: Split, schema: Any, spec: RunSpec) -> None:
    """Refuse unknown columns, and fixed values or target groups that fewer than k people of the source meet.

    Raises SpecError with every problem; it names columns, never the value that was asked for.
    """
    wanted = [("The fixed values", request.fixed)] if request.fixed else []
    wanted += [(f"Target group {i + 1}", {**request.fixed, **t.where}) for i, t in enumerate(request.targets)]
    known = {c.name: c for c in schema.modelled}
    problems = _cannot_be_drawn(request, known, schema.target)
    for what, where in wanted:
        unknown = [c for c in where if c not in known]
        problems += [f"{what}: column {c!r} is not modelled." for c in unknown]
        if not unknown and _people_who_meet(where, known, split) < spec.k_floor:
            named = ", ".join(repr(c) for c in where)
            problems.append(f"{what} ({named}): fewer than {spec.k_floor} people of the source meet them.")
    raise_all(SpecError, problems, "Ask for values that more people share, or leave the condition out.")


def _cannot_be_drawn(request: SampleSpec, known: Mapping[str, Any], target: str | None) -> list[str]:
    """What a generator could not do with the request, in words that name columns only."""
    names = balanced_columns(request, target)
    problems = [f"Column {c!r} of `balance` is not modelled." for c in names if c not in known]
    problems += [
        f"Column {c!r} was read as {known[c].kind}; only a discrete column can be balanced (override it to category)."
        for c in names
        if c in known and known[c].kind not in DISCRETE
    ]
    if request.mix == "balanced" and not names:
        problems.append("A balanced mix was asked for, but no column to balance, and the table has no target.")
    held = {*request.fixed, *(c for t in request.targets for c in t.where)}
    problems += [f"Column {c!r} is both fixed and balanced." for c in names if c in held]
    for i, group in enumerate(request.targets):
        both = [c for c in group.where if c in request.fixed and c in known]
        clash = [c for c in both if requested(known[c], group.where[c]) != requested(known[c], request.fixed[c])]
        problems += [f"Target group {i + 1}: column {c!r} is fixed to another value." for c in clash]
    return problems


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


def mix_of(split: Split, part: str, request: SampleSpec, schema: Any, rng: np.random.Generator) -> np.ndarray:
    """Row numbers of one part ("train", "holdout") in the mix asked for: what a perfect generator is compared with.

    Fixed values keep the rows that meet them; target groups and balanced columns draw their shares, again and again
    where rows are few. A request for the data's own mix keeps every row.
    """
    frame: pd.DataFrame = getattr(split, part)
    known = {c.name: c for c in schema.modelled}
    names = [c for c in balanced_columns(request, schema.target) if c in known]
    keep = _rows_that_meet(frame, request.fixed, known)
    if not request.targets and not names:
        return np.flatnonzero(keep)
    wholes = [np.flatnonzero(keep & _rows_that_meet(frame, t.where, known)) for t in request.targets]
    sizes = [float(t.rows) for t in request.targets]
    groups, shares = [], []
    levels = _levels(split, frame, [known[c] for c in names], schema.k_floor)
    for rows, size in zip(wholes or [np.flatnonzero(keep)], sizes or [1.0], strict=True):
        parts, weights = _even(rows, levels)
        groups += parts
        shares += list(size * weights)
    return _drawn(groups, np.array(shares), int(keep.sum()), rng)


def balanced_columns(request: SampleSpec, target: str | None) -> tuple[str, ...]:
    """The columns whose values a sample holds equally often: those named, or for a balanced mix of none the target.

    Empty for the data's own mix, and for a balanced mix that has nothing to balance.
    """
    if request.balance:
        return tuple(dict.fromkeys(request.balance))
    return (target,) if request.mix == "balanced" and target is not None else ()


def rake(codes: Sequence[np.ndarray], shares: np.ndarray, rounds: int = 100) -> np.ndarray:
    """`shares` of combinations fitted so that every level of each column comes equally often (`codes`: per column).

    Iterative proportional fitting (Deming and Stephan 1940).
    """
    levels = [np.unique(c, return_inverse=True)[1] for c in codes]
    for _ in range(rounds):
        for level in levels:
            total = np.bincount(level, shares)
            shares = shares / (total * len(total))[level]
    return shares / shares.sum()


def _levels(split: Split, frame: pd.DataFrame, columns: Sequence[Any], k: int) -> np.ndarray:
    """Codes (rows, columns) of `frame`: a value that enough people of the training part hold, or -1."""
    out = np.full((len(frame), len(columns)), -1, dtype=np.int64)
    for i, column in enumerate(columns):
        made = fit_categories(
            split.train[column.name], column.name, column.kind, bool(column.public), split.train_people, k
        )
        codes = made.encode(frame[column.name])
        out[:, i] = np.where(codes < len(made.values), codes, -1)
    return out


def _even(rows: np.ndarray, levels: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The groups of `rows` that share their levels, and the share of each when every level comes equally often."""
    if not levels.shape[1]:
        return [rows], np.ones(1)
    rows = rows[(levels[rows] >= 0).all(axis=1)]
    if not len(rows):
        return [rows], np.ones(1)
    combos, place = np.unique(levels[rows], axis=0, return_inverse=True)
    groups = [rows[place.ravel() == i] for i in range(len(combos))]
    return groups, rake(list(combos.T), np.full(len(combos), 1 / len(combos)))


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
    ends = np.floor(size * np.cumsum(shares) / shares.sum() + rng.random())
    counts = np.diff(ends, prepend=0).astype(int)  # off by less than one, so that many small groups are not all lost
    return np.concatenate([_spread(g, n, rng) for g, n in zip(groups, counts, strict=True)]).astype(int)


def _spread(rows: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` of `rows`, none twice before each has come once."""
    if not len(rows) or not n:
        return np.empty(0, dtype=int)
    rounds = -(-n // len(rows))
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:n]
