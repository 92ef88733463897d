"""What the owner says about columns before training: another kind, public categories, left out."""

from __future__ import annotations

from typing import Any, get_args

import pandas as pd
import streamlit as st

from synthgen.spec import ColumnKind, ColumnOverride

KINDS: tuple[str, ...] = get_args(ColumnKind)


def kept(dataset_id: str) -> dict[str, ColumnOverride]:
    """The overrides of this session for a dataset."""
    found: dict[str, ColumnOverride] = st.session_state.setdefault("overrides", {}).get(dataset_id, {})
    return found


def editor(dataset_id: str, schema: dict[str, Any]) -> dict[str, ColumnOverride]:
    """The table in which kinds are corrected; its result is kept for the next job on this dataset."""
    before = kept(dataset_id)
    columns = schema["columns"]
    start = st.session_state.setdefault(f"overrides-start-{dataset_id}", _frame(columns, before))
    edited = st.data_editor(
        start,
        key=f"overrides-{dataset_id}",
        hide_index=True,
        disabled=["Column", "Read as"],
        column_config={
            "Use as": st.column_config.SelectboxColumn(options=list(KINDS), help="Another kind than the one found."),
            "Public": st.column_config.CheckboxColumn(
                help="Its category names may appear even when fewer people than the k-floor hold them."
            ),
            "Leave out": st.column_config.CheckboxColumn(help="The column takes no part and is not in the output."),
        },
    )
    after = {
        str(row["Column"]): said for row in edited.to_dict("records") if (said := override(row)) != ColumnOverride()
    }
    st.session_state["overrides"][dataset_id] = after
    return after


def describe(overrides: dict[str, ColumnOverride]) -> str:
    """The overrides in one sentence."""
    parts = []
    for name, one in overrides.items():
        words = [f"as {one.kind}"] if one.kind else []
        words += ["public"] if one.public else []
        words = ["left out"] if one.drop else words
        parts.append(f"{name} ({', '.join(words)})")
    return "; ".join(parts)


def _frame(columns: list[dict[str, Any]], before: dict[str, ColumnOverride]) -> pd.DataFrame:
    nothing = ColumnOverride()
    rows = [(c, before.get(c["name"], nothing)) for c in columns]
    return pd.DataFrame(
        {
            "Column": [c["name"] for c, _ in rows],
            "Read as": [c["kind"] for c, _ in rows],
            "Use as": pd.Series([o.kind or c["kind"] for c, o in rows], dtype=object),
            "Public": [bool(o.public) for _, o in rows],
            "Leave out": [bool(o.drop) for _, o in rows],
        }
    )


def override(row: dict[Any, Any]) -> ColumnOverride:
    """What one line of the table says; nothing where it was left as it stood."""
    kind = row["Use as"] if row["Use as"] != row["Read as"] else None
    return ColumnOverride(kind=kind, public=True if row["Public"] else None, drop=True if row["Leave out"] else None)
