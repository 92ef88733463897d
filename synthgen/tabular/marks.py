"""Texts among the numbers or dates of a column (<0.1, ongoing): values of their own where k people share them.

In a typed column each stands as a number that no cell holds, beyond all others on the side it belongs to, so that it is
a spike to every generator and metric; written again it is the text it was. The stand-in tells the order of magnitude of
the largest number and nothing else. Among dates it is the first day of a later century, which has no weekday and no
distance from another date: parts of dates, intervals and orders read it as missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from synthgen.tabular import cells
from synthgen.tabular.names import is_code_name, is_date_name, is_key_name, is_personal_name
from synthgen.tabular.schema import TIMES

MOST_DIFFERENT = 5  # texts that are no numbers; more of them are a code
FEWEST_NUMBERS, FEWEST_FILLED = 10, 40  # different numbers; filled cells
NUMBERS_AT_LEAST = 0.6  # of the filled cells: a clear majority
LOST = 0.5  # share of whole numbers that as a code would become "other", from where on a word does not make them one
MOST_STAND_IN = 1e15
YEARS_APART, LAST_YEAR = 50, 9900  # of a stand-in from every date; of the last stand-in
_NUMBER = r"[$€£]?\s*([+-]?[\d.,]+)\s*%?"
_BELOW = re.compile(rf"(?:[<≤]=?|under|below|less than|up to|at most)\s*{_NUMBER}", re.IGNORECASE)
_ABOVE = re.compile(rf"(?:[>≥]=?|over|above|more than|at least)\s*{_NUMBER}|{_NUMBER}\s*(?:\+|and over)", re.IGNORECASE)

Marks = tuple[tuple[str, float], ...]


def find(name: str, values: Sequence[str], counts: np.ndarray, plain: Sequence[str | None], k: int) -> tuple[str, ...]:
    """The texts among the `values` that are kept beside the numbers (`plain`, None for a text); none for a code."""
    good = np.array([text is not None for text in plain], dtype=bool)
    texts = [value for value, number in zip(values, plain, strict=True) if number is None]
    if not 0 < len(texts) <= MOST_DIFFERENT or good.sum() < FEWEST_NUMBERS or counts.sum() < FEWEST_FILLED:
        return ()
    if counts[good].sum() < NUMBERS_AT_LEAST * counts.sum() or not all(_side(t) or _is_word(t) for t in texts):
        return ()
    if is_key_name(name) or is_code_name(name) or is_personal_name(name) or is_date_name(name):
        return ()
    held = tuple(text for text, count in zip(texts, counts[~good], strict=True) if count >= k)
    whole = all(cells.WHOLE.fullmatch(number) for number in plain if number is not None)
    if whole and not all(map(_side, held)) and counts[good & (counts < k)].sum() < LOST * counts[good].sum():
        return ()
    return held


def stand_ins(texts: Sequence[str], numbers: np.ndarray, decimals: int) -> Marks:
    """Each text with the number it stands as: below all `numbers`, or above them where the text says more than some.

    None where the numbers are too large for one beyond them.
    """
    highest = float(np.nanmax(np.abs(numbers), initial=10.0**-decimals))
    unit = round(3.6 * 10.0 ** max(math.ceil(math.log10(highest / 3.6) + 1e-9), 1 - decimals), decimals)
    if unit * (MOST_DIFFERENT + 1) > MOST_STAND_IN:
        return ()
    above = sorted((t for t in texts if _side(t) > 0), key=_bound)
    below = sorted((t for t in texts if _side(t) <= 0), key=_bound, reverse=True)
    return tuple(
        (text, round(sign * unit * place, decimals))
        for sign, ranked in ((-1, below), (1, above))
        for place, text in enumerate(ranked, start=1)
    )


def dated_stand_ins(texts: Sequence[str], moments: np.ndarray) -> Marks:
    """Each text with the seconds from 1970 to the first day of a century far from every date, mostly after all of them.

    Fewer than there are texts where the dates leave no room. A year 9999 that says "open" may lie beyond.
    """
    held = np.sort(moments[~np.isnat(moments)].astype("datetime64[Y]").astype(np.int64)) + 1970
    if not texts or not len(held):
        return ()
    first = int(held[len(held) // 2]) // 100 * 100 + 100
    free = [y for y in range(first, LAST_YEAR + 1, 100) if np.abs(held - y).min() >= YEARS_APART]
    days = [np.datetime64(f"{year:04d}-01-01", "s") for year in free]
    return tuple((text, float(day.astype(np.int64))) for text, day in zip(sorted(texts), days, strict=False))


def cells_of(marks: Marks, kind: str) -> list[tuple[str, Any]]:
    """Each text with the cell that it stands as in a typed column of that kind: a float, or a moment (datetime64)."""
    return [(text, moment_of(stand_in) if kind in TIMES else stand_in) for text, stand_in in marks]


def moment_of(stand_in: float) -> np.datetime64:
    """The moment (datetime64[us]) that a text among dates stands as."""
    return np.datetime64(int(stand_in), "s").astype("datetime64[us]")


def are(values: np.ndarray, marks: Marks, kind: str = "number") -> np.ndarray:
    """Boolean array: which cells of a typed column of that kind stand for a text."""
    known = [stand_in for _, stand_in in cells_of(marks, kind)]
    if kind not in TIMES:
        return np.isin(values, known)
    return np.isin(values.astype("datetime64[us]"), np.array(known, dtype="datetime64[us]"))


def _side(text: str) -> int:
    """-1 for a text that says less than a number, 1 for more, 0 for any other."""
    plain = text.strip()
    return -1 if _BELOW.fullmatch(plain) else 1 if _ABOVE.fullmatch(plain) else 0


def _bound(text: str) -> tuple[float, str]:
    """The number that a text is about, the lowest where there is none; then the text, to have one order."""
    digits = re.sub(r"[^\d.]", "", text.replace(",", "."))
    sign = -1.0 if re.search(r"-\s*[\d.]", text) else 1.0
    return (sign * float(digits) if re.fullmatch(r"\d+\.?\d*|\.\d+", digits) else -math.inf), text


def _is_word(text: str) -> bool:
    """Whether a text has no digit; one with digits and letters (V58) is a code among codes."""
    return not any(character.isdigit() for character in text)
