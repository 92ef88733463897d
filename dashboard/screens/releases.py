"""Releases: what was given to whom, the download, and taking it back."""

from __future__ import annotations

import streamlit as st

from dashboard import links, session
from dashboard.components import layout, lists, live, wording
from dashboard.components.layout import Cell, Html
from synthgen.service.read_models import ReleaseView


def show() -> None:
    """Draw the page."""
    layout.header("Releases", "Released sets with purpose and recipient. A bundle holds the data and its evidence.")
    _list()
    _withdraw()


@live.every(3)
def _list() -> None:
    service = session.connect()
    found = service.releases()
    if not found:
        layout.empty("Nothing has been released yet", "A set is released on its review page.")
        return
    names = {s.id: s.dataset_name for s in service.sets()}
    layout.table(
        ("Synthetic set of", "State", "Purpose", "Recipient", "By", "Released", "Until", "Bundle"),
        [_row(release, names.get(release.set_id, "a set")) for release in found],
    )


def _row(release: ReleaseView, name: str) -> tuple[Cell, ...]:
    return (
        layout.link(links.address("set", id=release.set_id), name),
        layout.state(lists.release_state(release)),
        release.purpose,
        release.recipient,
        release.released_by,
        wording.ago(release.released_at),
        wording.day(release.expires_at) if release.expires_at else "no end",
        download(release),
    )


def download(release: ReleaseView) -> Html | str:
    """The link to a bundle that may be downloaded now."""
    if lists.release_state(release) != "released":
        return "–"
    label = f"Download ({wording.size(release.size)})"
    return Html(f'<a class="sg-download" href="/api/releases/{release.id}/bundle">{layout.text(label)}</a>')


def _withdraw() -> None:
    service = session.connect()
    standing = [r for r in service.releases() if lists.release_state(r) in ("released", "exporting")]
    if not standing:
        return
    with st.expander("Withdraw a release"):
        st.caption(
            "No download is possible afterwards. Copies that were downloaded already you have to recall yourself."
        )
        labels = {r.id: f"{r.recipient}: {r.purpose} ({wording.day(r.released_at)})" for r in standing}
        with st.form("withdraw", border=False):
            chosen = st.selectbox("Release", list(labels), format_func=lambda i: labels[i])
            reason = st.text_input("Reason")
            if st.form_submit_button("Withdraw") and chosen:
                service.withdraw(chosen, reason)
                session.flash("The release was withdrawn.")
                st.rerun()
