"""A form for a generator's parameters, made from the JSON schema of its parameters class."""

from __future__ import annotations

from typing import Any

import streamlit as st

from synthgen.spec import Spec

SET_ELSEWHERE = frozenset({"emphasis", "time_budget"})  # these have a place of their own on the page

# times the generator's own default
DIAL: dict[float, str] = {0.0: "Mean", 0.5: "Gentle", 1.0: "Standard", 4.0: "Strong", 16.0: "Worst case"}

EXPLAINED = {
    "Mean": "No group counts for more than its records. Best for the average patient; rare groups may be lost.",
    "Gentle": "Small and badly fitted groups are trained on a little more often.",
    "Standard": "Small and badly fitted groups are trained on clearly more often, until the shares are set right.",
    "Strong": "Groups are trained on almost equally often, whatever their size, until the shares are set right.",
    "Worst case": "As far as it goes: every group as often as the next. The average may suffer.",
}


def emphasis(kind: type[Spec] | None) -> dict[str, Any]:
    """The dial between the mean and the worst case, where a generator has one."""
    field = kind.model_fields.get("emphasis") if kind else None
    if field is None:
        st.caption("This generator has no emphasis dial: it is there for comparison.")
        return {}
    chosen = st.select_slider(
        "Emphasis",
        list(DIAL.values()),
        value="Standard",
        help="Groups of at least k people are watched while training. The scorecard always shows both ends.",
    )
    st.html('<div class="sg-ends"><span>the average record</span><span>the worst-fitted group</span></div>')
    value = next(number for number, name in DIAL.items() if name == chosen)
    usual = " This is the default." if value == 1 else ""
    st.caption(f"**{chosen}.** {EXPLAINED[chosen]}{usual}")
    return {} if value == 1 else {"emphasis": value * float(field.default)}


def form(kind: type[Spec] | None, key: str) -> dict[str, Any]:
    """Every other parameter; only those that differ from their default are returned."""
    if kind is None:
        st.caption("This generator has no parameters.")
        return {}
    fields = {n: f for n, f in kind.model_json_schema()["properties"].items() if n not in SET_ELSEWHERE}
    chosen: dict[str, Any] = {}
    columns = st.columns(3)
    for i, (name, field) in enumerate(fields.items()):
        with columns[i % 3]:
            value = _widget(name, field, f"{key}-{name}")
        if value != field.get("default"):
            chosen[name] = value
    return chosen


def _widget(name: str, field: dict[str, Any], key: str) -> Any:
    label, default, said = name.replace("_", " ").capitalize(), field.get("default"), field.get("description")
    if "enum" in field:
        options = list(field["enum"])
        return st.selectbox(label, options, index=options.index(default), help=said, key=key)
    if field.get("type") == "boolean":
        return st.checkbox(label, value=bool(default), help=said, key=key)
    if field.get("type") == "integer":
        return st.number_input(label, value=int(default or 0), step=1, help=said, key=key, **_bounds(field, int))
    if field.get("type") == "number":
        value = float(default or 0.0)
        return st.number_input(
            label, value=value, step=_step(value), format="%g", help=said, key=key, **_bounds(field, float)
        )
    return st.text_input(label, value=str(default or ""), help=said, key=key)


def _bounds(field: dict[str, Any], kind: type) -> dict[str, Any]:
    low, high = field.get("minimum", field.get("exclusiveMinimum")), field.get("maximum", field.get("exclusiveMaximum"))
    found = {"min_value": low, "max_value": high}
    return {name: kind(bound) for name, bound in found.items() if bound is not None}


def _step(value: float) -> float:
    return 0.1 if value == 0 else float(10.0 ** int(f"{value:e}".split("e")[1]))
