"""Raw cells to typed columns and back: typed (for models), presented (source dtypes), written (source text).

Everything is worked out on distinct values and then taken by position.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from synthgen.errors import SchemaError, raise_all
from synthgen.tabular import cells, dates, marks
from synthgen.tabular.cells import NumberStyle
from synthgen.tabular.schema import NUMERIC, TIMES, Column, Schema


def typed(raw: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The typed frame of a raw one; `SchemaError` names every column that is absent."""
    absent = [f"column {name!r} is absent" for name in schema.names if name not in raw.columns]
    raise_all(SchemaError, absent, "Give a table with the same columns as the one the schema was made from.")
    return pd.DataFrame({c.name: typed_column(raw[c.name], c) for c in schema.columns}, copy=False)


def typed_column(series: pd.Series, column: Column) -> np.ndarray:
    """One typed column: float64, datetime64[us], or objects of str and None."""
    table = cells.distinct_of(series)
    column = _as_it_comes(series, column)
    missing = cells.missing_mask(table.values, column.missing_tokens)
    if column.kind in NUMERIC:
        values = numbers_of(table.values, column)
        values[missing] = np.nan
        return np.append(values, np.nan)[table.codes]
    if column.kind in TIMES:
        moments = moments_of(table.values, column)
        moments[missing] = np.datetime64("NaT", "us")
        return np.append(moments, np.datetime64("NaT", "us"))[table.codes]
    words = np.empty(len(table.values) + 1, dtype=object)
    words[:-1] = _flags(table.values, column) if column.kind == "boolean" else table.values
    if column.kind not in ("constant", "empty"):
        words[:-1][missing] = None
    words[-1] = None
    return words[table.codes]


def _as_it_comes(series: pd.Series, column: Column) -> Column:
    """The column as this very series writes it: native numbers and moments know no marks and formats of a text table.

    So a table that comes back from Parquet is read by the schema of the CSV it was made from.
    """
    if series.dtype.kind == "M":
        return column.model_copy(update={"date_format": dates.ISO})
    if pd.api.types.is_numeric_dtype(series.dtype):
        return column.model_copy(update={"decimal_mark": ".", "thousands": "", "prefix": "", "suffix": ""})
    return column


def _flags(values: Sequence[str], column: Column) -> list[str]:
    """Flags in the tokens of the source, however they come: TRUE, True, 1.0."""
    known: dict[str, str] = {}
    for token in filter(None, (column.true_token, column.false_token)):
        plain = token.strip().lower()
        known |= {plain: token, f"{plain}.0": token}
    return [known.get(value.strip().lower(), value) for value in values]


def numbers_of(values: Sequence[str], column: Column) -> np.ndarray:
    """The numbers that texts in the writing of `column` stand for, on its grid; NaN where one is none."""
    style = NumberStyle(column.decimal_mark, column.thousands, column.prefix, column.suffix)
    out = cells.floats(cells.plain_numbers(values, style))
    if column.decimals is not None:
        out = np.round(out, column.decimals)
    known = dict(column.marks)
    if known:
        out = np.array([known.get(value, number) for value, number in zip(values, out, strict=True)], dtype=float)
    return out + 0.0  # no negative zero


def moments_of(values: Sequence[str], column: Column) -> np.ndarray:
    """The moments (datetime64[us]) that texts in the writing of `column` stand for; NaT where one is none."""
    out = dates.parse(values, column.date_format or "%Y-%m-%d")
    for text, moment in marks.cells_of(column.marks, column.kind):
        out[cells.missing_mask(values, (text,))] = moment
    return out


def written(values: pd.Series, column: Column) -> np.ndarray:
    """The cells of a typed column as the source writes them: digits, marks, tokens, date format; objects of str."""
    if column.kind in TIMES:
        text = _on_distinct(values, lambda distinct: _moment_texts(distinct, column))
    elif column.kind in NUMERIC:
        text = _on_distinct(values, lambda distinct: np.array([number_text(v, column) for v in distinct], dtype=object))
    else:
        text = values.to_numpy(object)
    gap = pd.isna(text)
    if gap.any():
        text = text.copy()
        text[gap] = column.missing_token
    return text


