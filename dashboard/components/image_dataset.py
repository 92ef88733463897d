"""A dataset of images: how many of each class, what they look like, what was done to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.components import layout, pictures, wording
from dashboard.components.layout import Cell, Html
from dashboard.components.wording import Tone
from synthgen.service.read_models import DatasetView

COLOURS = {1: "grey", 3: "colour"}
WHAT: dict[str, tuple[str, Tone]] = {
    "refused": ("Refused", "bad"),
    "left out": ("Left out", "warn"),
    "duplicate": ("Near duplicate", "calm"),
    "converted": ("Converted", "busy"),
}
FITS = {
    "pad": "padded to a square with the colour of their edge, then resized",
    "stretch": "stretched to the size",
    "crop": "cut to a square around their middle, then resized",
}
SHOWN = 200


def facts(dataset: DatasetView, schema: Mapping[str, Any]) -> None:
    """The figures at the top of the page."""
    people = schema.get("sources")
    kept = f"{wording.count(people)} of them" if people else "each image by itself"
    layout.facts(
        [
            ("Images", Html(f"{wording.count(dataset.rows)}<small>{wording.size(dataset.size)}</small>")),
            ("Classes", wording.count(len(schema["classes"]))),
            ("Read as", Html(f"{size(schema)}<small>{COLOURS[schema['channels']]}</small>")),
            ("Kept together by", Html(f"{layout.text(schema.get('person') or 'Nothing')}<small>{kept}</small>")),
            ("Near duplicates", wording.count(schema.get("duplicates", 0))),
        ]
    )


def size(schema: Mapping[str, Any]) -> str:
    """64 × 64."""
    return f"{schema['width']} × {schema['height']}"


def classes(schema: Mapping[str, Any], preview: Mapping[str, Any]) -> None:
    """Every class with its share and some of its images."""
    st.caption("Real images, as training will see them. Only people of this service see them.")
    drawn = {one["name"]: one["pictures"] for one in preview["classes"]}
    counts = dict(zip(schema["classes"], schema["counts"], strict=True))
    most = max(counts.values(), default=1)
    rows = [
        (
            Html(f"<b>{layout.text(name)}</b>"),
            wording.count(count),
            layout.bar(count / most, "busy" if count * 10 >= most else "warn"),
            pictures.strip(drawn.get(name, ()), name, 56),
        )
        for name, count in sorted(counts.items(), key=lambda item: -item[1])[:SHOWN]
    ]
    layout.table(("Class", "Images", "", "Some of them"), rows, numbers=(1,), widths=(18, 8, 14, 60))
    _left_out(preview["left_out"], schema["k_floor"])
    if counts and most >= 10 * min(counts.values()):
        rarest = min(counts, key=lambda name: counts[name])
        st.caption(
            f"{rarest}: {most / max(1, counts[rarest]):.0f} times fewer than the largest class. "
            "A job protects every class; a synthetic set can be topped up or balanced."
        )


def _left_out(classes: Sequence[Mapping[str, Any]], k_floor: int) -> None:
    """Classes of the file that no training sees."""
    if not classes:
        return
    named = [f"{one['name']} ({wording.count(one['count'])})" for one in classes]
    layout.banner(
        "warn",
        f"Left out: {wording.plural(len(classes), 'class', 'classes')} of fewer than {k_floor} people or images",
        [", ".join(named), "A generator would have to memorise them. More images of them, or a smaller k-floor, help."],
    )


def reading(schema: Mapping[str, Any], preview: Mapping[str, Any]) -> None:
    """What was converted, left out or refused, each with its reason, and the sizes that came."""
    st.caption(
        f"Training sees every image as {size(schema)} pixels in {COLOURS[schema['channels']]}. Images of another shape "
        f"are {FITS[schema['fit']]}; a new job can choose otherwise."
    )
    found = schema.get("findings", ())
    if not found:
        layout.empty("Nothing had to be changed", "Every file was read as it is.")
    else:
        layout.table(("", "Files", "Why", "For example"), map(_finding, found), numbers=(1,), widths=(14, 8, 46, 32))
    sizes = [(f"{w} × {h}", wording.count(n)) for w, h, n in schema.get("sizes", ())]
    if sizes:
        layout.section("Sizes as they came", "The commonest, width by height in pixels.")
        layout.table(("Size", "Images"), sizes, numbers=(1,), widths=(50, 50))
    if preview["notes"]:
        st.caption(". ".join(note[:1].upper() + note[1:] for note in preview["notes"]) + ".")


def _finding(finding: Mapping[str, Any]) -> tuple[Cell, ...]:
    named = ", ".join(finding.get("files", ()))
    label, tone = WHAT.get(finding["what"], (finding["what"].capitalize(), "calm"))
    return (
        layout.badge(label, tone),
        wording.count(finding["count"]),
        finding["reason"],
        Html(f"<small>{layout.text(named)}</small>"),
    )
