"""From the uploaded file to plain UTF-8 text on disk: gz and zip unpacked, encoding found, sizes bounded."""

from __future__ import annotations

import codecs
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from charset_normalizer import from_bytes

from synthgen.errors import InputError, LimitError
from synthgen.tabular import excel_reading

MOST_BYTES = 2 << 30
PIECE = 1 << 20
SURPRISING_BYTES = 128 << 20
MOST_RATIO = 200
TABLE_ENDINGS = (".csv", ".tsv", ".txt", ".tab", ".dat", ".psv", ".parquet", ".pq")
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LEGACY = [
    "cp1252",
    "latin_1",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "shift_jis",
    "gb18030",
    "big5",
    "euc_kr",
    "cp437",
    "mac_roman",
]
LATIN = frozenset({"cp1252", "latin_1", "cp1250", "cp1254", "cp437", "mac_roman"})
COMPOUND = b"\xd0\xcf\x11\xe0"
FOREIGN = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"SQLite format 3": "a SQLite database",
    b"\x7fELF": "a program",
    b"7z\xbc\xaf": "a 7z archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"(\xb5/\xfd": "a zstd file",
    b"Rar!": "a RAR archive",
}


@dataclass(frozen=True)
class Unpacked:
    """A plain file: where it is, whether it is text, Parquet or a workbook, and what was done to get it."""

    path: Path
    kind: Literal["text", "parquet", "excel"]
    notes: tuple[str, ...]


def unpack(path: Path, scratch: Path, limit: int = MOST_BYTES) -> Unpacked:
    """The plain file inside `path`; `LimitError` when it is larger than `limit` bytes."""
    head = _head(path)
    if head.startswith(b"\x1f\x8b"):
        return _checked(
            _copy(gzip.open(path, "rb"), path.stat().st_size, scratch / "unpacked", limit), ("unpacked from gzip",)
        )
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return _from_zip(path, scratch, limit)
    if path.stat().st_size > limit:
        raise LimitError(f"The file is larger than {limit >> 20} MB.", "Submit a part of the table.")
    return _checked(path, ())


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        raise InputError("The file is empty: it has no byte.", "Submit a file with a header and rows.")
    return head


def _checked(path: Path, notes: tuple[str, ...]) -> Unpacked:
    head = _head(path)
    if head.startswith(COMPOUND):
        raise _no_workbook(path)
    what = next((name for magic, name in FOREIGN.items() if head.startswith(magic)), None)
    if what or head.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise InputError(
            f"The file is {what or 'packed twice'}, not a table.",
            "Submit CSV (plain, gz or zip), Excel (.xlsx) or Parquet.",
        )
    return Unpacked(path, "parquet" if head.startswith(b"PAR1") else "text", notes)


def _no_workbook(path: Path) -> InputError:
    """Why a compound document is not read: it is a workbook behind a password, or one of Excel before 2007."""
    with path.open("rb") as file:
        locked = "EncryptedPackage".encode("utf-16-le") in file.read(PIECE) or _ends_with_package(file)
    if locked:
        return InputError("The workbook is protected by a password.", "Save it without a password.")
    return InputError("The file is an old Excel (.xls) or Word file, not a table.", excel_reading.SAVE_AGAIN)


def _ends_with_package(file: IO[bytes]) -> bool:
    """Whether the last piece of a compound document, where its directory may stand, names an encrypted package."""
    size = file.seek(0, 2)
    file.seek(max(0, size - PIECE))
    return "EncryptedPackage".encode("utf-16-le") in file.read(PIECE)


