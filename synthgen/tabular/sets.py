"""A synthetic table on disk: Arrow chunks of typed rows and a manifest with checksums. Never one frame in memory."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import ValidationError

from synthgen.errors import InputError, SpecError
from synthgen.spec import SampleSpec
from synthgen.tabular import excel_writing, writing
from synthgen.tabular.schema import NUMERIC, TIMES, Schema

CHUNK_ROWS = 65_536
VERSION = 1


@dataclass(frozen=True)
class SyntheticTable:
    """A synthetic set of rows: how many, where, what was asked for, and by which generator they were made."""

    rows: int
    directory: Path
    spec: SampleSpec
    generator: str
    notes: tuple[str, ...] = ()
    files: tuple[tuple[str, int, str], ...] = field(default=(), repr=False)

    def chunks(self) -> Iterator[pd.DataFrame]:
        """The typed rows in order, a chunk at a time; `InputError` when a chunk is not what was written."""
        for name, _, sha256 in self.files:
            yield _read(self.directory / name, sha256)

    def take(self, n: int, seed: int = 0) -> pd.DataFrame:
        """At most `n` typed rows drawn over the whole set without replacement, in order, reading a chunk at a time."""
        if n >= self.rows:
            parts = list(self.chunks())
        else:
            chosen = np.sort(np.random.default_rng(seed).choice(self.rows, size=n, replace=False))
            parts = [chunk.iloc[rows] for chunk, rows in _rows_of_chunks(self, chosen)]
        return pd.concat(parts, ignore_index=True) if parts else next(self.chunks()).iloc[:0]


def _rows_of_chunks(table: SyntheticTable, chosen: np.ndarray) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    start = 0
    for name, rows, sha256 in table.files:
        inside = chosen[(chosen >= start) & (chosen < start + rows)] - start
        start += rows
        if len(inside):
            yield _read(table.directory / name, sha256), inside


def write(
    chunks: Iterable[pd.DataFrame],
    schema: Schema,
    directory: Path,
    spec: SampleSpec,
    generator: str,
    notes: Sequence[str] = (),
) -> SyntheticTable:
    """Store typed chunks as they come; the manifest is written last, so that a set without one was never finished."""
    directory.mkdir(parents=True, exist_ok=True)
    fields = pa.schema([pa.field(c.name, _stored_type(c.kind)) for c in schema.columns])
    files = []
    for number, chunk in enumerate(_even_chunks(chunks, schema.names)):
        name = f"chunk-{number:05d}.arrow"
        files.append((name, len(chunk), _write(chunk, fields, directory / name)))
    rows = sum(count for _, count, _ in files)
    table = SyntheticTable(rows, directory, spec, generator, tuple(notes), tuple(files))
    _write_manifest(table)
    return table


def _stored_type(kind: str) -> pa.DataType:
    return pa.float64() if kind in NUMERIC else pa.timestamp("us") if kind in TIMES else pa.string()


def _even_chunks(chunks: Iterable[pd.DataFrame], names: list[str]) -> Iterator[pd.DataFrame]:
    """Chunks of CHUNK_ROWS rows, whatever sizes come in; an empty input gives one empty chunk."""
    waiting: list[pd.DataFrame] = []
    held = given = 0
    for chunk in chunks:
        waiting.append(chunk[names])
        held += len(chunk)
        while held >= CHUNK_ROWS:
            whole = pd.concat(waiting, ignore_index=True) if len(waiting) > 1 else waiting[0]
            yield whole.iloc[:CHUNK_ROWS]
            given += 1
            waiting, held = [whole.iloc[CHUNK_ROWS:]], held - CHUNK_ROWS
    if held or (not given and waiting):
        yield pd.concat(waiting, ignore_index=True) if len(waiting) > 1 else waiting[0]


def _write(chunk: pd.DataFrame, fields: pa.Schema, path: Path) -> str:
    """Write one chunk; its SHA-256."""
    arrays = [_array(chunk[f.name], f.type) for f in fields]
    with (
        pa.OSFile(str(path), "wb") as out,
        pa.ipc.new_file(out, fields, options=pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)) as writer,
    ):
        writer.write_table(pa.Table.from_arrays(arrays, schema=fields))
    return _digest(path)


def _array(values: pd.Series, kind: pa.DataType) -> pa.Array:
    if pa.types.is_floating(kind):
        return pa.array(values.to_numpy(float))
    if pa.types.is_timestamp(kind):
        return pa.array(values.to_numpy("datetime64[us]"), type=kind)
    return pa.array(values.to_numpy(object), type=kind, from_pandas=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path, sha256: str) -> pd.DataFrame:
    if not path.is_file() or _digest(path) != sha256:
        raise InputError(f"Part {path.name} of the synthetic set is missing or was changed.", "Make the set again.")
    with pa.OSFile(str(path), "rb") as file, pa.ipc.open_file(file) as reader:
        table = reader.read_all()
    return table.to_pandas(use_threads=False, deduplicate_objects=True)


def _write_manifest(table: SyntheticTable) -> None:
    manifest = {
        "version": VERSION,
        "rows": table.rows,
        "generator": table.generator,
        "spec": table.spec.model_dump(mode="json"),
        "notes": list(table.notes),
        "files": [{"name": name, "rows": rows, "sha256": sha256} for name, rows, sha256 in table.files],
    }
    path = table.directory / "manifest.json"
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    os.replace(draft, path)


def open_set(directory: Path) -> SyntheticTable:
    """The synthetic table that `write` left in `directory`."""
    try:
        manifest: dict[str, Any] = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
        files = tuple((f["name"], int(f["rows"]), f["sha256"]) for f in manifest["files"])
        spec = SampleSpec.model_validate(manifest["spec"])
        return SyntheticTable(manifest["rows"], directory, spec, manifest["generator"], tuple(manifest["notes"]), files)
    except (OSError, KeyError, TypeError, ValueError, ValidationError) as error:
        raise InputError("There is no finished synthetic set in this place.", "Make the set again.") from error


def export(synthetic: SyntheticTable, schema: Schema, directory: Path) -> list[Path]:
    """data.csv written as the source was and data.parquet with its dtypes, a chunk in memory at a time.

    A source that was a workbook gives data.xlsx as well, where the rows fit on a sheet.
    """
    directory.mkdir(parents=True, exist_ok=True)
    made = [
        writing.write_csv(synthetic.chunks(), schema, directory / "data.csv"),
        writing.write_parquet(synthetic.chunks(), schema, directory / "data.parquet"),
    ]
    if schema.layout.format == "excel" and synthetic.rows < excel_writing.MOST_ROWS:
        made.append(excel_writing.write_excel(synthetic.chunks(), schema, directory / "data.xlsx"))
    return made


def export_file(synthetic: SyntheticTable, schema: Schema, path: Path) -> Path:
    """One file whose ending chooses the format: .csv, .parquet or .xlsx. `SpecError` for any other ending."""
    writers = {".csv": writing.write_csv, ".parquet": writing.write_parquet, ".xlsx": excel_writing.write_excel}
    if path.suffix.lower() not in writers:
        raise SpecError(
            f"A table cannot be written to a file ending in {path.suffix!r}.", "Use .csv, .parquet or .xlsx."
        )
    return writers[path.suffix.lower()](synthetic.chunks(), schema, path)
