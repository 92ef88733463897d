"""What the owner says about columns before training: another kind, an order, what decides them, left out."""

from __future__ import annotations

import hashlib
from typing import Any, get_args

import pandas as pd
import streamlit as st

from synthgen.spec import ColumnKind, ColumnOverride

KINDS: tuple[str, ...] = get_args(ColumnKind)
NONE, BETWEEN = "(none)", " | "
NOTHING = ColumnOverride()


def editor(
    dataset_id: str, schema: dict[str, Any], kept: dict[str, ColumnOverride]
) -> dict[str, ColumnOverride] | None:
    """The table in which kinds are corrected; what it says once the person saves it, else None.

    The table starts anew from what is kept whenever that changes, so two browsers see the same.
    """
    key = table_key(dataset_id, kept)
    with st.form(f"form-{key}", border=False):
        edited = st.data_editor(
            table(schema["columns"], kept),
            key=key,
            hide_index=True,
            placeholder="as found",
            disabled=["Column", "Read as"],
            column_config=_cells([c["name"] for c in schema["columns"]]),
        )
        saved = st.form_submit_button("Save for the next jobs", icon=":material/save:")
    if not saved:
        return None
    rows = edited.to_dict("records")
    said = {str(row["Column"]): override(row, kept.get(str(row["Column"]), NOTHING)) for row in rows}
    return {name: one for name, one in said.items() if one != NOTHING}


def _cells(names: list[str]) -> dict[str, Any]:
    """How each cell is edited. An empty one leaves what was found; `(none)` undoes it."""
    others = [NONE, *names]
    return {
        "Use as": st.column_config.SelectboxColumn(options=list(KINDS), help="Another kind than the one found."),
        "Public": st.column_config.CheckboxColumn(
            help="Its category names may appear even when fewer people than the k-floor hold them."
        ),
        "Leave out": st.column_config.CheckboxColumn(help="The column takes no part and is not in the output."),
        "Order": st.column_config.TextColumn(
            help=f"Its categories, the lowest first: low | middle | high. {NONE}: they have no order."
        ),
        "Decided by": st.column_config.SelectboxColumn(
            options=others,
            help=f"The column whose value decides this one's, as a code decides its name. {NONE}: no column does.",
        ),
        "Place with": st.column_config.SelectboxColumn(
            options=others, help=f"The other coordinate of a place on the map. {NONE}: a number of its own."
        ),
        "Only texts": st.column_config.TextColumn(
            help="The only texts it may hold, shared by k people: first | second. All others become a placeholder."
        ),
    }


def table_key(dataset_id: str, kept: dict[str, ColumnOverride]) -> str:
    """The name of the table's state: another one for every version of what is kept."""
    version = hashlib.sha256(repr(sorted(kept.items())).encode()).hexdigest()[:8]
    return f"overrides-{dataset_id}-{version}"


def describe(overrides: dict[str, ColumnOverride]) -> str:
    """The overrides in one sentence."""
    parts = []
    for name, one in overrides.items():
        words = [f"as {one.kind}"] if one.kind else []
        words += ["public"] if one.public else []
        words += [f"{one.decimals} decimals"] if one.decimals is not None else []
        words += ["own words for missing"] if one.missing_tokens is not None else []
        words += ["categories in order" if one.order else "no order"] if one.order is not None else []
        words += [f"{len(one.codes)} texts"] if one.codes is not None else []
        words += [f"decided by {one.determined_by or 'no column'}"] if one.determined_by is not None else []
        words += (
            [f"place with {one.place_with}" if one.place_with else "no place"] if one.place_with is not None else []
        )
        words = ["left out"] if one.drop else words
        parts.append(f"{name} ({', '.join(words)})")
    return "; ".join(parts)


def table(columns: list[dict[str, Any]], before: dict[str, ColumnOverride]) -> pd.DataFrame:
    """One line per column: how it was read, and what its owner said before."""
    rows = [(c, before.get(c["name"], NOTHING)) for c in columns]
    return pd.DataFrame(
        {
            "Column": [c["name"] for c, _ in rows],
            "Read as": [c["kind"] for c, _ in rows],
            "Use as": pd.Series([o.kind or c["kind"] for c, o in rows], dtype=object),
            "Public": [bool(o.public) for _, o in rows],
            "Leave out": [bool(o.drop) for _, o in rows],
            "Order": pd.Series([_listed(o.order, NONE) for _, o in rows], dtype=object),
            "Decided by": pd.Series([_named(o.determined_by) for _, o in rows], dtype=object),
            "Place with": pd.Series([_named(o.place_with) for _, o in rows], dtype=object),
            "Only texts": pd.Series([_listed(o.codes) for _, o in rows], dtype=object),
        }
    )


def override(row: dict[Any, Any], before: ColumnOverride = NOTHING) -> ColumnOverride:
    """What one line of the table says, with what was kept that the table does not show; nothing if all is as read."""
    kind = row["Use as"] if row["Use as"] != row["Read as"] else None
    shown = {"kind": kind, "public": True if row["Public"] else None, "drop": True if row["Leave out"] else None}
    order = before.order if row["Order"] == _listed(before.order, NONE) else _split(row["Order"])
    codes = before.codes if row["Only texts"] == _listed(before.codes) else _split(row["Only texts"])
    related = {"determined_by": _name(row["Decided by"]), "place_with": _name(row["Place with"])}
    return before.model_copy(update={**shown, **related, "order": order, "codes": codes})


def _listed(values: tuple[str, ...] | None, empty: str | None = None) -> str | None:
    """Values as one cell; `empty` where there are to be none."""
    return BETWEEN.join(values) or empty if values is not None else None


def _split(cell: Any) -> tuple[str, ...] | None:
    """The values in a cell, without the spaces around them; None where it is empty."""
    if not isinstance(cell, str) or not cell.strip():
        return None
    return () if cell.strip() == NONE else tuple(value.strip() for value in cell.split("|") if value.strip())


def _named(column: str | None) -> str | None:
    return NONE if column == "" else column


def _name(cell: Any) -> str | None:
    """The column in a cell: empty for `(none)`, None where nothing is chosen."""
    return ("" if cell == NONE else cell) if isinstance(cell, str) and cell else None
