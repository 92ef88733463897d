"""New job: what to train on, for what, how long, and what to draw from the result."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import backend, links, session
from dashboard.backend import Backend
from dashboard.components import artifacts, image_job, job_form, layout, lists, mix, overrides, private, wishes, wording
from synthgen.service.read_models import DatasetView
from synthgen.spec import AttackPlan, RunSpec, SampleSpec, checked

NO_TARGET = "No target"
MOST_SECRETS = 4  # attacked in one scoring


def show() -> None:
    """Draw the page."""
    service = session.connect()
    layout.header("New job", "A job trains a generator, draws a synthetic set and scores it on records it never saw.")
    ready = [d for d in service.datasets() if d.state == "ready"]
    if not ready:
        layout.empty("No dataset is ready", "Upload one first, or wait until its schema has been read.")
        links.button("datasets", "Go to datasets", primary=True)
        return
    dataset = _choose(ready)
    schema = artifacts.once("schema", dataset.id, service.schema)
    form = image_job.form if dataset.modality == "images" else _table
    _submit(service, dataset, form(service, dataset, schema))


def _table(service: Backend, dataset: DatasetView, schema: dict[str, Any]) -> RunSpec:
    """The form of a job on a table."""
    with st.container(border=True):
        layout.section("What for")
        target, positive = _target(service, dataset, schema)
    with st.container(border=True):
        layout.section("Training")
        training = {**job_form.training(AUTO), "privacy": private.form(f"private-{dataset.id}")}
    with st.container(border=True):
        layout.section(
            "The synthetic set", "More sets can be drawn from the same model later, with scores of their own."
        )
        preview = artifacts.once("preview", dataset.id, service.dataset_preview)
        sample = mix.form(schema, dataset.rows, f"new-{dataset.id}", target, preview)
    with st.container(border=True):
        layout.section("Constraints", "What every synthetic row must keep, such as an admission before its discharge.")
        with st.expander("Constraints that every row keeps"):
            constraints, problem = wishes.constraints(_modelled(schema), f"constraints-{dataset.id}")
    with st.container(border=True):
        layout.section("The gate", "A set that misses a rule of its policy is blocked; the others wait for a person.")
        policy = job_form.policy()
        attacks = _attacks(_modelled(schema))
    changed = service.overrides(dataset.id)
    if changed:
        layout.banner("busy", "Columns you corrected", [overrides.describe(changed)])
    if problem is not None:
        raise problem
    asked = {"target": target, "positive": positive, "columns": changed, "constraints": constraints, "attacks": attacks}
    return checked(RunSpec, sample=sample, policy=policy, **asked, **training)


def _choose(ready: list[DatasetView]) -> DatasetView:
    ids = [d.id for d in ready]
    wanted = links.wanted("dataset")
    by_id = {d.id: d for d in ready}
    chosen = st.selectbox(
        "Dataset",
        ids,
        index=ids.index(wanted) if wanted in ids else 0,
        format_func=lambda i: f"{by_id[i].name} ({lists.holds(by_id[i])})",
    )
    return by_id[chosen]


def _target(service: Backend, dataset: DatasetView, schema: dict[str, Any]) -> tuple[str | None, str | None]:
    names = _modelled(schema)
    left, right = st.columns(2)
    with left:
        chosen = st.selectbox(
            "Target",
            [NO_TARGET, *names],
            help="The column that matters most, such as the diagnosis. Its classes are protected first, "
            "and usefulness is measured by predicting it.",
        )
    if chosen == NO_TARGET:
        return None, None
    with right:
        return chosen, _positive(service, dataset, chosen)


def _modelled(schema: dict[str, Any]) -> list[str]:
    return [c["name"] for c in schema["columns"] if c["kind"] in mix.MODELLED]


def _positive(service: Backend, dataset: DatasetView, target: str) -> str | None:
    preview = artifacts.once("preview", dataset.id, service.dataset_preview)
    column: dict[str, Any] = next((c for c in preview.get("columns", ()) if c["name"] == target), {})
    values = (
        [str(v) for v in column.get("histogram", {}).get("labels", ())] if column.get("kind") in mix.DISCRETE else []
    )
    said = "The value to look for, such as 'yes' or '1'; it makes the scores of a rare class readable."
    if values:
        chosen = st.selectbox("Positive value", ["Not set", *values], help=said)
        return None if chosen == "Not set" else chosen
    return st.text_input("Positive value", help=said, placeholder="optional") or None


AUTO = "Automatic: the GAN, or a simpler model for a small table"


def _attacks(names: list[str]) -> AttackPlan:
    """Which attacks are made on the set before it is judged: planned here, before anything is trained."""
    with st.expander("Attacks that test the set"):
        size = job_form.attack_size()
        left, right = st.columns(2)
        secrets = left.multiselect(
            "Columns an attacker wants to know",
            names,
            max_selections=MOST_SECRETS,
            placeholder="Chosen by rule",
            help="Such as a diagnosis. By rule: the target and the columns that say most.",
        )
        known = right.multiselect(
            "Columns an attacker knows already",
            names,
            placeholder="All but the secret",
            help="Such as age, sex and place of living.",
        )
    return checked(AttackPlan, size=size, secrets=tuple(secrets), known=tuple(known))


def _submit(service: Backend, dataset: DatasetView, spec: RunSpec) -> None:
    """The button, where the job can be done as asked. Raises SpecError where its generator cannot."""
    backend.check(spec)
    budget = wording.duration(spec.time_budget)
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.caption(f"{_rows(spec.sample, dataset)} from {dataset.name}, after about {budget} of training.")
    if right.button("Start the job", type="primary", icon=":material/play_arrow:", width="stretch"):
        job = service.submit(dataset.id, spec)
        links.go("job", id=job.id)


def _rows(sample: SampleSpec, dataset: DatasetView) -> str:
    rows = sum(t.rows for t in sample.targets) or sample.rows or dataset.rows or 0
    return wording.plural(rows, "synthetic image" if dataset.modality == "images" else "synthetic row")
