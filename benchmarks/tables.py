"""The tables that benchmarks run on: a name from the list of tables or any file, split once into two CSV files.

Everybody is handed the same train.csv and is judged against the same test.csv. The split is made here, from the raw
cells and a seed, so that no change of the library moves it and fits of peers stay comparable.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from synthgen.tabular import io

SHARED = Path(__file__).resolve().parents[2] / "shared"
TABLES = SHARED / "data" / "tables.csv"
TEST_SHARE = 0.2
MISSING = ["", "?", "NA", "N/A", "n/a", "None", "none", "null", "NULL", "nan", "NaN"]


@dataclass(frozen=True)
class Table:
    """One table and what is known about it; `drop` are columns that no generator but ours sees and nobody is judged on.

    `name` is the file's name without endings, `test_file` an official test half (None: one is cut off).
    """

    name: str
    file: Path
    test_file: Path | None
    target: str | None
    positive: str | None
    drop: tuple[str, ...]
    person: str | None


def named(data: str, tables: Path = TABLES, target: str | None = None, positive: str | None = None) -> Table:
    """The table whose file name starts with `data` in the list, or the file at that path; exits where there is none."""
    if Path(data).is_file():
        return Table(Path(data).name.split(".")[0], Path(data), None, target, positive, (), None)
    if not tables.exists():
        sys.exit(f"{data!r} is no file, and there is no list of tables at {tables}; name one with --tables.")
    with tables.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith(data)]
    if not rows:
        sys.exit(f"{data!r} is no file, and no table of the list starts with it.")
    (row, folder) = rows[0], tables.parent / "tabular"
    return Table(
        row["file"].split(".")[0],
        folder / row["file"],
        folder / row["test_file"] if row["test_file"] else None,
        target or row["target"] or None,
        positive or row["positive"] or None,
        tuple(c for c in row["drop"].split(";") if c),
        row["person"] or None,
    )


def split(table: Table, seed: int, sample: int | None, folder: Path) -> tuple[Path, Path]:
    """Write train.csv and test.csv of a table to `folder`; `sample` cuts the training rows to so many (by person)."""
    source = io.read(table.file).data
    if table.target is not None and table.target not in source.columns:
        sys.exit(f"{table.name} has no column {table.target!r}; name one of its own with --target.")
    if table.test_file is not None:
        train, test = source, io.read(table.test_file).data[source.columns]
    else:
        train, test = _cut(source, table, TEST_SHARE, np.random.default_rng([seed, 1]))
    if sample and len(train) > sample:
        _, train = _cut(train, table, sample / len(train), np.random.default_rng([seed, 2]))
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in (("train", train), ("test", test)):
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder / "train.csv", folder / "test.csv"


def without(path: Path, columns: tuple[str, ...]) -> bytes:
    """The CSV text of a file without some columns, cell for cell."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    return frame.drop(columns=[c for c in columns if c in frame]).to_csv(index=False).encode()


def digest(*parts: bytes | str | Path) -> str:
    """A short content hash of texts and files."""
    found = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part
        found.update(hashlib.sha256(content).digest())
    return found.hexdigest()[:20]


def _cut(
    frame: pd.DataFrame, table: Table, share: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The frame without and with about `share` of its people, every class of a discrete target in proportion."""
    people = pd.factorize(frame[table.person])[0] if table.person else np.arange(len(frame))
    _, first = np.unique(people, return_index=True)
    classes = pd.factorize(frame[table.target].iloc[first])[0] if table.target else np.zeros(len(first), int)
    if classes.max(initial=0) >= 50:
        classes = np.zeros(len(first), int)
    order = np.lexsort((rng.random(len(first)), classes))
    steps = np.floor(np.arange(len(order) + 1) * share + rng.random())
    chosen = np.zeros(len(first), bool)
    chosen[order[np.diff(steps) > 0]] = True
    inside = chosen[np.unique(people, return_inverse=True)[1]]
    return frame[~inside].reset_index(drop=True), frame[inside].reset_index(drop=True)
