"""Dataset: how every column or image was read and why, some of its records, and erasing it."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from dashboard import links, session
from dashboard.backend import Backend
from dashboard.components import artifacts, charts, gaps, image_dataset, layout, lists, live, overrides, wording
from dashboard.components.layout import Cell, Html
from synthgen.service.read_models import DatasetView

SHOWN, GLANCED = 300, 30


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
        job = service.job(dataset.inspect_job_id) if dataset.inspect_job_id else None
        hint = (job.hint if job else None) or "Correct the file and upload it again."
        layout.banner("bad", dataset.error or "The file could not be read.", [hint])
        _erase(service, dataset)
    elif dataset.state == "ready" and dataset.modality == "images":
        _images(service, dataset)
    elif dataset.state == "ready":
        _ready(service, dataset)
    else:
        layout.empty("This dataset is being erased", "What was made from it and not released goes with it.")


@live.every(1)
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
            ("Modelled", sum(c["kind"] not in wording.UNMODELLED for c in columns)),
            ("Size", wording.size(dataset.size)),
            ("Person key", schema.get("person") or Html("None<small>every row is a person</small>")),
        ]
    )
    for note in preview.get("notes", ()):
        st.caption(note)
    links.button("new-job", "Start a job", primary=True, icon=":material/play_arrow:", dataset=dataset.id)
    names = ["Schema", "Columns at a glance", "First rows", "Missing cells", "Erase"]
    tab_schema, tab_columns, tab_rows, tab_gaps, tab_erase = st.tabs(names)
    with tab_schema:
        _schema(service, dataset, schema, preview)
    with tab_columns:
        _glance(preview)
    with tab_rows:
        st.caption("Real records, as they stand in the file.")
        st.dataframe(lists.frame(preview), hide_index=True)
    with tab_gaps:
        gaps.offer(service, dataset, preview)
    with tab_erase:
        _erase(service, dataset)


def _images(service: Backend, dataset: DatasetView) -> None:
    schema = artifacts.once("schema", dataset.id, service.schema)
    preview = artifacts.once("preview", dataset.id, service.dataset_preview)
    image_dataset.facts(dataset, schema)
    links.button("new-job", "Start a job", primary=True, icon=":material/play_arrow:", dataset=dataset.id)
    classes, reading, erase = st.tabs(["Classes", "How it was read", "Erase"])
    with classes:
        image_dataset.classes(schema, preview)
    with reading:
        image_dataset.reading(schema, preview)
    with erase:
        _erase(service, dataset)


def _schema(service: Backend, dataset: DatasetView, schema: dict[str, Any], preview: dict[str, Any]) -> None:
    st.caption("How each column was read, and why. Correct what is wrong below; it holds for the jobs you start next.")
    counted = {c["name"]: c for c in preview.get("columns", ())}
    rows = [_column(c, counted.get(c["name"], {})) for c in schema["columns"][:SHOWN]]
    layout.table(("Column", "Read as", "Because", "Distinct", "Missing"), rows, numbers=(3, 4))
    if len(schema["columns"]) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(schema['columns']):,} columns. All of them can be corrected below.")
    kept = service.overrides(dataset.id)
    with st.expander("Correct how columns are read", expanded=bool(kept)):
        if kept:
            layout.banner("busy", "Corrected for the next jobs", [overrides.describe(kept)])
        said = overrides.editor(dataset.id, schema, kept)
    if said is not None and said != kept:
        service.save_overrides(dataset.id, said)
        session.flash("Kept with the dataset. The next jobs use it.")
        st.rerun()


def _column(column: dict[str, Any], counted: dict[str, Any]) -> tuple[Cell, ...]:
    because = layout.text(re.sub(r"^read as .*? because ", "", str(column.get("reason", ""))))
    if column.get("order"):
        because += f"<br><small>{layout.text(str(counted.get('format', '')))}</small>"
    if column.get("warning"):
        because += f'<br><small class="sg-warning">{layout.text(column["warning"])}</small>'
    tone: wording.Tone = "calm" if column["kind"] in wording.UNMODELLED else "busy"
    missing = counted.get("missing") or 0
    return (
        Html(f"<b>{layout.text(column['name'])}</b>"),
        layout.badge(column["kind"], tone),
        Html(because),
        wording.count(counted.get("distinct")),
        wording.count(missing) if missing else "none",
    )


def _glance(preview: dict[str, Any]) -> None:
    drawn = [c for c in preview.get("columns", ()) if (c.get("histogram") or {}).get("counts")]
    names = [c["name"] for c in drawn]
    wanted = st.multiselect("Columns", names, placeholder=f"The first {min(len(names), GLANCED)} modelled columns")
    shown = [c for c in drawn if c["name"] in wanted] if wanted else drawn[:GLANCED]
    for start in range(0, len(shown), 3):
        for column, place in zip(shown[start : start + 3], st.columns(3), strict=False):
            with place, st.container(border=True):
                missing = column.get("missing") or 0
                gaps = f", {wording.count(missing)} missing" if missing else ""
                st.html(f"<b>{layout.text(column['name'])}</b><br><small>{layout.text(column['kind'] + gaps)}</small>")
                charts.histogram(
                    column["histogram"]["labels"], column["histogram"]["counts"], f"histogram-{column['name']}"
                )


def _erase(service: Backend, dataset: DatasetView) -> None:
    layout.section(
        "Erase this dataset",
        "The file, its models and every synthetic set that was not released are deleted. This cannot be undone.",
    )
    typed = st.text_input("Type the name of the dataset to confirm", placeholder=dataset.name)
    if st.button("Erase", icon=":material/delete:", disabled=typed.strip() != dataset.name):
        job = service.erase(dataset.id)
        session.flash("The dataset is being erased.")
        links.go("job", id=job.id)
