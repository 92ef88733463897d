"""The form of a job on images: the class is the target, and what only tables have is not asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st

from dashboard.backend import Backend
from dashboard.components import image_dataset, image_mix, job_form, layout, wording
from synthgen.service.read_models import DatasetView
from synthgen.spec import AttackPlan, ImageOptions, RunSpec, checked

IMAGES = "images"
BUDGET = 600  # seconds: images take longer than rows
AUTO = "Automatic: the conditional GAN"
CHANNELS: dict[str, Literal[1, 3] | None] = {"As the images are": None, "Grey": 1, "Colour": 3}
FITS = {"pad": "Pad to a square", "stretch": "Stretch", "crop": "Cut to a square"}


def form(service: Backend, dataset: DatasetView, schema: Mapping[str, Any]) -> RunSpec:
    """The widgets, and the job they ask for."""
    with st.container(border=True):
        layout.section("What for", "The class is what counts: every class is protected, the rarest first.")
        _classes(schema)
    with st.container(border=True):
        layout.section("Training")
        training = job_form.training(AUTO, IMAGES, BUDGET)
    with st.container(border=True):
        layout.section("The images", "What every image is brought to before anything is learnt from it.")
        options = _options(schema, dataset.id)
        as_read = options.label in (None, _label(schema))
    with st.container(border=True):
        layout.section(
            "The synthetic set", "More sets can be drawn from the same model later, with scores of their own."
        )
        sample = image_mix.form(schema, dataset.rows, f"new-{dataset.id}", classes_known=as_read)
    with st.container(border=True):
        layout.section("The gate", "A set that misses a rule of its policy is blocked; the others wait for a person.")
        policy = job_form.policy(IMAGES)
        with st.expander("Attacks that test the set"):
            attacks = checked(AttackPlan, size=job_form.attack_size())
    return checked(RunSpec, modality=IMAGES, images=options, sample=sample, policy=policy, attacks=attacks, **training)


def _classes(schema: Mapping[str, Any]) -> None:
    """Every class with its count, the largest first."""
    counts = sorted(zip(schema["classes"], schema["counts"], strict=True), key=lambda item: -item[1])
    marks = " ".join(layout.badge(f"{name}: {count:,}", "calm") for name, count in counts)
    st.html(f'<div class="sg-marks">{marks}</div>')
    if counts and counts[-1][1]:
        ratio = counts[0][1] / counts[-1][1]
        st.caption(f"{wording.plural(len(counts), 'class', 'classes')}; the largest has {ratio:.1f} times the rarest.")


def _options(schema: Mapping[str, Any], key: str) -> ImageOptions:
    size, channels, fit = st.columns(3)
    with size:
        wanted = st.number_input(
            "Size in pixels",
            8,
            128,
            None,
            step=4,
            placeholder=f"Automatic: {image_dataset.size(schema)}",
            key=f"size-{key}",
            help="Height and width. Larger images need more time: training takes about four times as long at twice "
            "the size.",
        )
    with channels:
        colour = CHANNELS[st.selectbox("Colour", list(CHANNELS), key=f"channels-{key}")]
    with fit:
        chosen = st.selectbox(
            "Images of another shape",
            list(FITS),
            index=list(FITS).index(schema["fit"]),
            format_func=FITS.__getitem__,
            key=f"fit-{key}",
        )
    said = _columns(schema, key)
    if "grouped" not in said:
        said["grouped"] = _grouped(said.get("person") or schema.get("person"), key)
    return checked(ImageOptions, size=wanted, channels=colour, fit=chosen, **said)


def _label(schema: Mapping[str, Any]) -> str | None:
    found: str | None = schema.get("layout", {}).get("label")
    return found


def _columns(schema: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Options for the columns of class and patient; asked only where the table of labels leaves a choice."""
    columns, label, person = list(schema.get("columns", ())), _label(schema), schema.get("person")
    if len(columns) < 2 or label not in columns:
        return {}
    left, right = st.columns(2)
    with left:
        chosen = st.selectbox(
            "Column of the class",
            columns,
            index=columns.index(label),
            key=f"label-{key}",
            help="Found by its name. Another one makes other classes: they are counted when the job starts.",
        )
    others = [None, *(name for name in columns if name != chosen)]
    with right:
        kept = st.selectbox(
            "Column of the patient or source",
            others,
            index=others.index(person) if person in others else 0,
            format_func=lambda name: "None" if name is None else name,
            key=f"person-{key}",
        )
    said: dict[str, Any] = {} if chosen == label else {"label": chosen}
    if kept is None:
        return {**said, "grouped": False}
    return said if kept == person else {**said, "person": kept}


def _grouped(person: str | None, key: str) -> bool:
    """Whether images of one patient stay together; asked only where the file names any."""
    if not person:
        return True
    return st.checkbox(
        f"Keep images of one {wording.plain(person)} together",
        value=True,
        key=f"grouped-{key}",
        help="On one side of the split, and counted as one person. Without, the scores look better than they are.",
    )
