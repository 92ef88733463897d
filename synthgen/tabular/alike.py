"""Tables of other hands read by a schema: columns in any order and writing, absent and unknown ones are told.

A column that is written otherwise (another date format, a decimal comma, 1.0 for 1) is read by its own writing. One
that is absent, or that cannot be read at all, is left out of every comparison, which the reader of the scorecard is
told: comparing it as missing would hide copies of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from synthgen.errors import InputError, SchemaError, SynthgenError
from synthgen.spec import ColumnOverride, RunSpec
from synthgen.tabular import cells, inference, io
from synthgen.tabular.conversion import typed_column
from synthgen.tabular.schema import NUMERIC, TIMES, WORDS, Column, Schema

WRITING = ("date_format", "decimal_mark", "thousands", "prefix", "suffix")
DOUBTFUL = 0.02  # share of filled cells that the schema's writing does not read, from where on another one is tried
USELESS = 0.5  # share of filled cells that no writing reads, from where on the column is left out
NAMED = 10


@dataclass(frozen=True)
class Alike:
    """A typed frame with the schema of what can be compared, and what is to be said about the rest.

    `problems` are what a structure check must not pass over; `notes` hold them and the harmless. No cell value.
    `lost` names the columns that cannot be compared, which may be the target.
    """

    frame: pd.DataFrame
    schema: Schema
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    lost: tuple[str, ...]


def read(raw: pd.DataFrame, schema: Schema, train: pd.DataFrame) -> Alike:
    """`raw` typed as far as it can be compared with `train`, the typed real rows.

    Raises SchemaError where nothing can be compared.
    """
    absent = [c.name for c in schema.modelled if c.name not in raw.columns]
    extra = [str(c) for c in raw.columns if c not in set(schema.names)]
    columns: dict[str, np.ndarray] = {}
    notes: list[str] = []
    useless: list[str] = []
    for column in schema.columns:
        if column.name not in raw.columns:
            columns[column.name] = _nothing(column, len(raw))
            continue
        values, unread, otherwise = _column(raw[column.name], column, train[column.name])
        columns[column.name] = values
        useless += [column.name] if column.modelled and unread > USELESS else []
        notes += _told(column, unread, otherwise)
    problems = list(_problems(absent, extra, useless))
    left = _left(schema, {*absent, *useless})
    return Alike(pd.DataFrame(columns, copy=False), left, (*problems, *notes), tuple(problems), (*absent, *useless))


def must_be_whole(found: Alike, what: str) -> None:
    """Raise SchemaError for a table of real rows that cannot be read like the others."""
    if found.lost:
        raise SchemaError(
            f"Columns of the real table are absent from the {what} or unreadable there: {_names(found.lost)}.",
            "Give real rows with the same columns.",
        )


def overlap(train: pd.DataFrame, holdout: pd.DataFrame, schema: Schema) -> str:
    """Why the hold-out is not unseen: people or whole rows of the training data are in it beyond chance; else nothing.

    Chance: as often as training rows equal one another. Both shares carry their sampling error (three standard errors).
    """
    if schema.person is not None:
        common = set(train[schema.person].dropna()) & set(holdout[schema.person].dropna())
        if common:
            return "People of the training data are in the hold-out as well."
    names = [c.name for c in schema.modelled]
    if not names or not len(train) or not len(holdout):
        return ""
    ours, theirs = (_row_keys(f[names]) for f in (train, holdout))
    known, times = np.unique(ours, return_counts=True)
    expected = _bounds(float(times[times > 1].sum()), len(ours))[1]
    found = _bounds(float(np.isin(theirs, known).sum()), len(theirs))[0]
    if found <= expected:
        return ""
    return "Rows of the training data are in the hold-out as well, more than chance makes equal."


def _bounds(hits: float, n: int, z: float = 3.0) -> tuple[float, float]:
    """Wilson interval of a share at `z` standard errors."""
    p = hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return middle - half, middle + half


def _row_keys(frame: pd.DataFrame) -> np.ndarray:
    plain = pd.DataFrame({i: frame[c].map(str) if frame[c].dtype == object else frame[c] for i, c in enumerate(frame)})
    return pd.util.hash_pandas_object(plain, index=False).to_numpy()


def _nothing(column: Column, rows: int) -> np.ndarray:
    """A typed column without a value."""
    if column.kind in NUMERIC:
        return np.full(rows, np.nan)
    return np.full(rows, np.datetime64("NaT", "us")) if column.kind in TIMES else np.full(rows, None, dtype=object)


def _column(raw: pd.Series, column: Column, train: pd.Series) -> tuple[np.ndarray, float, bool]:
    """The typed cells, the share of the filled ones that could not be read, and whether another writing was taken."""
    values = typed_column(raw, column)
    if column.kind in WORDS:
        return _like(values, train), 0.0, False
    if column.kind not in NUMERIC | TIMES:
        return values, 0.0, False
    filled = _filled(raw, column)
    unread = _unread(values, filled)
    if unread <= DOUBTFUL:
        return values, unread, False
    again = _by_own_writing(raw, column)
    if again is None or (better := _unread(again, filled)) >= unread:
        return values, unread, False
    return again, better, True


def _filled(raw: pd.Series, column: Column) -> np.ndarray:
    """Which cells hold something: not empty and no token for missing, the column's own or a usual one."""
    table = cells.distinct_of(raw)
    tokens = {*column.missing_tokens, *cells.standard_missing(table.values)}
    return np.append(~cells.missing_mask(table.values, tokens), False)[table.codes]


