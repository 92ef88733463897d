"""Real beside synthetic images by class, and the closest pairs: for reviewers only, no bundle ever holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.components import layout, pictures, wording
from dashboard.components.layout import Html

SIDE, PAIR_SIDE = 64, 112  # pixels on the page
REVIEWERS = "Real images. They are shown to people of this service only, and no bundle ever holds them."


def classes(gallery: Mapping[str, Any]) -> None:
    """Every class: some real images, as many synthetic ones."""
    st.caption(f"{REVIEWERS} Both sides are drawn by chance, none was picked.")
    shown = gallery["classes"]
    names = [one["name"] for one in shown]
    wanted = st.multiselect("Classes", names, placeholder=f"All {len(names)} classes")
    for one in shown:
        if not wanted or one["name"] in wanted:
            st.html(_class(one))


def _class(one: Mapping[str, Any]) -> Html:
    real, made = one["real"], one["synthetic"]
    counts = f"{wording.plural(one['real_count'], 'real image')}, {one['synthetic_count']:,} synthetic"
    head = f"<h3>{layout.text(one['name'])} <small>{counts}</small></h3>"
    sides = f"<div><span>Real</span>{_side(real)}</div><div><span>Synthetic</span>{_side(made)}</div>"
    return Html(f'<div class="sg-class">{head}<div class="sg-sides">{sides}</div></div>')


def _side(uris: Sequence[object]) -> Html:
    return pictures.strip(uris, "", SIDE) if uris else Html("<small>none</small>")


def pairs(gallery: Mapping[str, Any]) -> None:
    """The synthetic images that lie nearest to a training image, each beside that image and the nearest unseen one."""
    st.caption(
        f"{REVIEWERS} The synthetic images that lie nearest to a training image. A copy is clearly nearer to the "
        "training image than unseen real images are to each other; look whether it is the same picture."
    )
    found = gallery["pairs"]
    if not found:
        layout.empty("No pair", "Nothing could be compared.")
    for pair in found:
        st.html(_pair(pair))


def _pair(pair: Mapping[str, Any]) -> Html:
    three = pictures.captioned(
        [
            (pair["synthetic"], Html("<b>Synthetic</b>")),
            (pair["training"], Html(f"<b>Nearest in training</b><br>{_far(pair['training_distance'])}")),
            (pair["holdout"], Html(f"<b>Nearest unseen</b><br>{_far(pair['holdout_distance'])}")),
        ],
        PAIR_SIDE,
    )
    return Html(f'<div class="sg-class"><h3>{layout.text(pair["class"])}</h3>{three}</div>')


def _far(distance: float | None) -> str:
    return "" if distance is None else f"distance {distance:.3f}"
