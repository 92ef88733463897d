"""How the keys of a column look, so that fresh ones look alike; a `KeyStyle` holds none of the source's keys."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from synthgen.tabular import cells
from synthgen.tabular.schema import KeyStyle

MOST_COUNTED = 2**63 - 10**12  # fresh keys that count on from here still fit 64 bits
UUID = re.compile(r"\{?[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\}?")
HASH = re.compile(r"[0-9a-fA-F]{16,128}")
NUMBERED = re.compile(r"(?P<prefix>[^\d\s]{0,24})(?P<digits>\d{1,18})(?P<suffix>[^\d\s]{0,12})")


def key_style(values: Sequence[str]) -> KeyStyle:
    """How fresh keys should look, from at most 2,000 of the source's."""
    sample = [value.strip() for value in values[:2000]]
    if all(cells.WHOLE.fullmatch(value) and not cells.LEADING_ZERO.fullmatch(value) for value in sample):
        plain = [value.strip() for value in values]
        if all(cells.WHOLE.fullmatch(value) for value in plain):
            return integer_key(plain)
    upper = any(value != value.lower() for value in sample)
    if sum(bool(UUID.fullmatch(value)) for value in sample) > 0.9 * len(sample):
        return KeyStyle(style="uuid", upper=upper)
    matches = [NUMBERED.fullmatch(value.strip()) for value in values]
    parts = {(m["prefix"], m["suffix"]) for m in matches if m}
    if len(parts) == 1 and all(matches):
        prefix, suffix = next(iter(parts))
        digits = [m["digits"] for m in matches if m]
        width = max(len(text) for text in digits)
        return KeyStyle(style="numbered", prefix=prefix, suffix=suffix, width=width, start=integer_key(digits).start)
    width = int(np.median([len(value) for value in sample])) if sample else 8
    return KeyStyle(style="hex", width=max(width, 12), upper=upper)


def integer_key(texts: Sequence[str]) -> KeyStyle:
    """A counter that starts at a round number above every key of the source, as long as they are if there is room."""
    numbers = [abs(int(float(text)) if "." in text or "e" in text.lower() else int(text)) for text in texts]
    highest = max(numbers, default=0)
    width = len(str(highest))
    unit = 10 ** (width - 1)
    start = (highest // unit + 1) * unit
    if 10**width - start < 10**width // 10 or start <= highest:
        start = 10**width
    return KeyStyle(style="integer" if start < MOST_COUNTED else "digits", width=width, start=start + 1)
