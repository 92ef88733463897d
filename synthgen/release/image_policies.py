"""The policies for sets of images: data, not code."""

from __future__ import annotations

from typing import Literal

from synthgen.release.policy_kinds import PolicyKind
from synthgen.spec import AttackRule, GatePolicy, GateRule

COPYING = ("copied_images", "near_copies", "closest_image")
ATTACKS = (*COPYING, "membership")

_NOT_FROM_HOLDOUT = (
    GateRule(
        metric="closest_image",
        compare="upper",
        at_least=0.45,
        because="A set that keeps to the hold-out was made from it: then nothing here was measured on unseen images.",
    ),
)


def _attacks(whole: Literal["shown_safe", "no_block"], threshold: float = 0.09) -> AttackRule:
    """What a policy asks of the attacks; the open one lets membership pass where too few images are there to tell."""
    return AttackRule(
        metrics=ATTACKS,
        threshold=threshold,
        whole=whole,
        optional=("membership",) if whole == "no_block" else (),
        because="Nobody may learn more about the people behind the set than about people who are not in it.",
    )


_CLASSES = GateRule(metric="mode_census/lost_classes", at_most=0, because="Every class must survive.")
_NO_LONE_COPY = GateRule(
    metric="copied_images/lone_images",
    compare="excess",
    at_most=0,
    because="No image of one person may be in the set, not even one.",
)
_VARIED = GateRule(
    metric="diversity/collapsed_classes",
    at_most=0,
    required=False,
    because="No class may have collapsed to a few images.",
)
_COVERED = GateRule(
    metric="mode_census/lost_share", at_most=0.2, because="Clusters inside the classes must not vanish from the set."
)

OPEN = GatePolicy(name="open", rules=_NOT_FROM_HOLDOUT, attacks=_attacks("no_block"))
STANDARD = GatePolicy(
    name="standard",
    rules=(
        *_NOT_FROM_HOLDOUT,
        _CLASSES,
        _NO_LONE_COPY,
        _VARIED,
        _COVERED,
        GateRule(
            metric="accuracy_score",
            compare="upper_excess",
            at_least=-0.2,
            required=False,
            because="What is learnt from the set must hold for real images of every class.",
        ),
    ),
    attacks=_attacks("shown_safe"),
)
STRICT = GatePolicy(
    name="strict",
    rules=(
        *_NOT_FROM_HOLDOUT,
        _CLASSES,
        _NO_LONE_COPY,
        _VARIED,
        GateRule(metric="mode_census/lost_share", at_most=0.05, because="Hardly a cluster may vanish from the set."),
        GateRule(
            metric="accuracy_score",
            compare="upper_excess",
            at_least=-0.05,
            because="What is learnt from the set must hold for real images of every class.",
        ),
    ),
    attacks=_attacks("shown_safe", threshold=0.05),
)

IMAGES = PolicyKind(
    policies={p.name: p for p in (OPEN, STANDARD, STRICT)},
    base=_NOT_FROM_HOLDOUT,
    copying=COPYING,
    always_told=COPYING,
    copies="copied_images",
    records="images",
)
