"""How a text table is written: separator, quotes, escapes, line ends; and where in the file the table begins."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

SEPARATORS = (",", ";", "\t", "|")
SAMPLE_ROWS = 400
NUMBERISH = re.compile(r"[-+$£€]{0,2}\d[\d., ]{0,40}([eE][-+]?\d{1,3})?%?")
SINGLE_QUOTED = re.compile(r"(?:^|[,;\t|])'[^'\n]{0,300}[,;\t|][^'\n]{0,300}'(?:[,;\t|]|$)", re.MULTILINE)


@dataclass(frozen=True)
class Dialect:
    """How cells are separated and quoted; `quoting` False: quotes are ordinary characters."""

    separator: str = ","
    quote: str = '"'
    escape: str = ""
    skip_initial_space: bool = False
    quoting: bool = True

    def reader_options(self) -> dict[str, object]:
        """Options for `csv.reader`."""
        return {
            "delimiter": self.separator,
            "quotechar": self.quote,
            "escapechar": self.escape or None,
            "skipinitialspace": self.skip_initial_space,
            "quoting": csv.QUOTE_MINIMAL if self.quoting else csv.QUOTE_NONE,
        }


def rows_of(text: str, dialect: Dialect) -> list[list[str]]:
    """The rows of a piece of text; blank lines are empty lists."""
    try:
        return list(csv.reader(io.StringIO(text, newline=""), **dialect.reader_options()))  # type: ignore[arg-type]
    except csv.Error:
        return []


def find_dialect(sample: str) -> Dialect:
    """The dialect in which the sample falls into the most even rows of the cleanest cells."""
    candidates = [Dialect(separator) for separator in SEPARATORS if separator in sample]
    if SINGLE_QUOTED.search(sample):
        candidates += [replace(dialect, quote="'") for dialect in candidates]
    if '\\"' in sample:
        candidates += [replace(dialect, escape="\\") for dialect in candidates if dialect.quote == '"']
    if not candidates:
        return Dialect()
    scored = [
        (evenness(rows_of(sample, dialect)[:SAMPLE_ROWS], dialect), -i, dialect) for i, dialect in enumerate(candidates)
    ]
    score, _, best = max(scored, key=lambda item: item[:2])
    return _spaced(sample, best if score > 0.35 else Dialect())


def evenness(rows: Sequence[Sequence[str]], dialect: Dialect) -> float:
    """0 to 1: how even the rows are and how clean their cells; 0 where the separator never separates."""
    filled = [row for row in rows if row and any(cell.strip() for cell in row)]
    if not filled:
        return 0.0
    widths = Counter(len(row) for row in filled)
    width, held = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
    if width < 2:
        return 0.0
    body = [row for row in filled if len(row) == width][: rows_to_look_at(width)]
    cells = [cell for row in body for cell in row]
    strange = sum(
        1 for cell in cells if any(s in cell for s in SEPARATORS if s != dialect.separator) and not _wordy(cell)
    )
    broken = sum(1 for cell in cells if dialect.quote in cell.strip() and cell.strip()[:1] == dialect.quote)
    return held / len(filled) * (1 - strange / len(cells)) * (1 - broken / len(cells))


def rows_to_look_at(width: int) -> int:
    """How many rows are enough to judge a table by: fewer of wide ones, so that 10,000 columns take no longer."""
    return max(5, min(100, 20_000 // max(1, width)))


def is_numberish(cell: str) -> bool:
    """Whether a cell looks like a number in any usual writing."""
    return NUMBERISH.fullmatch(cell.strip()) is not None


def _wordy(cell: str) -> bool:
    """Whether a cell is a phrase or a number, where a comma or semicolon is at home."""
    return " " in cell.strip() or (is_numberish(cell) and cell.count(",") <= 3 and ";" not in cell)


def _spaced(sample: str, dialect: Dialect) -> Dialect:
    """Whether a blank follows every separator, as in "a, b, c"."""
    rows = [row for row in rows_of(sample, dialect)[1:SAMPLE_ROWS] if len(row) > 1]
    after = [cell for row in rows for cell in row[1:] if cell]
    spaced = bool(after) and sum(cell.startswith(" ") for cell in after) >= 0.98 * len(after)
    return replace(dialect, skip_initial_space=spaced)


def line_end_of(sample: str) -> str:
    """The line end used most."""
    crlf = sample.count("\r\n")
    lf, cr = sample.count("\n") - crlf, sample.count("\r") - crlf
    return max((("\n", lf), ("\r\n", crlf), ("\r", cr)), key=lambda item: item[1])[0]


def header_place(rows: Sequence[Sequence[str]], width: int) -> int:
    """The index of the header row: the first row that is full enough; what stands above it is a preamble."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    body = sorted(count for row, count in zip(rows, filled, strict=True) if len(row) == width)
    if not body:
        return 0
    usual = body[len(body) // 2]
    for place, (row, count) in enumerate(zip(rows[:60], filled[:60], strict=True)):
        fits = len(row) == width or (len(row) > width and not any(cell.strip() for cell in row[width:]))
        unnamed = len(row) == width - 1 and place == 0
        if (fits or unnamed) and count >= 0.6 * max(usual, 2) and (place > 0 or count >= 0.6 * width):
            return place
    return 0


def is_header(first: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names columns: False when it holds numbers wherever the rows below do."""
    numeric = [
        i
        for i in range(len(first))
        if (cells := [row[i] for row in body if i < len(row) and row[i].strip()])
        and sum(map(is_numberish, cells)) >= 0.9 * len(cells)
    ]
    if not numeric or not all(is_numberish(first[i]) for i in numeric if first[i].strip()):
        return True
    heads = [first[i].strip() for i in numeric if first[i].strip()]
    return not heads or _counts(heads, body, numeric)


def _counts(heads: list[str], body: Sequence[Sequence[str]], numeric: list[int]) -> bool:
    """Whether numeric heads are years or positions (2001, 2002, ...) while the body holds other numbers."""
    if len(heads) < 3 or not all(head.isdigit() for head in heads):
        return False
    steps = {int(b) - int(a) for a, b in itertools.pairwise(heads)}
    same = {row[i].strip() for row in body[:50] for i in numeric if i < len(row)}
    return steps <= {1, -1} and not set(heads) & same
