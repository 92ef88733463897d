"""Datasets: upload a table or images, find one again."""

from __future__ import annotations

import streamlit as st

from dashboard import links, session
from dashboard.components import layout, lists, live, uploads, wording


def show() -> None:
    """Draw the page."""
    layout.header(
        "Datasets", "A table of real records, or labelled images. They are read by a worker, never by this web server."
    )
    limit = session.connect().app.settings.max_upload_bytes
    uploaded = uploads.box()
    st.caption(
        "Tables: CSV (any separator, also .gz or .zip), Excel (.xlsx) or Parquet. Images: a .zip with one folder a "
        "class, or images and a CSV of labels, or an .npz with images and labels. "
        f"Up to {wording.size(limit)}. "
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
        layout.empty("No dataset yet", "Upload a table or images above to begin.")
