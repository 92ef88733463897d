"""Admin: workers, health, people, tokens for programs."""

from __future__ import annotations

import streamlit as st

from dashboard import session
from dashboard.backend import Backend
from dashboard.components import layout, live, wording

SHOWN, SHORT = 30, 12


def show() -> None:
    """Draw the page."""
    layout.header("Admin")
    _health()
    _people()
    _token()
    _trail()


@live.every(5)
def _health() -> None:
    service = session.connect()
    layout.section("Components")
    health = {name: answer for name, answer in service.health().items() if name != "ok"}
    layout.facts((name.capitalize(), "Answers" if answer == "ok" else str(answer)) for name, answer in health.items())
    layout.section("Workers")
    workers = service.workers()
    if not workers:
        layout.banner("bad", "No worker is alive.", ["Jobs wait in the queue. Start a worker, or run synthgen up."])
        return
    layout.table(
        ("Worker", "Machine", "Process", "Jobs at work", "Last seen"),
        [(w.id[:SHORT], w.host, str(w.pid), w.running, wording.ago(w.last_seen)) for w in workers],
        numbers=(2, 3),
    )


def _people() -> None:
    layout.section("People", "Releasing a set that the gate blocked takes two of them.")
    service = session.connect()
    rows = [(p.name, "disabled" if p.disabled else p.role, wording.day(p.created_at)) for p in service.people()]
    layout.table(("Name", "Role", "Since"), rows)
    if service.actor.role == "admin" and st.button("Invite a person", icon=":material/person_add:"):
        st.code(service.invite(), language=None)
        st.caption("Send this link to one person: it makes an account of their own, once. It is not shown again.")


def _token() -> None:
    layout.section("Your API tokens", "A token acts as you, for the command line and for programs. It is shown once.")
    service = session.connect()
    with st.form("token"):
        label = st.text_input("What is it for?", placeholder="nightly export", max_chars=100)
        made = st.form_submit_button("Make a token")
    if made:
        st.code(service.issue_token(label), language=None)
        st.caption("Copy it now; only its hash is kept. Use it as SYNTHGEN_TOKEN, or after 'Authorization: Bearer'.")
    _tokens(service)


def _tokens(service: Backend) -> None:
    """The tokens that work, each with a button that ends it."""
    found = service.tokens()
    if not found:
        st.caption("You have no token that works.")
    for one in found:
        name, made, end = st.columns([3, 2, 1], vertical_alignment="center")
        name.markdown(f"**{wording.plain(one.label)}**")
        made.caption(f"made {wording.ago(one.created_at)}")
        if end.button("Revoke", key=f"revoke-{one.id}", icon=":material/key_off:", width="stretch"):
            service.revoke_token(one.id)
            session.flash(f"The token “{one.label}” no longer works.")
            st.rerun()


def _trail() -> None:
    layout.section("Audit trail", "Who did what, newest first. It is written in the same transaction as the deed.")
    service = session.connect()
    names = {p.id: p.name for p in service.people()}
    rows = [
        (
            f"{line['at']:%Y-%m-%d %H:%M:%S}",
            names.get(str(line["person_id"]), str(line["person_id"])[:SHORT]),
            str(line["action"]).replace(".", " "),
            str(line["subject"] or "")[:SHORT],
        )
        for line in service.trail(SHOWN)
    ]
    layout.table(("When (UTC)", "Who", "What", "Subject"), rows)
