"""Who looks at the dashboard, checked against the database on every rerun, and messages that survive one."""

from __future__ import annotations

import streamlit as st

from dashboard import backend
from dashboard.backend import Backend
from synthgen.api.access import COOKIE
from synthgen.errors import SynthgenError

FLASH = "flash"


def connect() -> Backend:
    """The service as the signed-in person sees it; stops the page for anyone else."""
    token = st.context.cookies.get(COOKIE, "")
    try:
        return Backend(backend.application(), backend.who(token))
    except SynthgenError as error:
        st.html('<p class="sg-lead">You are signed out. <a href="/account/sign-in" target="_self">Sign in</a></p>')
        if token:
            st.caption(error.message)
        st.stop()


def flash(message: str) -> None:
    """Say something on the next page that is drawn."""
    st.session_state[FLASH] = message


def show_flash() -> None:
    """Say what the last page left to say."""
    message = st.session_state.pop(FLASH, None)
    if message:
        st.toast(message, icon=":material/check_circle:", duration="long")
