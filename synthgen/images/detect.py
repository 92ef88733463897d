"""What a file holds, told by its content and cheaply: enough to choose between a table and a set of images."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path, PurePosixPath

from synthgen.errors import LimitError
from synthgen.images import archives, decoding

TABLE_ENDINGS = (".csv", ".tsv", ".parquet", ".pq", ".xlsx")
MOST_LOOKED_AT = 5000


def is_images(path: Path, filename: str = "") -> bool:
    """Whether an upload is a set of images: an .npz, or a zip or folder with image files; also a lone image."""
    kind = kind_of(path)
    if kind == "folder":
        return _folder_holds_images(path)
    if kind == "zip":
        names = _names(path)
        images = sum(PurePosixPath(name).suffix.lower() in decoding.IMAGE_ENDINGS for name in names)
        return images > 0 and "[Content_Types].xml" not in names
    return kind in ("npz", "an image")


def kind_of(path: Path) -> str:
    """ "folder", "zip", "npz", "an image", or in words what else it is."""
    if path.is_dir():
        return "folder"
    with path.open("rb") as file:
        head = file.read(32)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        names = _names(path)
        return "npz" if names and all(name.endswith(".npy") for name in names) else "zip"
    if decoding.looks_like(head):
        return "an image"
    return "empty" if not head else "neither a zip nor an .npz"


def _names(path: Path) -> list[str]:
    """The names of a zip's files; none where it cannot be read."""
    try:
        archives.check_contents(path)
        with zipfile.ZipFile(path) as archive:
            return [
                e.filename for e in archive.infolist() if not e.is_dir() and not archives.IGNORED.search(e.filename)
            ]
    except (*archives.DAMAGED, LimitError):
        return []


def _folder_holds_images(path: Path) -> bool:
    seen = 0
    for _, _, names in os.walk(path, followlinks=False):
        if any(PurePosixPath(name).suffix.lower() in decoding.IMAGE_ENDINGS for name in names):
            return True
        seen += len(names)
        if seen > MOST_LOOKED_AT:
            return False
    return False
