"""Lists of datasets, jobs, sets and releases, drawn the same wherever they appear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from dashboard import links
from dashboard.components import layout, wording
from dashboard.components.layout import Html
from synthgen.service.read_models import DatasetView, JobView, ReleaseView, SetView

MOST_COLUMNS = 200  # of a table of rows; a browser does not want more


def datasets(found: Iterable[DatasetView]) -> None:
    """Datasets, one a line."""
    rows = [
        (
            layout.link(links.address("dataset", id=d.id), d.name),
            layout.state(d.state),
            holds(d),
            wording.size(d.size),
            d.created_by or "–",
            wording.ago(d.created_at),
        )
        for d in found
    ]
    layout.table(("Dataset", "State", "Holds", "Size", "By", "Uploaded"), rows, numbers=(3,))


def holds(dataset: DatasetView) -> str:
    """What is in a dataset, in its own words; a dash before it was read."""
    if dataset.rows is None or dataset.columns is None:
        return "–"
    if dataset.modality == "images":
        return f"{wording.plural(dataset.rows, 'image')}, {wording.plural(dataset.columns, 'class', 'classes')}"
    return f"{wording.plural(dataset.rows, 'row')}, {wording.plural(dataset.columns, 'column')}"


def jobs(found: Iterable[JobView]) -> None:
    """Jobs, one a line."""
    rows = [
        (
            layout.link(links.address("job", id=j.id), wording.KINDS.get(j.kind, j.kind)),
            j.dataset_name or "–",
            layout.state(job_state(j)),
            _progress(j),
            wording.ago(j.created_at),
            wording.duration(took(j)),
        )
        for j in found
    ]
    layout.table(("Job", "Dataset", "State", "Progress", "Submitted", "Took"), rows, numbers=(5,))


def sets(found: Iterable[SetView]) -> None:
    """Synthetic sets, one a line, with their census."""
    rows = [
        (
            layout.link(links.address("set", id=s.id), s.dataset_name or "Synthetic set"),
            layout.state(s.state),
            wording.count(s.rows),
            wording.generator(s.generator),
            census(s),
            wording.ago(s.created_at),
        )
        for s in found
    ]
    layout.table(("Synthetic set of", "State", "Rows", "Generator", "Minority census", "Made"), rows, numbers=(2,))


def census(one: SetView) -> Html:
    """The census of a set in one line."""
    counts = one.summary.get("census") or {}
    parts = [
        f'<span class="sg-badge sg-{tone}">{counts[name]} {title.lower()}</span>'
        for name, (title, tone, _) in wording.CENSUS.items()
        if counts.get(name) and name != "too few to tell"
    ]
    return Html(" ".join(parts) or "–")


def job_state(job: JobView) -> str:
    """The state to show: a running job that was asked to stop is stopping."""
    return "stopping" if job.cancel_requested and job.state == "running" else job.state


def took(job: JobView) -> float | None:
    """Seconds a job has run."""
    if job.started_at is None:
        return None
    end = job.finished_at or datetime.now(UTC)
    return (_aware(end) - _aware(job.started_at)).total_seconds()


def release_state(release: ReleaseView) -> str:
    """Where a release stands."""
    if release.withdrawn_at is not None:
        return "withdrawn"
    if release.expires_at is not None and _aware(release.expires_at) <= datetime.now(UTC):
        return "expired"
    return "released" if release.ready else "exporting"


def _progress(job: JobView) -> Html | str:
    if job.state != "running":
        return "–" if job.state != "queued" else "waiting for a worker"
    eta = f" · {wording.duration(job.eta_seconds)} to go" if job.eta_seconds is not None else ""
    said = layout.text(f"{wording.stage(job.stage)} {job.progress:.0%}{eta}")
    return Html(f"{layout.bar(job.progress)}<br><small>{said}</small>")


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def frame(preview: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a preview as shown strings."""
    rows = preview.get("rows", ())
    names = [c["name"] if isinstance(c, Mapping) else str(c) for c in preview.get("columns", ())]
    if rows and isinstance(rows[0], Mapping):
        return pd.DataFrame(list(rows), dtype=object)
    return pd.DataFrame([list(row) for row in rows], columns=names or None, dtype=object).iloc[:, :MOST_COLUMNS]
