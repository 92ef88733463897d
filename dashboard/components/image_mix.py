"""What to draw from a generator of images: how many of each class, and how far from the usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.components import wording
from synthgen.spec import GroupTarget, SampleSpec, checked

CLASS = "class"  # what a request for images calls the label
DATA, BALANCED, TOP_UP, COUNTS = "As in the data", "Balanced", "Top up", "Own counts"
MIXES = {
    DATA: "Every class comes as often as in the real images.",
    BALANCED: "Every class comes equally often.",
    TOP_UP: "Real and synthetic images together have as many of every class as of the largest: what a classifier "
    "that suffers from rare classes needs. The counts can be changed.",
    COUNTS: "You say how many images of each class are drawn.",
}
ACROSS = 4  # number inputs side by side
USUAL = 100  # images of a class, where a person says the counts
MOST = 1_000_000


def form(schema: Mapping[str, Any], source_images: int | None, key: str, classes_known: bool = True) -> SampleSpec:
    """The widgets, and what they say; no counts of classes that are not known yet. Raises SpecError."""
    mixes = list(MIXES) if classes_known else [DATA, BALANCED]
    mix = st.segmented_control("Mix", mixes, default=DATA, key=f"{key}-mix-{len(mixes)}") or DATA
    st.caption(MIXES[mix])
    asked: dict[str, Any] = {}
    if mix in (TOP_UP, COUNTS):
        asked["targets"] = _targets(_start(schema, mix), f"{key}-{mix}")
    else:
        asked = {"rows": _images(source_images, key), "mix": "balanced" if mix == BALANCED else "data"}
    return checked(SampleSpec, **asked, **_draw(key))


def told(sample: Mapping[str, Any], rows: int) -> str:
    """What was asked for in one line, from a job's specification, which holds no value that was typed."""
    parts = [wording.plural(rows, "image")]
    if sample.get("targets"):
        parts.append(f"own counts for {wording.plural(len(sample['targets']), 'class', 'classes')}")
    elif sample.get("mix") == "balanced":
        parts.append("every class equally often")
    else:
        parts.append("classes as often as in the data")
    if sample.get("truncation", 1) < 1:
        parts.append(f"truncation {sample['truncation']:g}: likelier, less varied images")
    return "; ".join(parts)


def top_up(counts: Mapping[str, int]) -> dict[str, int]:
    """How many images of each class make it as large as the largest."""
    most = max(counts.values(), default=0)
    return {name: most - count for name, count in counts.items()}


def _start(schema: Mapping[str, Any], mix: str) -> dict[str, int]:
    counts = dict(zip(schema["classes"], schema["counts"], strict=True))
    return top_up(counts) if mix == TOP_UP else dict.fromkeys(counts, USUAL)


def _targets(start: Mapping[str, int], key: str) -> tuple[GroupTarget, ...]:
    """A number for each class; classes of none are left out."""
    wanted: dict[str, int] = {}
    places = st.columns(min(ACROSS, max(1, len(start))))
    for i, (name, count) in enumerate(start.items()):
        label = wording.plain(name)
        with places[i % len(places)]:
            wanted[name] = int(st.number_input(label, 0, MOST, count, step=10, key=f"{key}-{i}"))
    st.caption(f"{wording.plural(sum(wanted.values()), 'image')} in all.")
    return tuple(GroupTarget(where={CLASS: name}, rows=count) for name, count in wanted.items() if count)


def _images(source_images: int | None, key: str) -> int | None:
    chosen = st.number_input("Images", 1, MOST, source_images or 1000, step=100, key=f"{key}-rows")
    return None if chosen == source_images else int(chosen)


def _draw(key: str) -> dict[str, Any]:
    left, right = st.columns([2, 1])
    with left:
        truncation = st.slider(
            "Truncation",
            0.3,
            1.0,
            1.0,
            0.05,
            key=f"{key}-truncation",
            help="Below 1 the images are likelier and less varied. For training a classifier keep 1: variety counts.",
        )
    with right:
        seed = st.number_input("Seed of the sample", 0, 2**31, 0, key=f"{key}-seed", help="The same seed repeats it.")
    return {"truncation": truncation, "seed": int(seed)}
