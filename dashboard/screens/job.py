"""Job: what it is doing now, how far it is, how long it will take, and what came of it."""

from __future__ import annotations

import streamlit as st

from dashboard import links, session
from dashboard.backend import Backend
from dashboard.components import charts, gaps, health, history, layout, lists, live, pictures, wording
from dashboard.components.layout import Cell
from synthgen.errors import NotFound
from synthgen.service.read_models import JobView

BUSY = ("queued", "running")
GOES_ON = "What was learnt is kept: Retry goes on from the step at which training stopped."


def show() -> None:
    """Draw the page."""
    job_id = links.wanted()
    if job_id is None:
        links.go("jobs")
    job = session.connect().job(job_id)
    if job.state in BUSY:
        _live(job_id)
    else:
        _page(session.connect(), job)


@live.every(1.5)
def _live(job_id: str) -> None:
    service = session.connect()
    job = service.job(job_id)
    if job.state not in BUSY:
        st.rerun()
    _page(service, job)


def _page(service: Backend, job: JobView) -> None:
    layout.header(
        f"{wording.KINDS.get(job.kind, job.kind)}: {job.dataset_name or 'dataset'}",
        "",
        layout.state(lists.job_state(job)),
    )
    _now(job)
    _actions(service, job)
    if job.state == "running" and job.spec.get("modality") == "images":
        pictures.at_work(service, job.id, job.dataset_id)
    seen = history.follow(job.id, service.events)
    if job.kind == "impute" and job.state == "succeeded":
        gaps.result(job, seen.filled)
    if seen.healths:
        health.show(seen.healths)
    points = seen.curves()
    if len(seen.points) > 1:
        layout.section("Live curves", "Figures that training reports while it runs.")
        charts.curves(points)
    layout.section("Log")
    lines = "".join(f"<div><time>{at}</time>{layout.text(line)}</div>" for at, line in reversed(seen.lines))
    st.html(f'<div class="sg-log">{lines or "Nothing yet."}</div>')
    if job.state == "failed" and st.toggle("Show the last lines of the worker's log", key=f"log-{job.id}"):
        _worker_log(service, job.id)
    if job.spec:
        with st.expander("Specification"):
            st.caption("With the dataset this is enough to repeat the run. Values that a person typed in are left out.")
            st.json(dict(job.spec), expanded=1)


def _worker_log(service: Backend, job_id: str) -> None:
    """What the failed process printed, for the operator."""
    st.caption("For the operator. It may quote real values; that you looked is written to the audit trail.")
    try:
        st.code(service.log(job_id), language=None, wrap_lines=True)
    except NotFound as error:
        st.caption(error.message)


def _now(job: JobView) -> None:
    if job.state == "failed":
        layout.banner("bad", job.error or "The job failed.", [job.hint] if job.hint else [])
    elif job.state == "cancelled":
        hint = job.hint or (GOES_ON if job.kind == "fit" and job.started_at else "")
        layout.banner("calm", job.error or "The job was cancelled.", [hint] if hint else [])
    elif job.state == "queued":
        layout.banner("calm", "Waiting for a worker.", ["If this lasts, look at Admin: a worker may be missing."])
    elif job.state == "running":
        st.progress(min(1.0, job.progress), text=f"**{wording.stage(job.stage)}** · {job.progress:.0%}")
    layout.facts(_facts(job))


def _facts(job: JobView) -> list[tuple[str, Cell]]:
    running = job.state == "running"
    facts: list[tuple[str, Cell]] = [("Submitted", wording.ago(job.created_at)), ("By", job.created_by or "–")]
    facts += [("Time so far" if running else "Took", wording.duration(lists.took(job)))]
    if running:
        facts += [("Time to go", wording.duration(job.eta_seconds))]
    if job.kind in ("fit", "sample", "impute"):
        facts += [("Generator", wording.generator(str(job.spec.get("generator", "auto"))))]
    if job.attempts > 1:
        facts += [("Attempt", job.attempts)]
    return facts


def _actions(service: Backend, job: JobView) -> None:
    with st.container(horizontal=True):
        if job.state == "succeeded" and job.set_id and job.kind in ("fit", "sample"):
            links.button("set", "Review the synthetic set", primary=True, icon=":material/fact_check:", id=job.set_id)
        if job.state in BUSY and job.kind != "erase":
            asked = job.cancel_requested
            if st.button("Stopping …" if asked else "Cancel", icon=":material/stop:", disabled=asked):
                service.cancel(job.id)
                st.rerun()
        if job.state in ("failed", "cancelled") and st.button("Retry", icon=":material/replay:", type="primary"):
            service.retry(job.id)
            st.rerun()
        links.button("dataset", "Dataset", icon=":material/table_chart:", id=job.dataset_id)
