"""Tables in which a person says what columns are to be: a value, a range, one of several, missing; and constraints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from synthgen.errors import SpecError
from synthgen.spec import Constraint, FixedCombinations, Inequality, OneOf, Range, Unique, Wish, Within

IS, RANGE, ONE_OF, MISSING = "is", "from … to …", "is one of", "is missing"
CONDITIONS = (IS, RANGE, ONE_OF, MISSING)
BETWEEN, AT_MOST, BELOW = "lies from … to …", "is at most", "is below"
UNIQUE, TOGETHER = "never comes twice", "only together as in the data with"
KINDS = (BETWEEN, AT_MOST, BELOW, UNIQUE, TOGETHER)
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


def constraints(columns: Sequence[str], key: str) -> tuple[Constraint, ...]:
    """The table of constraints that every row keeps, and what it says."""
    config: dict[str, Any] = {
        "Column": st.column_config.SelectboxColumn(options=list(columns), required=True),
        "Constraint": st.column_config.SelectboxColumn(options=list(KINDS), required=True),
        "Other column": st.column_config.SelectboxColumn(options=list(columns)),
        "From": st.column_config.TextColumn(help="For a range; either end may be left open."),
        "To": st.column_config.TextColumn(),
        "Data may break it": st.column_config.CheckboxColumn(
            default=False, help="Real rows need not keep it; synthetic ones do all the same."
        ),
    }
    found = []
    for i, line in enumerate(_lines(config, key)):
        constraint = _constraint(line)
        if constraint is not None:
            found.append(constraint)
        elif line["Column"] and line["Constraint"]:
            st.caption(f"Line {i + 1} needs {'its ends' if line['Constraint'] == BETWEEN else 'another column'}.")
    return tuple(found)


def _lines(config: dict[str, Any], key: str) -> list[Line]:
    start = pd.DataFrame({name: pd.Series(dtype=_dtype(name)) for name in config})
    edited = st.data_editor(start, num_rows="dynamic", hide_index=True, key=key, column_config=config)
    return [{str(name): _cell(value) for name, value in line.items()} for line in edited.to_dict("records")]


def _dtype(name: str) -> Any:
    if name in ("Group", "Rows"):
        return "float64"
    return "bool" if name == "Data may break it" else object


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


def _constraint(line: Line) -> Constraint | None:
    """The constraint of a line; None while it is not complete."""
    column, kind, other, loose = (line[name] for name in ("Column", "Constraint", "Other column", "Data may break it"))
    if column is None or kind is None:
        return None
    if kind == BETWEEN:
        ends = (line["From"], line["To"])
        return Within(column=column, low=ends[0], high=ends[1], source_may_break=bool(loose)) if any(ends) else None
    if kind == UNIQUE:
        return Unique(columns=tuple(filter(None, (column, other))), source_may_break=bool(loose))
    if other is None:
        return None
    if kind == TOGETHER:
        return FixedCombinations(columns=(column, other))
    return Inequality(low_column=column, high_column=other, strict=kind == BELOW, source_may_break=bool(loose))
