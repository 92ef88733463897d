"""Images written to files: the same images give the same bytes, and a file appears only when it is whole."""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from synthgen.images.schema import ImageSchema
from synthgen.images.stack import ImageStack

WHEN = (1980, 1, 1, 0, 0, 0)  # of every member of a zip: the earliest a zip can hold
LONGEST_FOLDER = 60
RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(1, 10))}


@contextmanager
def _whole(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip that takes its place only when everything is in it."""
    draft = path.with_name(path.name + ".part")
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
            yield archive
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _entry(name: str, packed: bool = False) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, WHEN)
    entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    entry.create_system = 3
    return entry


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """An .npz of arrays in memory."""
    with _whole(path) as archive:
        for name, array in arrays.items():
            with archive.open(_entry(f"{name}.npy"), "w", force_zip64=True) as out:
                np.lib.format.write_array(out, np.ascontiguousarray(array), allow_pickle=False)


def write_npz(chunks: Iterable[ImageStack], rows: int, schema: ImageSchema, path: Path) -> Path:
    """images (n, h, w) or (n, h, w, 3) of uint8, labels int64 (n,), class_names as texts: nothing needs a pickle."""
    form = (schema.height, schema.width) if schema.channels == 1 else (schema.height, schema.width, schema.channels)
    header = {"descr": "|u1", "fortran_order": False, "shape": (rows, *form)}
    labels: list[np.ndarray] = [np.empty(0, dtype=np.int64)]
    with _whole(path) as archive:
        with archive.open(_entry("images.npy", packed=True), "w", force_zip64=True) as out:
            np.lib.format.write_array_header_1_0(out, header)
            for chunk in chunks:
                out.write(np.ascontiguousarray(chunk.pixels).tobytes())
                labels.append(chunk.labels)
        others = {"labels": np.concatenate(labels), "class_names": np.array(schema.classes, dtype=np.str_)}
        for name, array in others.items():
            with archive.open(_entry(f"{name}.npy"), "w") as out:
                np.lib.format.write_array(out, array, allow_pickle=False)
    return path


def write_zip(chunks: Iterable[ImageStack], schema: ImageSchema, path: Path, seed: int) -> Path:
    """A folder of PNG files per class and manifest.csv with file, class and the seed of the request."""
    folders = folder_names(schema.classes)
    counts = [0] * len(folders)
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("file", "class", "seed"))
    with _whole(path) as archive:
        for chunk in chunks:
            for pixels, label in zip(chunk.pixels, chunk.labels.tolist(), strict=True):
                name = f"{folders[label]}/{counts[label]:06d}.png"
                counts[label] += 1
                archive.writestr(_entry(name), png(pixels))
                writer.writerow((name, schema.classes[label], seed))
        archive.writestr(_entry("manifest.csv", packed=True), table.getvalue().encode("utf-8"))
    return path


def png(pixels: np.ndarray) -> bytes:
    """The PNG of one image, uint8 (h, w, 1 or 3)."""
    out = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else np.ascontiguousarray(pixels)).save(out, "PNG")
    return out.getvalue()


def folder_names(classes: Sequence[str]) -> list[str]:
    """A folder name per class that every file system takes, no two alike whatever the case."""
    made: list[str] = []
    for name in classes:
        plain = re.sub(r"[^\w.\- ]", "_", unicodedata.normalize("NFC", name)).strip(" .")[:LONGEST_FOLDER].strip(" .")
        if not plain or plain.split(".")[0].casefold() in RESERVED:
            plain = f"class_{plain}".rstrip("_")
        taken = {other.casefold() for other in made}
        numbered = (plain if n == 1 else f"{plain}_{n}" for n in range(1, len(classes) + 2))
        made.append(next(form for form in numbered if form.casefold() not in taken))
    return made
