"""How the keys of a column look, so that fresh ones look alike; a `KeyStyle` holds none of the source's keys."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import numpy as np

from synthgen.tabular import cells
from synthgen.tabular.schema import KeyStyle

MOST_KEYS = 10**12  # fresh keys that there must be room for
FAR = 1e300  # a finite float beyond every key
WHOLE_DTYPE = re.compile(r"(?P<unsigned>u?)int(?P<bits>8|16|32|64)")
UUID = re.compile(r"\{?[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\}?")
HASH = re.compile(r"[0-9a-fA-F]{16,128}")
NUMBERED = re.compile(r"(?P<prefix>[^\d\s]{0,24})(?P<digits>\d{1,18})(?P<suffix>[^\d\s]{0,12})")


def key_style(values: Sequence[str], dtype: str = "") -> KeyStyle:
    """How fresh keys should look, from at most 2,000 of the source's."""
    sample = [value.strip() for value in values[:2000]]
    if all(cells.WHOLE.fullmatch(value) and not cells.LEADING_ZERO.fullmatch(value) for value in sample):
        plain = [value.strip() for value in values]
        if all(cells.WHOLE.fullmatch(value) for value in plain):
            return integer_key(plain, dtype)
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


def integer_key(texts: Sequence[str], dtype: str = "") -> KeyStyle:
    """A counter that starts at a round number above every key of the source, as long as they are if there is room.

    Where keys from there on do not fit the source's `dtype`, it starts inside the widest stretch that holds no key.
    """
    numbers = [abs(int(text)) if cells.WHOLE.fullmatch(text) else int(min(abs(float(text)), FAR)) for text in texts]
    highest = max(numbers, default=0)
    width = len(str(highest))
    unit = 10 ** (width - 1)
    start = (highest // unit + 1) * unit
    if 10**width - start < 10**width // 10 or start <= highest:
        start = 10**width
    limit = _limit(dtype, highest)
    room = min(MOST_KEYS, limit // 1000)
    if start > limit - room and highest < limit:
        start = _free(sorted(numbers), width, limit, room) or start
    return KeyStyle(style="integer" if start <= limit - room else "digits", width=width, start=start + 1)


def _limit(dtype: str, highest: int) -> int:
    """The first whole number that is too large for a column: of a whole dtype its own, else the smaller of 64 bits."""
    if found := WHOLE_DTYPE.match(dtype.lower()):
        return int(2 ** (int(found["bits"]) - (not found["unsigned"])))
    return 2**63 if highest < 2**63 else 2**64


def _free(numbers: Sequence[int], width: int, limit: int, room: int) -> int | None:
    """A round number inside the widest stretch without one of the sorted `numbers`; None where none has the room.

    It is of their own length where it can be.
    """
    for least in (10 ** (width - 1), 0):
        ends = [least, *(number for number in numbers if number >= least), limit]
        low, high = max(itertools.pairwise(ends), key=lambda pair: pair[1] - pair[0])
        unit = 10 ** (len(str((high - low) // 2)) - 1)
        start = (low // unit + 1) * unit
        if high - start > room:
            return start
    return None
