"""The policies a job may name: data, not code. A spec may carry a policy of its own instead."""

from __future__ import annotations

from synthgen.errors import SpecError
from synthgen.spec import GatePolicy, GateRule

_NO_COPIES = (
    GateRule(
        metric="copied_rows",
        compare="lower_excess",
        at_most=0.005,
        because="Rows of real people must not come out more often than chance makes unseen rows equal.",
    ),
    GateRule(
        metric="near_copies",
        compare="lower_excess",
        at_most=0.01,
        because="Rows must not sit closer to the training rows than unseen real people do.",
    ),
)

_PRIVACY = (
    *_NO_COPIES,
    GateRule(
        metric="closest_record",
        compare="lower",
        at_most=0.52,
        because="The set must not keep closer to the people it was made from than to others like them.",
    ),
    GateRule(
        metric="lone_numbers",
        compare="lower_excess",
        at_most=0.02,
        required=False,
        because="Numbers that only one person has must not be handed on.",
    ),
)

_MODES = (
    GateRule(
        metric="mode_census/lost_classes",
        at_most=0,
        required=False,
        because="Every value of the target must survive.",
    ),
    GateRule(
        metric="mode_census/lost_share",
        at_most=0.05,
        because="Small groups must not vanish from the set.",
    ),
)

OPEN = GatePolicy(name="open", rules=_NO_COPIES)

STANDARD = GatePolicy(
    name="standard",
    rules=(
        *_PRIVACY,
        *_MODES,
        GateRule(metric="diagnostic", at_least=0.85, because="Values must be of the kinds and ranges of the table."),
        GateRule(metric="pair", compare="excess", at_least=-0.1, because="Columns must go together as they really do."),
        GateRule(
            metric="utility",
            compare="upper_excess",
            at_least=-0.15,
            required=False,
            because="What is learnt from the set must hold for real people.",
        ),
    ),
)

STRICT = GatePolicy(
    name="strict",
    rules=(
        *_NO_COPIES,
        GateRule(
            metric="closest_record",
            compare="lower",
            at_most=0.51,
            because="The set must not keep closer to the people it was made from than to others like them.",
        ),
        GateRule(
            metric="lone_numbers",
            compare="lower_excess",
            at_most=0.005,
            required=False,
            because="Numbers that only one person has must not be handed on.",
        ),
        GateRule(
            metric="mode_census/lost_classes",
            at_most=0,
            required=False,
            because="Every value of the target must survive.",
        ),
        GateRule(metric="mode_census/lost_share", at_most=0, because="No group may vanish from the set."),
        GateRule(metric="mode_census/thin_share", at_most=0.1, because="Few groups may be rarer than they really are."),
        GateRule(metric="diagnostic", at_least=0.95, because="Values must be of the kinds and ranges of the table."),
        GateRule(
            metric="pair", compare="excess", at_least=-0.03, because="Columns must go together as they really do."
        ),
        GateRule(metric="detection", at_most=0.7, because="The set should be hard to tell from real data."),
        GateRule(
            metric="utility",
            compare="upper_excess",
            at_least=-0.05,
            because="What is learnt from the set must hold for real people.",
        ),
    ),
)

POLICIES: dict[str, GatePolicy] = {p.name: p for p in (OPEN, STANDARD, STRICT)}


def named(policy: GatePolicy | str) -> GatePolicy:
    """The policy of that name, or the policy itself with the rules against copies, which none may leave out.

    Raises SpecError for an unknown name, a name of ours on other rules, or a policy without rules.
    """
    if isinstance(policy, str):
        if policy not in POLICIES:
            raise SpecError(f"There is no policy {policy!r}.", f"Choose one of: {', '.join(POLICIES)}.")
        return POLICIES[policy]
    if policy.name in POLICIES and policy != POLICIES[policy.name]:
        raise SpecError(
            f"A policy of one's own cannot be called {policy.name!r}: its rules differ from ours.",
            "Give it another name.",
        )
    if not policy.rules:
        raise SpecError("The policy has no rule, so it could stop nothing.", "Give it rules, or name a policy.")
    missing = tuple(rule for rule in _NO_COPIES if not any(_as_strict(own, rule) for own in policy.rules))
    return policy.model_copy(update={"rules": (*policy.rules, *missing)}) if missing else policy


def _as_strict(own: GateRule, rule: GateRule) -> bool:
    """Whether `own` stops at least what `rule` stops."""
    same = (own.metric, own.compare) == (rule.metric, rule.compare)
    bounded = own.at_most is not None and rule.at_most is not None and own.at_most <= rule.at_most
    return same and own.required and bounded
