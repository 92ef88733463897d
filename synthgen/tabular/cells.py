"""Cells as text: distinct values of a column, missing tokens, number formats.

Every test runs over the distinct values of a column, never over its rows, so that 71,000 x 50 cells take a second or
two. Numbers are recognised by a pattern before anything converts them: pandas < 3 crashes the process on text such as
digits, "e" and a very long exponent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from synthgen.errors import InputError

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "#n/a", "#na", "<na>", "nat", "-nan"})
MISSING_AMONG_NUMBERS = frozenset(
    {"none", ".", "-", "--", "---", "unknown", "missing", "not available", "nd", "n.a.", "#value!"}
)
INFINITE = frozenset(sign + word for sign in ("", "+", "-") for word in ("inf", "infinity", "1.#inf", "∞"))
MOST_MAGNITUDE = 1e18  # beyond it a grid of whole numbers overflows 64 bits
_EXPONENT = r"[eE](\+?(\d{1,2}|[012]\d\d|30[0-8])|-(\d{1,2}|[012]\d\d|3[012]\d))"  # as far as floats go
NUMBER = re.compile(rf"[+-]?(\d{{1,40}}\.?\d{{0,40}}|\.\d{{1,40}})({_EXPONENT})?")
INTEGER = re.compile(r"[+-]?\d{1,18}")
WHOLE = re.compile(r"[+-]?\d{1,40}")
GROUPED = re.compile(r"[+-]?([1-9]\d{0,2}(,\d{3})+|\d{1,40})(\.\d{0,40})?")
DECIMAL_COMMA = re.compile(r"[+-]?\d{1,40}(,\d{1,40})?")
LEADING_ZERO = re.compile(r"[+-]?0\d+")
BOOLEAN_PAIRS = (("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"), ("1", "0"), ("1.0", "0.0"))
PREFIXES, SUFFIXES = ("$", "£", "€"), ("%", "€")


@dataclass(frozen=True)
class Distinct:
    """The distinct filled cells of a column: `codes` gives the position in `values` per row, -1 for an absent cell."""

    codes: np.ndarray
    values: list[str]
    counts: np.ndarray

    @property
    def rows(self) -> int:
        """How many cells the column has, absent ones included."""
        return len(self.codes)


def as_text(value: Any) -> str:
    """One cell as the text that stands for it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "True" if value else "False"
    return str(value)


def distinct(column: pd.Series) -> Distinct:
    """The distinct values of `column` as text, in order of first appearance; infinities count as absent."""
    try:
        codes, uniques = pd.factorize(column, use_na_sentinel=True)
    except TypeError as error:
        raise InputError(
            f"Column {column.name!r} holds lists, records or other nested values.", "Give one plain value per cell."
        ) from error
    if any(isinstance(value, bytes) for value in uniques):
        raise InputError(f"Column {column.name!r} holds bytes, not text.", "Decode it, or leave the column out.")
    values = [as_text(value) for value in uniques]
    if column.dtype != object or len(set(values)) < len(values):
        codes, values = _merged(codes, values)
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    return Distinct(codes, values, counts)


def distinct_of(series: pd.Series) -> Distinct:
    """Distinct values of a raw column; moments become ISO text in UTC, durations seconds."""
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    if series.dtype.kind == "M":
        moments = series.to_numpy("datetime64[us]")
        codes, uniques = pd.factorize(moments)
        values = list(np.datetime_as_string(np.asarray(uniques, "datetime64[us]"), unit="us"))
        return Distinct(codes, values, np.bincount(codes[codes >= 0], minlength=len(values)))
    if series.dtype.kind == "m":
        series = series.dt.total_seconds()
    return distinct(series)


def _merged(codes: np.ndarray, values: list[str]) -> tuple[np.ndarray, list[str]]:
    """Give equal texts one code, and no code to infinities."""
    place: dict[str, int] = {}
    remap = np.empty(len(values) + 1, dtype=np.int64)
    for old, value in enumerate(values):
        remap[old] = -1 if value in ("inf", "-inf") else place.setdefault(value, len(place))
    remap[-1] = -1
    return remap[codes], list(place)


