"""Dataset: how every column was read and why, first rows, and erasing it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import links, session
from dashboard.backend import Backend
from dashboard.components import artifacts, charts, layout, lists, overrides, wording
from synthgen.service.read_models import DatasetView


def show() -> None:
    """Draw the page."""
    dataset_id = links.wanted()
    if dataset_id is None:
        links.go("datasets")
    service = session.connect()
    dataset = service.dataset(dataset_id)
    lead = f"{dataset.filename}, uploaded {wording.ago(dataset.created_at)} by {dataset.created_by or 'someone'}"
    layout.header(dataset.name, lead, layout.state(dataset.state))
    if dataset.state == "inspecting":
        _reading(dataset_id)
    elif dataset.state == "failed":
        layout.banner("bad", dataset.error or "The file could not be read.", ["Correct the file and upload it again."])
        _erase(service, dataset)
    elif dataset.state == "ready":
        _ready(service, dataset)
    else:
        layout.empty("This dataset is being erased", "What was made from it and not released goes with it.")


@st.fragment(run_every=1)
def _reading(dataset_id: str) -> None:
    if session.connect().dataset(dataset_id).state != "inspecting":
        st.rerun()
    layout.banner("busy", "A worker is reading the file and working out the schema.")


def _ready(service: Backend, dataset: DatasetView) -> None:
    schema = artifacts.once("schema", dataset.id, service.schema)
    preview = artifacts.once("preview", dataset.id, service.dataset_preview)
    columns = schema["columns"]
    layout.facts(
        [
            ("Rows", wording.count(dataset.rows)),
            ("Columns", wording.count(dataset.columns)),
            ("Modelled", sum(c["kind"] not in ("id", "person", "constant", "empty", "text") for c in columns)),
            ("Size", wording.size(dataset.size)),
            ("Person key", schema.get("person") or "every row is a person"),
        ]
    )
    for note in preview.get("notes", ()):
        st.caption(note)
    links.button("new-job", "Start a job", primary=True, icon=":material/play_arrow:", dataset=dataset.id)
    tab_schema, tab_columns, tab_rows, tab_erase = st.tabs(["Schema", "Columns at a glance", "First rows", "Erase"])
    with tab_schema:
        _schema(dataset, schema)
    with tab_columns:
        _glance(preview)
    with tab_rows:
        st.caption("Real records, as they stand in the file.")
        st.dataframe(lists.frame(preview), hide_index=True)
    with tab_erase:
        _erase(service, dataset)


def _schema(dataset: DatasetView, schema: dict[str, Any]) -> None:
    st.caption("How each column was read, and why. Correct what is wrong here; it holds for jobs you start next.")
    for column in schema["columns"]:
        if column.get("warning"):
            layout.banner("warn", column["name"], [column["warning"]])
    changed = overrides.editor(dataset.id, schema)
    if changed:
        layout.banner("busy", "Corrected for the next job", [overrides.describe(changed)])


def _glance(preview: dict[str, Any]) -> None:
    columns = st.columns(3)
    for i, column in enumerate(preview.get("columns", ())):
        with columns[i % 3], st.container(border=True):
            missing = column.get("missing") or 0
            gaps = f", {wording.count(missing)} missing" if missing else ""
            st.html(f"<b>{layout.text(column['name'])}</b><br><small>{layout.text(column['kind'] + gaps)}</small>")
            shape = column.get("histogram") or {}
            if shape.get("counts"):
                charts.histogram(shape["labels"], shape["counts"], f"histogram-{i}")


def _erase(service: Backend, dataset: DatasetView) -> None:
    layout.section(
        "Erase this dataset",
        "The table, its models and every synthetic set that was not released are deleted. This cannot be undone.",
    )
    typed = st.text_input("Type the name of the dataset to confirm", placeholder=dataset.name)
    if st.button("Erase", icon=":material/delete:", disabled=typed.strip() != dataset.name):
        job = service.erase(dataset.id)
        session.flash("The dataset is being erased.")
        links.go("job", id=job.id)
