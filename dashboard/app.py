"""The dashboard's script, run on every interaction: who is it, which page, draw it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import pages, session
from dashboard.components import errors

st.set_page_config(page_title="synthgen", page_icon=pages.MARK, layout="wide")
st.html(Path(__file__).with_name("style.css"))

service = session.connect()
page = pages.navigation(service.actor.name)
session.show_flash()
try:
    page.run()
except Exception as error:
    if not errors.show(error):
        raise
