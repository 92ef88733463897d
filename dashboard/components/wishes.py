"""Tables in which a person says what columns are to be: a value, a range, one of several, missing; and constraints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from synthgen.errors import SpecError
from synthgen.spec import Constraint, FixedCombinations, Inequality, OneOf, Predicate, Range, Unique, Wish, Within

IS, RANGE, ONE_OF, MISSING = "is", "from … to …", "is one of", "is missing"
CONDITIONS = (IS, RANGE, ONE_OF, MISSING)
BETWEEN, AT_MOST, BELOW = "lies from … to …", "is at most", "is below"
UNIQUE, TOGETHER = "never comes twice", "only together as in the data with"
KINDS = (BETWEEN, AT_MOST, BELOW, UNIQUE, TOGETHER)
LOOSE, LOOSE_HELP = "Data may break it", "Real rows need not keep it; synthetic ones do all the same."
Line = dict[str, Any]


def editor(columns: Sequence[str], key: str, *, groups: bool = False) -> list[Line]:
    """The lines of conditions that are complete enough to mean something; with `groups` a number and rows for each."""
    config: dict[str, Any] = {
        "Column": st.column_config.SelectboxColumn(options=list(columns), required=True),
        "Condition": st.column_config.SelectboxColumn(options=list(CONDITIONS), default=IS, required=True),
        "Value": st.column_config.TextColumn(help="Several values are parted by |. A date is written 2024-01-31."),
        "To": st.column_config.TextColumn(help="The high end of a range; either end may be left open."),
    }
    if groups:
        number = st.column_config.NumberColumn(min_value=1, step=1, format="%d", default=1, required=True)
        rows = st.column_config.NumberColumn(min_value=1, step=1, format="%d", help="Once for each group.")
        config = {"Group": number, **config, "Rows": rows}
    return [line for line in _lines(config, key) if line["Column"] and _says_something(line)]


def conditions(lines: Sequence[Line]) -> dict[str, Wish]:
    """Column -> wish. Raises SpecError for a column named twice, which names columns only."""
    names = [str(line["Column"]) for line in lines]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpecError(
            f"Two lines are about the same column: {', '.join(map(repr, twice))}.",
            "Put them into one line: a range, or several values parted by |.",
        )
    return {name: _wish(line) for name, line in zip(names, lines, strict=True)}


def constraints(columns: Sequence[str], key: str) -> tuple[tuple[Constraint, ...], SpecError | None]:
    """The tables of constraints that every row keeps, what they say, and what is wrong with it."""
    config: dict[str, Any] = {
        "Column": st.column_config.SelectboxColumn(options=list(columns), required=True),
        "Constraint": st.column_config.SelectboxColumn(options=list(KINDS), required=True),
        "Other column": st.column_config.SelectboxColumn(options=list(columns)),
        "From": st.column_config.TextColumn(help="For a range; either end may be left open."),
        "To": st.column_config.TextColumn(),
        LOOSE: st.column_config.CheckboxColumn(default=False, help=LOOSE_HELP),
    }
    lines = _lines(config, key)
    for i, line in enumerate(lines):
        if line["Column"] and line["Constraint"] and not _is_complete(line):
            st.caption(f"Line {i + 1} needs {'its ends' if line['Constraint'] == BETWEEN else 'another column'}.")
    typed = _predicates(columns, key)
    try:
        said = [_constraint(line) for line in lines if line["Column"] and line["Constraint"] and _is_complete(line)]
        return (*said, *(Predicate(expression=text, source_may_break=loose) for text, loose in typed)), None
    except SpecError as problem:
        return (), problem


def _predicates(columns: Sequence[str], key: str) -> list[tuple[str, bool]]:
    """The table of conditions in words of SQL: each, and whether the data may break it."""
    st.caption(
        "Anything else about one row, as after WHERE in SQL: names with blanks in double quotes, texts in single "
        f"quotes, dates as DATE '2024-01-31'. Such as `{_example(columns)}`"
    )
    config: dict[str, Any] = {
        "Condition": st.column_config.TextColumn(required=True, width="large"),
        LOOSE: st.column_config.CheckboxColumn(default=False, help=LOOSE_HELP),
    }
    return [(x["Condition"], bool(x[LOOSE])) for x in _lines(config, f"{key}-predicates") if x["Condition"]]


def _example(columns: Sequence[str]) -> str:
    first, last = (name if name.isidentifier() else f'"{name}"' for name in (columns[0], columns[-1]))
    return f"{first} IS NOT NULL OR {last} IS NOT NULL"


def _lines(config: dict[str, Any], key: str) -> list[Line]:
    start = pd.DataFrame({name: pd.Series(dtype=_dtype(name)) for name in config})
    edited = st.data_editor(start, num_rows="dynamic", hide_index=True, key=key, column_config=config)
    return [{str(name): _cell(value) for name, value in line.items()} for line in edited.to_dict("records")]


def _dtype(name: str) -> Any:
    if name in ("Group", "Rows"):
        return "float64"
    return "bool" if name == LOOSE else object


def _cell(value: Any) -> Any:
    """A cell as it was filled, without blanks around it; None where it was not."""
    if isinstance(value, str):
        return value.strip() or None
    return None if value is None or pd.isna(value) else value


def _says_something(line: Line) -> bool:
    if line["Condition"] == RANGE:
        return line["Value"] is not None or line["To"] is not None
    return line["Condition"] == MISSING or line["Value"] is not None


def _wish(line: Line) -> Wish:
    if line["Condition"] == MISSING:
        return None
    if line["Condition"] == RANGE:
        return Range(low=line["Value"], high=line["To"])
    if line["Condition"] == ONE_OF:
        return OneOf(values=tuple(part.strip() or None for part in line["Value"].split("|")))
    return str(line["Value"])


def _is_complete(line: Line) -> bool:
    if line["Constraint"] == BETWEEN:
        return bool(line["From"] or line["To"])
    return line["Constraint"] == UNIQUE or line["Other column"] is not None


def _constraint(line: Line) -> Constraint:
    """The constraint of a line that is complete."""
    column, kind, other, loose = line["Column"], line["Constraint"], line["Other column"], bool(line[LOOSE])
    if kind == BETWEEN:
        return Within(column=column, low=line["From"], high=line["To"], source_may_break=loose)
    if kind == UNIQUE:
        return Unique(columns=tuple(filter(None, (column, other))), source_may_break=loose)
    if kind == TOGETHER:
        return FixedCombinations(columns=(column, other))
    return Inequality(low_column=column, high_column=other, strict=kind == BELOW, source_may_break=loose)
