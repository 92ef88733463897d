"""Orders that the names of categories tell: intervals of numbers, well-known scales, months, grades.

>>> find(["[10-20)", "[0-10)", "[100-110)", "unknown"])
('intervals of numbers', ('[0-10)', '[10-20)', '[100-110)'))
>>> find(["severe", "Mild", "moderate"])
('a well-known scale', ('Mild', 'moderate', 'severe'))
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence

Rank = tuple[float, ...]

_OFF = (
    "|none|no|unknown|unk|other|others|n/a|na|not applicable|not known|not stated|not available|not recorded|refused|"
    "missing|nonexistent|unspecified|not specified|undetermined|prefer not to say|don't know|all|total"
)
OFF = frozenset(_OFF.split("|"))  # levels that stand beside a scale
MOST_OFF = 3
FEWEST = 3  # levels of a scale of words; two intervals are in order already

_UNIT = (
    r"(?:\s*(?:years?|yrs?|y|months?|mo|weeks?|days?|d|hours?|hrs?|h|minutes?|min|kg|g|mg|cm|mm|km|m|miles?|usd|eur|gbp"
    r"|employees|people|persons)\.?)?(?:\s*(?:old|of age))?"
)
_NUMBER = r"[$€£]?\s*([-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?\s*[km%]?)" + _UNIT
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), ends)
    for pattern, ends in (
        (rf"[\[(]\s*{_NUMBER}\s*(?:[-,;:–—]|to|\.\.)\s*{_NUMBER}\s*[\])]", "both"),
        (rf"{_NUMBER}\s*(?:[-–—]|to|\.\.)\s*{_NUMBER}", "both"),
        (rf"(?:[<≤]=?|under|below|less than|up to|at most|younger than)\s*{_NUMBER}", "high"),
        (rf"{_NUMBER}\s*(?:and|or)\s*(?:under|below|less|fewer|younger)", "high"),
        (rf"(?:[>≥]=?|over|above|more than|at least|older than)\s*{_NUMBER}", "low"),
        (rf"{_NUMBER}\s*(?:\+|(?:and|or)\s*(?:over|above|more|older|up))", "low"),
        (rf"{_NUMBER}", "point"),
    )
)

_SCALES = (
    "very low,lowest,low,medium/moderate/middle/normal/average/intermediate,high,very high,highest",
    "none/absent,minimal,mild,moderate,severe,very severe/extreme/critical",
    "minor,moderate,major,extreme",
    "tiny,small,medium,large,very large/huge",
    "xxs,xs,s,m,l,xl,xxl/2xl,xxxl/3xl",
    "very poor,poor,fair,good,very good,excellent",
    "never,rarely/seldom,sometimes/occasionally,often/frequently,usually,always",
    "strongly disagree,disagree,neutral/neither agree nor disagree,agree,strongly agree",
    "very dissatisfied,dissatisfied,neutral,satisfied,very satisfied",
    "very unlikely,unlikely,neutral,likely,very likely",
    "bronze,silver,gold,platinum",
    "beginner/novice,intermediate,advanced,expert",
    "first,second,third,fourth,fifth,sixth,seventh,eighth,ninth,tenth",
    "daily,weekly,monthly,quarterly,yearly/annually",
    "jan/january,feb/february,mar/march,apr/april,may,jun/june,jul/july,aug/august,sep/sept/september,oct/october,"
    "nov/november,dec/december",
    "mon/monday,tue/tues/tuesday,wed/wednesday,thu/thur/thurs/thursday,fri/friday,sat/saturday,sun/sunday",
)
_RANKS = tuple(
    {word: (float(i),) for i, words in enumerate(scale.split(",")) for word in words.split("/")} for scale in _SCALES
)

_GRADED = re.compile(
    r"(stage|grade|level|phase|class|step|tier|quarter|quartile|quintile|decile|nyha|asa|year|month|week|day|visit|"
    r"cycle|term|round|q|t|n|g)? ?(\d{1,3}|[ivx]+)([a-d])?"
)
_ORDINAL = re.compile(r"(\d{1,3})(?:st|nd|rd|th)((?: [a-z]+)?)")
_ROMAN = {"i": 1, "v": 5, "x": 10}


def find(values: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """What the order of some category names is, and the names in that order; None where they tell none.

    Up to three names that belong to no scale (none, unknown) are left out of it.
    """
    plain = {value: " ".join(re.split(r"[\s_]+", value.strip().lower())) for value in values}
    told = {value: text for value, text in plain.items() if text not in OFF}
    if len(plain) - len(told) > MOST_OFF or len(told) < 2:
        return None
    ways: tuple[tuple[str, Callable[[list[str]], list[Rank] | None]], ...] = (
        ("intervals of numbers", _intervals),
        ("a well-known scale", _scale),
        ("grades", _grades),
    )
    for given, what, rank in ((names, *way) for way in ways for names in (plain, told)):
        ranks = rank(list(given.values()))
        if ranks is not None and len(set(ranks)) == len(ranks):
            ranked = sorted(zip(ranks, given, strict=True))
            return what, tuple(value for _, value in ranked)
    return None


def _intervals(texts: list[str]) -> list[Rank] | None:
    """Low and high end of each text; None unless all are intervals or numbers whose ends rise together."""
    ends = [_ends(text) for text in texts]
    known = [pair for pair in ends if pair is not None]
    if len(known) < len(ends) or not any(low < high for low, high in known):
        return None
    ordered = sorted(known)
    rising = all(a[1] <= b[1] for a, b in itertools.pairwise(ordered))
    return [*known] if rising and all(low <= high for low, high in known) else None


def _ends(text: str) -> tuple[float, float] | None:
    for pattern, kind in _FORMS:
        if found := pattern.fullmatch(text):
            numbers = [_number(part) for part in found.groups()]
            low, high = numbers[0], numbers[-1]
            return -math.inf if kind == "high" else low, math.inf if kind == "low" else high
    return None


def _number(text: str) -> float:
    plain = text.replace(",", "").replace(" ", "")
    times = {"k": 1e3, "m": 1e6}.get(plain[-1], 1.0)
    return float(plain.rstrip("km%")) * times


def _scale(texts: list[str]) -> list[Rank] | None:
    plain = [text.replace("-", " ").rstrip(".") for text in texts]
    ranks = next((scale for scale in _RANKS if all(text in scale for text in plain)), None)
    return [ranks[text] for text in plain] if ranks is not None and len(plain) >= FEWEST else None


def _grades(texts: list[str]) -> list[Rank] | None:
    """Numbers, arabic or roman, after the same word: stage IIa, Q1; bare roman numbers; ordinals before one word."""
    if len(texts) < FEWEST:
        return None
    ordinals = [_ORDINAL.fullmatch(text) for text in texts]
    if all(ordinals) and len({found[2] for found in ordinals if found}) == 1:
        return [(float(found[1]),) for found in ordinals if found]
    graded = [_GRADED.fullmatch(text.replace("-", " ")) for text in texts]
    found_all = [found for found in graded if found]
    if len(found_all) < len(texts) or len({found[1] for found in found_all}) > 1:
        return None
    roman = [not found[2].isdigit() for found in found_all]
    if len(set(roman)) > 1 or (found_all[0][1] is None and not (roman[0] and "ii" in texts)):
        return None
    numbers = [_roman(found[2]) if roman[0] else int(found[2]) for found in found_all]
    return [(float(n), float(ord(found[3]) if found[3] else 0)) for n, found in zip(numbers, found_all, strict=True)]


def _roman(text: str) -> int:
    digits = [_ROMAN[letter] for letter in text]
    return sum(-a if a < b else a for a, b in zip(digits, [*digits[1:], 0], strict=True))
