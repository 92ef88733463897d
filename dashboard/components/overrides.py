"""What the owner says about columns before training: another kind, public categories, left out."""

from __future__ import annotations

import hashlib
from typing import Any, get_args

import pandas as pd
import streamlit as st

from synthgen.spec import ColumnKind, ColumnOverride

KINDS: tuple[str, ...] = get_args(ColumnKind)
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
            _frame(schema["columns"], kept),
            key=key,
            hide_index=True,
            disabled=["Column", "Read as"],
            column_config={
                "Use as": st.column_config.SelectboxColumn(
                    options=list(KINDS), help="Another kind than the one found."
                ),
                "Public": st.column_config.CheckboxColumn(
                    help="Its category names may appear even when fewer people than the k-floor hold them."
                ),
                "Leave out": st.column_config.CheckboxColumn(help="The column takes no part and is not in the output."),
            },
        )
        saved = st.form_submit_button("Save for the next jobs", icon=":material/save:")
    if not saved:
        return None
    rows = edited.to_dict("records")
    said = {str(row["Column"]): override(row, kept.get(str(row["Column"]), NOTHING)) for row in rows}
    return {name: one for name, one in said.items() if one != NOTHING}


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
        words += (
            [f"place with {one.place_with}" if one.place_with else "no place"] if one.place_with is not None else []
        )
        words = ["left out"] if one.drop else words
        parts.append(f"{name} ({', '.join(words)})")
    return "; ".join(parts)


def _frame(columns: list[dict[str, Any]], before: dict[str, ColumnOverride]) -> pd.DataFrame:
    rows = [(c, before.get(c["name"], NOTHING)) for c in columns]
    return pd.DataFrame(
        {
            "Column": [c["name"] for c, _ in rows],
            "Read as": [c["kind"] for c, _ in rows],
            "Use as": pd.Series([o.kind or c["kind"] for c, o in rows], dtype=object),
            "Public": [bool(o.public) for _, o in rows],
            "Leave out": [bool(o.drop) for _, o in rows],
        }
    )


def override(row: dict[Any, Any], before: ColumnOverride = NOTHING) -> ColumnOverride:
    """What one line of the table says, with what was kept that the table does not show; nothing if all is as read."""
    kind = row["Use as"] if row["Use as"] != row["Read as"] else None
    shown = {"kind": kind, "public": True if row["Public"] else None, "drop": True if row["Leave out"] else None}
    return before.model_copy(update=shown)
