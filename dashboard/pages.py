"""The pages, by name; details are pages of their own, reached from lists and not from the menu."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

import streamlit as st

from dashboard import links
from dashboard.screens import (
    admin,
    dataset,
    datasets,
    job,
    jobs,
    new_job,
    overview,
    releases,
    review,
    synthetic_set,
)

ASSETS = Path(__file__).with_name("assets")
LOGO = str(ASSETS / "logo.svg")
MARK = str(ASSETS / "mark.svg")

MENU: dict[str, tuple[Callable[[], None], str, str]] = {
    "overview": (overview.show, "Overview", ":material/home:"),
    "datasets": (datasets.show, "Datasets", ":material/table_chart:"),
    "new-job": (new_job.show, "New job", ":material/add_circle:"),
    "jobs": (jobs.show, "Jobs", ":material/timelapse:"),
    "review": (review.show, "Review", ":material/fact_check:"),
    "releases": (releases.show, "Releases", ":material/inventory_2:"),
    "admin": (admin.show, "Admin", ":material/settings:"),
}
DETAILS: dict[str, tuple[Callable[[], None], str]] = {
    "dataset": (dataset.show, "Dataset"),
    "job": (job.show, "Job"),
    "set": (synthetic_set.show, "Synthetic set"),
}


def navigation(name: str) -> st.Page:
    """Declare the pages, draw the menu with the person's name below it, and return the page to draw."""
    known = {path: _page(show, title, path, icon) for path, (show, title, icon) in MENU.items()}
    hidden = {path: _page(show, title, path, None) for path, (show, title) in DETAILS.items()}
    links.remember(known | hidden)
    st.logo(LOGO, size="large", icon_image=MARK)
    chosen = st.navigation([*known.values(), *hidden.values()])
    with st.sidebar:
        st.html(
            f'<div class="sg-person"><span>{escape(name)}</span>'
            '<a href="/account/sign-out" target="_self">Sign out</a></div>'
        )
    return chosen


def _page(show: Callable[[], None], title: str, path: str, icon: str | None) -> st.Page:
    return st.Page(
        show,
        title=title,
        icon=icon,
        url_path=path,
        default=path == "overview",
        visibility="visible" if path in MENU else "hidden",
    )
