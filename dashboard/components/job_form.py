"""What the form of a new job asks whatever the data are: how to train, by which policy to judge, how much to attack."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st

from dashboard import backend
from dashboard.components import layout, parameters, wording
from synthgen.release import policies
from synthgen.spec import AttackRule, GatePolicy, GateRule

BUDGETS = (15, 30, 60, 180, 600, 1800, 3600, 3 * 3600, 8 * 3600)
CUSTOM = "custom"
PASTED = "Rules about scores; what no policy may leave out, such as the search for copies, is added."
SIZES = {"standard": "Whole set and pooled minorities", "full": "Every large group too, and more people"}


def training(automatic: str, modality: str = "tabular", budget: int = 180) -> dict[str, Any]:
    """Generator, time, emphasis and everything else about training, as fields of a RunSpec.

    `automatic` says what choosing none means; `budget` is where the time starts, in seconds.
    """
    known = backend.generators(modality)
    left, right = st.columns([3, 2])  # so that the generators' titles are not cut off
    with left:
        generator = st.selectbox(
            "Generator", ["auto", *known], format_func=lambda name: known[name].title if name in known else automatic
        )
    with right:
        seconds = st.select_slider("Time for training", BUDGETS, value=budget, format_func=wording.duration)
    kind = backend.generator_parameters(backend.generator_name(generator, modality), modality)
    params = parameters.emphasis(kind)
    with st.expander("Advanced"):
        a, b, c = st.columns(3)
        seed = a.number_input("Seed", 0, 2**31, 0, help="The same seed gives the same result on a CPU.")
        k_floor = b.number_input("k-floor", 2, 1000, 10, help="People a category, group or extreme needs to be kept.")
        holdout = c.slider("Hold-out", 0.05, 0.45, 0.2, 0.05, help="Share of the people kept aside for the scores.")
        params |= parameters.form(kind, f"params-{generator}")
    return {
        "generator": generator,
        "params": params,
        "time_budget": seconds,
        "seed": int(seed),
        "k_floor": int(k_floor),
        "holdout_share": holdout,
    }


def policy(modality: str = "tabular") -> GatePolicy | str:
    """The name of the policy that judges the set, with its rules to look at, or one that is pasted.

    Raises SpecError for a text that is no policy.
    """
    known = backend.policies(modality)
    names = [*known, CUSTOM]
    chosen = st.segmented_control("Policy", names, default="standard", format_func=str.capitalize) or "standard"
    if chosen == CUSTOM:
        return policies.parsed(st.text_area("Policy as JSON", value=policies.EXAMPLE, help=PASTED))
    with st.expander(f"Its {wording.plural(len(known[chosen].rules), 'rule')}"):
        layout.table(("About", "Why", "Must be there"), map(_rule, known[chosen].rules))
        asked = known[chosen].attacks
        if asked is not None:
            st.caption(_asked(asked))
    return chosen


def attack_size() -> Literal["standard", "full"]:
    """How much is attacked before the set is judged."""
    size = st.segmented_control(
        "How much is attacked",
        list(SIZES),
        default="standard",
        format_func=lambda name: SIZES[name],
        help="Full takes longer.",
    )
    return "full" if size == "full" else "standard"


def _asked(rule: AttackRule) -> str:
    """What a policy asks of the attacks, in words."""
    safe = f"must be shown to gain at most {rule.threshold:g} over unseen people"
    return (
        f"{len(rule.metrics)} attacks on the whole set and on groups of people: the set is blocked where any of them "
        f"gains more than chance makes ({rule.level:.0%} over all of them together, after Holm). "
        + (
            f"On the whole each {safe}: that takes some hundred people in the hold-out."
            if rule.whole != "no_block"
            else ""
        )
    )


def _rule(rule: GateRule) -> tuple[str, str, str]:
    about = rule.metric.replace("_", " ").replace("/", ": ")
    return about, rule.because, "yes" if rule.required else "if it applies"
