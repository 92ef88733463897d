"""A table from a file or from memory. Text is read as text: nothing here guesses what a cell means."""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from synthgen.contracts import Source
from synthgen.errors import InputError, LimitError
from synthgen.tabular import archives, excel_reading, parsing

MOST_PARQUET_CELLS = parsing.MOST_CELLS
HALF = re.compile("[\ud800-\udfff]")
REPAIR = 'Repair the texts, such as by text.encode("utf-8", "replace").decode("utf-8").'


def read(path: Path, name: str | None = None) -> Source:
    """The table in a CSV (plain, gz, zip), Excel (.xlsx) or Parquet file.

    A CSV gives columns of str exactly as written, Excel the texts a CSV would hold; Parquet gives its own dtypes.
    Raises `InputError` or `LimitError`.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("There is no such file.", "Check the path.")
    with tempfile.TemporaryDirectory(prefix="synthgen-read-") as folder:
        scratch = Path(folder)
        plain = archives.unpack(path, scratch)
        label = name or path.name.split(".")[0]
        if plain.kind == "excel":
            return _from_excel(plain.path, label)
        if plain.kind == "parquet":
            return _source(label, _read_parquet(plain.path), digest(path), {"format": "parquet"}, plain.notes)
        text, encoding = archives.as_utf8(plain.path, scratch)
        frame, plan = parsing.parse(text)
    notes = [*plain.notes, *([f"read as {encoding}"] if encoding != "utf-8" else []), *plan.notes]
    layout = {
        "format": "csv",
        "separator": plan.dialect.separator,
        "encoding": encoding,
        "quote": plan.dialect.quote,
        "escape": plan.dialect.escape,
        "line_end": plan.line_end,
        "header": plan.header,
        "skip_initial_space": plan.dialect.skip_initial_space,
        "quoted": plan.quoted,
    }
    return Source(label, frame, digest(path), layout, tuple(notes))


def _from_excel(path: Path, label: str) -> Source:
    table = excel_reading.parse(path)
    layout = {"format": "excel", "header": table.header, "percent": table.percent}
    return Source(label, table.frame, digest(path), layout, table.notes)


def shape(path: str) -> list[int]:
    """Rows and columns of a file: what a limited child finds out before the file is read for good."""
    frame = read(Path(path)).data
    return [len(frame), frame.shape[1]]


def from_memory(frame: pd.DataFrame, name: str = "table") -> Source:
    """The table of a data frame; the index is left out. Raises `InputError` for columns that cannot be modelled."""
    imaginary = [str(label) for label, dtype in zip(frame.columns, frame.dtypes, strict=True) if dtype.kind == "c"]
    if imaginary:
        raise InputError(
            f"{len(imaginary)} columns hold complex numbers: {', '.join(imaginary[:20])}.",
            "Give real and imaginary parts as two columns.",
        )
    _must_hold_cells(frame)
    try:
        sha256 = _frame_digest(frame)
    except OverflowError:
        frame = _long_numbers_as_texts(frame)
        sha256 = _frame_digest(frame)
    return _source(name, frame, sha256, {"format": "frame"}, ())


def _long_numbers_as_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with whole numbers beyond every float as texts, as a CSV has them: pandas fails on such numbers."""
    out = {i: frame.iloc[:, i] for i in range(frame.shape[1])}
    for i, cells in out.items():
        if cells.dtype == object:
            try:
                texts = [str(v) if isinstance(v, int) and abs(v) > sys.float_info.max else v for v in cells]
            except ValueError as error:
                raise InputError(
                    f"Column {str(frame.columns[i])!r} holds a whole number of thousands of digits.",
                    "Give such numbers as texts, or leave the column out.",
                ) from error
            out[i] = pd.Series(texts, index=frame.index, dtype=object)
    return pd.concat(out, axis=1).set_axis(frame.columns, axis=1)


def _source(name: str, frame: pd.DataFrame, sha256: str, layout: dict[str, object], notes: tuple[str, ...]) -> Source:
    """Plain column names, a plain index, at least one row and column."""
    _must_hold_cells(frame)
    header = tuple(str(column) for column in frame.columns)
    found = list(notes)
    clean = frame.reset_index(drop=True)
    clean.columns = pd.Index(parsing.column_names(header, found))
    return Source(name, clean, sha256, {**layout, "header": header}, tuple(found))


def _must_hold_cells(frame: pd.DataFrame) -> None:
    if not frame.shape[1] or not len(frame):
        raise InputError(
            f"The table has {len(frame)} rows and {frame.shape[1]} columns; at least one of each is needed.",
            "Give a table with rows and columns.",
        )


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _frame_digest(frame: pd.DataFrame) -> str:
    _must_be_text(map(str, frame.columns), "The name of column")
    try:
        rows = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    except (TypeError, NotImplementedError) as error:
        named = ", ".join(repr(str(frame.columns[i])) for i in range(frame.shape[1]) if not _is_plain(frame.iloc[:, i]))
        raise InputError(
            f"Lists, records or other nested values are in column {named}.", "Give one plain value per cell."
        ) from error
    except UnicodeEncodeError as error:
        texts = ("".join(map(str, frame.iloc[:, i].dropna().unique())) for i in range(frame.shape[1]))
        _must_be_text(texts, "A text of column")
        raise InputError("A text of the table is no text that can be stored.", REPAIR) from error
    return hashlib.sha256(rows.tobytes() + repr(list(frame.columns)).encode()).hexdigest()


def _is_plain(cells: pd.Series) -> bool:
    """Whether the cells of a column can be told apart: nested ones cannot."""
    try:
        pd.factorize(cells)
    except (TypeError, NotImplementedError):
        return False
    return True


def _must_be_text(texts: Iterable[str], what: str) -> None:
    """Raise InputError for texts with half a character in them, which no file can hold; `texts` are one per column."""
    for place, text in enumerate(texts, start=1):
        if HALF.search(text):
            raise InputError(
                f"{what} {place} holds half a character (a lone surrogate); whole Unicode text was expected.", REPAIR
            )


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        file = pq.ParquetFile(path)
        _check_parquet(file)
        frame = file.read(use_threads=False).to_pandas(deduplicate_objects=True, self_destruct=True, split_blocks=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, OSError, ValueError) as error:
        raise InputError("The Parquet file is damaged or cut off.", "Write it again.") from error
    if not isinstance(frame.index, pd.RangeIndex):
        named = [str(level) for level in frame.index.names if level is not None]
        frame = frame.reset_index(drop=not named or any(level in frame.columns for level in named))
    return frame


def _check_parquet(file: pq.ParquetFile) -> None:
    schema = file.schema_arrow
    nested = [
        f.name
        for f in schema
        if pa.types.is_nested(f.type) or pa.types.is_binary(f.type) or pa.types.is_large_binary(f.type)
    ]
    if nested:
        raise InputError(
            f"{len(nested)} columns hold nested or binary values: {', '.join(nested[:20])}.",
            "Give one plain value per cell.",
        )
    if file.metadata.num_rows * len(schema) > MOST_PARQUET_CELLS:
        raise LimitError(
            f"The table has more than {MOST_PARQUET_CELLS // 10**6} million cells.", "Submit a part of it."
        )
