"""Real beside synthetic images by class, and the closest pairs: for reviewers only, no bundle ever holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.components import layout, pictures, wording
from dashboard.components.layout import Html

SIDE, PAIR_SIDE = 64, 96  # pixels on the page
CLOSE = 0.5  # of the distance to unseen images: nearer than this a pair is marked
ON_THE_WAY = "On the way: what the model makes between two of its images; one that copies jumps, another glides."
REVIEWERS = "Real images. They are shown to people of this service only, and no bundle ever holds them."


def classes(gallery: Mapping[str, Any]) -> None:
    """Every class: some real images, as many synthetic ones."""
    st.caption(f"{REVIEWERS} Both sides are drawn by chance, none was picked. {ON_THE_WAY}")
    shown = gallery["classes"]
    names = [one["class"] for one in shown]
    wanted = st.multiselect("Classes", names, placeholder=f"All {len(names)} classes")
    for one in shown:
        if not wanted or one["class"] in wanted:
            st.html(_class(one))


def _class(one: Mapping[str, Any]) -> Html:
    real, made = one["real"], one["synthetic"]
    counts = f"{wording.plural(one['real_count'], 'real image')}, {one['synthetic_count']:,} synthetic"
    head = f"<h3>{layout.text(one['class'])} <small>{counts}</small></h3>"
    sides = f"<div><span>Real</span>{_side(real)}</div><div><span>Synthetic</span>{_side(made)}</div>"
    return Html(f'<div class="sg-class">{head}<div class="sg-sides">{sides}</div>{_way(one.get("between", ()))}</div>')


def _way(uris: Sequence[object]) -> Html:
    said = "On the way from one synthetic image to another"
    return Html(f'<div class="sg-way"><span>{said}</span>{_side(uris)}</div>' if uris else "")


def _side(uris: Sequence[object]) -> Html:
    return pictures.strip(uris, "", SIDE) if uris else Html("<small>none</small>")


def pairs(gallery: Mapping[str, Any]) -> None:
    """The synthetic images nearest to a training image, each beside that image and the nearest unseen one."""
    st.caption(
        f"{REVIEWERS} The synthetic images that lie nearest to a training image, against how near an unseen one lies: "
        "the most suspicious first, some of every class, each beside that training image and the nearest real image "
        "that training never saw. Distances are of pixels after small shifts, mirroring, turning, light and contrast: "
        "0 is the same picture, about 1.4 an unrelated one. One that is much nearer to training than to unseen images "
        "may be a copy: look whether it is the same picture."
    )
    found = gallery["pairs"]
    if not found:
        layout.empty("No pair", "Nothing could be compared.")
        return
    st.html(f'<div class="sg-pairs">{"".join(map(_pair, found))}</div>')


def _pair(pair: Mapping[str, Any]) -> Html:
    other = "" if pair["nearest_class"] == pair["class"] else f" ({pair['nearest_class']})"
    near, far = (wording.number(pair[name], 2) for name in ("to_training", "to_holdout"))
    three = [
        (pair["synthetic"], Html("<b>Synthetic</b>")),
        (pair["nearest"], Html(f"<b>Training</b>{layout.text(other)}<br>distance {near}")),
        (pair["unseen"], Html(f"<b>Unseen</b><br>distance {far}")),
    ]
    head = f"<b>{layout.text(pair['class'])}</b> {_mark(pair['to_training'], pair['to_holdout'])}"
    return Html(f"<div>{head}{pictures.captioned(three, PAIR_SIDE)}</div>")


def _mark(near: float | None, far: float | None) -> str:
    """Says where training is much nearer than unseen images."""
    if near is None or far is None or near > CLOSE * far:
        return ""
    return layout.badge("much nearer to training", "warn")
