"""The picture of a run at work: one row of made images per class, for those who may see the source."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

NAME = "samples.png"
COLUMNS, MOST_ROWS = 10, 20
GAP, LEAST_SIDE = 2, 48  # pixels; small images are enlarged


def grid(pixels: np.ndarray, columns: int) -> Image.Image:
    """Images (n, h, w, c; uint8) in rows of `columns`, enlarged by a whole number where they are small."""
    n, h, w, channels = pixels.shape
    rows, times = -(-n // columns), max(1, -(-LEAST_SIDE // max(h, w)))
    sheet = np.full((rows * (h + GAP) - GAP, columns * (w + GAP) - GAP, channels), 255, np.uint8)
    for i in range(n):
        y, x = i // columns * (h + GAP), i % columns * (w + GAP)
        sheet[y : y + h, x : x + w] = pixels[i]
    picture = Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet)
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def write(pixels: np.ndarray, folder: Path) -> None:
    """The grid as a file in `folder`, whole or not at all."""
    buffer = io.BytesIO()
    grid(pixels, COLUMNS).save(buffer, "PNG")
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f".{NAME}.new"
    new.write_bytes(buffer.getvalue())
    os.replace(new, folder / NAME)
