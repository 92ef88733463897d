"""From the distinct values of one column to a date, where they are dates; few texts may stand among them."""

from __future__ import annotations

import numpy as np

from synthgen.spec import ColumnKind
from synthgen.tabular import dates, marks
from synthgen.tabular.found import KINDS, Cells, record
from synthgen.tabular.names import is_code_name, is_key_name
from synthgen.tabular.schema import Column

DATES_NEEDED = 0.95
FORCED = 0.5  # share of dates in a column that its owner says holds dates


def guess(found: Cells, allow_digits: bool = False) -> Column | None:
    """The record of a column of dates; None where too many cells are none. `allow_digits`: 20240131 is a date."""
    found = found.without_number_tokens()
    if not found.values:
        return None
    answer = dates.find_format(found.values, found.counts, allow_digits, marks.NUMBERS_AT_LEAST)
    if answer is None:
        return None
    date_format, ambiguous = answer
    moments = dates.parse(found.values, date_format)
    strays, shared = np.isnat(moments), np.isnat(moments) & (found.counts >= found.k)
    if found.share(strays & ~shared) > 1 - DATES_NEEDED or (shared.any() and not _may_be_marked(found, strays, shared)):
        return None
    stood = marks.dated_stand_ins([text for text, is_one in zip(found.values, shared, strict=True) if is_one], moments)
    if len(stood) < shared.sum():
        return None
    grid = dates.grid_seconds(date_format, moments)
    warning = "; ".join(
        ["day and month could be swapped: read with the day first"] * ambiguous + _told(int((strays & ~shared).sum()))
    )
    kind: ColumnKind = "date" if grid >= 86_400 else "datetime"
    reason = f"read as {KINDS.get(kind, kind)} because {'most' if stood else 'the'} cells are written as "
    reason += dates.shown_format(date_format) + _kept(stood, found.share(shared))
    return record(found, kind, reason, date_format=date_format, grid_seconds=grid, warning=warning, marks=stood)


def forced(found: Cells, kind: ColumnKind) -> Column:
    """The record of a column that its owner says holds dates: what is none is missing."""
    answer = dates.find_format(found.values, found.counts, True, FORCED)
    if answer is None:
        return record(found, "category", "", warning="no known date format fits: kept as category")
    moments = dates.parse(found.values, answer[0])
    warning = "".join(_told(int(np.isnat(moments).sum())))
    grid = dates.grid_seconds(answer[0], moments)
    return record(found, kind, "", date_format=answer[0], grid_seconds=grid, warning=warning)


def _may_be_marked(found: Cells, strays: np.ndarray, shared: np.ndarray) -> bool:
    """Whether a clear majority are dates and few different texts are not, so that these are kept beside the dates."""
    few = int(shared.sum()) <= marks.MOST_DIFFERENT and int((~strays).sum()) >= marks.FEWEST_NUMBERS
    enough = found.filled >= marks.FEWEST_FILLED and found.share(~strays) >= marks.NUMBERS_AT_LEAST
    return found.marked and few and enough and not (is_key_name(found.name) or is_code_name(found.name))


def _told(strays: int) -> list[str]:
    return [f"{strays} different entries are no dates and are read as missing"] * bool(strays)


def _kept(stood: marks.Marks, share: float) -> str:
    """What is said of texts among the dates; how many, never which."""
    if not stood:
        return ""
    moments = ", ".join(str(moment.astype("datetime64[D]")) for _, moment in marks.cells_of(stood, "date"))
    told = f"; {len(stood)} different texts that enough people share ({share:.0%} of the filled cells) are no dates"
    return f"{told}: they are kept as written, and counted as {moments} in scores"
