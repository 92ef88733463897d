"""The artifact store: objects are put and opened as streams of frames, so that encryption can slip underneath."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

FRAME = 1 << 20  # bytes in one frame of a stream


@dataclass(frozen=True)
class Stored:
    """What `put` wrote: size in bytes and SHA-256 (hexadecimal) of the content."""

    key: str
    size: int
    sha256: str


class ArtifactStore(Protocol):
    """Objects under slash-separated keys. `put` is atomic and durable: after it returns, a power cut loses nothing."""

    def put(self, key: str, frames: Iterable[bytes]) -> Stored:
        """Write an object from frames; an error raised by `frames` leaves no object behind."""
        ...

    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to but not including `end`, as frames; `NotFound` when there is no such key."""
        ...

    def size(self, key: str) -> int:
        """The object's size in bytes."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key below the folder `prefix`."""
        ...

    def delete_all(self, prefix: str) -> int:
        """Delete every object below the folder `prefix`; returns how many there were."""
        ...

    def stale_folders(self, prefix: str, seconds: float) -> Iterator[str]:
        """The folders directly below `prefix` in which nothing was written for so long, half-written files included."""
        ...

    def check(self) -> None:
        """Write, read and delete a small object; raises when that fails."""
        ...


class Counting:
    """Passes frames on and keeps their count and digest."""

    def __init__(self, frames: Iterable[bytes]) -> None:
        self.frames = frames
        self.size = 0
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for frame in self.frames:
            if frame:
                self.size += len(frame)
                self.digest.update(frame)
                yield bytes(frame)

    def stored(self, key: str) -> Stored:
        """The account of what passed."""
        return Stored(key, self.size, self.digest.hexdigest())


def file_frames(path: Path) -> Iterator[bytes]:
    """The frames of a local file."""
    with path.open("rb") as file:
        while frame := file.read(FRAME):
            yield frame
