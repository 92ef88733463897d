"""Typed chunks to an Excel workbook of one sheet, row by row at constant memory; the same rows give the same bytes.

The sheet is written as it is streamed (ECMA-376, part 1, 18.3), every text as an inline string: a text that begins like
a formula stays a text, and is marked so that it stays one when somebody edits it.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd

from synthgen.errors import LimitError
from synthgen.tabular.conversion import mark_of, presented_column, written
from synthgen.tabular.schema import TIMES, Column, Schema

MOST_ROWS, MOST_COLUMNS, LONGEST_TEXT = 1_048_576, 16_384, 32_767
EXACT = 1e15  # Excel keeps 15 digits; longer whole numbers are written as texts
FIRST_DAY = np.datetime64("1900-03-01", "us")  # before it Excel's own days are off by one
DAY_ZERO = np.datetime64("1899-12-30", "us")
STAMP = (1980, 1, 1, 0, 0, 0)
PLAIN, DATE, DATETIME, TEXT, MARKED, PERCENT = range(6)  # positions in the styles below; then 0.0% and 0.00%
MOST_DECIMALS = 2  # of a percentage
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/><Default '
        'Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override '
        f'PartName="/xl/workbook.xml" ContentType="{SHEET_TYPE}.sheet.main+xml"/><Override '
        f'PartName="/xl/worksheets/sheet1.xml" ContentType="{SHEET_TYPE}.worksheet+xml"/><Override '
        f'PartName="/xl/styles.xml" ContentType="{SHEET_TYPE}.styles+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="data" sheetId="1" r:id="rId1"/></sheets>'
        "</workbook>"
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{OFFICE}/worksheet" '
        f'Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="{OFFICE}/styles" Target="styles.xml"/>'
        "</Relationships>"
    ),
    "xl/styles.xml": (
        f'<styleSheet xmlns="{MAIN}"><numFmts count="3"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/><numFmt '
        'numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/><numFmt numFmtId="166" formatCode="0.0%"/></numFmts>'
        '<fonts count="1"><font/></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/>'
        '</fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        '<cellXfs count="8"><xf/><xf numFmtId="164" applyNumberFormat="1"/><xf numFmtId="165" applyNumberFormat="1"/>'
        '<xf numFmtId="49" applyNumberFormat="1"/><xf numFmtId="49" applyNumberFormat="1" quotePrefix="1"/>'
        '<xf numFmtId="9" applyNumberFormat="1"/><xf numFmtId="166" applyNumberFormat="1"/>'
        '<xf numFmtId="10" applyNumberFormat="1"/></cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    ),
}  # fmt: skip


def write_excel(chunks: Iterable[pd.DataFrame], schema: Schema, path: Path) -> Path:
    """Write typed chunks to a sheet called data, headed by the column names. `LimitError` for more than a sheet holds.

    Numbers, flags and dates are such cells, not texts; dates before March 1900, which Excel has none of, are ISO texts.
    """
    if len(schema.columns) > MOST_COLUMNS:
        raise LimitError(f"A sheet holds {MOST_COLUMNS:,} columns, not {len(schema.columns):,}.", "Write .parquet.")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, text in PARTS.items():
            archive.writestr(_entry(name), HEAD + text)
        with archive.open(_entry("xl/worksheets/sheet1.xml"), "w", force_zip64=True) as out:
            _write_sheet(chunks, schema, out)
    return path


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, STAMP)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _write_sheet(chunks: Iterable[pd.DataFrame], schema: Schema, out: IO[bytes]) -> None:
    out.write(f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>'.encode())
    out.write(f"<row>{''.join(map(_text, schema.names))}</row>".encode())
    rows = 1
    for chunk in chunks:
        rows += len(chunk)
        if rows > MOST_ROWS:
            raise LimitError(f"A sheet holds {MOST_ROWS - 1:,} rows below its header.", "Write .csv or .parquet.")
        out.write("".join(f"<row>{row}</row>" for row in _rows(chunk, schema)).encode())
    out.write(b"</sheetData></worksheet>")


def _rows(chunk: pd.DataFrame, schema: Schema) -> Iterator[str]:
    percent = schema.layout.percent
    columns = [_cells(chunk[column.name], column, percent.get(column.name)) for column in schema.columns]
    return map("".join, zip(*columns, strict=True))


def _cells(values: pd.Series, column: Column, percent: int | None) -> list[str]:
    """The XML of each cell of a typed column; worked out on distinct values. `percent`: the decimals of percentages."""
    if column.kind in TIMES:
        dated = column.kind == "date" or (column.grid_seconds or 1) >= 86_400
        style = DATE if dated else DATETIME
        return _on_distinct(values, lambda cell: _moment_or_text(np.datetime64(cell, "us"), style, column))
    if column.marks:
        return _on_distinct(values, lambda cell: _number(cell) if (t := mark_of(cell, column)) is None else _text(t))
    shown = presented_column(values, column, from_text=True)
    if pd.api.types.is_bool_dtype(shown.dtype):
        return _on_distinct(shown, lambda cell: f'<c t="b"><v>{int(cell)}</v></c>')
    if pd.api.types.is_numeric_dtype(shown.dtype):
        style = PLAIN if percent is None else PERCENT + min(percent, MOST_DECIMALS)
        return _on_distinct(shown, lambda cell: _number(cell, style))
    return _on_distinct(pd.Series(written(values, column)), _text)


def _on_distinct(values: pd.Series, convert: Callable[..., str]) -> list[str]:
    codes, uniques = pd.factorize(values, use_na_sentinel=True)
    made = np.array([*(convert(cell) for cell in uniques), "<c/>"], dtype=object)
    return list(made[codes])


def _number(cell: float, style: int = PLAIN) -> str:
    if abs(cell) >= EXACT:
        return _text(str(int(cell)))
    start = f'<c s="{style}">' if style else "<c>"
    return f"{start}<v>{int(cell) if float(cell).is_integer() else repr(float(cell))}</v></c>"


def _moment_or_text(cell: np.datetime64, style: int, column: Column) -> str:
    return _moment(cell, style) if (text := mark_of(cell, column)) is None else _text(text)


def _moment(cell: np.datetime64, style: int) -> str:
    if cell < FIRST_DAY:
        return _text(str(cell.astype("datetime64[D]" if style == DATE else "datetime64[s]")).replace("T", " "))
    days = (cell - DAY_ZERO) / np.timedelta64(1, "D")
    return f'<c s="{style}"><v>{int(days) if days.is_integer() else repr(float(days))}</v></c>'


def _text(cell: str) -> str:
    """An inline text, never a formula; what no sheet can hold is left out of it."""
    if not cell:
        return "<c/>"
    style = MARKED if cell.startswith(FORMULA_STARTS) else TEXT
    inside = escape(UNWRITABLE.sub("", cell)[:LONGEST_TEXT]).replace("\r", "&#13;")
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{inside}</t></is></c>'
