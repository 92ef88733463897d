"""Excel workbooks (.xlsx, .xlsm) to columns of str: one sheet, row by row, so that memory follows the distinct cells.

Numbers, flags and dates become the texts a CSV would hold, formulas the values that Excel last stored for them, numbers
with a format of zeros (00000) the codes that it shows. From there on a sheet is read like a text table: its title rows
are skipped, its header is found, its columns are inferred.
"""

from __future__ import annotations

import datetime as dt
import itertools
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import pandas as pd

from synthgen.errors import InputError, LimitError
from synthgen.tabular import excel_formats, parsing
from synthgen.tabular.dialect import header_place, is_header, rows_to_look_at

MOST_SHARED_BYTES = 256 << 20  # texts that all sheets share, which are held in memory
MOST_ENTRIES = 10_000
SAMPLE_ROWS = 400
MIDNIGHT = " 00:00:00"
ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!"})
SAVE_AGAIN = "Open it in Excel and save it again as .xlsx, or as CSV."


@dataclass
class _Sheet:
    """A sheet that is being read: what its first rows say, and what was met in its cells."""

    number: int
    header: tuple[str, ...]
    names: list[str]
    skip: int
    notes: list[str]
    dated: set[int] = field(default_factory=set)
    timed: set[int] = field(default_factory=set)
    errors: int = 0
    surplus: int = 0


def check(archive: zipfile.ZipFile, limit: int) -> None:
    """Refuse what is no sheet table or would not fit: `InputError`, `LimitError`. Nothing is unpacked for it."""
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    if "xl/workbook.xml" not in names:
        binary = " of the binary kind (.xlsb)" if "xl/workbook.bin" in names else " or an office document"
        raise InputError(f"The file is a workbook{binary}, which is not read.", SAVE_AGAIN)
    unpacked = sum(entry.file_size for entry in entries)
    shared = sum(entry.file_size for entry in entries if entry.filename.lower() == "xl/sharedstrings.xml")
    if unpacked > limit or shared > MOST_SHARED_BYTES or len(entries) > MOST_ENTRIES:
        raise LimitError(
            f"The workbook unpacks to {unpacked >> 20} MB, {shared >> 20} MB of them texts; at most {limit >> 20} MB "
            f"and {MOST_SHARED_BYTES >> 20} MB are read.",
            "Submit the table as CSV or Parquet, or a part of it.",
        )


@dataclass(frozen=True)
class Table:
    """The table of a workbook, every cell a str or None; its header cells as they stood; notes for the owner.

    `percent` holds the decimals of the columns that are shown as percentages.
    """

    frame: pd.DataFrame
    header: tuple[str, ...]
    notes: tuple[str, ...]
    percent: dict[str, int]


def parse(path: Path) -> Table:
    """The table of a workbook. Raises `InputError` or `LimitError`."""
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that say nothing about cells
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
            try:
                return _table(book)
            finally:
                book.close()
    except (
        zipfile.BadZipFile,
        ParseError,
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        AttributeError,
        OSError,
        zlib.error,
        EOFError,
        RuntimeError,
    ) as e:
        raise InputError("The workbook is damaged or cut off.", SAVE_AGAIN) from e


def _table(book: Any) -> Table:
    formats = excel_formats.of(book)
    sheet, rows = _chosen(book, formats)
    formats.seen.clear()  # of the rows that were looked at first
    width = len(sheet.names)
    columns: list[list[Any]] = [[] for _ in range(width)]
    shared: dict[str, str] = {}
    block: list[Sequence[str | None]] = []
    count = 0
    for row in _texts(rows, sheet):
        block.append(row)
        count += 1
        if len(block) * width >= parsing.BLOCK_CELLS:
            parsing.store(block, columns, shared)
            parsing.check_size(count, width)
            block = []
    parsing.store(block, columns, shared)
    if not count:
        raise InputError("The sheet has a header but no rows.", "Submit a workbook with at least one row of data.")
    parts = {n: parsing.joined(pieces) for n, pieces in zip(sheet.names, columns, strict=True)}
    for place in sheet.dated - sheet.timed:
        parts[sheet.names[place]] = _without_midnight(parts[sheet.names[place]])
    notes = (*sheet.notes, *_account(sheet))
    return Table(pd.DataFrame(parts, copy=False), sheet.header, notes, formats.percents(sheet.names, count))


