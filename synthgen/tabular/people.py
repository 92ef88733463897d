"""Which rows belong to one person: finding the key, what is constant within it, counting people instead of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from synthgen.errors import SchemaError
from synthgen.spec import RunSpec
from synthgen.tabular import cells, conversion, key_styles
from synthgen.tabular.cells import Distinct
from synthgen.tabular.names import is_person_key_name
from synthgen.tabular.schema import Column

MOST_ROWS_PER_PERSON = 1000
FEWEST_PEOPLE = 20


def find(columns: Sequence[Column], tables: Mapping[str, Distinct], spec: RunSpec) -> tuple[str | None, list[Column]]:
    """The person key (said by the owner, found by name or by order of rows), and the columns with what it implies."""
    chosen = [name for name, override in spec.columns.items() if override.kind == "person" and not override.drop]
    if len(chosen) > 1:
        raise SchemaError(
            f"{len(chosen)} columns are declared to be the person key.", "Declare one; make the others id."
        )
    free = [c for c in columns if not (c.name in spec.columns and spec.columns[c.name].kind) and c.name != spec.target]
    person = chosen[0] if chosen else _by_name(free, tables) or _by_order(free, tables)
    out = list(columns)
    if person is not None and not chosen:
        out = [_as_person(c, tables[c.name]) if c.name == person else c for c in out]
    codes = tables[person].codes if person is not None else None
    if codes is not None:
        out = [
            c.model_copy(update={"within_person_constant": True})
            if c.name != person and constant_within(codes, tables[c.name].codes)
            else c
            for c in out
        ]
    return person, [_over_the_floor(c, tables[c.name], codes, spec.k_floor) for c in out]


def _as_person(column: Column, table: Distinct) -> Column:
    tokens = set(column.missing_tokens)
    values = [value for value in table.values if value not in tokens]
    reason = (
        "read as person because its values repeat and its name or the order of rows says that it tells people apart"
    )
    fresh = key_styles.key_style(values, column.dtype)
    update = {"kind": "person", "reason": reason, "warning": "", "key": fresh, "dtype": column.dtype}
    kept = ("name", "missing_tokens", "missing_token", "quoted")
    return Column.model_validate({**update, **{field: getattr(column, field) for field in kept}})


def _by_name(columns: Sequence[Column], tables: Mapping[str, Distinct]) -> str | None:
    """The first column whose name says person and whose values repeat like keys do."""
    named = [
        c.name for c in columns if is_person_key_name(c.name) and _repeats(tables[c.name]) and _key_like(tables[c.name])
    ]
    return max(named, key=lambda name: len(tables[name].values), default=None)


def _repeats(table: Distinct) -> bool:
    filled = int(table.counts.sum())
    people = len(table.values)
    return (
        people >= FEWEST_PEOPLE
        and people < filled
        and filled / people <= MOST_ROWS_PER_PERSON
        and filled >= 0.9 * table.rows
    )


def _key_like(table: Distinct) -> bool:
    values = table.values[:500]
    return sum(any(c.isdigit() for c in value) for value in values) >= 0.9 * len(values)


def _by_order(columns: Sequence[Column], tables: Mapping[str, Distinct]) -> str | None:
    """A whole number or code whose equal values stand together and within which several other columns are constant.

    Panel data often name their key unlike a key. Only a column with 5 % to 90 % different values, at most 60 rows a
    value, is considered, and at least 4 other columns that vary over the table must be constant within it.
    """
    for column in columns:
        table = tables[column.name]
        people = len(table.values)
        if column.kind not in ("integer", "code", "id", "text") or not _repeats(table) or not _key_like(table):
            continue
        if (
            not 0.05 * table.rows <= people <= 0.9 * table.rows
            or int(table.counts.max()) > 60
            or (table.codes < 0).any()
        ):
            continue
        if int((np.diff(table.codes) != 0).sum()) + 1 != people:
            continue
        others = [c for c in columns if c.name != column.name and len(tables[c.name].values) > 1]
        constant = [c for c in others if constant_within(table.codes, tables[c.name].codes)]
        varying = [c for c in constant if _varies(tables[c.name])]
        if len(varying) >= 4 and len(constant) < len(others):
            return column.name
    return None


def _varies(table: Distinct) -> bool:
    """Whether the commonest value holds less than 95 % of the cells."""
    return bool(len(table.counts)) and int(table.counts.max()) < 0.95 * table.rows


def constant_within(people: np.ndarray, codes: np.ndarray) -> bool:
    """Whether `codes` never differ between two rows of the same person; absent is a value like any other."""
    order = np.argsort(people, kind="stable")
    same = np.diff(people[order]) == 0
    same &= people[order][1:] >= 0
    return bool((np.diff(codes[order])[same] == 0).all())


def _over_the_floor(column: Column, table: Distinct, people: np.ndarray | None, k: int) -> Column:
    """Count people: warn how many categories fewer than k hold and what they become, drop such sentinels."""
    held = table.counts if people is None else people_per_code(table.codes, people, len(table.values))
    if column.sentinels or column.marks:
        return _numbers_over_the_floor(column, table.values, held, k)
    if column.kind not in ("category", "code") or (column.public and not column.rest):
        return column
    filled = ~cells.missing_mask(table.values, column.missing_tokens)
    rare = int((held[filled] < k).sum())
    if not rare:
        return column
    within = np.isin(table.codes, np.flatnonzero(filled & (held < k)))
    who = people[within] if people is not None else np.flatnonzero(within)
    together = int((who < 0).sum()) + len(np.unique(who[who >= 0]))
    rest = repr(column.rest or "other") if together >= k else "the commonest one"
    text = f"{rare} of its {int(filled.sum())} values are held by fewer than {k} people and become {rest}"
    return column.model_copy(update={"warning": "; ".join(filter(None, (column.warning, text)))})


def _numbers_over_the_floor(column: Column, values: Sequence[str], held: np.ndarray, k: int) -> Column:
    """The column of numbers or dates without the sentinels and texts that fewer than k people hold; distinct cells."""
    numbers = conversion.numbers_of(values, column) if column.sentinels else np.zeros(0)
    sentinels = tuple(code for code in column.sentinels if int(held[numbers == code].sum()) >= k)
    common = {value for value, count in zip(values, held, strict=True) if count >= k}
    marks = tuple((text, stand_in) for text, stand_in in column.marks if text in common)
    lost, among = len(column.marks) - len(marks), "numbers" if column.numeric else "dates"
    told = f"{lost} texts among its {among} are held by fewer than {k} people and are read as missing" if lost else ""
    warning = "; ".join(filter(None, (column.warning, told)))
    return column.model_copy(update={"sentinels": sentinels, "marks": marks, "warning": warning})


def people_per_code(codes: np.ndarray, people: np.ndarray, length: int) -> np.ndarray:
    """How many different people hold each code from 0 to `length` - 1; negative codes are left out."""
    keep = codes >= 0
    width = int(people.max()) + 2 if len(people) else 1
    pairs = np.unique(codes[keep].astype(np.int64) * width + people[keep] + 1)
    return np.bincount(pairs // width, minlength=length)


def steadiness(people: np.ndarray, codes: np.ndarray) -> tuple[float, float]:
    """Among people with several rows, the share in whom `codes` never differ; and the share if rows were independent.

    Both are 0 where no person has several rows. Absent (-1) is a value like any other.
    """
    order = np.argsort(people, kind="stable")
    starts = np.flatnonzero(np.diff(people[order], prepend=people[order][:1] - 1))
    counts = np.diff(starts, append=len(order))
    several = counts > 1
    if not several.any():
        return 0.0, 0.0
    ordered = codes[order]
    same = np.minimum.reduceat(ordered, starts) == np.maximum.reduceat(ordered, starts)
    shares = np.unique(codes, return_counts=True)[1] / len(codes)
    by_chance = float(np.mean([(shares**count).sum() for count in counts[several][:2000]]))
    return float(same[several].mean()), by_chance
