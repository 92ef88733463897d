"""Moving between pages by name, so that a screen knows no other screen."""

from __future__ import annotations

from typing import Literal, NoReturn
from urllib.parse import urlencode

import streamlit as st

PAGES = "pages"


def remember(pages: dict[str, st.Page]) -> None:
    """Tell the rest of this run which pages there are."""
    st.session_state[PAGES] = pages


def go(page: str, **parameters: str) -> NoReturn:
    """Leave this page for another."""
    st.switch_page(st.session_state[PAGES][page], query_params=parameters)


def button(page: str, label: str, *, primary: bool = False, icon: str | None = None, **parameters: str) -> None:
    """A button that leads to another page."""
    kind: Literal["primary", "secondary"] = "primary" if primary else "secondary"
    key = f"to-{page}-{label}-{urlencode(parameters)}"
    if st.button(label, key=key, type=kind, icon=icon):
        go(page, **parameters)


def address(page: str, **parameters: str) -> str:
    """The address of a page, for a link inside HTML."""
    return ("/" if page == "overview" else f"/{page}") + (f"?{urlencode(parameters)}" if parameters else "")


def wanted(name: str = "id") -> str | None:
    """Which thing the address of this page names."""
    return st.query_params.get(name) or None