def _chosen(book: Any, formats: excel_formats.Formats) -> tuple[_Sheet, Iterator[Sequence[Any]]]:
    """The first shown sheet that looks like a table of several columns, else the first that holds anything."""
    sheets = [s for s in book.worksheets if s.sheet_state == "visible"] or list(book.worksheets)
    filled: list[tuple[int, Any, list[Sequence[Any]]]] = []
    for number, sheet in enumerate(sheets, start=1):
        sheet.reset_dimensions()  # what the file says about its size is often wrong
        first: list[Sequence[Any]] = [tuple(row) for row in itertools.islice(formats.rows(sheet), SAMPLE_ROWS)]
        if any(cell is not None for row in first for cell in row):
            filled.append((number, sheet, first))
    if not filled:
        raise InputError(
            "The workbook holds no filled cell, or only formulas whose values were never stored.", SAVE_AGAIN
        )
    number, sheet, first = next((s for s in filled if _is_table(s[2])), filled[0])
    made = _begun(number, first)
    if len(filled) > 1:
        made.notes.append(f"read sheet {number} of {len(sheets)}; {len(filled) - 1} other sheets hold cells")
    return made, itertools.islice(formats.rows(sheet), made.skip, None)


def _is_table(rows: Sequence[Sequence[Any]]) -> bool:
    """Whether at least two rows have at least two filled cells."""
    return sum(sum(cell is not None for cell in row) >= 2 for row in rows) >= 2


def _begun(number: int, first: Sequence[Sequence[Any]]) -> _Sheet:
    """Where the header stands, what the columns are called and how many there are."""
    sheet = _Sheet(number, (), [], 0, [])
    rows = [[text or "" for text in (_text(cell, sheet, 0) for cell in row)] for row in first]
    width = max(len(row) - next((i for i, c in enumerate(reversed(row)) if c.strip()), len(row)) for row in rows)
    if width > parsing.MOST_COLUMNS:
        raise LimitError(
            f"The sheet has {width} columns; at most {parsing.MOST_COLUMNS} are read.", "Submit a part of its columns."
        )
    even = [[*row[:width], *[""] * (width - len(row))] for row in rows]
    place = header_place(even, width)
    body = [row for row in even[place + 1 :] if any(c.strip() for c in row)][: rows_to_look_at(width)]
    named = is_header(even[place], body)
    notes = [f"skipped {place} rows above the header"] if place and named else []
    if not named:
        notes.append("the sheet has no header: columns are numbered")
    header = tuple(even[place]) if named else ()
    names = parsing.column_names(header or ("",) * width, notes)
    return _Sheet(number, header, names, place + 1 if named else place, notes)


def _texts(rows: Iterator[Sequence[Any]], sheet: _Sheet) -> Iterator[list[str | None]]:
    """Each row that holds anything, as texts, as wide as the header."""
    width, header = len(sheet.names), list(sheet.header)
    for row in rows:
        texts = [_text(cell, sheet, place) for place, cell in enumerate(row[:width])]
        if not any(texts) or [text or "" for text in texts] == header:
            continue
        sheet.surplus += any(cell is not None for cell in row[width:])
        yield texts if len(texts) == width else [*texts, *([None] * (width - len(texts)))]


def _text(cell: Any, sheet: _Sheet, place: int) -> str | None:
    """One cell as a CSV would hold it; None for a blank one and for an error such as a division by zero."""
    if cell is None or isinstance(cell, str):
        if cell in ERRORS:
            sheet.errors += 1
            return None
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        return str(int(cell)) if float(cell).is_integer() and abs(cell) < 1e15 else f"{cell:.15g}"
    if isinstance(cell, dt.datetime | dt.date):
        return _moment(cell, sheet, place)
    return str(cell.total_seconds()) if isinstance(cell, dt.timedelta) else str(cell)


def _moment(cell: dt.date, sheet: _Sheet, place: int) -> str:
    """ISO text of a date with its time; Excel's parts of a day are rounded to the second where they miss it."""
    moment = cell if isinstance(cell, dt.datetime) else dt.datetime(cell.year, cell.month, cell.day)
    nearest = moment.replace(microsecond=0)
    if moment.microsecond > 500_000 and moment < dt.datetime.max - dt.timedelta(seconds=1):
        nearest += dt.timedelta(seconds=1)
    text = str(nearest if abs(moment - nearest) < dt.timedelta(milliseconds=2) else moment)
    sheet.dated.add(place)
    if not text.endswith(MIDNIGHT):
        sheet.timed.add(place)
    return text


def _without_midnight(cells: Any) -> Any:
    """A column of dates none of which has a time of day, as dates alone."""
    codes, uniques = pd.factorize(cells, use_na_sentinel=True)
    plain = [*(text.removesuffix(MIDNIGHT) for text in uniques), None]
    return pd.array(plain, dtype=object).to_numpy()[codes]


def _account(sheet: _Sheet) -> list[str]:
    lines = {
        "cells hold an error, such as a division by zero, and are read as missing": sheet.errors,
        "rows have cells to the right of the header, which were left out": sheet.surplus,
    }
    return [f"{count} {text}" for text, count in lines.items() if count]
