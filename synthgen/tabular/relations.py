"""What columns say about each other: one that follows from others, a date that comes after another date.

They are found on distinct values, shown on the schema page, and kept by the encoding: a column that another one
determines is looked up, a number with a formula is worked out, a date after another one is the other plus an interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from synthgen.errors import SchemaError, raise_all
from synthgen.spec import RunSpec
from synthgen.tabular import dates, formula_finding
from synthgen.tabular.cells import Distinct, missing_mask
from synthgen.tabular.conversion import numbers_of
from synthgen.tabular.formulas import Formula
from synthgen.tabular.people import people_per_code
from synthgen.tabular.schema import TIMES, WORDS, Column

FREE = ""  # what an owner says of a column that nothing determines
SAMPLE = 1000  # rows a pair of columns is first looked at
LEAST_EVIDENCE = 50.0  # nats that a dependency saves; by chance it holds with a probability of exp(-50)
LEAST_COVERED = 0.5  # share of the rows whose determining value enough people hold
MOST_PAIRS = 40_000
IN_ORDER = 0.99
MOST_SPREAD = 0.25  # of the dates' own, for an interval to say more than the dates
FEWEST_ROWS = 50


def find(columns: Sequence[Column], tables: Mapping[str, Distinct], person: str | None, spec: RunSpec) -> list[Column]:
    """The columns with what relates them: `determined_by` and `follows`. `SchemaError` for declared nonsense."""
    known = {c.name: c for c in columns}
    determined = _declared(known, spec)
    codes = {c.name: _filled_codes(c, tables[c.name]) for c in columns if c.modelled}
    people = tables[person].codes if person is not None else None
    determined |= _learned(known, codes, people, determined, spec)
    follows = _following([c for c in columns if c.kind in TIMES and c.name not in determined], tables)
    worked_out = _formulas(columns, tables, determined, people, spec)
    return [_with(c, determined.get(c.name), follows.get(c.name), worked_out.get(c.name), spec) for c in columns]


def _with(column: Column, by: str | None, after: str | None, formula: Formula | None, spec: RunSpec) -> Column:
    if formula is not None:
        reason = f"{column.reason}; worked out as {formula.text}, which it is in every row"
        return column.model_copy(update={"formula": formula, "reason": reason})
    if by is not None:
        declared = column.name in spec.columns and bool(spec.columns[column.name].determined_by)
        why = "its owner says so" if declared else f"every value of {by!r} goes with one value of it"
        reason = f"{column.reason}; determined by {by!r}, because {why}"
        return column.model_copy(update={"determined_by": by, "reason": reason})
    if after is not None:
        reason = f"{column.reason}; made as {after!r} plus an interval, because it comes at or after it"
        return column.model_copy(update={"follows": after, "reason": reason})
    return column


def _formulas(
    columns: Sequence[Column],
    tables: Mapping[str, Distinct],
    determined: Mapping[str, str],
    people: np.ndarray | None,
    spec: RunSpec,
) -> dict[str, Formula]:
    """Numbers that follow from other numbers; not the target, nor what is looked up, on the map or said to be free."""
    numbers = [c for c in columns if c.numeric and c.modelled]
    free = {name for name, o in spec.columns.items() if o.determined_by == FREE}
    never = {c.name for c in numbers if c.place_with or c.name in determined or c.name in free or c.name == spec.target}
    values = {c.name: _numbers(c, tables[c.name]) for c in numbers}
    return formula_finding.find(values, {c.name: c.decimals or 0 for c in numbers}, never, spec.k_floor, people)


def _numbers(column: Column, table: Distinct) -> np.ndarray:
    """float64 per row, NaN for missing."""
    found = numbers_of(table.values, column)
    found[missing_mask(table.values, column.missing_tokens)] = np.nan
    return np.append(found, np.nan)[table.codes]


def _declared(known: Mapping[str, Column], spec: RunSpec) -> dict[str, str]:
    """What the owner declared, checked: the determining column is discrete, there, and not determined itself."""
    said = {name: o.determined_by for name, o in spec.columns.items() if o.determined_by and name in known}
    problems = []
    for name, by in said.items():
        if by not in known or by == name:
            problems.append(f"{name!r} cannot be determined by {by!r}, which is not another column")
        elif known[by].kind not in WORDS:
            problems.append(f"{name!r} cannot be determined by {by!r}, which was read as {known[by].kind}")
        elif by in said or not known[name].modelled or name == spec.target:
            problems.append(
                f"{name!r} cannot be determined by {by!r}: one of them is determined, target or not modelled"
            )
    raise_all(SchemaError, problems, "Name a category, code or boolean column; override its kind if need be.")
    return {name: by for name, by in said.items() if by is not None}


def _filled_codes(column: Column, table: Distinct) -> np.ndarray:
    """The code of each row's cell, 0 for missing, from 1 for the others."""
    missing = missing_mask(table.values, column.missing_tokens)
    return np.append(np.where(missing, 0, np.arange(1, len(table.values) + 1)), 0)[table.codes]