def _on_distinct(values: pd.Series, convert: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    codes, uniques = pd.factorize(values.to_numpy())
    text = np.empty(len(uniques) + 1, dtype=object)
    text[:-1] = convert(np.asarray(uniques))
    text[-1] = None
    return text[codes]


def _moment_texts(moments: np.ndarray, column: Column) -> np.ndarray:
    """Moments as the column writes them; the texts that they stand for."""
    out = dates.write(moments, column.date_format or "%Y-%m-%d")
    for text, moment in marks.cells_of(column.marks, column.kind):
        out[moments == moment] = text
    return out


def number_text(value: float, column: Column) -> str:
    """One number as the column writes it; a text that it stands for."""
    if column.marks and (mark := mark_of(value, column)) is not None:
        return mark
    least = column.least_decimals
    most = max(column.decimals or 0, least)
    text = f"{value:{',' if column.thousands else ''}.{most}f}"
    if most > least:
        whole, _, digits = text.partition(".")
        digits = digits.rstrip("0").ljust(least, "0")
        text = f"{whole}.{digits}" if digits else whole
    if column.decimal_mark == ",":
        text = text.replace(".", ",")
    if not (column.prefix or column.suffix):
        return "0" if text == "-0" else text
    sign = "-" if text.startswith("-") else ""
    return f"{sign}{column.prefix}{text.removeprefix('-')}{column.suffix}"


def mark_of(value: Any, column: Column) -> str | None:
    """The text that a number or moment (datetime64) of a typed column stands for, if any."""
    return next((text for text, cell in marks.cells_of(column.marks, column.kind) if cell == value), None)


def presented(typed: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """A typed frame with the dtypes of the source; text columns of a CSV get the natural dtype of their kind."""
    columns = {c.name: presented_column(typed[c.name], c, schema.layout.of_text) for c in schema.columns}
    return pd.DataFrame(columns, index=typed.index, copy=False)


def presented_column(values: pd.Series, column: Column, from_text: bool) -> pd.Series:
    """One column with its source dtype."""
    dtype = column.dtype
    if from_text or column.kind in TIMES:
        return _dated(values, column) if column.kind in TIMES else _natural(values, column)
    if dtype.startswith(("datetime64", "timedelta64")):
        return pd.to_timedelta(values, unit="s") if dtype.startswith("timedelta64") else values
    if column.kind == "empty":
        return _as_dtype(pd.Series(np.full(len(values), None, dtype=object), index=values.index), dtype)
    if dtype in ("bool", "boolean"):
        flags = values.map(
            {column.true_token or "True": True, column.false_token or "False": False, "True": True, "False": False}
        )
        return flags.astype("boolean" if dtype == "boolean" or flags.isna().any() else "bool")
    if dtype == "category":
        return _categorical(values, column)
    if dtype in ("object", "string", "str") or dtype.startswith("string"):
        cells_written = written(values, column).copy()
        cells_written[values.isna().to_numpy()] = None
        return _as_dtype(pd.Series(cells_written, index=values.index, dtype=object), dtype)
    return _cast(values if column.numeric else _as_numbers(values), dtype)


def _dated(values: pd.Series, column: Column) -> pd.Series:
    """Moments; where texts stand among them, the texts of all; in a column of moments only, nothing for a text."""
    if not column.marks:
        return _times(values, column.dtype)
    if column.dtype.startswith("datetime64"):
        return _times(values.mask(marks.are(values.to_numpy(), column.marks, column.kind)), column.dtype)
    return _with_texts(values, column)


def _categorical(values: pd.Series, column: Column) -> pd.Series:
    """Categories as the source lists and orders them, then what else occurs; unordered where it gives them no order."""
    if not column.categories:
        return (_natural(values, column) if column.numeric else values).astype("category")
    listed = list(dict.fromkeys([*column.categories, *sorted(values.dropna().unique())]))
    return pd.Series(pd.Categorical(values, categories=listed, ordered=True), index=values.index)


def _natural(values: pd.Series, column: Column) -> pd.Series:
    if column.marks:
        return _with_texts(values, column)
    if column.kind in ("id", "person") and column.key is not None and column.key.style == "integer":
        values = _as_numbers(values)
        if values.dtype != float:
            return values
    elif column.kind == "boolean" and column.true_token is not None:
        return _natural_flags(values, column.true_token.strip().lower())
    elif column.kind != "integer":
        return values
    if float(values.abs().max() or 0) < 2**62:
        return values.round().astype("Int64")
    return values


def _with_texts(values: pd.Series, column: Column) -> pd.Series:
    """Cells as the source writes them, None for missing: texts stand among them."""
    return pd.Series(written(values, column), index=values.index, dtype=object).mask(values.isna(), None)


def _natural_flags(values: pd.Series, true_token: str) -> pd.Series:
    """Flags of a text table: 1 and 0 become whole numbers, true and false become booleans, other pairs stay words."""
    if true_token not in ("1", "true"):
        return values
    flags = values.str.strip().str.lower().eq(true_token).astype("boolean").mask(values.isna())
    return flags.astype("Int64") if true_token == "1" else flags


def _as_numbers(values: pd.Series) -> pd.Series:
    """Numbers of columns that are numbers in the source and words here: flags, keys, constants.

    Whole numbers stay exact (Int64 or UInt64), where a float would make two long keys equal; those of more than 64 bits
    stay words.
    """
    texts = ["" if value is None or value != value else str(value) for value in values.to_numpy(object)]
    if any(texts) and all(not text or cells.WHOLE.fullmatch(text) for text in texts):
        whole = [int(text) if text else None for text in texts]
        least, most = (f((n for n in whole if n is not None), default=0) for f in (min, max))
        if least >= -(2**63) and most < 2**63:
            return pd.Series(pd.array(whole, dtype="Int64"), index=values.index)
        return pd.Series(pd.array(whole, dtype="UInt64"), index=values.index) if 0 <= least <= most < 2**64 else values
    plain = cells.plain_numbers(texts, NumberStyle())
    return pd.Series([np.nan if text is None else float(text) for text in plain], index=values.index, dtype=float)


def _cast(values: pd.Series, dtype: str) -> pd.Series:
    if dtype.lower().startswith(("int", "uint")):
        whole = values.round() if values.dtype == float else values
        if dtype[0] in "iu" and whole.isna().any():
            dtype = dtype.replace("uint", "UInt").replace("int", "Int")
        return _as_dtype(whole, dtype)
    return _as_dtype(values, dtype)


def _as_dtype(values: Any, dtype: str) -> pd.Series:
    """`values` with the named dtype, or as they are where they do not fit it."""
    try:
        made: pd.Series = values.astype(dtype)
    except (TypeError, ValueError, OverflowError, pd.errors.OutOfBoundsDatetime):
        return pd.Series(values)
    return made


def _times(values: pd.Series, dtype: str) -> pd.Series:
    if ", " in dtype:
        zone = dtype.partition(", ")[2].rstrip("]")
        return _as_dtype(values.dt.tz_localize("UTC").dt.tz_convert(zone), dtype)
    return _as_dtype(values, dtype) if dtype.startswith("datetime64[") else values
