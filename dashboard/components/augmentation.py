"""Would adding this set help a model? The verdict and every arm; what was dropped after drawing; what was merged."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.components import charts, layout, wording
from synthgen.contracts import Figure, MetricResult, Scorecard, Status

BASELINES = ("real", "class_weights", "smote", "smote_balance")
DROPPED = {"near_copies": "Near copies of training rows", "outliers": "Outliers"}
SEVERAL = "Several mixes were tried: the interval of the change allows for that."


def show(card: Scorecard) -> None:
    """The card of the augmentation verdict; nothing where no target was named."""
    result = card.result("augmentation")
    if result is None or result.status is Status.NOT_APPLICABLE:
        return
    layout.section("Would adding this set help your model?")
    if result.status is not Status.OK:
        layout.banner("calm", "That could not be told.", [result.reason])
        return
    good = result.verdict.startswith("use")
    layout.banner("good" if good else "warn", f"{result.verdict[:1].upper()}{result.verdict[1:]}.", [result.reason])
    arms = [f for f in result.figures if f.name.endswith("_score") and f.status is Status.OK]
    _plot(arms)
    st.caption(f"{result.explanation} {SEVERAL}")
    with st.expander("Every arm, with recall and Brier score"):
        _table(result, arms)


def _plot(arms: list[Figure]) -> None:
    """A dot with its 95 % interval for each arm, the baselines in grey."""
    lines = [
        {
            "arm": f.title.rpartition(":")[0],
            "kind": "real rows alone" if _arm(f) in BASELINES else "with synthetic rows",
            "score": f.value,
            "low": f.interval.low if f.interval else f.value,
            "high": f.interval.high if f.interval else f.value,
        }
        for f in arms
    ]
    if not lines:
        return
    colours = alt.Scale(domain=["real rows alone", "with synthetic rows"], range=[charts.REAL, charts.SYNTHETIC])
    measure = arms[0].title.rpartition(":")[2].strip()
    base = alt.Chart(pd.DataFrame(lines)).encode(
        y=alt.Y("arm:N", sort=None, title=None, axis=alt.Axis(labelLimit=260)),
        color=alt.Color("kind:N", scale=colours, legend=alt.Legend(title=None, orient="top")),
        tooltip=["arm", *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("score", "low", "high"))],
    )
    title = f"{measure} on unseen people, with its 95 % interval"
    span = base.mark_rule(strokeWidth=3, opacity=0.55).encode(
        x=alt.X("low:Q", title=title, scale=alt.Scale(zero=False)), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(x="score:Q")
    st.altair_chart((span + dots).properties(height=34 * len(lines) + 60), key="augmentation-arms")


def _table(result: MetricResult, arms: list[Figure]) -> None:
    there = {f.name: f for f in result.figures}

    def cell(name: str) -> str:
        figure = there.get(name)
        if figure is None or figure.status is not Status.OK:
            return "–"
        span = f" ({figure.interval.low:.3f} to {figure.interval.high:.3f})" if figure.interval else ""
        return f"{wording.number(figure.value)}{span}"

    rows = [
        (f.title.rpartition(":")[0], *(cell(f"{_arm(f)}_{measure}") for measure in ("score", "recall", "brier")))
        for f in arms
    ]
    headings = ("Learnt from", "Score", "Recall of the class", "Brier score (lower is better)")
    layout.table(headings, rows, numbers=(1, 2, 3))
    for name in ("recall_gain", "brier_gain", "macro_gain", "macro_all"):
        if name in there and there[name].status is Status.OK:
            st.caption(f"{there[name].title}: {cell(name)}.")


def _arm(figure: Figure) -> str:
    return figure.name.removesuffix("_score")


def dropped(card: Scorecard) -> None:
    """What was dropped after drawing, and the scores before and after; nothing where nothing was."""
    told = card.filters
    if not told:
        return
    layout.section("What was dropped after drawing", "Other rows were drawn in their place; the count is as asked for.")
    rows = [
        (DROPPED.get(what, what), wording.count(count), wording.count(told.get("left", {}).get(what, 0)))
        for what, count in told["dropped"].items()
    ]
    layout.table(("Dropped", "Rows dropped", "Left: no others came out"), rows, numbers=(1, 2))
    scores = [
        (line["title"], *(wording.number(line[name]) for name in ("before", "after", "holdout")))
        for line in told["scores"]
    ]
    layout.table(("Score", "Before", "After", "Unseen real rows"), scores, numbers=(1, 2, 3))
    if "near_copies" in told["dropped"]:
        st.caption(
            "Dropping near copies is no protection that can be proven: it leaves holes around real people, and holes "
            "show to whoever draws often (Ganev and De Cristofaro 2023; arXiv 2505.01524). The attacks were made on "
            "the set after dropping."
        )


def merged(card: Scorecard) -> None:
    """Which categories of too few people were merged, by column and by name; nothing where none were."""
    result = card.result("merged")
    if result is None or not result.groups:
        return
    layout.section(
        f"Categories of fewer than {card.k_floor} people", "Merged before training. The names are for you as reviewer."
    )
    columns = [g for g in result.groups if g.kind == "column"]
    named = [g for g in result.groups if g.kind != "column"]
    headings = ("Column", "Real people", "Synthetic rows that name one")
    for groups, place in ((columns, st.container()), (named, st.expander("Which they are") if named else None)):
        if place is not None:
            with place:
                rows = [(g.label, wording.count(g.real_count), wording.count(g.synthetic_count)) for g in groups]
                layout.table(headings, rows, numbers=(1, 2))