def _copy(packed: IO[bytes] | gzip.GzipFile, packed_bytes: int, target: Path, limit: int) -> Path:
    """Unpack piece by piece; what the archive says about its size is not trusted."""
    written = 0
    try:
        with packed, target.open("wb") as out:
            while piece := packed.read(PIECE):
                written += len(piece)
                if written > limit:
                    raise LimitError(f"The file unpacks to more than {limit >> 20} MB.", "Submit a part of the table.")
                if written > SURPRISING_BYTES and written > MOST_RATIO * packed_bytes:
                    raise LimitError(f"The file unpacks to over {MOST_RATIO} times its size.", "Submit it unpacked.")
                out.write(piece)
    except (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        raise InputError(
            "The archive is damaged, encrypted or cut off.", "Pack the table again, without a password."
        ) from error
    return target


def _from_zip(path: Path, scratch: Path, limit: int) -> Unpacked:
    try:
        with zipfile.ZipFile(path) as archive:
            files = [i for i in archive.infolist() if not i.is_dir() and not i.filename.startswith("__MACOSX/")]
            if any(i.filename in ("[Content_Types].xml", "mimetype") for i in files):
                excel_reading.check(archive, limit)
                return Unpacked(path, "excel", ())
            tables = [i for i in files if i.filename.lower().endswith(TABLE_ENDINGS)] or (
                files if len(files) == 1 else []
            )
            if len(tables) != 1:
                raise InputError(
                    f"The zip holds {len(tables)} tables of {len(files)} files.",
                    "Pack exactly one CSV or Parquet file.",
                )
            plain = _copy(archive.open(tables[0]), path.stat().st_size, scratch / "unpacked", limit)
    except (zipfile.BadZipFile, RuntimeError, UnicodeDecodeError) as error:
        raise InputError("The zip is damaged or encrypted.", "Pack the table again, without a password.") from error
    return _checked(plain, ("unpacked from zip",))


def as_utf8(path: Path, scratch: Path) -> tuple[Path, str]:
    """`path` itself when it is UTF-8 without a mark, or a UTF-8 copy of it; and the encoding it was in."""
    encoding = find_encoding(path)
    if encoding == "utf-8":
        return path, encoding
    target = scratch / "utf8"
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    with path.open("rb") as file, target.open("w", encoding="utf-8", newline="") as out:
        for piece in _pieces(file):
            out.write(decoder.decode(piece))
        out.write(decoder.decode(b"", final=True))
    return target, encoding


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


def find_encoding(path: Path) -> str:
    """The encoding of a text file: by its mark, by being valid UTF-8, by zero bytes, else by statistics."""
    with path.open("rb") as file:
        head = file.read(PIECE // 4)
    marked = next((name for mark, name in BOMS if head.startswith(mark)), None)
    if marked:
        return marked
    zeros_even, zeros_odd = head[0::2].count(0), head[1::2].count(0)
    if len(head) >= 4 and max(zeros_even, zeros_odd) > 0.3 * len(head) / 2:
        return "utf-16-le" if zeros_odd > zeros_even else "utf-16-be"
    control = sum(head.count(byte) for byte in range(32) if byte not in (9, 10, 11, 12, 13, 26, 27))
    if control > 0.02 * len(head):
        raise InputError(
            "The file holds binary data, not text.", "Submit CSV (plain, gz or zip), Excel (.xlsx) or Parquet."
        )
    return "utf-8" if _is_utf8(path) else _guess(path)


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            for piece in _pieces(file):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _guess(path: Path) -> str:
    """The best legacy encoding for the lines that are not ASCII; Western European where that is as good as any."""
    lines: list[bytes] = []
    size = 0
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                lines.append(line[:2000])
                size += len(lines[-1])
            if size > PIECE // 16:
                break
    sample = b"".join(lines)
    best = from_bytes(sample, cp_isolation=LEGACY).best()
    western = from_bytes(sample, cp_isolation=["cp1252"]).best()
    if western is not None and (best is None or best.encoding in LATIN or western.chaos <= best.chaos + 0.1):
        return "cp1252"
    try:
        sample.decode("cp1252")
        fallback = "cp1252"
    except UnicodeDecodeError:
        fallback = "latin-1"
    return best.encoding if best is not None else fallback
