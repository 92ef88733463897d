"""An .npz of images and labels: MedMNIST's keys and other usual ones; headers are checked first."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from synthgen.errors import InputError, LimitError
from synthgen.images import archives

PARTS = ("train", "val", "valid", "validation", "test")
IMAGE_WORDS = ("images", "image", "x", "data", "imgs", "arr_0")
LABEL_WORDS = ("labels", "label", "y", "targets", "target", "classes", "arr_1")
OWNERS = ("patients", "patient", "people", "person", "subjects", "subject", "sources", "source", "groups", "group")
PERSON_WORDS = (*OWNERS, *(f"{word}_{ending}" for word in OWNERS for ending in ("ids", "id")))
NAME_WORDS = ("class_names", "label_names", "target_names")
MOST_BYTES = 512 << 20
EXPECTED = "Give arrays named images and labels, x and y, or train_images and train_labels."


@dataclass(frozen=True)
class Arrays:
    """Images and labels of one pair of arrays, and what belongs to them; `part` is "train", "test" or empty."""

    images: np.ndarray
    labels: np.ndarray
    people: np.ndarray | None
    part: str


def read(path: Path) -> tuple[list[Arrays], tuple[str, ...], tuple[str, ...]]:
    """Every pair of images and labels in the file, the names of the classes where it has them, and images without.

    Raises InputError or LimitError. Pickled objects are never loaded.
    """
    archives.check_contents(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            pairs = _pairs(entries)
            wanted = {key for pair in pairs for key in pair[:3] if key} | set(_first(entries, NAME_WORDS))
            _check_sizes(archive, [entries[key] for key in wanted])
            made = {key: _array(archive, entries[key]) for key in sorted(wanted)}
    except (*archives.DAMAGED, SyntaxError, TypeError, MemoryError) as error:
        raise InputError("The .npz is damaged, or its arrays hold objects.", EXPECTED) from error
    names = next((made[key] for key in made if key in _first(entries, NAME_WORDS)), None)
    found = [Arrays(made[i], made[k], made[p] if p else None, part) for i, k, p, part in pairs]
    unlabelled = tuple(key for part in PARTS if (key := _key(entries, part, IMAGE_WORDS)) and part not in _parts(pairs))
    return found, () if names is None else tuple(str(name) for name in names.ravel().tolist()), unlabelled


def _parts(pairs: Sequence[tuple[str, str, str, str]]) -> set[str]:
    return {part for *_, part in pairs}


def _pairs(entries: Mapping[str, object]) -> list[tuple[str, str, str, str]]:
    """(images, labels, people or empty, part) for each pair of keys that belong together."""
    found = []
    for part in (*PARTS, ""):
        images, labels, people = (_key(entries, part, w) for w in (IMAGE_WORDS, LABEL_WORDS, PERSON_WORDS))
        if images and labels:
            found.append((images, labels, people, part))
    if not found:
        raise InputError(f"The .npz has {len(entries)} arrays, none of them images with labels.", EXPECTED)
    return found


def _key(entries: Mapping[str, object], part: str, words: tuple[str, ...]) -> str:
    small = {key.casefold(): key for key in entries}
    spelt = [form for word in words for form in ((f"{part}_{word}", f"{word}_{part}") if part else (word,))]
    return next((small[form] for form in spelt if form in small), "")


def _first(entries: Mapping[str, object], words: tuple[str, ...]) -> list[str]:
    return [key for key in entries if key.casefold() in words][:1]


def _check_sizes(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse arrays whose own header claims other bytes than the zip holds, or too many of them."""
    total = 0
    for entry in entries:
        with archive.open(entry) as file:
            shape, dtype = _header(file)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if dtype.hasobject or not 0 <= entry.file_size - size <= 1 << 16:
            raise ValueError("not the array it claims to be")
        total += size
    if total > MOST_BYTES:
        raise LimitError(
            f"The arrays hold {total >> 20} MB, more than {MOST_BYTES >> 20}.", "Submit fewer images or 8-bit ones."
        )


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = reader(file)
    return shape, dtype


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(entry) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
