"""Dates and times: finding the one format a column is written in, reading it to microseconds, writing it back.

Parsing goes through ISO text and NumPy, not through pandas, whose nanoseconds end in the year 2262: year 9999 is a
common "still open" marker in hospital data.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

DATE_PARTS = (
    "%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%d/%m/%y", "%m/%d/%y",
    "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%Y-%m", "%Y%m%d",
)  # fmt: skip
TIME_PARTS = ("", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f")
ZONES = ("", "Z", "%z")
TOKENS = {
    "%Y": r"(?P<Y>\d{4})", "%y": r"(?P<y>\d{2})", "%m": r"(?P<m>\d{1,2})", "%d": r"(?P<d>\d{1,2})",
    "%b": r"(?P<b>[A-Za-z]{3})", "%B": r"(?P<B>[A-Za-z]{3,9})", "%H": r"(?P<H>\d{1,2})", "%M": r"(?P<M>\d{2})",
    "%S": r"(?P<S>\d{2})", "%f": r"(?P<f>\d{1,9})", "%z": r"(?P<z>[+-]\d{2}:?\d{2})",
}  # fmt: skip
ISO = "%Y-%m-%dT%H:%M:%S.%f"
YEAR = "@year@"  # stands for the year while a text is made: strftime writes the year 1 as "1"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAY_FIRST = {"%m/%d/%Y": "%d/%m/%Y", "%m-%d-%Y": "%d-%m-%Y", "%m/%d/%y": "%d/%m/%y"}
DATE_LIKE = re.compile(r"[\d A-Za-z:/.,+-]{6,35}")


@functools.cache
def formats() -> tuple[str, ...]:
    """Every format that is tried, the more usual ones first."""
    out = list(DATE_PARTS)
    for date in DATE_PARTS:
        if date in ("%Y-%m",):
            continue
        out += [f"{date}{gap}{time}{zone}" for time in TIME_PARTS[1:] for gap in ("T", " ") for zone in ZONES]
    return tuple(out)


@functools.cache
def pattern(date_format: str) -> re.Pattern[str]:
    """The regular expression of a format."""
    if date_format == "%Y%m%d":
        return re.compile(r"(?P<Y>(19|20)\d{2})(?P<m>[01]\d)(?P<d>[0-3]\d)")
    text = re.escape(date_format.replace("%-", "%"))
    for token, group in TOKENS.items():
        text = text.replace(token, group)
    return re.compile(text)


def _month(name: str) -> str:
    position = next((i for i, m in enumerate(MONTHS) if name.lower().startswith(m)), -1)
    return f"{position + 1:02d}"


def _iso(match: re.Match[str]) -> str:
    """ISO text of a match, without zone."""
    g = match.groupdict()
    year = g.get("Y") or ("20" if int(g["y"]) <= 68 else "19") + g["y"]
    month = g.get("m") or _month(g.get("b") or g.get("B") or "")
    date = f"{year}-{month:0>2}-{g.get('d') or '01':0>2}"
    if not g.get("H"):
        return date
    return f"{date}T{g['H']:0>2}:{g['M']}:{g.get('S') or '00'}.{(g.get('f') or '0')[:6]:0<6}"


def _offset(match: re.Match[str]) -> np.timedelta64:
    zone = match.groupdict().get("z")
    if not zone:
        return np.timedelta64(0, "m")
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return np.timedelta64(-minutes if zone[0] == "-" else minutes, "m")


def _moment(text: str) -> np.datetime64:
    try:
        return np.datetime64(text, "us")
    except ValueError:
        return np.datetime64("NaT", "us")


def parse(values: Sequence[str], date_format: str) -> np.ndarray:
    """datetime64[us] of each value, NaT where it does not fit the format; zoned values are turned to UTC."""
    matcher = pattern(date_format).fullmatch
    matches = [matcher(value.strip()) for value in values]
    texts = ["NaT" if match is None else _iso(match) for match in matches]
    try:
        out = np.array(texts, dtype="datetime64[us]")
    except ValueError:
        out = np.array([_moment(text) for text in texts], dtype="datetime64[us]")
    if "%z" in date_format:
        out = out - np.array([np.timedelta64(0, "m") if m is None else _offset(m) for m in matches])
    return out


def find_format(
    values: Sequence[str], weights: np.ndarray, allow_digits: bool, share: float
) -> tuple[str, bool] | None:
    """(format, whether day and month could be swapped) in which at least `share` of the cells read; or None."""
    sample = [value.strip() for value in values[:60]]
    like = sum(bool(DATE_LIKE.fullmatch(value)) and any(c.isdigit() for c in value) for value in sample)
    if not sample or like < 0.5 * len(sample):
        return None
    fitting = [f for f in formats() if (allow_digits or f != "%Y%m%d") and _fits(sample, f, 0.5)]
    scored = [(float(weights[~np.isnat(parse(values, f))].sum()), f) for f in fitting]
    total = float(weights.sum())
    good = [(score, f) for score, f in scored if score >= share * total]
    if not good:
        return None
    best_score = max(score for score, _ in good)
    best = [f for score, f in good if score == best_score]
    swapped = next(
        (f for f in best if any(f.startswith(k) and f.replace(k, v) in best for k, v in DAY_FIRST.items())), None
    )
    return _padded(values, best[0]), swapped is not None


def _fits(sample: Sequence[str], date_format: str, share: float) -> bool:
    matcher = pattern(date_format).fullmatch
    return sum(matcher(value) is not None for value in sample) >= share * len(sample)


def _padded(values: Sequence[str], date_format: str) -> str:
    """The format with unpadded day and month where the column writes them so."""
    matcher = pattern(date_format).fullmatch
    for value in values[:500]:
        match = matcher(value.strip())
        if match and any(len(match.groupdict().get(part) or "00") == 1 for part in ("d", "m")):
            return date_format.replace("%d", "%-d").replace("%m", "%-m")
    return date_format


def grid_seconds(date_format: str, moments: np.ndarray) -> float:
    """The step between neighbouring values: a day, a minute, a second, or a fraction."""
    if "%H" not in date_format or _all_multiples(moments, "D"):
        return 86_400.0
    if "%S" not in date_format or _all_multiples(moments, "m"):
        return 60.0
    return 1.0 if "%f" not in date_format or _all_multiples(moments, "s") else 1e-6


def _all_multiples(moments: np.ndarray, unit: str) -> bool:
    filled = moments[~np.isnat(moments)]
    return bool((filled == filled.astype(f"datetime64[{unit}]").astype("datetime64[us]")).all())


def markers(moments: np.ndarray) -> np.ndarray:
    """Which moments stand for "open" or "unknown": an end that lies further from all others than those from each other.

    The year 9999 for a stay that goes on is the usual one. (n,) boolean.
    """
    points = np.unique(moments[~np.isnat(moments)]).astype(np.int64)
    out = np.zeros(len(moments), dtype=bool)
    if len(points) < 4:
        return out
    if points[-1] - points[-2] > points[-2] - points[1]:
        out |= moments.astype(np.int64) == points[-1]
    if points[1] - points[0] > points[-2] - points[1]:
        out |= moments.astype(np.int64) == points[0]
    return out


def write(moments: np.ndarray, date_format: str) -> np.ndarray:
    """Text of each moment in `date_format` as objects; None for NaT."""
    moments = moments.astype("datetime64[us]")
    gap = np.isnat(moments)
    iso = date_format.removesuffix("Z")
    if iso in ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m"):
        unit = "M" if iso == "%Y-%m" else "D" if "%H" not in iso else "s" if "%S" in iso else "m"
        out = np.array(np.datetime_as_string(moments.astype(f"datetime64[{unit}]")), dtype=object)
        if " " in iso:
            out = np.array([text.replace("T", " ") for text in out], dtype=object)
        out = out + "Z" if date_format.endswith("Z") else out
    else:
        years = np.where(gap, 0, moments.astype("datetime64[Y]").astype(np.int64) + 1970)
        texts = pd.Series(moments).dt.strftime(date_format.replace("%z", "+00:00").replace("%Y", YEAR))
        out = np.array(
            [f"{text}".replace(YEAR, f"{y:04d}") for text, y in zip(texts, years, strict=True)], dtype=object
        )
    out[gap] = None
    return out


def shown_format(date_format: str) -> str:
    """A date format as people write it: dd/mm/yyyy."""
    shown = {"%Y": "yyyy", "%y": "yy", "%m": "mm", "%d": "dd", "%b": "mon", "%B": "month",
             "%H": "hh", "%M": "mm", "%S": "ss", "%f": "fraction", "%z": "+hh:mm"}  # fmt: skip
    for token, words in shown.items():
        date_format = date_format.replace("%-", "%").replace(token, words)
    return date_format
