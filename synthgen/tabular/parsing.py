"""Text tables to columns of str: Arrow for well-formed files, a careful reader for the rest.

Both give the same table. Cells are shared objects where they repeat, so memory follows the distinct values.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv

from synthgen.errors import InputError, LimitError
from synthgen.tabular.dialect import (
    Dialect,
    find_dialect,
    header_place,
    is_header,
    line_end_of,
    rows_of,
    rows_to_look_at,
)

SAMPLE_CHARS = 1 << 18
WIDE_SAMPLE_CHARS = 1 << 22
MOST_CELLS = 200_000_000
MOST_COLUMNS = 20_000
MOST_DROPPED = 0.1
LONGEST_CELL = 1 << 17
UNPAIRED = "quotes do not pair up and were kept as text"
BLOCK_CELLS = 200_000
MOST_FAST_COLUMNS = 500  # Arrow reserves buffers per column and block


@dataclass(frozen=True)
class Plan:
    """What the beginning of the file says about the whole: dialect, place of the header, names of the columns."""

    dialect: Dialect
    line_end: str
    skip: int
    header: tuple[str, ...]
    names: list[str]
    quoted: tuple[str, ...]
    notes: list[str] = field(default_factory=list)


def parse(path: Path) -> tuple[pd.DataFrame, Plan]:
    """The table of a UTF-8 text file, every cell a str as written, None for cells that a short row lacks."""
    sample = _sample(path)
    if not sample.strip():
        raise InputError("The file holds nothing but blanks.", "Submit a file with a header and rows.")
    dialect = find_dialect(sample)
    plan = _plan(sample, dialect)
    frame = _fast(path, plan)
    if frame is None:
        frame, plan = _careful(path, plan)
    if not len(frame):
        raise InputError("The file has a header but no rows.", "Submit a file with at least one row of data.")
    return frame, plan


def _sample(path: Path) -> str:
    """The beginning of the file, whole lines where possible; more of it when lines are long."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        text = file.read(SAMPLE_CHARS)
        if len(text) == SAMPLE_CHARS:
            if text.count("\n") + text.count("\r") < 50:
                text += file.read(WIDE_SAMPLE_CHARS)
            if "\n" not in text and "\r" not in text:
                raise InputError("The first line of the file never ends.", "Submit a table with one row per line.")
            cut = max(text.rfind("\n"), text.rfind("\r"))
            text = text[: cut + 1] if cut > 0 else text
    return text


def _plan(sample: str, dialect: Dialect) -> Plan:
    notes: list[str] = []
    rows = rows_of(sample, dialect)
    if not rows:
        dialect = replace(dialect, quoting=False)
        rows = rows_of(sample, dialect)
        notes.append(UNPAIRED)
    width = _usual_width(rows)
    if width > MOST_COLUMNS:
        raise LimitError(
            f"The table has {width} columns; at most {MOST_COLUMNS} are read.", "Submit a part of its columns."
        )
    place = header_place(rows, width)
    first = rows[place] if rows else []
    body = [row for row in rows[place + 1 :] if row][: rows_to_look_at(width)]
    notes += [f"skipped {place} lines above the header"] if place else []
    named = is_header(first, body)
    body_width = _usual_width(body) if body else len(first)
    header = tuple(first) if named else ()
    if not named:
        notes.append("the file has no header: columns are numbered")
    if named and body_width == len(first) + 1 and sum(bool(row[-1].strip()) for row in body) > 0.5 * len(body):
        header = ("", *header)
        notes.append("the header lacks a name for the first column")
    count = max(len(header), body_width if not named else len(header), 1)
    names = column_names(header or ("",) * count, notes)
    return Plan(
        dialect,
        line_end_of(sample),
        place if named else place - 1,
        header,
        names,
        _quoted(sample, dialect, names),
        notes,
    )


