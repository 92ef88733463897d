"""Artifacts in a folder: obstore writes atomically (a rename), we add the fsync that makes the write survive a cut."""

from __future__ import annotations

import os
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
        """Delete every object below `prefix` and the folders that are empty afterwards."""
        count = super().delete_all(prefix)
        root = self.folder / prefix
        for directory, _, _ in os.walk(root, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                continue
        return count


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
