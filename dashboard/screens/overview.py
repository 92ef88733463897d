"""Overview: what is going on and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard import links, session
from dashboard.components import layout, lists, live
from dashboard.components.layout import Html
from synthgen.service.read_models import DatasetView, JobView, ReleaseView, SetView

STEPS = (
    ("Upload a dataset", "A table, or a zip of labelled images. You see how everything was read, and may correct it."),
    ("Train", "A job trains a generator, samples a synthetic set and scores it on records it never saw."),
    ("Review", "Look at the verdict, at what became of the minorities, and at the data."),
    ("Release", "Say why and for whom. Only then can the bundle be downloaded."),
)


@dataclass(frozen=True)
class Situation:
    """Everything the overview looks at."""

    datasets: list[DatasetView]
    jobs: list[JobView]
    sets: list[SetView]
    releases: list[ReleaseView]

    @property
    def awaiting(self) -> list[SetView]:
        """Sets a person has to look at."""
        return [s for s in self.sets if s.state == "awaiting_review"]

    @property
    def active(self) -> list[JobView]:
        """Jobs that are not finished."""
        return [j for j in self.jobs if j.state in ("queued", "running")]

    @property
    def step(self) -> int:
        """How many of the four steps have been done at least once."""
        done = (bool(self.datasets), bool(self.sets), any(s.release_id for s in self.sets), bool(self.releases))
        return next((i for i, yes in enumerate(done) if not yes), len(done))


def show() -> None:
    """Draw the page."""
    layout.header("Overview")
    _live()


@live.every(5)
def _live() -> None:
    service = session.connect()
    alive = [d for d in service.datasets() if d.state not in ("erased", "erasing")]
    now = Situation(alive, service.jobs(50), service.sets(), service.releases())
    _next(now)
    layout.facts(
        [
            ("Datasets", len(now.datasets)),
            ("Jobs at work", len(now.active)),
            ("Sets awaiting review", len(now.awaiting)),
            ("Releases", len([r for r in now.releases if r.withdrawn_at is None])),
        ]
    )
    if now.step < len(STEPS):
        layout.section("How it goes")
        _steps(now.step)
    if now.awaiting:
        layout.section("Waiting for you", "These sets passed the gate. Nothing leaves before a person releases it.")
        lists.sets(now.awaiting)
    if now.jobs:
        layout.section("Latest jobs")
        lists.jobs(now.jobs[:6])


def _next(now: Situation) -> None:
    """One sentence and one button."""
    reading = [d for d in now.datasets if d.state == "inspecting"]
    if now.awaiting:
        first = now.awaiting[0]
        layout.banner("warn", f"A synthetic set of {first.dataset_name} waits for your review.")
        links.button("set", "Review it", primary=True, icon=":material/fact_check:", id=first.id)
    elif now.active and not reading:
        job = now.active[0]
        layout.banner("busy", f"A job on {job.dataset_name or 'a dataset'} is at work.")
        links.button("job", "Watch it", primary=True, icon=":material/timelapse:", id=job.id)
    elif not now.datasets:
        layout.banner(
            "busy", "Start by uploading a table or images.", ["It stays on this installation and can be erased."]
        )
        links.button("datasets", "Upload a dataset", primary=True, icon=":material/upload:")
    elif reading:
        layout.banner("busy", f"{reading[0].name} is being read; its schema will be ready in a moment.")
        links.button("dataset", "Look at it", primary=True, id=reading[0].id)
    else:
        layout.banner("good", "Nothing is waiting for you.")
        links.button("new-job", "Start a job", primary=True, icon=":material/add_circle:")


def _steps(done: int) -> None:
    marks = ["sg-done" if i < done else "sg-next" if i == done else "" for i in range(len(STEPS))]
    items = "".join(
        f'<div class="{mark}"><b>{title}</b>{text}</div>' for mark, (title, text) in zip(marks, STEPS, strict=True)
    )
    st.html(Html(f'<div class="sg-steps">{items}</div>'))
