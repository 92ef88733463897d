"""Deep images to 8 bits by one rule for the whole set, so that brightness stays comparable between images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthgen.images.originals import Ledger


def scaled(images: Sequence[np.ndarray], files: Sequence[str], ledger: Ledger) -> list[np.ndarray]:
    """Every image as uint8.

    uint16: all are divided by the largest value of the fewest bits (8 to 16) that hold the brightest of them. float32:
    from the lowest to the highest value of all of them; of values in 0 to 1 these two are the ends.
    """
    bits = _bits([image for image in images if image.dtype == np.uint16])
    low, high = _ends([image for image in images if image.dtype == np.float32])
    made = []
    for image, file in zip(images, files, strict=True):
        if image.dtype == np.uint16:
            ledger.add(
                "converted", f"16 bits reduced to 8: 0 to {2**bits - 1}, the range of the whole set, taken", file
            )
            image = _stretched(image, 0, 2**bits - 1)
        elif image.dtype == np.float32:
            ledger.add("converted", "numbers scaled to 8 bits from the lowest to the highest of the whole set", file)
            image = _stretched(image, low, high)
        made.append(image)
    return made


def _bits(images: Sequence[np.ndarray]) -> int:
    highest = max((int(image.max()) for image in images), default=0)
    return min(16, max(8, highest.bit_length()))


def _ends(images: Sequence[np.ndarray]) -> tuple[float, float]:
    low = min((float(image.min()) for image in images), default=0.0)
    high = max((float(image.max()) for image in images), default=1.0)
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def _stretched(image: np.ndarray, low: float, high: float) -> np.ndarray:
    part = (image.astype(np.float32) - low) / max(high - low, 1e-12)
    return np.rint(np.clip(part, 0, 1) * 255).astype(np.uint8)
