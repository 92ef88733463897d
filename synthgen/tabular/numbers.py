"""How the numbers of a column are written, and which of them look like codes for something special."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from synthgen.tabular.cells import NumberStyle, decimals_of, floats, significant_decimals_of

MOST_DECIMALS = 12
SENTINELS = (-1.0, -7.0, -8.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0, 7777.0, 8888.0)


def number_fields(texts: Sequence[str], counts: np.ndarray, k: int, style: NumberStyle) -> dict[str, Any]:
    """The fields of a column that say how its numbers are written: grid, fixed digits, marks, sentinels."""
    least = min((decimals_of(text) for text in texts), default=0)
    grid = min(MOST_DECIMALS, max((significant_decimals_of(_without_noise(text)) for text in texts), default=0))
    return {
        "decimals": grid,
        "least_decimals": min(MOST_DECIMALS, least),
        "decimal_mark": style.decimal_mark,
        "thousands": style.thousands,
        "prefix": style.prefix,
        "suffix": style.suffix,
        "sentinels": suspected_sentinels(floats(texts), counts, k),
    }


def _without_noise(text: str) -> str:
    """Binary noise such as 0.30000000000000004 taken off: nobody measures twelve decimals of a number above 1e-6."""
    if decimals_of(text) < MOST_DECIMALS or abs(float(text)) < 1e-6:
        return text
    return f"{round(float(text), 9):.9f}"


def suspected_sentinels(values: np.ndarray, counts: np.ndarray, k: int) -> tuple[float, ...]:
    """Usual special codes (999, -1, -9 ...) held by at least `k` rows that lie apart from every other number."""
    usual = values[~np.isin(values, SENTINELS)]
    present = set(SENTINELS) & set(values[counts >= k].tolist()) if len(usual) >= 3 else set()
    if not present:
        return ()
    low, high = float(usual.min()), float(usual.max())
    return tuple(sorted(code for code in present if (code < 0 <= low) or (code > 0 and code > 2 * high)))
