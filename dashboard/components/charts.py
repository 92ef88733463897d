"""Charts: curves of a training, histograms, real against synthetic. Colours mean the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.components import wording
from synthgen.contracts import Plot

REAL, SYNTHETIC = "#7c8a99", "#0d9488"
WIDEST = 30
FEW = 4  # bins whose labels fit side by side
HEIGHT = 250


def curves(points: pd.DataFrame) -> None:
    """One small chart for each figure of a training, side by side."""
    names = list(dict.fromkeys(points["figure"]))
    columns = st.columns(min(3, len(names)) or 1)
    for i, name in enumerate(names):
        chart = (
            alt.Chart(points[points["figure"] == name])
            .mark_line(color=SYNTHETIC, point=alt.OverlayMarkDef(color=SYNTHETIC, size=18))
            .encode(
                x=alt.X("step:Q", title="step", axis=alt.Axis(tickCount=4)),
                y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4)),
                tooltip=["step", alt.Tooltip("value:Q", format=".4f")],
            )
            .properties(height=220, title=alt.TitleParams(wording.figure(name), fontSize=12, anchor="start", offset=8))
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
            x=alt.X("bin:N", sort=None, title=None, axis=_bin_axis(len(frame))),
            y=alt.Y("count:Q", title=None, axis=alt.Axis(tickCount=3)),
            tooltip=["bin", "count"],
        )
        .properties(height=170)
    )
    st.altair_chart(chart, key=key)


def legend() -> None:
    """Which colour is which; once for all charts below."""
    names = (("real (training data)", REAL), ("synthetic", SYNTHETIC))
    st.html(
        '<div class="sg-legend">'
        + "".join(f'<span><i style="background:{colour}"></i>{name}</span>' for name, colour in names)
        + "</div>"
    )


def comparison(plot: Plot, key: str) -> None:
    """Real and synthetic shares over the same bins."""
    frame = _frame(plot)
    chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("bin:N", sort=None, title=None, axis=_bin_axis(min(len(plot.bins), WIDEST))),
            xOffset=alt.XOffset("source:N", sort=["real", "synthetic"]),
            y=alt.Y("share:Q", title=None, axis=alt.Axis(format="%", tickCount=4)),
            color=alt.Color("source:N", legend=None, scale=_COLOURS),
            tooltip=[
                "bin",
                "source",
                alt.Tooltip("share:Q", format=".2%"),
                alt.Tooltip("people:Q", title="real people"),
            ],
        )
        .properties(height=HEIGHT, title=alt.TitleParams(plot.column, fontSize=13, anchor="start", offset=8))
    )
    st.altair_chart(chart, key=key)


_COLOURS = alt.Scale(domain=["real", "synthetic"], range=[REAL, SYNTHETIC])


def _bin_axis(bins: int) -> alt.Axis:
    """Upright labels where there is room for them."""
    return alt.Axis(labelLimit=90, labelAngle=0 if bins <= FEW else -35, labelOverlap=True)


def _frame(plot: Plot) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for i, bin_ in enumerate(plot.bins[:WIDEST]):
        for source, shares in (("real", plot.real), ("synthetic", plot.synthetic)):
            rows.append({"bin": bin_, "source": source, "share": shares[i], "people": plot.real_counts[i]})
    return pd.DataFrame(rows)
