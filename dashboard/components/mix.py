"""What to draw from a generator: how many rows, in which mix, with which values fixed."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from synthgen.spec import GroupTarget, SampleSpec

MIXES = {
    "As in the data": "Every group comes as often as in the real data.",
    "Balanced": "Every value of the chosen columns comes equally often: rare classes are made up to the common ones.",
    "Target counts": "You say how many rows of each group are drawn.",
}
CRITIC = {
    "off": "Off: fastest",
    "2x": "2 candidates for each row kept",
    "4x": "4 candidates for each row kept: slowest, most faithful",
}
DISCRETE = ("boolean", "category", "code")
MODELLED = (*DISCRETE, "number", "integer", "date", "datetime")


def form(schema: dict[str, Any], source_rows: int | None, key: str, target: str | None = None) -> SampleSpec:
    """The widgets, and what they say."""
    discrete = [c["name"] for c in schema["columns"] if c["kind"] in DISCRETE]
    modelled = [c["name"] for c in schema["columns"] if c["kind"] in MODELLED]
    mix = st.segmented_control("Mix", list(MIXES), default="As in the data", key=f"{key}-mix") or "As in the data"
    st.caption(MIXES[mix])
    balance: list[str] = []
    targets: tuple[GroupTarget, ...] = ()
    rows: int | None = None
    if mix == "Balanced":
        start = [target] if target in discrete else []
        balance = st.multiselect("Balance by", discrete, default=start, key=f"{key}-balance")
    if mix == "Target counts":
        targets = _targets(modelled, key)
    else:
        rows = _rows(source_rows, key)
    fixed = _fixed(modelled, key)
    left, right = st.columns(2)
    with left:
        dial = st.select_slider(
            "The critic's choice",
            list(CRITIC),
            value="2x",
            format_func=CRITIC.__getitem__,
            key=f"{key}-resample",
            help="The critic picks the most convincing of several candidates. It costs speed.",
        )
    with right:
        seed = st.number_input("Seed of the sample", 0, 2**31, 0, key=f"{key}-seed", help="The same seed repeats it.")
    balanced = mix == "Balanced" and bool(balance)
    return SampleSpec(
        rows=rows,
        mix="balanced" if balanced else "data",
        balance=tuple(balance) if balanced else (),
        fixed=fixed,
        targets=targets,
        resample=dial,
        seed=int(seed),
    )


def _rows(source_rows: int | None, key: str) -> int | None:
    same = source_rows or 1000
    chosen = st.number_input("Rows", 1, 100_000_000, same, step=100, key=f"{key}-rows")
    return None if chosen == source_rows else int(chosen)


def _targets(columns: list[str], key: str) -> tuple[GroupTarget, ...]:
    edited = _editor(columns, f"{key}-targets", rows=True)
    found = edited.dropna(subset=["Column", "Value", "Rows"])
    return tuple(
        GroupTarget(where={str(r["Column"]): str(r["Value"])}, rows=int(r["Rows"])) for r in found.to_dict("records")
    )


def _fixed(columns: list[str], key: str) -> dict[str, str | float | int | bool]:
    with st.expander("Hold values fixed for every row"):
        st.caption("For example only one sex, or one ward. At least as many people as the k-floor must meet them.")
        edited = _editor(columns, f"{key}-fixed", rows=False).dropna(subset=["Column", "Value"])
        return {str(r["Column"]): str(r["Value"]) for r in edited.to_dict("records")}


def _editor(columns: list[str], key: str, *, rows: bool) -> pd.DataFrame:
    names = ["Column", "Value", *(["Rows"] if rows else [])]
    start = pd.DataFrame({name: pd.Series(dtype="float64" if name == "Rows" else object) for name in names})
    config: dict[str, Any] = {
        "Column": st.column_config.SelectboxColumn(options=columns, required=True),
        "Value": st.column_config.TextColumn(required=True),
    }
    if rows:
        config["Rows"] = st.column_config.NumberColumn(min_value=1, step=1, format="%d", required=True)
    return st.data_editor(start, num_rows="dynamic", hide_index=True, key=key, column_config=config)
