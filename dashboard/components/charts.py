"""Charts: curves of a training, histograms, real against synthetic. Colours mean the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from synthgen.contracts import Plot

REAL, SYNTHETIC = "#7c8a99", "#0d9488"
WIDEST = 30
HEIGHT = 290


def curves(points: pd.DataFrame) -> None:
    """One small chart for each figure of a training, side by side."""
    names = list(dict.fromkeys(points["figure"]))
    columns = st.columns(min(3, len(names)) or 1)
    for i, name in enumerate(names):
        chart = (
            alt.Chart(points[points["figure"] == name])
            .mark_line(color=SYNTHETIC, point=len(points) < 3 * len(names))
            .encode(
                x=alt.X("step:Q", title="step", axis=alt.Axis(tickCount=4)),
                y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4)),
                tooltip=["step", alt.Tooltip("value:Q", format=".4f")],
            )
            .properties(height=220, title=alt.TitleParams(name.replace("_", " "), fontSize=12, anchor="start"))
        )
        with columns[i % len(columns)]:
            st.altair_chart(chart, key=f"curve-{name}")


def histogram(labels: Sequence[str], counts: Sequence[float], key: str) -> None:
    """A small histogram of one column of the real data."""
    frame = pd.DataFrame({"bin": [str(v) for v in labels], "count": list(counts)})[:WIDEST]
    chart = (
        alt.Chart(frame)
        .mark_bar(color=REAL)
        .encode(
            x=alt.X("bin:N", sort=None, title=None, axis=alt.Axis(labelLimit=70, labelAngle=-35, labelOverlap=True)),
            y=alt.Y("count:Q", title=None, axis=alt.Axis(tickCount=3)),
            tooltip=["bin", "count"],
        )
        .properties(height=170)
    )
    st.altair_chart(chart, key=key)


def comparison(plot: Plot, key: str) -> None:
    """Real and synthetic shares over the same bins."""
    st.altair_chart(_bars(plot) if plot.kind == "category" else _areas(plot), key=key)


def _frame(plot: Plot) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for i, bin_ in enumerate(plot.bins):
        for source, shares in (("real", plot.real), ("synthetic", plot.synthetic)):
            rows.append({"order": i, "bin": bin_, "source": source, "share": shares[i], "people": plot.real_counts[i]})
    return pd.DataFrame(rows)


def _colour(legend: bool = True) -> alt.Color:
    scale = alt.Scale(domain=["real", "synthetic"], range=[REAL, SYNTHETIC])
    return alt.Color("source:N", scale=scale, title=None, legend=alt.Legend(orient="top") if legend else None)


def _tooltip() -> list[Any]:
    return ["bin", "source", alt.Tooltip("share:Q", format=".2%"), alt.Tooltip("people:Q", title="real people")]


def _title(plot: Plot) -> alt.TitleParams:
    return alt.TitleParams(plot.column, fontSize=13, anchor="start")


def _bars(plot: Plot) -> alt.Chart:
    frame = _frame(plot)
    kept = frame[frame["order"] < WIDEST]
    return (
        alt.Chart(kept)
        .mark_bar()
        .encode(
            x=alt.X("bin:N", sort=None, title=None, axis=alt.Axis(labelLimit=90, labelAngle=-35, labelOverlap=True)),
            xOffset=alt.XOffset("source:N", sort=["real", "synthetic"]),
            y=alt.Y("share:Q", title=None, axis=alt.Axis(format="%", tickCount=4)),
            color=_colour(),
            tooltip=_tooltip(),
        )
        .properties(height=HEIGHT, title=_title(plot))
    )


def _areas(plot: Plot) -> Any:
    base = alt.Chart(_frame(plot)).encode(
        x=alt.X("bin:N", sort=alt.SortField("order"), title=None, axis=alt.Axis(labelAngle=-35, labelOverlap=True)),
        y=alt.Y("share:Q", title=None, stack=None, axis=alt.Axis(format="%", tickCount=4)),
        color=_colour(),
        tooltip=_tooltip(),
    )
    line = base.mark_line(interpolate="step-after", strokeWidth=2)
    area = base.mark_area(interpolate="step-after", opacity=0.16)
    return alt.layer(area, line).properties(height=HEIGHT, title=_title(plot))
