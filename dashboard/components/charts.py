"""Charts: curves of a training, histograms, real against synthetic. Colours mean the same everywhere."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.components import wording
from dashboard.components.wording import Tone
from synthgen.contracts import Plot

REAL, SYNTHETIC = "#7c8a99", "#0d9488"
TONES: dict[Tone, str] = {"good": SYNTHETIC, "warn": "#d97706", "bad": "#c2362b", "busy": "#2563eb", "calm": "#94a3b8"}
ROW = 34  # height of one line of an interval chart
WIDEST = 30
FEW = 4  # bins whose labels fit side by side
HEIGHT = 250
NARROW = 34  # characters across one of three charts


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
            .properties(height=220, title=_heading(wording.figure(name)))
        )
        with columns[i % len(columns)]:
            st.altair_chart(chart, key=f"curve-{name}")


def _heading(text: str) -> alt.TitleParams:
    """A title in as many lines as a narrow chart needs: one line of it would be cut off."""
    return alt.TitleParams(textwrap.wrap(text, NARROW), fontSize=12, anchor="start", offset=8)


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


# --- attacks --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gain:
    """What an attack gains on people in the set over unseen people, with its interval."""

    attack: str
    gain: float
    low: float
    high: float
    word: str
    tone: Tone


@dataclass(frozen=True)
class Rate:
    """How often an attack works on one population: people in the set, unseen people, guessing without the set."""

    people: str
    rate: float
    low: float
    high: float
    unseen: float
    guess: float | None
    attacked: int | None
    word: str
    tone: Tone


def gains(points: Sequence[Gain], allowed: float | None, key: str) -> None:
    """Gains side by side: the line at 0 is no gain, the dashed one what the policy allows."""
    frame = pd.DataFrame([asdict(p) for p in points])
    if frame.empty:
        return
    y = alt.Y("attack:N", sort=None, title=None, axis=_names(360))
    span = [min(frame["low"].min(), -0.02), max(frame["high"].max(), allowed or 0.0) + 0.02]
    scale = alt.Scale(domain=span, nice=False)
    title = "gain over unseen people (dashed: what the policy allows)" if allowed else "gain over unseen people"
    low = alt.X("low:Q", title=title, scale=scale, axis=alt.Axis(tickCount=7))
    base = alt.Chart(frame).encode(y=y, color=_tone(), tooltip=_tooltip("gain", "low", "high", "word"))
    layers = [
        *(_rule_at(at, dash) for at, dash in ((0.0, [1, 0]), (allowed, [5, 4])) if at is not None),
        base.mark_rule(strokeWidth=3, opacity=0.55).encode(x=low, x2="high:Q"),
        base.mark_point(filled=True, size=90, opacity=1).encode(x="gain:Q"),
    ]
    st.altair_chart(alt.layer(*layers).properties(height=ROW * len(points) + 60), key=key)


def rates(points: Sequence[Rate], title: str, key: str) -> None:
    """One attack on every population: dot and interval, a grey mark for unseen people, a hollow one for guessing."""
    frame = pd.DataFrame([asdict(p) for p in points])
    y = alt.Y("people:N", sort=None, title=None, axis=_names(170))
    tooltip = _tooltip("rate", "low", "high", "unseen", "guess", "attacked", "word")
    base = alt.Chart(frame).encode(y=y, tooltip=tooltip)
    scale = alt.Scale(zero=False, nice=True)
    layers = [
        base.mark_rule(strokeWidth=3, opacity=0.55).encode(
            x=alt.X("low:Q", scale=scale, title=None, axis=alt.Axis(tickCount=5)), x2="high:Q", color=_tone()
        ),
        base.mark_tick(color=REAL, thickness=3, size=16).encode(x="unseen:Q"),
        base.mark_point(shape="diamond", color=REAL, size=45, filled=False).encode(x="guess:Q"),
        base.mark_point(filled=True, size=80, opacity=1).encode(x="rate:Q", color=_tone()),
    ]
    heading = alt.TitleParams(title, fontSize=13, anchor="start", offset=8)
    st.altair_chart(alt.layer(*layers).properties(height=ROW * len(points) + 60, title=heading), key=key)


def _names(limit: int) -> alt.Axis:
    """Every name, none left out where it is tight."""
    return alt.Axis(labelLimit=limit, labelOverlap=False, ticks=False, domain=False, labelPadding=8)


def _tone() -> alt.Color:
    return alt.Color("tone:N", legend=None, scale=alt.Scale(domain=list(TONES), range=list(TONES.values())))


def _tooltip(*names: str) -> list[alt.Tooltip]:
    texts = {"word": "N", "attacked": "Q"}
    return [alt.Tooltip(f"{n}:{texts.get(n, 'Q')}", format="" if n in texts else ".3f") for n in names]


def _rule_at(value: float, dash: list[int]) -> alt.Chart:
    frame = pd.DataFrame({"at": [value]})
    return alt.Chart(frame).mark_rule(color=REAL, strokeDash=dash, size=1).encode(x=alt.X("at:Q"))
