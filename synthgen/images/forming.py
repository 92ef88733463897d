"""One image brought to the form of the set: square by the rule of the schema, its size, its channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from synthgen.images.schema import ImageSchema

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


def stacked(images: Sequence[np.ndarray], schema: ImageSchema) -> np.ndarray:
    """uint8 (n, height, width, channels) of images of any size, in order."""
    out = np.empty((len(images), schema.height, schema.width, schema.channels), dtype=np.uint8)
    for place, image in enumerate(images):
        out[place] = formed(image, schema)
    return out


def formed(image: np.ndarray, schema: ImageSchema) -> np.ndarray:
    """One image, (height, width, channels)."""
    pixels = _channelled(image, schema.channels)
    if schema.fit != "stretch" and pixels.shape[0] * schema.width != pixels.shape[1] * schema.height:
        pixels = _padded(pixels) if schema.fit == "pad" else _cropped(pixels)
    return _resized(pixels, schema.height, schema.width)


def _channelled(image: np.ndarray, channels: int) -> np.ndarray:
    if image.shape[-1] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    return np.rint(image.astype(np.float32) @ LUMINANCE).astype(np.uint8)[..., None]


def _padded(pixels: np.ndarray) -> np.ndarray:
    """Square: the shorter side is filled up on both ends with the median colour of the image's border."""
    height, width, channels = pixels.shape
    side = max(height, width)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    out = np.empty((side, side, channels), dtype=np.uint8)
    out[:] = np.median(border, axis=0).astype(np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    out[top : top + height, left : left + width] = pixels
    return out


def _cropped(pixels: np.ndarray) -> np.ndarray:
    """The square in the middle."""
    height, width, _ = pixels.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]


def _resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Smooth when enlarged, averaged over what each pixel covers when reduced."""
    if pixels.shape[:2] == (height, width):
        return pixels
    larger = height > pixels.shape[0] or width > pixels.shape[1]
    how = Image.Resampling.BICUBIC if larger else Image.Resampling.HAMMING
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else np.ascontiguousarray(pixels))
    return np.asarray(picture.resize((width, height), how)).reshape(height, width, -1)