def _learned(
    known: Mapping[str, Column],
    codes: Mapping[str, np.ndarray],
    people: np.ndarray | None,
    declared: Mapping[str, str],
    spec: RunSpec,
) -> dict[str, str]:
    """Dependent columns and what determines them; the finest columns are looked at first, none is both."""
    sizes = {name: len(np.unique(c)) for name, c in codes.items()}
    order = sorted(
        codes,
        key=lambda name: (-sizes[name], name != spec.target, known[name].kind not in WORDS, list(codes).index(name)),
    )
    found: dict[str, str] = {}
    roots: list[tuple[str, np.ndarray]] = []
    pairs = 0
    for name in order:
        if name in declared:
            continue
        by, free = None, name in spec.columns and spec.columns[name].determined_by == FREE
        if not free and name != spec.target and sizes[name] > 1 and name not in declared.values():
            near = [r for r in reversed(roots) if r[0] not in declared]
            pairs += len(near)
            by = next((r for r, kept in near if _determines(codes[r], kept, codes[name])), None)
        if by is not None and pairs <= MOST_PAIRS:
            found[name] = by
        elif known[name].kind in WORDS and sizes[name] > 1:
            kept = _kept(codes[name], people, spec.k_floor)
            if kept.mean() >= LEAST_COVERED:
                roots.append((name, kept))
    return found


def _kept(codes: np.ndarray, people: np.ndarray | None, k: int) -> np.ndarray:
    """Rows whose value at least k people hold."""
    count = int(codes.max()) + 1
    held = np.bincount(codes, minlength=count) if people is None else people_per_code(codes, people, count)
    return (held >= k)[codes]


def _determines(by: np.ndarray, kept: np.ndarray, codes: np.ndarray) -> bool:
    """Whether every kept value of `by` goes with one value of `codes`, and not by chance.

    The evidence is what knowing `by` saves: rows times the entropy of `codes`.
    """
    if len(by) > SAMPLE and not _functional(by[:SAMPLE][kept[:SAMPLE]], codes[:SAMPLE][kept[:SAMPLE]]):
        return False
    left, right = by[kept], codes[kept]
    if not _functional(left, right):
        return False
    share = np.unique(right, return_counts=True)[1] / max(1, len(right))
    return float(-(share * np.log(share)).sum()) * len(right) >= LEAST_EVIDENCE


def _functional(by: np.ndarray, codes: np.ndarray) -> bool:
    if not len(by):
        return True
    one = np.empty(int(by.max()) + 1, dtype=codes.dtype)
    one[by] = codes
    return bool((one[by] == codes).all())


def _following(columns: Sequence[Column], tables: Mapping[str, Distinct]) -> dict[str, str]:
    """Dates that come at or after another, with a much narrower interval than the dates: each with the nearest."""
    moments = {c.name: _moments(c, tables[c.name]) for c in columns}
    found: dict[str, str] = {}
    for later in moments:
        near = {e: _spread(moments[e], moments[later]) for e in moments if e != later and not _leads(found, later, e)}
        usable = {earlier: spread for earlier, spread in near.items() if spread is not None}
        if usable:
            found[later] = min(usable, key=lambda name: usable[name])
    return found


def _leads(found: Mapping[str, str], start: str, name: str) -> bool:
    """Whether `name` already hangs on `start`, so that the other way round would be a circle."""
    while name in found:
        name = found[name]
        if name == start:
            return True
    return False


def _moments(column: Column, table: Distinct) -> np.ndarray:
    """datetime64[us] per row; a far value that stands for "open" counts as missing."""
    written_as = dates.ISO if column.dtype.startswith("datetime64") else column.date_format or "%Y-%m-%d"
    parsed = dates.parse(table.values, written_as)
    parsed[missing_mask(table.values, column.missing_tokens)] = np.datetime64("NaT")
    parsed[dates.markers(parsed)] = np.datetime64("NaT")
    return np.append(parsed, np.datetime64("NaT"))[table.codes]


def _spread(earlier: np.ndarray, later: np.ndarray) -> float | None:
    """The width of the middle 90 % of the intervals; None where they are out of order or say too little."""
    both = ~(np.isnat(earlier) | np.isnat(later))
    if both.sum() < FEWEST_ROWS:
        return None
    gap = (later[both] - earlier[both]).astype(np.int64) / 1e6
    if (gap >= 0).mean() < IN_ORDER:
        return None
    own = np.ptp(np.quantile(earlier[both].astype(np.int64) / 1e6, [0.05, 0.95]))
    width = float(np.ptp(np.quantile(gap, [0.05, 0.95])))
    return width if own > 0 and width <= MOST_SPREAD * own else None
