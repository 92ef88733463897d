"""Artifacts in a folder: obstore writes atomically (a rename), we add the fsync that makes the write survive a cut."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from obstore.store import LocalStore

from synthgen.service.artifacts.objects import ObjectStore


class LocalArtifacts(ObjectStore):
    """An artifact store in a private folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        super().__init__(LocalStore(self.folder))

    def _make_durable(self, key: str) -> None:
        """fsync the file, then each folder up to the root, whose entries may be new."""
        path = self.folder / key
        _fsync(path)
        for parent in path.parents:
            _fsync(parent)
            if parent == self.folder:
                break

    def delete_all(self, prefix: str) -> int:
        """Delete everything below `prefix`, also the half-written files of a dead process, which no listing shows."""
        folder = self._inside(prefix)
        count = super().delete_all(prefix)
        shutil.rmtree(folder, ignore_errors=True)
        return count

    def stale_folders(self, prefix: str, seconds: float) -> Iterator[str]:
        """The folders directly below `prefix` in which nothing was written for so long, half-written files included."""
        for folder in sorted(self._inside(prefix).glob("*/")):
            newest = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
            if time.time() - newest > seconds:
                yield f"{prefix.rstrip('/')}/{folder.name}"

    def _inside(self, prefix: str) -> Path:
        """The path of a folder of the store; an empty prefix or one that leads out is a mistake of ours."""
        path = (self.folder / prefix).resolve()
        if self.folder.resolve() not in path.parents:
            raise ValueError("a store folder must lie inside the store")
        return path


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
