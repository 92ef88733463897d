"""Number formats of a workbook that say what a number is: 00000 makes it a code of digits, 0% a percentage.

A code is read as the text that Excel shows, with its leading zeros. A percentage stays the number it is (0.25 is shown
as 25%); which columns are shown so is kept, for when a sheet is written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CODE = re.compile(r"(?:\[\$[^\]]*\])?(0{2,})")  # zeros alone, perhaps behind a language
PERCENT = re.compile(r"0(?:\.(0+))?%")
MOST_DIGITS = 15  # Excel keeps no more


@dataclass
class Formats:
    """By style of a cell: the width of codes, the decimals of percentages; and which columns were seen to have them."""

    widths: Mapping[int, int] = field(default_factory=dict)
    decimals: Mapping[int, int] = field(default_factory=dict)
    seen: Counter[tuple[int, int]] = field(default_factory=Counter)

    def rows(self, sheet: Any) -> Iterator[Sequence[Any]]:
        """The values of a sheet row by row, codes as texts; without such formats as fast as they can be read."""
        if not self.widths and not self.decimals:
            yield from sheet.iter_rows(values_only=True)
            return
        for row in sheet.iter_rows():
            yield tuple(self._value(place, cell) for place, cell in enumerate(row))

    def percents(self, names: Sequence[str], rows: int) -> dict[str, int]:
        """Decimals of the columns more than half of whose cells are percentages."""
        found: dict[str, int] = {}
        for place, name in enumerate(names):
            here = Counter({decimals: n for (column, decimals), n in self.seen.items() if column == place})
            if 2 * here.total() > rows:
                found[name] = here.most_common(1)[0][0]
        return found

    def _value(self, place: int, cell: Any) -> Any:
        value, style = cell.value, int(getattr(cell, "_style_id", -1))
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        if style in self.decimals:
            self.seen[place, self.decimals[style]] += 1
        return _code(value, self.widths[style]) if style in self.widths else value


def of(book: Any) -> Formats:
    """What the styles of an opened workbook say of numbers."""
    known = dict(enumerate(_names(book)))
    codes = ((style, CODE.fullmatch(name)) for style, name in known.items())
    percents = ((style, PERCENT.fullmatch(name)) for style, name in known.items())
    return Formats(
        {style: len(found[1]) for style, found in codes if found},
        {style: len(found[1] or "") for style, found in percents if found},
    )


def _names(book: Any) -> Iterable[str]:
    """The number format of each style of a cell, in their order."""
    from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE

    for style in book._cell_styles:
        own = style.numFmtId - BUILTIN_FORMATS_MAX_SIZE
        yield book._number_formats[own] if own >= 0 else BUILTIN_FORMATS.get(style.numFmtId, "General")


def _code(value: float, width: int) -> Any:
    """A whole number with its leading zeros, as it is shown; what is no such number stays as it is."""
    if not float(value).is_integer() or not 0 <= value < 10**MOST_DIGITS:
        return value
    return str(int(value)).zfill(width)