def _unread(values: np.ndarray, filled: np.ndarray) -> float:
    return float((pd.isna(values) & filled).sum() / filled.sum()) if filled.any() else 0.0


def _by_own_writing(raw: pd.Series, column: Column) -> np.ndarray | None:
    """The cells read by the writing that the column itself shows; None where it shows none of the right kind."""
    try:
        source = io.from_memory(pd.DataFrame({"cells": raw.to_numpy()}))
        own = inference.infer(source, RunSpec()).column("cells")
        if own.kind == "constant":  # one text says nothing of its kind: is it one of the real column's?
            as_real = RunSpec(columns={"cells": ColumnOverride(kind=column.kind)})
            own = inference.infer(source, as_real).column("cells")
    except SynthgenError:
        return None
    same = (own.kind in NUMERIC and column.kind in NUMERIC) or (own.kind in TIMES and column.kind in TIMES)
    return typed_column(raw, column.model_copy(update={n: getattr(own, n) for n in WRITING})) if same else None


def _like(values: np.ndarray, train: pd.Series) -> np.ndarray:
    """Words as the real table writes them: blanks around them, and 1.0 for 1 or 1 for 1.0, are no other word.

    A usual token for missing that is no word of the real table is missing.
    """
    known = set(train.dropna().unique())
    codes, uniques = pd.factorize(values)
    words = [next((w for w in _spellings(str(word)) if w in known), str(word)) for word in uniques]
    gaps = set(cells.standard_missing(words)) - known
    return np.array([*(None if word in gaps else word for word in words), None], dtype=object)[codes]


def _spellings(word: str) -> Iterator[str]:
    plain = word.strip()
    yield from (word, plain, plain.removesuffix(".0"), f"{plain}.0")


def _told(column: Column, unread: float, otherwise: bool) -> Iterator[str]:
    if otherwise:
        yield f"Column {column.name!r} is written otherwise than in the real table and was read by its own writing."
    if 0 < unread <= USELESS:
        yield f"{unread:.1%} of the filled cells of column {column.name!r} could not be read and count as missing."


def _problems(absent: list[str], extra: list[str], useless: list[str]) -> Iterator[str]:
    if absent:
        yield f"Columns of the real table that are absent were left out of every comparison: {_names(absent)}."
    if useless:
        yield f"Columns that could not be read were left out of every comparison: {_names(useless)}."
    if extra:
        yield f"Columns that are not in the real table were not looked at: {_names(extra)}."


def _names(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(map(repr, listed[:NAMED])) + more


def _left(schema: Schema, lost: set[str]) -> Schema:
    """The schema without lost columns, be the target one of them. Raises SchemaError where every column is lost."""
    kept = tuple(c for c in schema.columns if c.name not in lost)
    if not any(c.modelled for c in kept):
        raise SchemaError(
            "The two tables have no column in common that can be compared.",
            "Compare a table with its own synthetic set.",
        )
    without = {"target": None, "positive": None} if schema.target in lost else {}
    return schema.model_copy(update={"columns": kept, **without})


def must_have_rows(raw: pd.DataFrame, what: str) -> None:
    """Raise InputError for a table without a row."""
    if not len(raw):
        raise InputError(f"The {what} has no row.", "Give a table with rows.")
