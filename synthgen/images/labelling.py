"""Which class and source each file of a folder or zip has: from a table of labels, else from the folders' names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from synthgen.errors import InputError
from synthgen.images import label_tables
from synthgen.images.archives import Member
from synthgen.images.decoding import Refused
from synthgen.images.originals import Ledger

TABLE_ENDINGS = (".csv", ".tsv", ".txt")
MOST_TABLE_BYTES = 32 << 20  # of all tables of a set, which are held together
PARTS = {"train", "training", "trainset", "val", "valid", "validation", "dev", "test", "testing", "holdout"}
FOLDER, FOLDER_PERSON = "folder", "inner folder"
LAYOUT_HINT = "Give one subfolder per class, or a CSV with one column of file names and one of labels."


@dataclass(frozen=True)
class Labels:
    """Texts per file and column, which column is the class and which the source, and what to tell the owner."""

    columns: Mapping[str, Mapping[str, str]]
    label: str
    person: str | None
    notes: tuple[str, ...]
    layout: Mapping[str, str]


def found(images: Sequence[Member], others: Sequence[Member], ledger: Ledger) -> Labels:
    """Labels of the image files. Raises InputError where there are none."""
    files = [member.name for member in images]
    folders = _by_folder(files)
    table = label_tables.best(_tables(others, ledger), files)
    for member in others if table is None else ():
        if member.ending != ".txt":  # which may be a text to read
            ledger.add("left out", "a table that names too few of the images, or cannot be read", member.name)
    if table is not None:
        labels = _by_table(table, files, folders, ledger)
        if labels is not None:
            return labels
    if folders is None:
        raise InputError(f"The {len(files)} images have no labels.", LAYOUT_HINT)
    return folders


def _tables(members: Sequence[Member], ledger: Ledger) -> list[bytes]:
    """The bytes of what may be tables, as many as fit into MOST_TABLE_BYTES; the others are told in `ledger`."""
    found: list[bytes] = []
    room = MOST_TABLE_BYTES
    for member in members:
        data = _bytes(member) if member.size <= room else None
        if member.size > room or (data is not None and len(data) > room):
            ledger.add("refused", f"the tables hold over {MOST_TABLE_BYTES >> 20} MB together", member.name)
        elif data is not None:
            found.append(data)
            room -= len(data)
    return found


def _bytes(member: Member) -> bytes | None:
    try:
        return member.read()
    except Refused:
        return None


def _by_table(
    table: label_tables.LabelTable, files: Sequence[str], folders: Labels | None, ledger: Ledger
) -> Labels | None:
    """Labels from a table; classes from the folders where the table has no column of them."""
    for file in table.contested:
        ledger.add("left out", "two rows of the table give it different labels", file)
    kept = [file for file in files if file not in table.contested]
    columns: dict[str, Mapping[str, str]] = {
        column: dict(zip(kept, table.texts(column, kept), strict=True)) for column in table.columns
    }
    texts = {column: list(cells.values()) for column, cells in columns.items()}
    label = label_tables.label_column(texts)
    person = label_tables.person_column(texts, label)
    notes = [f"{table.unmatched} rows of the table of labels name no image"] if table.unmatched else []
    if label is None and folders is None:
        return None
    if label is None and folders is not None:
        label, columns = folders.label, {**columns, **folders.columns}
    elif folders is not None and len(set(folders.columns[FOLDER].values())) > 1:
        columns = {**folders.columns, **columns}  # so that they can be chosen in the place of what was found
    return Labels(columns, str(label), person, tuple(notes), {"labels": "table"})


def _by_folder(files: Sequence[str]) -> Labels | None:
    """The first folder is the class and a second one the source, below what all files share and beside train or test.

    Where the second folders are fewer and come again below others, they are the classes and the first the sources.
    """
    parts = [PurePosixPath(file).parts for file in files]
    shared = _shared_depth(parts)
    inner = [_without_parts(part[shared:]) for part in parts]
    notes = ["classes from the names of folders"]
    if any(len(part) != len(rest) + shared for part, rest in zip(parts, inner, strict=True)):
        notes.append("folders such as train and test were joined: the set is divided anew")
    if all(len(rest) == 1 for rest in inner):
        if shared == 0:
            return None
        inner = [part[shared - 1 :] for part in parts]
        notes.append("all images are in one folder, which is taken as the only class")
    first = {file: rest[0] if len(rest) > 1 else "" for file, rest in zip(files, inner, strict=True)}
    second = {file: rest[1] if len(rest) > 2 else "" for file, rest in zip(files, inner, strict=True)}
    classes, sources = (second, first) if _recurs(first, second) else (first, second)
    grouped = 1 < len(set(sources.values()) - {""}) < len(files)
    columns = {FOLDER: classes, **({FOLDER_PERSON: sources} if grouped else {})}
    return Labels(columns, FOLDER, FOLDER_PERSON if grouped else None, tuple(notes), {"labels": "folders"})


def _recurs(first: Mapping[str, str], second: Mapping[str, str]) -> bool:
    """Whether the second folders are fewer than the first ones and each is, on average, below two of them or more."""
    pairs = set(zip(first.values(), second.values(), strict=True))
    names = len(set(second.values()))
    return "" not in second.values() and names < len(set(first.values())) and len(pairs) >= 2 * names


def _shared_depth(parts: Sequence[tuple[str, ...]]) -> int:
    """How many leading folders all files have in common."""
    depth = 0
    while all(len(p) > depth + 1 for p in parts) and len({p[depth] for p in parts}) == 1:
        depth += 1
    return depth


def _without_parts(rest: tuple[str, ...]) -> tuple[str, ...]:
    """The path without folders such as train and test, as long as another folder is left."""
    kept = tuple(folder for folder in rest[:-1] if folder.casefold() not in PARTS)
    return (*kept, rest[-1]) if kept else rest
