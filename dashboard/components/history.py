"""A job's history, read bit by bit: only events that this session has not seen yet are fetched."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from synthgen.service.read_models import EventView

BATCH = 1000
LINES = 500
OWN_MEASURES = frozenset(  # stages whose figures are not those of the stage before under one name
    {"conditional_gan", "reduced_size", "full_size"}
)


@dataclass
class History:
    """What is kept of a job's events: log lines, curve points, looks at the health of training, columns filled."""

    seq: int = 0
    lines: list[tuple[str, str]] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    healths: list[dict[str, Any]] = field(default_factory=list)
    filled: list[dict[str, Any]] = field(default_factory=list)
    stage: str = ""

    def add(self, event: EventView) -> None:
        """Take in one event."""
        self.seq = max(self.seq, event.seq)
        if event.kind == "curve":
            self.points.append(dict(event.payload))
        elif event.kind == "progress":
            self._reached(str(event.payload.get("stage", "")))
        else:
            if event.kind == "health":
                self.healths.append(dict(event.payload))
            if event.kind == "imputed":
                self.filled = list(event.payload.get("columns", ()))
            self.lines.append((f"{event.at:%H:%M:%S}", said(event)))
            del self.lines[:-LINES]

    def _reached(self, stage: str) -> None:
        """Progress is told right after a point of a curve, so it names the stage of the points since the last one."""
        self.stage = stage
        for point in reversed(self.points):
            if "stage" in point:
                break
            point["stage"] = stage

    def curves(self) -> pd.DataFrame:
        """The curve points as step, figure, value; figures that a stage measures in its own way under its own name."""
        return long([_named(point, str(point.get("stage", self.stage))) for point in self.points])


def _named(point: dict[str, Any], stage: str) -> dict[str, Any]:
    if stage not in OWN_MEASURES:
        return point
    return {name if name in ("step", "stage") else f"{stage}/{name}": value for name, value in point.items()}


def long(points: list[dict[str, Any]], figures: Collection[str] = ()) -> pd.DataFrame:
    """Points as step, figure, value; only these figures, or all numbers."""
    rows = [
        (step, name, float(value))
        for step, point in _onwards(points)
        for name, value in point.items()
        if isinstance(value, int | float) and (name in figures if figures else name != "step")
    ]
    return pd.DataFrame(rows, columns=["step", "figure", "value"])


def _onwards(points: list[dict[str, Any]]) -> list[tuple[float, dict[str, Any]]]:
    """Points by steps that go on from one stage of a training to the next, where they begin anew.

    Steps that were done again, after a training was resumed from its checkpoint, take the place of the first ones.
    """
    found: list[tuple[float, dict[str, Any]]] = []
    before, last, stage = 0.0, 0.0, None
    for i, point in enumerate(points):
        step, now = float(point.get("step", i)), point.get("stage")
        if i and (step <= last if now is None else now != stage):
            before += last
        while now is not None and found and found[-1][0] >= before + step:
            found.pop()
        found.append((before + step, point))
        last, stage = step, now
    return found


def said(event: EventView) -> str:
    """One event as a line of text."""
    payload = dict(event.payload)
    text = payload.pop("text", None)
    if text is not None:
        return str(text)
    parts = [str(payload.pop("state", event.kind)).replace("_", " ")]
    parts += [f"{name.replace('_', ' ')}: {value}" for name, value in payload.items() if _tells(name, value)]
    return ", ".join(parts)


def _tells(name: str, value: object) -> bool:
    """Whether a person learns something from it; which worker has a job is on the admin page."""
    return value not in (None, "", False) and name != "worker"


def follow(job_id: str, fetch: Callable[[str, int], list[EventView]]) -> History:
    """The history of a job so far."""
    shelf: dict[str, History] = st.session_state.setdefault("histories", {})
    history = shelf.setdefault(job_id, History())
    while batch := fetch(job_id, history.seq):
        for event in batch:
            history.add(event)
        if len(batch) < BATCH:
            break
    return history
