"""The files of a folder or a zip, one at a time, never written anywhere: no header is trusted."""

from __future__ import annotations

import lzma
import os
import posixpath
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from synthgen.errors import InputError, LimitError
from synthgen.images.decoding import MOST_FILE_BYTES, Refused
from synthgen.images.originals import Ledger

MOST_MEMBERS = 100_000
MOST_DIRECTORY_BYTES = 48 << 20  # of a zip's table of contents, which is held in memory
MOST_BYTES = 4 << 30
LONGEST_PATH = 1024
SURPRISING_BYTES = 4 << 20
MOST_RATIO = 200
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, OSError, ValueError,
    MemoryError,
)  # fmt: skip
OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|\x00")
IGNORED = re.compile(r"(^|/)(\.(?!\.?([/\\]|$))|__MACOSX(/|$)|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
ARCHIVE_ENDINGS = (".zip", ".npz", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar", ".zst")


@dataclass(frozen=True)
class Member:
    """One file: its path inside the folder or zip, with "/", and how to get its bytes (raises Refused)."""

    name: str
    size: int
    read: Callable[[], bytes]

    @property
    def ending(self) -> str:
        """The ending of its name, small letters, with the dot."""
        return posixpath.splitext(self.name)[1].lower()


@contextmanager
def opened(path: Path, ledger: Ledger) -> Iterator[list[Member]]:
    """The files of a folder or a zip, by name. Raises InputError or LimitError; single files are told in `ledger`."""
    if path.is_dir():
        yield _of_folder(path, ledger)
        return
    check_contents(path)
    try:
        archive = zipfile.ZipFile(path)
    except DAMAGED as error:
        raise InputError("The zip is damaged or encrypted.", "Pack the images again, without a password.") from error
    with archive:
        yield _of_zip(archive, path.stat().st_size, ledger)


def check_contents(path: Path) -> None:
    """Refuse a zip whose table of contents would fill the memory, before it is read. Raises LimitError."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 66_000))
        tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + 22:
        return
    size = struct.unpack("<L", tail[place + 12 : place + 16])[0]
    large = tail.rfind(b"PK\x06\x06", 0, place)
    if size == 0xFFFFFFFF and large >= 0 and len(tail) >= large + 48:
        size = struct.unpack("<Q", tail[large + 40 : large + 48])[0]
    if size > MOST_DIRECTORY_BYTES:
        raise LimitError("The zip's table of contents is too large to be read.", f"Pack at most {MOST_MEMBERS} files.")


def _of_folder(root: Path, ledger: Ledger) -> list[Member]:
    found: list[Member] = []
    for folder, folders, names in os.walk(root, followlinks=False):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            inside = path.relative_to(root).as_posix()
            if IGNORED.search(inside):
                continue
            if not stat.S_ISREG(path.lstat().st_mode):
                ledger.add("refused", "a link or a special file", inside)
                continue
            found.append(Member(inside, path.stat().st_size, _reader_of_file(path)))
            _check_count(len(found))
    _check_total(sum(member.size for member in found))
    return found


def _reader_of_file(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            with path.open("rb") as file:
                return _bounded(file.read(MOST_FILE_BYTES + 1))
        except OSError:
            raise Refused("it cannot be read") from None

    return read


def _bounded(data: bytes) -> bytes:
    if len(data) > MOST_FILE_BYTES:
        raise Refused(f"larger than {MOST_FILE_BYTES >> 20} MB")
    return data


def _check_count(count: int) -> None:
    if count > MOST_MEMBERS:
        raise LimitError(f"There are more than {MOST_MEMBERS} files.", "Submit a part of the images.")


def _check_total(size: int) -> None:
    if size > MOST_BYTES:
        raise LimitError(f"The files hold {size >> 20} MB, more than {MOST_BYTES >> 20}.", "Submit smaller images.")


def _of_zip(archive: zipfile.ZipFile, size: int, ledger: Ledger) -> list[Member]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir() and not IGNORED.search(entry.filename)]
    _check_count(len(entries))
    if sum(entry.compress_size for entry in entries) > size:
        raise InputError(
            "The zip's headers claim more bytes than the file has.", "It is damaged or made to deceive; pack it again."
        )
    found: dict[str, Member] = {}
    for entry in sorted(entries, key=lambda entry: entry.filename):
        reason = _why_not(entry) or ("another file has the same name" if entry.filename in found else "")
        if reason:
            ledger.add("refused", reason, _shown(entry.filename))
        else:
            found[entry.filename] = Member(entry.filename, entry.file_size, _reader_of_entry(archive, entry))
    _check_total(sum(member.size for member in found.values()))
    return list(found.values())


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name)[:200]


def _why_not(entry: zipfile.ZipInfo) -> str:
    """Why a member of a zip is not read, judged by its header alone; empty when it may be."""
    if len(entry.orig_filename) > LONGEST_PATH:
        return f"its path has over {LONGEST_PATH} characters"
    if OUTSIDE.search(entry.orig_filename) or ".." in re.split(r"[/\\]", entry.orig_filename):
        return "its path leads out of the zip"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "a link or a special file"
    if entry.flag_bits & 1:
        return "encrypted"
    if entry.file_size > MOST_FILE_BYTES:
        return f"larger than {MOST_FILE_BYTES >> 20} MB"
    if entry.file_size > SURPRISING_BYTES and entry.file_size > MOST_RATIO * max(1, entry.compress_size):
        return f"it unpacks to over {MOST_RATIO} times its size"
    return ""


def _reader_of_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            with archive.open(entry) as file:
                data = _bounded(file.read(MOST_FILE_BYTES + 1))
        except DAMAGED:
            raise Refused("damaged or cut off inside the zip") from None
        if len(data) != entry.file_size:
            raise Refused("its size is not what the zip says")
        return data

    return read
