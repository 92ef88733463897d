"""Jobs: what is queued, at work and finished."""

from __future__ import annotations

import streamlit as st

from dashboard import links, session
from dashboard.components import layout, lists, live

MAIN = "Training and sampling"
KINDS = {MAIN: ("fit", "sample", "impute"), "Everything": ("fit", "sample", "impute", "inspect", "export", "erase")}


def show() -> None:
    """Draw the page."""
    layout.header("Jobs", "Jobs run on workers and go on when you close this page.")
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        wanted = st.segmented_control("Show", list(KINDS), default=MAIN, label_visibility="collapsed")
    with right, st.container(horizontal_alignment="right"):
        links.button("new-job", "New job", primary=True, icon=":material/add_circle:")
    _list(KINDS[wanted or "Everything"])


@live.every(3)
def _list(kinds: tuple[str, ...]) -> None:
    found = [job for job in session.connect().jobs() if job.kind in kinds]
    if found:
        lists.jobs(found)
    else:
        layout.empty("No job yet", "Choose a dataset and start one.")
