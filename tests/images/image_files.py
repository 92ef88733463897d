"""Image files, zips and folders made on the spot for tests of reading."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from image_scenes import SHAPES, shapes
from PIL import Image


def encoded(pixels: np.ndarray, kind: str = "PNG", **options) -> bytes:
    """One image as the bytes of a file."""
    out = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels).save(out, kind, **options)
    return out.getvalue()


def class_folders(counts=(24, 16, 12), size: int = 32, channels: int = 3, seed: int = 0) -> dict[str, bytes]:
    """Files of made-up shapes, a folder per class."""
    stack = shapes(counts, size, channels, seed)
    return {
        f"{SHAPES[label]}/{place:04d}.png": encoded(pixels)
        for place, (pixels, label) in enumerate(zip(stack.pixels, stack.labels, strict=True))
    }


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    """A zip of these files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def foldered(path: Path, files: Mapping[str, bytes]) -> Path:
    """A folder of these files."""
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path
