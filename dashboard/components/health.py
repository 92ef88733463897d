"""Health of a training: one sentence with a colour, what was done about it, small curves, every figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.components import charts, history, layout, wording
from synthgen.contracts import Scorecard

CURVES = ("held_out_gap", "held_out_auc", "diversity")
TEXTS = frozenset({"text", "acted", "states", "lost"})


def show(looks: Sequence[Mapping[str, Any]]) -> None:
    """The newest look, every act so far, and how the figures went."""
    newest = looks[-1]
    label, tone = wording.health(str(newest.get("state", "")))
    layout.section("Health of training", "How made records compare with real ones that training never sees.")
    layout.banner(tone, f"{label}. {newest.get('text', '')}", _lost(newest.get("lost", ())))
    acts = [line for look in looks for line in _acts(look)]
    if acts:
        layout.table(("Stage", "Step", "Found", "What was done"), acts, numbers=(1,))
    points = history.long([dict(look) for look in looks], CURVES)
    if len(looks) > 1 and len(points):
        charts.curves(points)
    with st.expander(f"Figures of {wording.plural(len(looks), 'look')}"):
        figures = pd.DataFrame([{k: v for k, v in look.items() if k not in TEXTS} for look in looks])
        st.dataframe(figures.rename(columns=lambda name: str(name).replace("_", " ")), hide_index=True)


def ended(card: Scorecard) -> None:
    """One line on how the training of a set's generator ended, if it told."""
    state = card.emphasis.get("health")
    if state is None:
        return
    label, tone = wording.health(str(state))
    said = str(card.emphasis.get("health_text", ""))
    if state == "balanced":
        st.caption(f"At the end of training: {said}")
    else:
        layout.banner(tone, f"At the end of training: {label.lower()}.", [said])


def _acts(look: Mapping[str, Any]) -> list[tuple[layout.Cell, ...]]:
    badge = layout.badge(*wording.health(str(look.get("state", ""))))
    where = (wording.stage(str(look.get("stage", ""))), int(look.get("step", 0)), badge)
    return [(*where, str(act)) for act in look.get("acted", ())]


def _lost(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lost groups by kind and columns, of images by kind alone; each kind of them once."""
    said = [" of ".join(filter(None, (group["kind"], " and ".join(group["columns"])))) for group in groups]
    return [text if said.count(text) == 1 else f"{text} ({said.count(text)})" for text in dict.fromkeys(said)]