def _usual_width(rows: Sequence[Sequence[str]]) -> int:
    widths = Counter(len(row) for row in rows if row)
    return max(widths.items(), key=lambda item: (item[1], item[0]))[0] if widths else 0


def column_names(header: Sequence[str], notes: list[str]) -> list[str]:
    """Usable names for header cells: blank ones are numbered, repeated ones get a number."""
    names: list[str] = []
    taken = {cell.strip() for cell in header}
    seen: set[str] = set()
    blank = repeated = 0
    for place, cell in enumerate(header, start=1):
        name = cell.strip()
        blank += not name
        repeated += bool(name) and name in seen
        base = name or f"column_{place}"
        number = 2
        final = base
        while final in seen or (final != name and final in taken):
            final = f"{base}_{number}"
            number += 1
        seen.add(final)
        names.append(final)
    if blank and any(header):
        notes.append(f"{blank} columns without a name are numbered")
    if repeated:
        notes.append(f"{repeated} repeated column names got a number")
    return names


def _quoted(sample: str, dialect: Dialect, names: list[str]) -> tuple[str, ...]:
    """Columns whose every filled cell is quoted in the sample, so that output is quoted alike."""
    if not dialect.quoting or dialect.quote not in sample:
        return ()
    marked = rows_of(sample, replace(dialect, quoting=False, escape=""))[1:200]
    rows = [row for row in marked if len(row) == len(names)]
    if len(rows) < 0.5 * len(marked) or not rows:
        return ()
    q = dialect.quote
    return tuple(
        n for i, n in enumerate(names) if all(r[i][:1] == q and r[i][-1:] == q and len(r[i]) > 1 for r in rows)
    )


def _fast(path: Path, plan: Plan) -> pd.DataFrame | None:
    """Arrow's reader; None when the file is not even enough for it."""
    dialect = plan.dialect
    if dialect.escape or not dialect.quoting or dialect.skip_initial_space or plan.skip > 0:
        return None
    if not 2 <= len(plan.names) <= MOST_FAST_COLUMNS or plan.header[:1] == ("",) or plan.line_end == "\r":
        return None
    try:
        columns = _streamed(path, plan)
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError):
        return None
    parts = {name: joined(columns.pop(0)) for name in plan.names}
    return _clean(pd.DataFrame(parts, copy=False), plan)


def _streamed(path: Path, plan: Plan) -> list[list[np.ndarray]]:
    """Pieces of each column, read batch by batch so that text and objects of only one batch exist at once."""
    columns: list[list[np.ndarray]] = [[] for _ in plan.names]
    rows = 0
    with arrow_csv.open_csv(
        path,
        read_options=arrow_csv.ReadOptions(
            use_threads=False, block_size=1 << 22, skip_rows_after_names=bool(plan.header), column_names=plan.names
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=plan.dialect.separator, quote_char=plan.dialect.quote, newlines_in_values=True
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(plan.names, pa.string()), strings_can_be_null=False, check_utf8=False
        ),
    ) as reader:
        for batch in reader:
            rows += batch.num_rows
            check_size(rows, batch.num_columns)
            for pieces, cells in zip(columns, batch.columns, strict=True):
                pieces.append(cells.to_pandas(deduplicate_objects=True).to_numpy(object))
    return columns


def _clean(frame: pd.DataFrame, plan: Plan) -> pd.DataFrame | None:
    """Leave odd tables (blank rows, the header repeated below) to the careful reader."""
    first = frame.iloc[:, 0].to_numpy(object)
    suspect = np.flatnonzero((first == "") | (first == (plan.header[0] if plan.header else "")))
    if len(suspect):
        rows = frame.iloc[suspect].to_numpy(object)
        if (rows == "").all(axis=1).any() or (
            plan.header and (rows == np.array(plan.header, dtype=object)).all(axis=1).any()
        ):
            return None
    return frame