def missing_mask(values: Sequence[str], tokens: Iterable[str]) -> np.ndarray:
    """Which of `values` are one of `tokens`, exactly as written."""
    known = set(tokens)
    return np.fromiter((value in known for value in values), bool, len(values))


def standard_missing(values: Sequence[str]) -> list[str]:
    """The values that mean "missing" in any column."""
    return [value for value in values if value.strip().lower() in MISSING]


def missing_among_numbers(values: Sequence[str]) -> list[str]:
    """The values that mean "missing" where everything else is a number or a date; infinite ones are among them."""
    return [value for value in values if value.strip().lower() in MISSING_AMONG_NUMBERS | INFINITE]


@dataclass(frozen=True)
class NumberStyle:
    """How the numbers of a column are written."""

    decimal_mark: str = "."
    thousands: str = ""
    prefix: str = ""
    suffix: str = ""

    def plain(self, value: str) -> str | None:
        """`value` as a plain number, or None where it is no number in this style."""
        text = value.strip()
        if self.prefix:
            sign = text[:1] if text[:1] in "+-" else ""
            text = sign + text[len(sign) :].removeprefix(self.prefix).strip()
        if self.suffix:
            text = text.removesuffix(self.suffix).strip()
        if self.thousands:
            return text.replace(self.thousands, "") if GROUPED.fullmatch(text) else None
        if self.decimal_mark == ",":
            return text.replace(",", ".") if DECIMAL_COMMA.fullmatch(text) else None
        return text if NUMBER.fullmatch(text) else None


def plain_numbers(values: Sequence[str], style: NumberStyle) -> list[str | None]:
    """Each value as a plain number, None where it is none."""
    if style == NumberStyle():
        match = NUMBER.fullmatch
        return [text if match(text := value.strip()) else None for value in values]
    return [style.plain(value) for value in values]


def number_style(values: Sequence[str]) -> NumberStyle:
    """The style in which most of a sample of `values` read as numbers; the plain one if none does better."""
    sample = values if len(values) <= 300 else [values[i] for i in np.linspace(0, len(values) - 1, 300).astype(int)]
    best, most = NumberStyle(), sum(v is not None for v in plain_numbers(sample, NumberStyle()))
    if most == len(sample) or not any(any(c.isdigit() for c in v) for v in sample[:50]):
        return best
    prefix = next(
        (p for p in PREFIXES if sum(v.strip().lstrip("+-").startswith(p) for v in sample) * 2 > len(sample)), ""
    )
    suffix = next((s for s in SUFFIXES if sum(v.strip().endswith(s) for v in sample) * 2 > len(sample)), "")
    for mark, thousands in ((".", ""), (".", ","), (",", "")):
        style = NumberStyle(mark, thousands, prefix, suffix)
        found = sum(style.plain(v) is not None for v in sample)
        if found > most:
            best, most = style, found
    return best


def floats(plain: Sequence[str | None]) -> np.ndarray:
    """Float values of plain number texts; NaN for None and for what is too large to be modelled."""
    out = np.fromiter((np.nan if text is None else float(text) for text in plain), float, len(plain))
    out[~(np.abs(out) < MOST_MAGNITUDE)] = np.nan
    return out


def decimals_of(plain: str) -> int:
    """Digits after the decimal point that `plain` shows, exponent included."""
    mantissa, _, exponent = plain.lower().partition("e")
    shown = len(mantissa.partition(".")[2])
    return max(0, shown - int(exponent)) if exponent else shown


def significant_decimals_of(plain: str) -> int:
    """Digits after the decimal point without trailing zeros."""
    if "e" in plain.lower():
        return decimals_of(plain)
    return len(plain.partition(".")[2].rstrip("0"))


def boolean_pair(values: Sequence[str]) -> tuple[str, str] | None:
    """(true, false) as written when `values` are the two tokens of a known pair."""
    if len(values) != 2:
        return None
    lower = {value.strip().lower(): value for value in values}
    return next(((lower[t], lower[f]) for t, f in BOOLEAN_PAIRS if {t, f} == set(lower)), None)
