"""What the local and the S3 store share: everything but how to connect and how to make a write durable."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Iterable, Iterator
from typing import Any

import obstore

from synthgen.errors import NotFound, SynthgenError, Unavailable
from synthgen.service.artifacts.base import FRAME, Counting, Stored

PART = 8 * FRAME  # S3 asks for parts of at least 5 MiB


def _refusal(error: Exception) -> Unavailable:
    """Why the store did not take a file, in words."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error):
        return Unavailable("The disk of the artifact store is full.", "Ask the operator to free some space, try again.")
    return Unavailable("The artifact store did not take a file.", "Check that it is running.")


class ObjectStore:
    """An artifact store on any backend of obstore."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend

    def put(self, key: str, frames: Iterable[bytes]) -> Stored:
        """Write an object from frames; an error raised by `frames` leaves no object behind."""
        counting = Counting(frames)
        try:
            obstore.put(self.backend, key, iter(counting), chunk_size=PART, max_concurrency=2)
            self._settle(key)
        except SynthgenError:
            raise
        except (OSError, obstore.exceptions.BaseError) as error:
            raise _refusal(error) from error
        return counting.stored(key)

    def _settle(self, key: str) -> None:
        """Make a write durable that is visible already, or take it back."""
        try:
            self._make_durable(key)
        except OSError:
            with contextlib.suppress(OSError, obstore.exceptions.BaseError):
                obstore.delete(self.backend, key)
            raise

    def _make_durable(self, key: str) -> None:
        """Nothing to do where the store answers only after the write is safe."""

    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to but not including `end`, as frames."""
        size = self.size(key)
        last = size if end is None else min(end, size)
        return iter(()) if start >= last else self._frames(key, start, last)

    def _frames(self, key: str, start: int, end: int) -> Iterator[bytes]:
        got = self._ask(lambda: obstore.get(self.backend, key, options={"range": (start, end)}))
        for piece in got.stream(min_chunk_size=FRAME):
            yield bytes(piece)

    def size(self, key: str) -> int:
        """The object's size in bytes."""
        return int(self._ask(lambda: obstore.head(self.backend, key))["size"])

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key below the folder `prefix`."""
        for page in obstore.list(self.backend, prefix.rstrip("/")):
            for found in page:
                yield str(found["path"])

    def delete_all(self, prefix: str) -> int:
        """Delete every object below the folder `prefix`; one that is gone already is no error."""
        if not prefix.strip("/."):
            raise ValueError("deleting the whole store is a mistake of ours")
        count = 0
        for key in list(self._ask(lambda: list(self.keys(prefix)))):
            try:
                obstore.delete(self.backend, key)
                count += 1
            except FileNotFoundError:
                continue
        return count

    def stale_folders(self, prefix: str, seconds: float) -> Iterator[str]:
        """The folders directly below `prefix` in which nothing was written for so long."""
        newest: dict[str, float] = {}
        start = prefix.rstrip("/") + "/"
        for page in obstore.list(self.backend, prefix.rstrip("/")):
            for found in page:
                name = str(found["path"]).removeprefix(start).split("/")[0]
                newest[name] = max(newest.get(name, 0.0), found["last_modified"].timestamp())
        yield from (start + name for name, at in newest.items() if time.time() - at > seconds)

    def check(self) -> None:
        """Write, read and delete a small object; raises when that fails."""
        self.put("check/probe", [b"synthgen"])
        if b"".join(self.open("check/probe")) != b"synthgen":
            raise Unavailable("The artifact store gave back something else than was written.")
        self.delete_all("check")

    def _ask(self, request: Any) -> Any:
        try:
            return request()
        except FileNotFoundError as error:
            raise NotFound("This file is not in the artifact store.", "It may have been erased.") from error
        except (OSError, obstore.exceptions.BaseError) as error:
            raise Unavailable("The artifact store did not answer.", "Try again later.") from error
