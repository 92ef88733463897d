"""Predicates on typed rows: columns as SQL sees them, and the rows that break a predicate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synthgen import predicates
from synthgen.errors import SpecError
from synthgen.spec import Predicate
from synthgen.tabular import cells
from synthgen.tabular.mixes import as_words
from synthgen.tabular.modes import DATES, NUMERIC
from synthgen.tabular.wishes import is_text

if TYPE_CHECKING:
    import polars


def broken(rule: Predicate, frame: pd.DataFrame, columns: dict[str, Any]) -> np.ndarray:
    """Boolean array: the rows for which the predicate is false. Unknown, because of a missing cell, breaks nothing.

    Raises SpecError, which names columns and what they hold, for what cannot be worked out or gives no truth.
    """
    import polars as pl

    data = pl.DataFrame({c: as_sql(frame[c], columns[c]) for c in rule.columns})
    try:
        said = data.select(kept=predicates.expression(rule.expression))["kept"]
    except (Exception, pl.exceptions.PanicException):
        raise _refused(data, "cannot be worked out") from None
    if said.dtype != pl.Boolean or len(said) != len(frame):
        raise _refused(data, "is neither true nor false for each row")
    return said.eq(False).fill_null(False).to_numpy()


def as_sql(values: pd.Series, column: Any) -> polars.Series:
    """A typed column as polars holds it: numbers, dates, true and false, an ordered category, or words.

    A text that stands among numbers or dates and a category outside of the order are unknown. Flags written 1 and 0 are
    numbers.
    """
    import polars as pl

    if column.kind in NUMERIC:
        numbers = values.mask(is_text(column, values)).to_numpy(dtype=float, na_value=np.nan)
        return pl.Series(numbers, nan_to_null=True)
    if column.kind in DATES:
        moments = pl.Series(values.mask(is_text(column, values)).to_numpy(dtype="datetime64[us]"))
        return moments.dt.date() if column.kind == "date" else moments
    words = [word if isinstance(word, str) else None for word in as_words(values)]
    if column.order:
        known = frozenset(column.order)
        return pl.Series([w if w in known else None for w in words], dtype=pl.Enum(column.order))
    if column.kind == "boolean" and column.true_token is not None:
        return _flags(words, column)
    return pl.Series(words, dtype=pl.String)


def _flags(words: list[str | None], column: Any) -> polars.Series:
    """Flags written as numbers or as true and false are those; other pairs stay words."""
    import polars as pl

    pair = (column.true_token.strip(), (column.false_token or "").strip())
    if all(cells.WHOLE.fullmatch(token) for token in pair):
        return pl.Series([None if w is None else float(w) for w in words], dtype=pl.Float64)
    if {token.lower() for token in pair} == {"true", "false"}:
        return pl.Series([None if w is None else w.strip().lower() == "true" for w in words], dtype=pl.Boolean)
    return pl.Series(words, dtype=pl.String)


def _refused(data: polars.DataFrame, what: str) -> SpecError:
    import polars as pl

    names = (
        (pl.Float64, "numbers"),
        (pl.Date, "dates"),
        (pl.Datetime, "dates with times"),
        (pl.Boolean, "true or false"),
        (pl.Enum, "categories in order"),
        (pl.String, "texts"),
    )
    held = "; ".join(
        f"{column!r} holds {next(name for kind, name in names if dtype == kind)}"
        for column, dtype in data.schema.items()
    )
    return SpecError(f"it {what}: {held}", predicates.HELP + ".")
