"""A CSV that tells of each image its class and where it comes from: which file, which column, by stated rules."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

import numpy as np

LABEL_WORDS = (
    "label", "class", "category", "target", "diagnosis", "dx", "cell", "celltype", "species", "type", "finding",
    "condition", "outcome", "grade", "stage", "kind", "y",
)  # fmt: skip
PERSON_WORDS = (
    "patient", "person", "subject", "participant", "individual", "donor", "case", "pid", "lesion", "slide", "specimen",
    "source", "parent", "origin", "video", "study", "session", "group",
)  # fmt: skip
FEWEST_MATCHED = 0.5  # of the images, or of the rows: how many a column of file names must name
MOST_CLASSES = 200
MOST_ROWS = 1_000_000
MOST_ENDS = 6  # parts at the end of a path by which a file is found, beside its whole path
ONE, FLAGS = {"1", "1.0"}, {"0", "0.0", "1", "1.0"}
ONE_HOT = "class of one column each"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # what spreadsheets call Unicode text
SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class LabelTable:
    """A table of which one column names files: the other columns by name, and per image the row that names it.

    `rows` are row numbers per image file; files that two rows name differently are in `contested`.
    """

    columns: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, int]
    contested: frozenset[str]
    unmatched: int  # rows that name no file

    def texts(self, column: str, files: Sequence[str]) -> tuple[str, ...]:
        """The cells of one column, one per file; empty where no row names the file."""
        cells = self.columns[column]
        return tuple(cells[self.rows[file]] if file in self.rows else "" for file in files)


def best(tables: Sequence[bytes], files: Sequence[str]) -> LabelTable | None:
    """The table that names the most files, of the bytes of several; those with the same header are one table."""
    finder = _Finder(files)
    joined: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for data in tables:
        header, rows = _cells(data, finder)
        joined[tuple(header)] += rows
    found = [_matched(header, rows, finder, len(files)) for header, rows in joined.items()]
    return max((one for one in found if one is not None), key=lambda one: len(one.rows), default=None)


def _matched(header: Sequence[str], rows: Sequence[Sequence[str]], finder: _Finder, files: int) -> LabelTable | None:
    """The table if one of its columns names enough files."""
    if len(header) < 2 or not rows:
        return None
    columns = {name: [row[place].strip() for row in rows] for place, name in enumerate(header)}
    matched = {name: [finder.find(cell) for cell in cells] for name, cells in columns.items()}
    name = max(matched, key=lambda name: len(set(matched[name]) - {None}))
    found = len(set(matched[name]) - {None})
    if not found or found < FEWEST_MATCHED * min(files, len(rows)):
        return None
    others = _with_class({other: tuple(cells) for other, cells in columns.items() if other != name})
    places, contested = _places(matched[name], others)
    return LabelTable(others, places, contested, sum(file is None for file in matched[name]))


def _with_class(columns: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The columns and, where some of them hold 0 and 1 with a single 1 in every row, the name of that column."""
    flags = {name: np.array([cell in ONE for cell in cells]) for name, cells in columns.items() if set(cells) <= FLAGS}
    if len(flags) < 2 or (np.sum(list(flags.values()), axis=0) != 1).any():
        return columns
    names, places = list(flags), np.argmax(list(flags.values()), axis=0)
    others = {name: cells for name, cells in columns.items() if name not in flags}
    return {**others, ONE_HOT: tuple(names[place] for place in places)}


def _cells(data: bytes, finder: _Finder) -> tuple[list[str], list[list[str]]]:
    """Header and rows as text; nothing where it is no table. A first row that names a file is no header."""
    text = _text(data)
    first = text.split("\n", 1)[0]
    separator = max(SEPARATORS, key=first.count)
    try:
        parsed = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        rows = [row for row in islice(parsed, MOST_ROWS + 2) if any(row)]
    except csv.Error:
        return [], []
    if rows and any("." in cell and finder.find(cell.strip()) for cell in rows[0]):
        rows = [[""] * len(rows[0]), *rows]
    header = _distinct([cell.strip() for cell in rows[0]]) if rows else []
    return header, [row[: len(header)] + [""] * (len(header) - len(row)) for row in rows[1 : MOST_ROWS + 1]]


