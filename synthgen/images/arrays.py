"""Images and labels that come as arrays: layouts, channels and number ranges of all kinds to uint8 images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from synthgen.errors import InputError
from synthgen.images.decoding import BACKGROUND

EXPECTED = "Give images as (n, height, width) or (n, height, width, channels) with 1, 3 or 4 channels."
PIXEL_HINT = "Give whole numbers from 0 to 255, 16-bit numbers, true and false, or fractions from 0 to 1."


def channels_last(images: np.ndarray) -> np.ndarray:
    """(n, h, w, c) from (n, h, w), (n, h, w, c) or (n, c, h, w) with 1 to 4 channels. Raises InputError."""
    if images.ndim == 3:
        return images[..., None]
    if images.ndim != 4:
        raise InputError(f"The array of images has {images.ndim} dimensions.", EXPECTED)
    if images.shape[-1] in (1, 2, 3, 4):
        return images
    if images.shape[1] not in (1, 2, 3, 4):
        raise InputError(f"The images have {images.shape[-1]} channels.", EXPECTED)
    return np.moveaxis(images, 1, -1)


def eight_bits(images: np.ndarray, ends: tuple[float, float] | None = None) -> tuple[np.ndarray, str]:
    """The numbers as uint8 by one rule for the whole array, and what was done, empty for nothing. Raises InputError.

    `ends` are the lowest and the highest number where the array is a part of more.
    """
    if images.dtype == np.uint8:
        return images, ""
    if images.dtype == bool:
        return images.astype(np.uint8) * np.uint8(255), "true and false made 255 and 0"
    if images.dtype.kind not in "iuf":
        raise InputError(f"The array of images holds {images.dtype.name} values.", PIXEL_HINT)
    low, high = ends or _ends([images])
    if images.dtype.kind == "f" and high <= 1:
        low = -1.0 if low < 0 else 0.0
        return _stretched(images, low, 1.0), f"numbers from {low:.0f} to 1 scaled to 8 bits"
    if low >= 0 and high <= 255:
        return _rounded(images), "numbers rounded to 8 bits" if images.dtype.kind == "f" else ""
    if low >= 0 and high <= 65535 and images.dtype.kind in "iu":
        top = 2 ** int(high).bit_length() - 1
        return _stretched(images, 0, top), f"16 bits reduced to 8: 0 to {top}, the range of the whole set, taken"
    return _stretched(images, low, high), "numbers scaled to 8 bits from the lowest to the highest of the whole set"


def _ends(arrays: Sequence[np.ndarray]) -> tuple[float, float]:
    """The lowest and the highest number in arrays of one kind of numbers."""
    filled = [images for images in arrays if images.size]
    low = float(min((images.min() for images in filled), default=0.0))
    high = float(max((images.max() for images in filled), default=0.0))
    if not all(np.isfinite([images.min(), images.max()]).all() for images in filled):
        raise InputError("Some pixels are missing or infinite.", PIXEL_HINT)
    if any(images.dtype.kind == "f" for images in filled) and low < -1 and high <= 1:
        raise InputError("Pixels lie below -1.", PIXEL_HINT)
    return low, high


def _rounded(images: np.ndarray) -> np.ndarray:
    """A block at a time, so that no float copy of the whole set exists."""
    out = np.empty(images.shape, dtype=np.uint8)
    for start in range(0, len(images), 256):
        out[start : start + 256] = np.rint(images[start : start + 256])
    return out


def _stretched(images: np.ndarray, low: float, high: float) -> np.ndarray:
    """A block at a time, so that no float copy of the whole set exists."""
    out = np.empty(images.shape, dtype=np.uint8)
    for start in range(0, len(images), 256):
        part = (images[start : start + 256].astype(np.float32) - low) / max(high - low, 1e-12)
        out[start : start + 256] = np.rint(np.clip(part, 0, 1) * 255)
    return out


def eight_bits_of_all(images: Sequence[np.ndarray]) -> list[tuple[np.ndarray, str]]:
    """The same of several arrays: one rule for all whose numbers are of one kind, such as 8 bits, more bits, floats."""
    kinds = [_kind(image) for image in images]
    ends = {
        kind: _ends([image for image, other in zip(images, kinds, strict=True) if other == kind])
        for kind in sorted(set(kinds) & {"whole", "floating"})
    }
    return [eight_bits(image, ends.get(kind)) for image, kind in zip(images, kinds, strict=True)]


def _kind(image: np.ndarray) -> str:
    """Which numbers are scaled by one rule; "" where nothing has to be known of the others."""
    if image.dtype == np.uint8:
        return ""
    return {"i": "whole", "u": "whole", "f": "floating"}.get(image.dtype.kind, "")


def one_or_three(image: np.ndarray) -> np.ndarray:
    """(h, w, 1) or (h, w, 3): an alpha channel is laid on white, equal channels become one."""
    if image.shape[-1] in (2, 4):
        alpha = image[..., -1:].astype(np.float32) / 255
        image = np.rint(image[..., :-1] * alpha + BACKGROUND * (1 - alpha)).astype(np.uint8)
    grey = image.shape[-1] == 3 and not (image != image[..., :1]).any()
    return np.ascontiguousarray(image[..., :1]) if grey else image


def label_texts(labels: Any, count: int, names: Sequence[str] = ()) -> tuple[str, ...]:
    """One text per image from numbers, texts, (n, 1) arrays or one-hot rows; `names` by number. Raises InputError."""
    try:
        found = np.asarray(labels)
    except ValueError:  # lists of different lengths
        raise InputError("Some images have more labels than others.", "Give one label for each image.") from None
    if found.dtype == object:
        found = np.array(["" if one is None or one != one else str(one) for one in found.ravel()]).reshape(found.shape)
    if found.ndim == 2 and found.shape[1] > 1:
        found = _from_one_hot(found)
    found = found.ravel() if found.ndim < 2 or found.shape[1] < 2 else found[:, 0]
    if len(found) != count:
        raise InputError(f"There are {count} images and {len(found)} labels.", "Give one label for each image.")
    return tuple(_named(_text(one), names) for one in found.tolist())


def _from_one_hot(rows: np.ndarray) -> np.ndarray:
    if rows.dtype.kind not in "iufb" or not ((rows == 0) | (rows == 1)).all() or not (rows.sum(axis=1) == 1).all():
        raise InputError(
            f"The labels have {rows.shape[1]} columns and images with more or less than one class.",
            "Give one class for each image.",
        )
    return rows.argmax(axis=1)


def _text(label: Any) -> str:
    if isinstance(label, bytes):
        return label.decode("utf-8", "replace").strip()
    if isinstance(label, float):
        return "" if label != label else str(int(label)) if label.is_integer() else repr(label)
    return str(label).strip()


def _named(text: str, names: Sequence[str]) -> str:
    return names[int(text)] if names and text.isdecimal() and int(text) < len(names) else text
