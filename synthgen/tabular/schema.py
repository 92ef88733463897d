"""The schema of a table: what each column is, why, and how its cells were written.

It is shown to the owner, may be overridden before training, and travels with the model. It holds no list of observed
values: only the value of a constant, the two tokens of a boolean, missing tokens, and sentinels that k people hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from synthgen.contracts import Record, Source
from synthgen.errors import SchemaError
from synthgen.spec import ColumnKind
from synthgen.tabular.formulas import Formula

MODELLED: frozenset[str] = frozenset({"number", "integer", "boolean", "category", "code", "date", "datetime"})
NUMERIC: frozenset[str] = frozenset({"number", "integer"})
WORDS: frozenset[str] = frozenset({"boolean", "category", "code"})
PLACEHOLDER = "text removed"  # what stands for a text that fewer than k people share
TIMES: frozenset[str] = frozenset({"date", "datetime"})


class KeyStyle(Record):
    """How a key is written, so that fresh ones look alike and never equal a source value.

    Whole numbers and numbered names count up from `start`, a round number above every key of the source.
    """

    style: str = "integer"  # integer | numbered | uuid | hex | digits
    prefix: str = ""
    suffix: str = ""
    width: int = 0
    start: int = 1
    upper: bool = False


class Column(Record):
    """One column: its kind, the reason for it in words, and the writing of its cells.

    `decimals` is the grid 10^-decimals on which its numbers lie, `least_decimals` the digits that are always shown.
    `grid_seconds` is the step of a date. `missing_token` is what a missing cell is written as. `determined_by` names
    the column whose value decides this one's, `follows` the date that this one comes at or after, `place_with` the
    other coordinate of a place, `formula` how it follows from other numbers.

    `order` holds the categories that have an order, the lowest first; `codes` the only texts that may come back, where
    the owner named them; both name none that fewer than k people hold. `rest` is what all other texts become (empty:
    "other"). `marks` are the texts among its numbers or dates that come back, each with the number it stands as (of a
    date: seconds since 1970).
    `categories` are those of an ordered categorical dtype, as it or the owner lists them: the list names no holder.
    """

    name: str
    kind: ColumnKind
    reason: str = ""
    warning: str = ""
    dtype: str = "object"
    missing_tokens: tuple[str, ...] = ()
    missing_token: str = ""
    decimals: int | None = None
    least_decimals: int = 0
    decimal_mark: str = "."
    thousands: str = ""
    prefix: str = ""
    suffix: str = ""
    date_format: str | None = None
    grid_seconds: float | None = None
    true_token: str | None = None
    false_token: str | None = None
    value: str | None = None
    key: KeyStyle | None = None
    sentinels: tuple[float, ...] = ()
    marks: tuple[tuple[str, float], ...] = ()
    public: bool = False
    within_person_constant: bool = False
    quoted: bool = False
    determined_by: str | None = None
    follows: str | None = None
    order: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    rest: str = ""
    place_with: str | None = None
    formula: Formula | None = None

    @property
    def modelled(self) -> bool:
        """Whether a generator models it."""
        return self.kind in MODELLED

    @property
    def numeric(self) -> bool:
        """Whether its typed form is a float64."""
        return self.kind in NUMERIC


class Layout(Record):
    """How the source was written. `header` holds the header cells as they stood; empty: the file had none."""

    format: str = "csv"  # csv | excel | parquet | frame
    separator: str = ","
    encoding: str = "utf-8"
    quote: str = '"'
    escape: str = ""
    line_end: str = "\n"
    header: tuple[str, ...] = ()
    skip_initial_space: bool = False
    quoted: tuple[str, ...] = ()  # columns whose cells are always quoted
    percent: dict[str, int] = {}  # decimals of the columns that a workbook shows as percentages

    @property
    def of_text(self) -> bool:
        """Whether the cells came as texts, so that the dtypes of the output follow from the kinds of the columns."""
        return self.format in ("csv", "excel")


class Schema(Record):
    """What a table is; frozen. `person` names the column that says which rows belong to one person."""

    columns: tuple[Column, ...]
    target: str | None = None
    positive: str | None = None
    person: str | None = None
    layout: Layout = Layout()
    k_floor: int = 10

    @property
    def modelled(self) -> tuple[Column, ...]:
        """The columns a generator models, in source order."""
        return tuple(column for column in self.columns if column.modelled)

    @property
    def names(self) -> list[str]:
        """Column names in source order, dropped ones left out."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column:
        """The column of that name; `SchemaError` when there is none."""
        found = next((column for column in self.columns if column.name == name), None)
        if found is None:
            raise SchemaError(f"There is no column {name!r}.", f"The columns are: {', '.join(self.names[:40])}.")
        return found

    def to_json(self) -> str:
        """JSON text that `load` reads."""
        return self.model_dump_json(indent=1)


def load(json_text: str) -> Schema:
    """A schema from its JSON text."""
    try:
        return Schema.model_validate_json(json_text)
    except ValidationError as error:
        raise SchemaError(
            f"This is no schema that synthgen wrote ({error.error_count()} fields do not fit).", "Infer it again."
        ) from error


def layout_of(source: Source) -> Layout:
    """The layout record of a source."""
    known: Mapping[str, Any] = {k: v for k, v in source.layout.items() if k in Layout.model_fields}
    return Layout.model_validate(known)
