"""What a reviewer can do with a set: release it, reject it, draw another one from the same model."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import streamlit as st

from dashboard import links, session
from dashboard.backend import Backend
from dashboard.components import artifacts, image_mix, layout, mix, override
from synthgen.contracts import Verdict
from synthgen.service.read_models import SetView


def decide(service: Backend, one: SetView, found: Verdict) -> None:
    """The forms to release or reject, as far as the state allows them."""
    if one.state in ("exporting", "released", "withdrawn"):
        layout.banner("good" if one.state == "released" else "calm", "This set has been decided on.")
        links.button("releases", "Go to releases", primary=True, icon=":material/inventory_2:")
        return
    if one.state == "rejected":
        layout.banner("calm", "This set was rejected. It cannot be released any more.")
        return
    left, right = st.columns(2, gap="large")
    with left:
        _release(service, one, found)
    with right:
        _reject(service, one)


def _release(service: Backend, one: SetView, found: Verdict) -> None:
    layout.section("Release")
    if one.state == "blocked":
        st.caption("The gate blocked this set. Train longer, correct the schema, or draw another set.")
        override.show(service, one, found)
        return
    with st.form("release"):
        purpose = st.text_area("Purpose", placeholder="What the recipient will use the data for", max_chars=1000)
        recipient = st.text_input("Recipient", placeholder="Who gets it", max_chars=300)
        until = st.date_input("Until (optional)", value=None, min_value=date.today() + timedelta(days=1))
        note = st.text_input("Note (optional)", max_chars=1000)
        sent = st.form_submit_button("Release this set", type="primary", icon=":material/verified:")
    if sent:
        override.said(lambda: service.release(one.id, purpose, recipient, _end_of(until), note))
        session.flash("Released. The bundle is being written.")
        links.go("releases")


def _reject(service: Backend, one: SetView) -> None:
    layout.section("Reject")
    with st.form("reject"):
        reason = st.text_area("Reason", placeholder="Why this set must not leave", max_chars=1000)
        sent = st.form_submit_button("Reject this set", icon=":material/block:")
    if sent:
        override.said(lambda: service.reject(one.id, reason))
        session.flash("The set was rejected.")
        st.rerun()


def again(service: Backend, one: SetView) -> None:
    """Draw another set from the same model: another size, another mix, its own scorecard and verdict."""
    job = service.job(one.job_id)
    dataset = service.dataset(one.dataset_id)
    if dataset.state != "ready":
        layout.empty("The dataset is gone", "A model is erased with its dataset.")
        return
    fit_job = job.parent_id if job.kind == "sample" and job.parent_id else job.id
    layout.section("Draw another set from the same model", "It takes no training, and is scored and judged anew.")
    schema = artifacts.once("schema", dataset.id, service.schema)
    if dataset.modality == "images":
        sample = image_mix.form(schema, dataset.rows, f"again-{one.id}")
    else:
        target = job.spec.get("target")
        preview = artifacts.once("preview", dataset.id, service.dataset_preview)
        sample = mix.form(schema, dataset.rows, f"again-{one.id}", target if isinstance(target, str) else None, preview)
    if st.button("Draw the set", type="primary", icon=":material/casino:"):
        made = service.sample_again(fit_job, sample)
        links.go("job", id=made.id)


def _end_of(day: date | None) -> datetime | None:
    return datetime.combine(day, time(23, 59, 59), UTC) if day else None
