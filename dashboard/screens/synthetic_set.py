"""Synthetic set: what a data steward looks at before deciding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import links, session
from dashboard.backend import Backend
from dashboard.components import (
    answers,
    artifacts,
    attacks,
    augmentation,
    charts,
    decision,
    gallery,
    health,
    image_card,
    image_mix,
    layout,
    lists,
    mix,
    scorecard,
    wording,
)
from synthgen.contracts import Scorecard, Verdict
from synthgen.service.read_models import SetView

CENSUS = "mode_census"
GLANCED = 24


def show() -> None:
    """Draw the page."""
    set_id = links.wanted()
    if set_id is None:
        links.go("review")
    service = session.connect()
    one = service.synthetic_set(set_id)
    job = service.job(one.job_id)
    images = job.spec.get("modality") == "images"
    record = "image" if images else "row"
    made = wording.plural(one.rows, f"invented {record}")
    lead = f"{made} by {wording.generator(one.generator)}, {wording.ago(one.created_at)}"
    layout.header(f"Synthetic set of {one.dataset_name}", lead, layout.state(one.state))
    if one.state == "erased":
        layout.empty("This set was erased", "It went with its dataset; only its history is left.")
        return
    draw = _images if images else _table
    draw(service, one, job.spec)


def _table(service: Backend, one: SetView, spec: Mapping[str, Any]) -> None:
    found = artifacts.once("verdict", one.id, service.verdict)
    card = artifacts.once("scorecard", one.id, service.scorecard)
    scorecard.verdict(found, one.state)
    st.caption(f"Asked for: {mix.told(spec.get('sample') or {}, one.rows)}.")
    answers.show(card, found, spec.get("target"))
    health.ended(card)
    names = ["Minorities", "Privacy", "Scores", "Real against synthetic", "Rows", "Rules", "Decide", "Sample again"]
    minorities, privacy, scores, plots, rows, rules, decide, again = st.tabs(names)
    with minorities:
        _minorities(card)
    with privacy:
        _privacy(card, found)
    with scores:
        _scores(card)
    with plots:
        _plots(card)
    with rows:
        _rows(service, one.id)
    with rules:
        scorecard.rules(found)
    with decide:
        decision.decide(service, one, found)
    with again:
        decision.again(service, one)


def _images(service: Backend, one: SetView, spec: Mapping[str, Any]) -> None:
    found = artifacts.once("verdict", one.id, service.verdict)
    card = artifacts.once("scorecard", one.id, service.scorecard)
    scorecard.verdict(found, one.state, "more images of the rarest classes")
    st.caption(f"Asked for: {image_mix.told(spec.get('sample') or {}, one.rows)}.")
    image_card.show(card, found)
    health.ended(card)
    names = ["Classes", "Gallery", "Closest pairs", "Privacy", "Scores", "Rules", "Decide", "Sample again"]
    classes, shown, pairs, privacy, scores, rules, decide, again = st.tabs(names)
    with classes:
        image_card.classes(card)
        layout.section("Classes and the kinds of images inside them", "A cluster is a group of like images of a class.")
        scorecard.census(card, "image")
    with shown:
        gallery.classes(artifacts.once("gallery", one.id, service.gallery))
    with pairs:
        gallery.pairs(artifacts.once("gallery", one.id, service.gallery))
    with privacy:
        _privacy(card, found)
    with scores:
        _scores(card, "image")
    with rules:
        scorecard.rules(found)
    with decide:
        decision.decide(service, one, found)
    with again:
        decision.again(service, one)


def _minorities(card: Scorecard) -> None:
    layout.section(
        "What became of the minorities",
        f"Groups of at least {card.k_floor} real people: classes, rare categories, rare pairs, spikes and tails.",
    )
    scorecard.census(card)
    augmentation.merged(card)
    scorecard.both_ends(card)


def _privacy(card: Scorecard, found: Verdict) -> None:
    attacks.show(card, found)
    layout.section("Privacy scores", "What was measured beside; attacks with their figures too.")
    scorecard.family(card, "privacy")


def _scores(card: Scorecard, record: str = "row") -> None:
    st.caption(
        f"{wording.count(card.compared_rows)} synthetic {record}s were compared with {wording.count(card.train_rows)} "
        f"{record}s of training data; {wording.count(card.holdout_rows)} real {record}s that training never saw stand "
        "beside them. "
        "In the last column the dot is this set, the line its interval, the grey mark real hold-out data."
    )
    for name, title in wording.FAMILIES.items():
        if name == "privacy":
            continue  # it has a page of its own
        layout.section(title)
        scorecard.family(card, name, skip=(CENSUS, "augmentation"))
        if name == "utility":
            augmentation.show(card)
    augmentation.dropped(card)
    for note in card.notes:
        st.caption(note)


def _plots(card: Scorecard) -> None:
    if not card.plots:
        layout.empty("No plots", "This scorecard holds none.")
        return
    st.caption("Shares over the same bins. Real values, so these are for reviewers; a bundle holds coarser ones.")
    first = min(len(card.plots), GLANCED)
    wanted = st.multiselect("Columns", [p.column for p in card.plots], placeholder=f"The first {first} columns")
    shown = [p for p in card.plots if p.column in wanted] if wanted else card.plots[:GLANCED]
    charts.legend()
    for start in range(0, len(shown), 2):
        for plot, place in zip(shown[start : start + 2], st.columns(2), strict=False):
            with place:
                charts.comparison(plot, f"plot-{plot.column}")


def _rows(service: Backend, set_id: str) -> None:
    preview = artifacts.once("set-preview", set_id, service.set_preview)
    st.caption("Rows the generator made. The privacy scores say how close they come to real records.")
    st.dataframe(lists.frame(preview), hide_index=True)