def _text(data: bytes) -> str:
    for encoding in ("utf-16",) if data.startswith(UTF_16) else ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that are empty or come twice get their place behind them."""
    counts = Counter(names)
    return [n if n and counts[n] == 1 else f"{n or 'column'} {i + 1}" for i, n in enumerate(names)]


class _Finder:
    """Finds the one file that a cell means: by its whole path, the end of its path, its name, or its bare name."""

    def __init__(self, files: Sequence[str]) -> None:
        self.paths: dict[str, list[str]] = defaultdict(list)
        for file in files:
            parts = PurePosixPath(file).parts
            for start in _starts(len(parts)):
                end = "/".join(parts[start:])
                self.paths[end.casefold()].append(file)
                bare = end.rsplit(".", 1)[0].casefold()
                if bare != end.casefold():
                    self.paths[bare].append(file)

    def find(self, cell: str) -> str | None:
        """The file; None for none or for several."""
        wanted = cell.replace("\\", "/").strip("/").casefold().split("/")
        for start in _starts(len(wanted)):
            found = self.paths.get("/".join(wanted[start:]), [])
            if len(found) == 1:
                return found[0]
        return None


def _starts(parts: int) -> list[int]:
    """Where the ends of a path of so many parts begin: the whole path and the last MOST_ENDS parts, longest first."""
    return sorted({0, *range(max(0, parts - MOST_ENDS), parts)})


def _places(
    matched: Sequence[str | None], others: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, int], frozenset[str]]:
    """The first row of each file, and the files that several rows name with different labels."""
    label = label_column(others)
    places: dict[str, int] = {}
    contested = set()
    for row, file in enumerate(matched):
        if file is None:
            continue
        first = places.setdefault(file, row)
        if label is not None and others[label][first] != others[label][row]:
            contested.add(file)
    return places, frozenset(contested)


def words_of(name: str) -> list[str]:
    """The words of a column's name, small letters: "sourceImage_id" gives source, image, id."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word.casefold() for word in re.split(r"[^A-Za-z0-9]+", apart) if word]


def _named(columns: Sequence[str], words: Sequence[str]) -> list[str]:
    """The columns whose name holds one of the words, in the order of the words; whole names first."""
    ranked = [(words.index(w), len(words_of(c)), c) for c in columns for w in words_of(c) if w in words]
    return list(dict.fromkeys(column for _, _, column in sorted(ranked)))


def label_column(columns: Mapping[str, Sequence[str]]) -> str | None:
    """The column of classes: one so named, else the one with the fewest values, each held twice on average; texts go
    before numbers."""
    usable = [c for c, cells in columns.items() if _few_values(cells)]
    people = set(_named(usable, PERSON_WORDS))
    named = [c for c in _named(usable, LABEL_WORDS) if c not in people]
    if named:
        return named[0]
    varied = [c for c in usable if c not in people and len({x for x in columns[c] if x}) > 1]
    return min(varied, key=lambda c: (_is_number(columns[c]), len(set(columns[c]))), default=None)


def _is_number(cells: Sequence[str]) -> bool:
    return all(re.fullmatch(r"[-+]?[0-9.,]+(e[-+]?[0-9]+)?", cell, re.IGNORECASE) for cell in cells if cell)


def _few_values(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    values = len(set(filled))
    return 0 < values <= MOST_CLASSES and len(filled) >= 2 * values


def person_column(columns: Mapping[str, Sequence[str]], label: str | None) -> str | None:
    """The column of patients or sources: one so named, with fewer values than images and more than one."""
    for column in _named([c for c in columns if c != label], PERSON_WORDS):
        filled = [cell for cell in columns[column] if cell]
        if 1 < len(set(filled)) < len(filled):
            return column
    return None
