"""Whether a job is to be differentially private, and how much it may spend."""

from __future__ import annotations

import streamlit as st

from synthgen.spec import DifferentialPrivacy, checked

USUAL, MOST = 2.0, 20.0  # what the specification takes


def form(key: str) -> DifferentialPrivacy | None:
    """A switch and, where it is on, epsilon and delta; None where it is off."""
    wanted = st.toggle(
        "Differential privacy",
        key=f"{key}-on",
        help="Bounds what any one person can change about the rows, whatever an attacker knows. Noise hits small "
        "groups first: compare the scores with those of a set without.",
    )
    if not wanted:
        return None
    epsilon = st.number_input(
        "Epsilon",
        min_value=0.1,
        max_value=MOST,
        value=USUAL,
        step=0.1,
        key=f"{key}-epsilon",
        help="Smaller protects more and tells less: 1 is strict, 8 is loose. Every further job on the same people adds "
        "its own.",
    )
    delta = st.number_input(
        "Delta",
        min_value=0.0,
        max_value=0.0099,
        value=None,
        format="%.1e",
        key=f"{key}-delta",
        placeholder="A tenth of one over the people",
        help="The chance that the bound does not hold; below one over the people.",
    )
    st.caption(
        "Covers all that the rows hang on. Kinds and formats of the columns "
        "and the number of rows count as known. What has no accounting is refused with the reason when the job starts."
    )
    return checked(DifferentialPrivacy, epsilon=epsilon, delta=delta)
