"""Headings, badges, tables and banners as small HTML; every value is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import streamlit as st

from dashboard.components import wording
from dashboard.components.wording import Tone


class Html(str):
    """Text that is HTML already; everything else is escaped when it is drawn."""

    __slots__ = ()


Cell = str | int | float | Html | None


def text(value: Cell) -> str:
    """A cell as HTML."""
    if isinstance(value, Html):
        return value
    return escape("–" if value is None else f"{value:,}" if isinstance(value, int) else str(value))


def badge(label: str, tone: Tone) -> Html:
    """A small coloured label."""
    return Html(f'<span class="sg-badge sg-{tone}">{escape(label)}</span>')


def state(name: str) -> Html:
    """The badge of a state."""
    return badge(*wording.state(name))


def link(address: str, label: str) -> Html:
    """A link to another page of the dashboard."""
    return Html(f'<a href="{escape(address, quote=True)}" target="_self">{escape(label)}</a>')


def bar(share: float, tone: Tone = "busy") -> Html:
    """A thin horizontal bar, `share` of it filled."""
    percent = 100 * min(1.0, max(0.0, share))
    return Html(f'<span class="sg-bar"><span class="sg-fill sg-{tone}" style="width:{percent:.1f}%"></span></span>')


def header(title: str, lead: str = "", *marks: Html) -> None:
    """The top of a page: title, badges, one sentence."""
    shown = f'<div class="sg-head"><h1>{escape(title)}</h1>{"".join(marks)}</div>'
    st.html(shown + (f'<p class="sg-lead">{text(lead)}</p>' if lead else ""))


def section(title: str, lead: str = "") -> None:
    """The top of a part of a page."""
    st.html(f'<h2 class="sg-h2">{escape(title)}</h2>' + (f'<p class="sg-sub">{text(lead)}</p>' if lead else ""))


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    numbers: Iterable[int] = (),
    widths: Sequence[int] = (),
) -> None:
    """A plain table; `numbers` are the columns set to the right, `widths` their shares in percent."""
    right = frozenset(numbers)

    def line(cells: Iterable[str], tag: str) -> str:
        marks = (f"<{tag}{' class=sg-num' if i in right else ''}>{cell}</{tag}>" for i, cell in enumerate(cells))
        return f"<tr>{''.join(marks)}</tr>"

    body = "".join(line(map(text, row), "td") for row in rows)
    head = line(map(escape, headings), "th")
    columns = "".join(f'<col style="width:{width}%">' for width in widths)
    inside = f"<colgroup>{columns}</colgroup><thead>{head}</thead><tbody>{body}</tbody>"
    st.html(f'<div class="sg-scroll"><table class="sg-table">{inside}</table></div>')


def facts(pairs: Iterable[tuple[str, Cell]]) -> None:
    """Figures side by side, each under its name."""
    tiles = "".join(f"<div><span>{escape(name)}</span><b>{text(value)}</b></div>" for name, value in pairs)
    st.html(f'<div class="sg-facts">{tiles}</div>')


def banner(tone: Tone, title: str, lines: Iterable[Cell] = ()) -> None:
    """What matters most on a page, in one coloured box."""
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    st.html(f'<div class="sg-banner sg-{tone}"><b>{escape(title)}</b>{f"<ul>{items}</ul>" if items else ""}</div>')


def empty(title: str, lead: str) -> None:
    """What a list shows while there is nothing in it."""
    st.html(f'<div class="sg-empty"><b>{escape(title)}</b><p>{text(lead)}</p></div>')
