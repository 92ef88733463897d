"""Missing cells of a table: where they are, filling them from a trained model, and the filled table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import links
from dashboard.backend import Backend
from dashboard.components import layout, lists, wording
from dashboard.components.layout import Html
from synthgen.service.read_models import DatasetView, JobView

REAL = "The filled table holds real people: it is no synthetic set, and no bundle may hold it."


def offer(service: Backend, dataset: DatasetView, preview: Mapping[str, Any]) -> None:
    """The columns with gaps, a model to fill them from, and what was filled before."""
    gaps = [c for c in preview.get("columns", ()) if c.get("missing") and c["kind"] not in wording.UNMODELLED]
    if not gaps:
        layout.empty("Nothing to fill", "No cell is missing in the columns that a model learns.")
        return
    layout.section(
        "Fill missing cells",
        "Each is drawn from a trained model, given what its row holds; all other cells stay as they came.",
    )
    rows = [_gap(c, dataset.rows or 0) for c in sorted(gaps, key=lambda c: -c["missing"])]
    layout.table(("Column", "Missing", "Share of the rows", ""), rows, numbers=(1, 2))
    mine = [job for job in service.jobs() if job.dataset_id == dataset.id]
    models = {job.id: job for job in mine if job.kind == "fit" and job.state == "succeeded"}
    if not models:
        st.caption("Filling takes a trained model. Start a job first; its model can then fill the table.")
        return
    chosen = st.selectbox("Model", list(models), format_func=lambda i: _named(models[i]))
    st.caption(f"{REAL} Filled cells are draws, not measurements: what is computed from them looks surer than it is.")
    if st.button("Fill the table", type="primary", icon=":material/format_color_fill:"):
        links.go("job", id=service.impute(chosen).id)
    before = [job for job in mine if job.kind == "impute"]
    if before:
        layout.section("Filled before")
        lists.jobs(before)


def result(job: JobView, columns: Sequence[Mapping[str, Any]]) -> None:
    """What an imputation filled, and its table to keep."""
    st.html(f'<a class="sg-download sg-keep" href="/api/jobs/{job.id}/filled">Download the filled table</a>')
    st.caption(f"{REAL} Every download is written to the audit trail, and it is erased with its dataset.")
    layout.section("What was filled")
    if not columns:
        layout.empty("No cell was missing", "The table is as it was.")
        return
    rows = [_filled(column) for column in columns]
    layout.table(("Column", "Missing", "Filled", "Left empty"), rows, numbers=(1, 2, 3))


def _gap(column: Mapping[str, Any], rows: int) -> tuple[layout.Cell, ...]:
    share = column["missing"] / max(rows, 1)
    name = Html(f"<b>{layout.text(column['name'])}</b>")
    return name, wording.count(column["missing"]), f"{share:.1%}", layout.bar(share, "warn")


def _filled(column: Mapping[str, Any]) -> tuple[layout.Cell, ...]:
    name, missing, left = (column.get(key) for key in ("name", "missing", "left"))
    filled = int(missing or 0) - int(left or 0)
    return Html(f"<b>{layout.text(name)}</b>"), wording.count(missing), wording.count(filled), wording.count(left)


def _named(job: JobView) -> str:
    return f"{wording.generator(str(job.spec.get('generator', 'auto')))}, trained {wording.ago(job.created_at)}"
