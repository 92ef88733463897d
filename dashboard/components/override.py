"""The dialog of an override: one person asks with a reason that a blocked set be released, another one confirms."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import session
from dashboard.backend import Backend
from dashboard.components import layout, wording
from synthgen.contracts import Verdict
from synthgen.errors import SynthgenError
from synthgen.service.read_models import OverrideView, SetView


def show(service: Backend, one: SetView, found: Verdict) -> None:
    """Where a blocked set stands: asked for or not, and what the person who looks can do about it."""
    layout.section(
        "Override", "Two people together can release it all the same. It stands on every copy who they were."
    )
    if found.final:
        st.caption(f"Not this set: {found.final}")
        return
    asked = service.override(one.id)
    if asked is None:
        _request(service, one, found)
        return
    told(asked)
    if asked.requested_by_id == service.actor.user_id:
        st.caption("A second person has to confirm this; you cannot. People are invited on the Admin page.")
        return
    _confirm(service, one)


def told(asked: OverrideView) -> None:
    """What was asked, by whom and when, and who confirmed it."""
    layout.facts(
        (
            ("Asked by", asked.requested_by),
            ("On", wording.day(asked.requested_at)),
            ("Confirmed by", asked.confirmed_by or "nobody yet"),
        )
    )
    st.markdown(f"> {wording.plain(asked.reason)}")
    st.caption(f"Not met: {', '.join(dict.fromkeys(rule.replace('_', ' ') for rule in asked.failed))}.")


def _request(service: Backend, one: SetView, found: Verdict) -> None:
    with st.form("override"):
        reason = st.text_area(
            "Why should it be released?", placeholder="What makes the risk acceptable, and to whom", max_chars=2000
        )
        sent = st.form_submit_button("Ask a second person", icon=":material/group:")
    if sent:
        said(lambda: service.request_override(one.id, reason))
        session.flash("Asked. Another person has to confirm it on this page.")
        st.rerun()


def _confirm(service: Backend, one: SetView) -> None:
    sure = st.checkbox("I have read this and take it on with my name.")
    if st.button("Confirm the override", type="primary", icon=":material/how_to_reg:", disabled=not sure):
        said(lambda: service.confirm_override(one.id))
        session.flash("Confirmed. The set waits for review.")
        st.rerun()


def said(action: Callable[[], object]) -> None:
    """Do it, or say why not and stay on the page."""
    try:
        action()
    except SynthgenError as error:
        st.error(f"{error.message} {error.hint}".strip())
        st.stop()
