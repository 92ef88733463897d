"""From the distinct values of one column to its kind, with the reason in words a data steward understands."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from synthgen.spec import ColumnKind, ColumnOverride
from synthgen.tabular import cells, date_kinds, marks
from synthgen.tabular.cells import Distinct, NumberStyle
from synthgen.tabular.found import KINDS, Cells, record
from synthgen.tabular.key_styles import HASH, NUMBERED, UUID, integer_key, key_style
from synthgen.tabular.names import is_code_name, is_date_name, is_key_name, is_personal_name
from synthgen.tabular.numbers import MOST_DECIMALS, number_fields
from synthgen.tabular.schema import PLACEHOLDER, Column

NUMBERS_NEEDED = 0.95
CODES_FROM = 50
SHARED_TEXTS = 0.05  # share of the cells of a free text that enough people must share for it to be modelled
MIXED = 0.2  # share of numbers in a column of words from where on it is told
EXACT_DIGITS = 15  # longer whole numbers are not exact as floats, and are codes


def column(
    name: str, table: Distinct, series: pd.Series, override: ColumnOverride | None, k: int, quoted: bool
) -> Column:
    """The column record of one raw column, with what its owner says about it applied."""
    wanted = override or ColumnOverride()
    if wanted.missing_tokens is not None:
        tokens = [value for value in table.values if value in wanted.missing_tokens]
    else:
        tokens = cells.standard_missing(table.values)
    everything = Cells(
        name, table.values, table.counts, table.rows, str(series.dtype), k, (), not (wanted.order or wanted.codes)
    )
    found = everything.without(tokens)
    made = _of_kind(found, wanted.kind) if wanted.kind else guess(found)
    counts = dict(zip(table.values, table.counts.tolist(), strict=True))
    dtype = "float64" if made.numeric and _decimals(series) else str(series.dtype)
    made = made.model_copy(update={"dtype": dtype, "quoted": quoted, **_missing(made, counts, table)})
    if infinite := _infinite(series, table):
        told = f"{infinite} infinite entries are read as missing"
        made = made.model_copy(update={"warning": f"{made.warning}; {told}" if made.warning else told})
    elif not wanted.kind and (told := _mixed(found, made)):
        made = made.model_copy(update={"warning": told})
    if wanted.kind:
        made = made.model_copy(
            update={"reason": f"read as {KINDS.get(made.kind, made.kind)} because its owner says so"}
        )
    if not made.numeric:
        made = made.model_copy(update={"categories": _listed(series, wanted)})
    if wanted.public is not None:
        made = made.model_copy(update={"public": wanted.public})
    if wanted.decimals is not None and made.numeric:
        least = min(made.least_decimals, wanted.decimals)
        made = made.model_copy(update={"decimals": wanted.decimals, "least_decimals": least})
    return made


def _infinite(series: pd.Series, table: Distinct) -> int:
    """How many cells hold an infinite number, or a word for one."""
    if series.dtype.kind == "f":
        return int(np.isinf(series.to_numpy(float, na_value=np.nan)).sum())
    words = cells.missing_mask([value.strip().lower() for value in table.values], cells.INFINITE)
    return int(table.counts[words].sum()) if 0 < words.sum() < len(words) else 0


def _decimals(series: pd.Series) -> bool:
    """Whether every filled cell is a `decimal.Decimal`: such numbers come back as floats."""
    filled = series.dropna() if series.dtype == object else series.head(0)
    return len(filled) > 0 and isinstance(filled.iloc[0], Decimal) and all(isinstance(v, Decimal) for v in filled)


def _listed(series: pd.Series, wanted: ColumnOverride) -> tuple[str, ...]:
    """The categories of a categorical dtype that has an order, its own or the one that its owner gives it."""
    if not isinstance(series.dtype, pd.CategoricalDtype) or wanted.order == ():
        return ()
    own = [cells.as_text(category) for category in series.dtype.categories] if series.dtype.ordered else []
    return tuple(dict.fromkeys([*(wanted.order or ()), *own]))


def _mixed(found: Cells, made: Column) -> str:
    """What is told of a column of words many of which are numbers; nothing of codes, which are both."""
    if made.kind not in ("category", "code") or made.warning or is_code_name(made.name):
        return ""
    numbers = found.share([text is not None for text in cells.plain_numbers(found.values, NumberStyle())])
    if not MIXED <= numbers < 1:
        return ""
    return f"{min(numbers, 0.99):.0%} of the filled cells are numbers and the others are not: all are kept as words"


def _missing(made: Column, counts: dict[str, int], table: Distinct) -> dict[str, Any]:
    """Missing tokens and the commonest of them; an absent cell is written as the empty text."""
    tokens = made.missing_tokens
    absent = table.rows - int(table.counts.sum())
    ranked = sorted(tokens, key=lambda token: -counts.get(token, 0))
    dominant = ranked[0] if ranked and counts.get(ranked[0], 0) >= absent else ""
    return {"missing_token": dominant}


def guess(found: Cells) -> Column:
    """The column record that the cells themselves suggest."""
    if not found.values:
        return record(found, "empty", "read as empty because no cell is filled")
    if len(found.values) == 1 and found.filled == found.rows:
        return _constant(found)
    dated = is_date_name(found.name)  # with it, digits alone may be a date
    return _numbers(found) or _boolean(found) or date_kinds.guess(found, allow_digits=dated) or _words(found)


def _constant(found: Cells) -> Column:
    return record(found, "constant", "read as constant because every cell is the same", value=found.values[0])


def _boolean(found: Cells) -> Column | None:
    pair = cells.boolean_pair(found.values)
    if pair is None:
        return None
    reason = "read as boolean because it has two values that are a usual pair for yes and no"
    return record(found, "boolean", reason, true_token=pair[0], false_token=pair[1])


def _numbers(found: Cells) -> Column | None:
    """A number or whole number, or what only looks like one: flag, counter, numbered key, compact date."""
    found = found.without_number_tokens()
    style = cells.number_style(found.values)
    plain = cells.plain_numbers(found.values, style)
    good = np.fromiter((text is not None for text in plain), bool, len(plain))
    strays = int((~good).sum())
    marked = marks.find(found.name, found.values, found.counts, plain, found.k) if found.marked else ()
    if not found.values or (found.share(good) < NUMBERS_NEEDED and not marked):
        return None
    shared = strays and int(found.counts[~good].max()) >= found.k and not marked
    if strays and (good.sum() < 10 or shared or found.filled < 40):
        return None
    texts = [text for text in plain if text is not None]
    if (outside := _beyond(found, texts, found.counts[good])) is not None:
        return outside
    if sum(1 for text in texts if cells.LEADING_ZERO.fullmatch(text)) > 0 and "." not in "".join(texts[:50]):
        return None
    if not strays and (flag := _boolean(found)) is not None:
        return flag
    if is_date_name(found.name) and (moment := date_kinds.guess(found, allow_digits=True)) is not None:
        return moment
    fields = number_fields(texts, found.counts[good], found.k, style)
    whole = fields["decimals"] == 0
    if whole and not strays and (key := _integer_key(found, texts)) is not None:
        return key
    if whole and (
        is_code_name(found.name) or is_personal_name(found.name) or max(map(_whole_digits, texts)) > EXACT_DIGITS
    ):
        return None
    kind: ColumnKind = "integer" if whole else "number"
    if marked:
        fields["marks"] = marks.stand_ins(marked, cells.floats(texts), fields["decimals"])
        if not fields["marks"]:
            return None
    fields["warning"] = _stray_warning(strays - len(marked), texts)
    return record(found, kind, _number_reason(texts, found.counts[good], kind, fields), **fields)


def _whole_digits(text: str) -> int:
    """How long a number is before its decimals, which in a whole column are binary noise (5770.000000000001)."""
    return len(text.partition(".")[0])


def _beyond(found: Cells, texts: list[str], counts: np.ndarray) -> Column | None:
    """A column of numbers that are too large or too small for any grid; None where only a few are."""
    values = np.array([float(text) for text in texts])
    large, small = np.abs(values) >= cells.MOST_MAGNITUDE, (values != 0) & (np.abs(values) < 10.0**-MOST_DECIMALS)
    share = float(counts[large | small].sum()) / max(1, int(counts.sum()))
    if share <= 1 - NUMBERS_NEEDED or all(cells.WHOLE.fullmatch(text) for text in texts):
        return None
    warning = "not modelled: give the numbers in another unit, or their logarithms"
    reason = f"read as text because {share:.0%} of the numbers are beyond 10^18 or below 10^-{MOST_DECIMALS} in size"
    return record(found, "text", reason, warning=warning)


def _stray_warning(strays: int, texts: list[str]) -> str:
    large = sum(abs(float(text)) >= cells.MOST_MAGNITUDE for text in texts)
    told = [f"{strays} different entries are no numbers and are read as missing"] * bool(strays)
    return "; ".join(told + [f"{large} different entries are beyond 10^18 and are read as missing"] * bool(large))


def _number_reason(texts: list[str], counts: np.ndarray, kind: str, fields: dict[str, Any]) -> str:
    what = "a whole number" if kind == "integer" else "a number"
    reason = f"read as {KINDS[kind]} because every filled cell is {what} ({len(texts)} different)"
    zero = float(counts[cells.floats(texts) == 0].sum()) / max(1, int(counts.sum()))
    if zero >= 0.3 and len(texts) > 20:
        reason += f"; {zero:.0%} of them are zero"
    if fields["sentinels"]:
        reason += (
            "; a value far from all others looks like a code for something special and is kept as a value of its own"
        )
    if stood := fields.get("marks"):
        reason = reason.replace(f"every filled cell is {what}", f"most filled cells hold {what}")
        numbers = ", ".join(f"{stand_in:g}" for _, stand_in in stood)
        reason += f"; texts that enough people share ({len(stood)}) are kept, and counted as {numbers} in scores"
    return reason


def _integer_key(found: Cells, texts: list[str]) -> Column | None:
    """A counter or a numbered key: never modelled, freshly made."""
    if found.filled < 20:
        return None
    nearly = len(texts) >= 0.9 * found.filled
    if found.unique and _counts_up(texts):
        reason = "read as id because it counts the rows"
    elif found.unique and is_key_name(found.name):
        reason = "read as id because every row has its own value and the name says key"
    elif nearly and is_key_name(found.name):
        reason = "read as id because nearly every row has its own value and the name says key"
    else:
        return None
    return record(
        found,
        "id",
        reason,
        key=integer_key(texts, found.dtype),
        warning="" if found.unique else "that some keys repeat is not kept",
    )


def _counts_up(texts: list[str]) -> bool:
    if not all(cells.INTEGER.fullmatch(text) for text in texts):
        return False
    return bool((np.diff(np.array([int(text) for text in texts], dtype=np.int64)) == 1).all())


def _words(found: Cells) -> Column:
    """A key, free text, a code or a category."""
    different, filled = len(found.values), found.filled
    hashed = found.share([bool(UUID.fullmatch(v) or HASH.fullmatch(v)) for v in found.values])
    if hashed >= NUMBERS_NEEDED and different >= 0.5 * filled:
        return _key(found, "read as id because the cells are identifiers such as UUIDs or hashes")
    spaced = found.share([" " in value.strip() for value in found.values])
    if filled >= 20 and different >= 0.9 * filled and spaced < 0.05 and (is_key_name(found.name) or _numbered(found)):
        return _key(found, "read as id because nearly every row has its own value, written like a key")
    if is_personal_name(found.name) and different > 20:
        return _text(found, "read as text because the name says it identifies people")
    length = float(np.dot([len(value) for value in found.values], found.counts)) / filled
    if length > 30 and spaced > 0.8 and different > max(20, 0.1 * filled):
        return _free_text(found, "the cells are long and mostly different")
    if different > 0.5 * filled and filled >= 20:
        return _free_text(found, "more than half of the filled cells are different")
    if different > CODES_FROM and (different > 0.02 * filled or different > 2 * CODES_FROM):
        return record(found, "code", f"read as code because it has many different words ({different}) that repeat")
    return record(found, "category", f"read as category because it has few different values ({different})")


def _numbered(found: Cells) -> bool:
    return found.unique and found.share([bool(NUMBERED.fullmatch(value)) for value in found.values]) > 0.95


def _text(found: Cells, reason: str) -> Column:
    warning = "not modelled: the output holds a placeholder instead of text"
    return record(found, "text", reason, warning=warning)


def _free_text(found: Cells, why: str) -> Column:
    """A placeholder; a code of the texts that enough people share where these are a part worth keeping.

    People are counted where levels are chosen: rows that share a text are the most that can.
    """
    shared = found.counts >= found.k
    if found.share(shared) < SHARED_TEXTS:
        return _text(found, f"read as text because {why}")
    told = f"read as code because {int(shared.sum())} texts of a free text come often ({found.share(shared):.0%})"
    return record(found, "code", f"{told}; it is free text because {why}", rest=PLACEHOLDER)


def _key(found: Cells, reason: str, kind: ColumnKind = "id") -> Column:
    warning = "" if found.unique or kind == "person" else "that some keys repeat is not kept"
    return record(found, kind, reason, key=key_style(found.values, found.dtype), warning=warning)


def _of_kind(found: Cells, kind: ColumnKind) -> Column:
    """The column record of a kind that the owner chose; `SchemaError` problems surface when the cells are converted."""
    if not found.values:
        return record(found, "empty", "")
    if kind in ("number", "integer"):
        return _forced_number(found.without_number_tokens(), kind)
    if kind in ("date", "datetime"):
        return date_kinds.forced(found, kind)
    if kind in ("id", "person"):
        return _key(found, "", kind)
    if kind == "boolean":
        pair = cells.boolean_pair(found.values) or (
            tuple(sorted(found.values))[::-1] if len(found.values) == 2 else None
        )
        return record(
            found, "boolean" if pair else "category", "", true_token=pair and pair[0], false_token=pair and pair[1]
        )
    if kind == "constant":
        return record(found, "constant", "", value=found.values[int(np.argmax(found.counts))])
    return _text(found, "") if kind == "text" else record(found, kind, "")


def _forced_number(found: Cells, kind: ColumnKind) -> Column:
    style = cells.number_style(found.values)
    plain = cells.plain_numbers(found.values, style)
    good = np.fromiter((text is not None for text in plain), bool, len(plain))
    texts = [text for text in plain if text is not None]
    fields = number_fields(texts, found.counts[good], found.k, style)
    if kind == "integer":
        fields["decimals"] = 0
    if (~good).any():
        fields["warning"] = f"{int((~good).sum())} different entries are no numbers and are read as missing"
    return record(found, kind, "", **fields)