def check_size(rows: int, columns: int) -> None:
    """Raise `LimitError` for more cells than are read."""
    if rows * columns > MOST_CELLS:
        raise LimitError(f"The table has more than {MOST_CELLS // 10**6} million cells.", "Submit a part of it.")


@dataclass
class _Tally:
    """What the careful reader met."""

    kept: int = 0
    short: int = 0
    cut: int = 0
    dropped: int = 0
    repeated_header: int = 0


def _careful(path: Path, plan: Plan) -> tuple[pd.DataFrame, Plan]:
    """Row by row: short rows are filled, overlong ones cut where nothing is lost and dropped otherwise."""
    try:
        return _by_rows(path, plan)
    except csv.Error:
        plain = replace(
            plan,
            dialect=replace(plan.dialect, quoting=False),
            notes=[*plan.notes, UNPAIRED],
        )
        try:
            return _by_rows(path, plain)
        except csv.Error as error:
            raise InputError(
                "The file is no table: a cell never ends.", "Check its quotes, or save it again as CSV."
            ) from error


def _by_rows(path: Path, plan: Plan) -> tuple[pd.DataFrame, Plan]:
    width, tally = len(plan.names), _Tally()
    columns: list[list[np.ndarray]] = [[] for _ in range(width)]
    shared: dict[str, str] = {}
    block: list[Sequence[str | None]] = []
    for row in _even_rows(path, plan, width, tally):
        block.append(row)
        if len(block) * width >= BLOCK_CELLS:
            store(block, columns, shared)
            check_size(tally.kept, width)
            block = []
    store(block, columns, shared)
    if tally.dropped > MOST_DROPPED * max(1, tally.kept + tally.dropped):
        raise InputError(
            f"{tally.dropped} of {tally.kept + tally.dropped} rows have more cells than the header's {width}.",
            "The file may hold several tables, or its separator also stands inside cells. Save one table as CSV.",
        )
    parts = {name: joined(pieces) for name, pieces in zip(plan.names, columns, strict=True)}
    return pd.DataFrame(parts, copy=False), replace(plan, notes=[*plan.notes, *_account(tally)])


def _even_rows(path: Path, plan: Plan, width: int, tally: _Tally) -> Iterator[Sequence[str | None]]:
    csv.field_size_limit(LONGEST_CELL)
    header = list(plan.header)
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        reader = csv.reader(file, **plan.dialect.reader_options())  # type: ignore[arg-type]
        for number, row in enumerate(reader):
            if number <= plan.skip:
                continue
            if len(row) > width and not any(cell.strip() for cell in row[width:]):
                row = row[:width]
                tally.cut += 1
            if len(row) > width:
                tally.dropped += 1
            elif row == header:
                tally.repeated_header += 1
            elif any(cell.strip() for cell in row) or (width == 1 and row):
                tally.kept += 1
                tally.short += len(row) < width
                yield row if len(row) == width else [*row, *([None] * (width - len(row)))]


def store(block: list[Sequence[str | None]], columns: list[list[np.ndarray]], shared: dict[str, str]) -> None:
    """Append a block of rows column by column; repeated cells become one object."""
    if not block:
        return
    if len(shared) > 500_000:
        shared.clear()
    keep = shared.setdefault
    for column, cells in zip(columns, zip(*block, strict=True), strict=True):
        piece = np.empty(len(cells), dtype=object)
        piece[:] = [None if cell is None else keep(cell, cell) for cell in cells]
        column.append(piece)


def joined(pieces: list[np.ndarray]) -> np.ndarray:
    """The pieces of a column as one."""
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=object)


def _account(tally: _Tally) -> list[str]:
    """What was done to the rows, in words."""
    lines = {
        "rows with too few cells were filled with missing ones": tally.short,
        "rows with surplus blank cells were cut": tally.cut,
        "rows with too many cells were left out": tally.dropped,
        "rows that repeat the header were left out": tally.repeated_header,
    }
    return [f"{count} {text}" for text, count in lines.items() if count]
