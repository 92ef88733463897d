"""Predicates as text: what may stand after WHERE in SQL about one row, read by polars; no program.

Anyone who may submit a job may write one, so functions are those of a list, and nothing looks beyond its row: no
aggregate, no window, no query inside. SQL's logic of three values holds: a comparison with a missing cell is unknown.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars

LONGEST, DEEPEST = 1000, 40  # characters; brackets inside each other
OF_NUMBERS = ("ABS", "CEIL", "CEILING", "EXP", "FLOOR", "LN", "LOG", "LOG10", "LOG2", "MOD", "POW", "POWER", "ROUND")
OF_TEXTS = ("CHAR_LENGTH", "ENDS_WITH", "LEFT", "LENGTH", "LOWER", "LTRIM", "REGEXP_LIKE", "RIGHT", "RTRIM")
OF_ANY = ("CAST", "COALESCE", "GREATEST", "IFNULL", "LEAST", "NULLIF", "TRY_CAST", "DATE_PART", "EXTRACT", "STRFTIME")
FUNCTIONS = frozenset(
    (*OF_NUMBERS, "SIGN", "SQRT", *OF_TEXTS, "STARTS_WITH", "STRPOS", "SUBSTR", "TRIM", "UPPER", *OF_ANY)
)
BEFORE_BRACKET = frozenset(("AND", "OR", "NOT", "IN", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "LIKE", "ILIKE", "IS"))
BEYOND_THE_ROW = frozenset(
    ("SELECT", "OVER", "UNION", "WITH", "FILTER", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP")
)
HELP = (
    "Write what may stand after WHERE in SQL: names with blanks in double quotes, texts in single quotes, "
    "dates as DATE '2024-01-31'"
)
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
# Comments, statements, quotes that follow other rules, and functions in quotes.
HIDDEN = re.compile(r"--|/\*|;|\$\$|[\w@&]'|\\|[\"`]\s*\(")
WORD = re.compile(r"[A-Za-z_]\w*")
CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")


def columns_of(text: str) -> tuple[str, ...]:
    """The columns a predicate is about, each once. Raises ValueError, which quotes nothing but names of functions."""
    return _read(text)[0]


def expression(text: str) -> polars.Expr:
    """The predicate as polars works it out, a row at a time."""
    return _read(text)[1]


@lru_cache(maxsize=256)
def _read(text: str) -> tuple[tuple[str, ...], polars.Expr]:
    _check(text)
    import polars as pl  # heavy, and most runs have no predicate

    try:
        found = pl.sql_expr(text)
        names = tuple(dict.fromkeys(found.meta.root_names()))
    except (Exception, pl.exceptions.PanicException):
        raise ValueError(f"cannot be read as a condition. {HELP}") from None
    if not names:
        raise ValueError(f"names no column. {HELP}")
    return names, found


def _check(text: str) -> None:
    """Raise ValueError for what is too long, or no condition about one row."""
    if len(text) > LONGEST:
        raise ValueError(f"takes at most {LONGEST} characters")
    if HIDDEN.search(QUOTED.sub(_emptied, text)):
        hidden = "comments, backslashes, letters before a quote or brackets after a name in quotes"
        raise ValueError(f"takes one condition without {hidden}. {HELP}")
    bare = QUOTED.sub(" ", text)
    if "'" in bare or '"' in bare or "`" in bare:
        raise ValueError(f"has a quote that is not closed. {HELP}")
    if _depth(bare) > DEEPEST:
        raise ValueError(f"takes at most {DEEPEST} brackets inside each other")
    if BEYOND_THE_ROW & {word.upper() for word in WORD.findall(bare)}:
        raise ValueError("is about one row: queries, windows and today's date cannot stand in it")
    called = {word.upper() for word in CALL.findall(bare)} - BEFORE_BRACKET
    if called - FUNCTIONS:
        names = ", ".join(sorted(called - FUNCTIONS))
        raise ValueError(f"calls {names}; the functions it may call are {', '.join(sorted(FUNCTIONS))}")


def _emptied(quoted: re.Match[str]) -> str:
    """A quoted part as its two quotes, so that what stands before them is still seen; a backslash stays."""
    text = quoted.group()
    return text[0] + ("\\" if "\\" in text else "") + text[-1]


def _depth(text: str) -> int:
    """The most brackets, signs and NOTs that stand inside each other, counted from above."""
    deep = most = 0
    for character in text:
        deep += (character == "(") - (character == ")")
        most = max(most, deep)
    return most
