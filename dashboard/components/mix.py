"""What to draw from a generator: how many rows, in which mix, with which values held fixed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import streamlit as st

from dashboard.components import wishes, wording
from synthgen.spec import GroupTarget, SampleSpec, checked

DATA, BALANCED, INSIDE, COUNTS = "As in the data", "Balanced", "Balanced within", "Target counts"
MIXES = {
    DATA: "Every group comes as often as in the real data.",
    BALANCED: "Every value of the chosen columns comes equally often: rare classes are made up to the common ones.",
    INSIDE: "Equal shares of every group within each value of another column, whose own shares stay as in the data: "
    "for example as many women as men among the sick, and among the healthy.",
    COUNTS: "You say how many rows of each group are drawn. Lines with the same group number are one group.",
}
CRITIC = {
    "off": "Off: fastest",
    "2x": "2 candidates for each row kept",
    "4x": "4 candidates for each row kept: slowest, most faithful",
}
DROPS = {"near_copies": "Near copies of training rows", "outliers": "Outliers"}
FEW = 20  # as the library balances whole numbers
DISCRETE = ("boolean", "category", "code")
MODELLED = (*DISCRETE, "number", "integer", "date", "datetime")


def form(
    schema: dict[str, Any],
    source_rows: int | None,
    key: str,
    target: str | None = None,
    preview: Mapping[str, Any] = MappingProxyType({}),
) -> SampleSpec:
    """The widgets, and what they say; the preview tells which numbers are few. Raises SpecError for nonsense."""
    few = _few_whole(preview)
    discrete = [c["name"] for c in schema["columns"] if c["kind"] in DISCRETE or c["name"] in few]
    modelled = [c["name"] for c in schema["columns"] if c["kind"] in MODELLED]
    mix = st.segmented_control("Mix", list(MIXES), default=DATA, key=f"{key}-mix") or DATA
    st.caption(MIXES[mix])
    asked: dict[str, Any] = {}
    if mix == BALANCED:
        asked = _balanced(discrete, key, target)
    elif mix == INSIDE:
        asked = _balanced_within(discrete, key, target)
    targets = _targets(modelled, key) if mix == COUNTS else ()
    rows = None if mix == COUNTS else _rows(source_rows, key)
    with st.expander("Hold values fixed for every row"):
        st.caption("For example only one sex, or an age from 40 to 60. At least as many people as the k-floor meet it.")
        fixed = wishes.conditions(wishes.editor(modelled, f"{key}-fixed"))
    return checked(SampleSpec, rows=rows, fixed=fixed, targets=targets, **asked, **_draw(key))


def told(sample: Mapping[str, Any], rows: int) -> str:
    """What was asked for in one line, from a job's specification, which holds no value that was typed."""
    parts = [wording.plural(rows, "row")]
    if sample.get("targets"):
        parts.append(f"target counts for {wording.plural(len(sample['targets']), 'group')}")
    elif sample.get("balance") or sample.get("mix") == "balanced":
        inside = f" within each value of {sample['balance_within']}" if sample.get("balance_within") else ""
        parts.append(f"balanced by {', '.join(sample.get('balance') or ('the target',))}{inside}")
    else:
        parts.append("groups as often as in the data")
    if sample.get("fixed"):
        parts.append(f"held fixed: {', '.join(sample['fixed'])}")
    if sample.get("drop"):
        parts.append(f"without {' or '.join(DROPS[what].lower() for what in sample['drop'])}")
    return "; ".join(parts)


def _few_whole(preview: Mapping[str, Any]) -> set[str]:
    """The columns of whole numbers with so few values that they are balanced like categories."""
    return {
        c["name"] for c in preview.get("columns", ()) if c["kind"] == "integer" and 0 < (c.get("distinct") or 0) <= FEW
    }


def _balanced(discrete: list[str], key: str, target: str | None) -> dict[str, Any]:
    start = [target] if target in discrete else []
    chosen = st.multiselect("Balance by", discrete, default=start, key=f"{key}-balance")
    return {"mix": "balanced", "balance": tuple(chosen)} if chosen else {}


def _balanced_within(discrete: list[str], key: str, target: str | None) -> dict[str, Any]:
    """The preset: equal shares of GROUP within each TARGET value."""
    left, right = st.columns(2)
    with right:
        start = discrete.index(target) if target in discrete else 0
        inside = st.selectbox("Within each value of", discrete, index=start if discrete else None, key=f"{key}-inside")
    with left:
        others = [name for name in discrete if name != inside]
        chosen = st.multiselect("Equal shares of", others, key=f"{key}-equal", placeholder="Choose a column")
    return {"balance": tuple(chosen), "balance_within": inside} if chosen else {}


def _rows(source_rows: int | None, key: str) -> int | None:
    same = source_rows or 1000
    chosen = st.number_input("Rows", 1, 100_000_000, same, step=100, key=f"{key}-rows")
    return None if chosen == source_rows else int(chosen)


def _targets(columns: list[str], key: str) -> tuple[GroupTarget, ...]:
    """One target for each group number; a group's rows are said on its first line."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for line in wishes.editor(columns, f"{key}-targets", groups=True):
        groups.setdefault(int(line["Group"]), []).append(line)
    found = []
    for number, lines in sorted(groups.items()):
        rows = next((int(line["Rows"]) for line in lines if line["Rows"] is not None), None)
        if rows is None:
            st.caption(f"Group {number}: say how many rows of it you want.")
            continue
        found.append(checked(GroupTarget, where=wishes.conditions(lines), rows=rows))
    if not groups:
        st.caption("No group yet: without one, the set is drawn as in the data.")
    return tuple(found)


def _draw(key: str) -> dict[str, Any]:
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
    drop = st.multiselect(
        "Rows to drop and draw again",
        list(DROPS),
        format_func=DROPS.__getitem__,
        key=f"{key}-drop",
        placeholder="None",
        help="By distances to training rows, with edges from validation rows. The scorecard shows what it did. To drop "
        "near copies proves no privacy: it leaves holes around real people. Not with differential privacy.",
    )
    return {"resample": dial, "seed": int(seed), "drop": tuple(drop)}
