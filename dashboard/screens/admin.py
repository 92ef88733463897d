"""Admin: health, queues, workers, people, tokens for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import session
from dashboard.backend import Backend
from dashboard.components import layout, live, wording
from synthgen.service.read_models import QueueView, WorkerView

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
    _queues(service)
    _workers(service)


def _queues(service: Backend) -> None:
    """What waits and runs in each queue; a queue that nobody serves is said loudly."""
    layout.section(
        "Queues", "Jobs wait by what they need. Projects take turns, so that none waits for all of another's."
    )
    found = service.queues()
    for queue in found:
        if queue.waiting and not queue.workers:
            layout.banner(
                "bad", f"Nobody serves the queue “{queue.name}”.", ["Start a worker with it in its settings."]
            )
    layout.table(
        ("Queue", "Waiting", "First waits", "Running", "Workers", "Slots", "In use"),
        [
            (
                q.name,
                q.waiting,
                _wait(q),
                q.running,
                q.workers,
                q.slots,
                layout.bar(q.running / q.slots if q.slots else 0),
            )
            for q in found
        ],
        numbers=(1, 2, 3, 4, 5),
        widths=(18, 12, 16, 12, 12, 12, 18),
    )


def _wait(queue: QueueView) -> str:
    return "–" if queue.oldest_seconds is None else wording.duration(queue.oldest_seconds)


def _workers(service: Backend) -> None:
    layout.section("Workers")
    workers = service.workers()
    if not workers:
        layout.banner("bad", "No worker is alive.", ["Jobs wait in the queue. Start a worker, or run synthgen up."])
        return
    layout.table(
        ("Worker", "Machine", "Process", "Queues", "Jobs at work", "Version", "Last seen"),
        [
            (
                w.id[:SHORT],
                w.host,
                str(w.pid),
                w.queues.replace(",", ", "),
                f"{w.running} of {w.slots}",
                w.version,
                wording.ago(w.last_seen),
            )
            for w in workers
        ],
        numbers=(2, 4),
    )
    _gpus(workers)


def _gpus(workers: list[WorkerView]) -> None:
    """Each GPU once, however many workers of its machine report it."""
    cards = {(w.host, card["index"]): card for w in workers for card in w.devices}
    if not cards:
        return
    layout.section("GPUs")
    layout.table(
        ("Machine", "GPU", "Name", "Memory", "Memory in use", "Busy"),
        [(host, str(index), card["name"], _memory(card), *_shares(card)) for (host, index), card in cards.items()],
        numbers=(1, 3),
    )


def _memory(card: Mapping[str, Any]) -> str:
    return f"{wording.size(card['memory_used'])} of {wording.size(card['memory_total'])}"


def _shares(card: Mapping[str, Any]) -> tuple[layout.Cell, layout.Cell]:
    """Bars of memory in use and of time at work; nothing where the driver does not know."""
    used, total, busy = card["memory_used"], card["memory_total"], card["busy"]
    return layout.bar(used / total) if used is not None and total else None, None if busy is None else layout.bar(busy)


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
