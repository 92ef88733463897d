"""Typed chunks to files: a CSV written as the source was, a Parquet file with the source's dtypes; chunk by chunk."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from synthgen.tabular.conversion import presented, written
from synthgen.tabular.key_styles import MOST_KEYS
from synthgen.tabular.parsing import column_names
from synthgen.tabular.schema import TIMES, Column, Layout, Schema


def write_csv(chunks: Iterable[pd.DataFrame], schema: Schema, path: Path) -> Path:
    """Write typed chunks with the separator, encoding, quotes, line ends, header and digits of the source."""
    layout = schema.layout
    separator = layout.separator + (" " if layout.skip_initial_space else "")
    with path.open("w", encoding=layout.encoding, errors="replace", newline="") as out:
        head = header_cells(schema)
        if head:
            out.write(layout.separator.join(_quoted_cells(head, layout, always=False)) + layout.line_end)
        for chunk in chunks:
            columns = [_column_cells(chunk[c.name], c, layout, alone=len(schema.columns) == 1) for c in schema.columns]
            lines = map(separator.join, zip(*columns, strict=True))
            out.writelines(line + layout.line_end for line in lines)
    return path


def header_cells(schema: Schema) -> list[str]:
    """The header as it stood in the source, without dropped columns; empty when the source had none."""
    header = schema.layout.header
    if not header:
        return [] if schema.layout.of_text else schema.names
    as_stood = dict(zip(column_names(header, []), header, strict=True))
    return [as_stood.get(name, name) for name in schema.names]


def _column_cells(values: pd.Series, column: Column, layout: Layout, alone: bool) -> list[str]:
    """The cells of one column, quoted where needed; a lone empty cell is quoted, or its line would be blank."""
    codes, uniques = pd.factorize(written(values, column))
    cells = _quoted_cells(list(uniques), layout, column.quoted)
    if alone:
        cells = [cell or layout.quote * 2 for cell in cells]
    return list(np.array(cells, dtype=object)[codes])


def _quoted_cells(cells: Iterable[str], layout: Layout, always: bool) -> list[str]:
    special = (layout.separator, layout.quote, "\n", "\r", *([layout.escape] if layout.escape else []))
    out = []
    for cell in cells:
        if always or any(mark in cell for mark in special) or (layout.skip_initial_space and cell.startswith(" ")):
            inside = cell.replace(layout.escape, layout.escape * 2) if layout.escape else cell
            out.append(
                layout.quote
                + inside.replace(layout.quote, (layout.escape or layout.quote) + layout.quote)
                + layout.quote
            )
        else:
            out.append(cell)
    return out


def write_parquet(chunks: Iterable[pd.DataFrame], schema: Schema, path: Path) -> Path:
    """Write typed chunks with the dtypes of the source (of a CSV: the natural ones of each kind)."""
    tables = (_arrow_table(chunk, schema) for chunk in chunks)
    first = next(tables)
    with pq.ParquetWriter(path, first.schema, compression="zstd") as out:
        for table in itertools.chain([first], tables):
            out.write_table(table)
    return path


def _arrow_table(chunk: pd.DataFrame, schema: Schema) -> pa.Table:
    """One chunk with the same Arrow types as every other, and what pandas needs to give its own dtypes back."""
    table = pa.Table.from_pandas(
        _without_rare(presented(chunk, schema), schema), schema=arrow_schema(schema), preserve_index=False, safe=False
    )
    return table.replace_schema_metadata(None) if schema.layout.of_text else table


def _without_rare(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The frame without listed categories that too few people hold: a file may leave, and its list goes with it."""
    for column in schema.columns:
        if column.categories and frame[column.name].dtype == "category":
            cells = frame[column.name].cat
            kept = {*column.order, *cells.remove_unused_categories().cat.categories}
            frame[column.name] = cells.set_categories([c for c in cells.categories if c in kept])
    return frame


def arrow_schema(schema: Schema) -> pa.Schema:
    """The Arrow types of the exported columns, the same for every chunk."""
    return pa.schema([pa.field(c.name, _arrow_type(c, schema.layout.of_text)) for c in schema.columns])


def _natural_type(column: Column) -> pa.DataType:
    """The type of a column of a text table, as `conversion.presented` gives it."""
    if column.marks:
        return pa.string()
    if column.kind == "boolean":
        return {"1": pa.int64(), "true": pa.bool_()}.get((column.true_token or "").strip().lower(), pa.string())
    if column.kind in ("id", "person") and column.key is not None and column.key.style == "integer":
        return pa.int64() if column.key.start < 2**63 - MOST_KEYS else pa.uint64()
    return {"integer": pa.int64(), "number": pa.float64()}.get(column.kind, pa.string())


def _arrow_type(column: Column, from_text: bool) -> pa.DataType:
    dtype = column.dtype.lower()
    if column.kind in TIMES:
        if column.marks and not dtype.startswith("datetime64"):
            return pa.string()
        unit = dtype[11:].split(",")[0].rstrip("]") if dtype.startswith("datetime64[") else "us"
        zone = column.dtype.partition(", ")[2].rstrip("]") or None
        return pa.timestamp(unit, zone)
    if from_text:
        return _natural_type(column)
    if dtype in ("bool", "boolean"):
        return pa.bool_()
    if dtype.startswith("timedelta64"):
        return pa.duration("ns")
    if dtype.startswith(("int", "uint", "float")):
        return getattr(pa, dtype)()
    if dtype == "category":
        numbers = {"integer": pa.int64(), "number": pa.float64()}
        held = pa.string() if column.marks else numbers.get(column.kind, pa.string())
        return pa.dictionary(pa.int32(), held, ordered=bool(column.categories))
    return pa.string()
