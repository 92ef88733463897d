"""Datasets: upload a table, find one again."""

from __future__ import annotations

import streamlit as st

from dashboard import links, session
from dashboard.components import layout, lists, live, uploads, wording


def show() -> None:
    """Draw the page."""
    layout.header("Datasets", "A table of real records. It is read by a worker, never by this web server.")
    limit = session.connect().app.settings.max_upload_bytes
    uploaded = uploads.box()
    st.caption(
        f"CSV (any separator, also .gz or .zip), Excel (.xlsx) or Parquet, up to {wording.size(limit)}. "
        "The command line uploads too: `synthgen submit FILE`."
    )
    if uploaded:
        links.go("dataset", id=uploaded)
    _list()


@live.every(5)
def _list() -> None:
    found = [d for d in session.connect().datasets() if d.state != "erased"]
    if found:
        lists.datasets(found)
    else:
        layout.empty("No dataset yet", "Upload a table above to begin.")
