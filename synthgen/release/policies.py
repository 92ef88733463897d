"""The policies a job may name: data, not code. A spec may carry a policy of its own instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import ValidationError

from synthgen.errors import SpecError, raise_all
from synthgen.release.image_policies import IMAGES
from synthgen.release.policy_kinds import PolicyKind
from synthgen.spec import AttackRule, GatePolicy, GateRule

EXAMPLE = '{"name": "house", "rules": [{"metric": "pair", "compare": "excess", "at_least": -0.05}]}'
LEVEL = 0.05  # chance that a set which no attack gains from is blocked

ALWAYS_TOLD = ("copied_rows", "near_copies", "closest_record")  # no policy takes "cannot be told" for an answer here
COPYING = (*ALWAYS_TOLD, "lone_numbers", "copied_keys")
ATTACKS = ("singling_out", "linkability", "inference", "membership", "membership_density", *COPYING)
NEED_NOT_APPLY = ("singling_out", "linkability", "inference", "lone_numbers", "copied_keys")  # nothing to attack

_NOT_FROM_HOLDOUT = (
    GateRule(
        metric="closest_record",
        compare="upper",
        at_least=0.45,
        because="A set that keeps to the hold-out was made from it: then nothing here was measured on unseen people.",
    ),
)


def _attacks(whole: Literal["shown_safe", "no_block"], threshold: float = 0.09) -> AttackRule:
    """What a policy of ours asks of the attacks; the open one lets those pass that too few people are there for."""
    optional = ATTACKS if whole == "no_block" else NEED_NOT_APPLY
    return AttackRule(
        metrics=ATTACKS,
        threshold=threshold,
        whole=whole,
        optional=tuple(name for name in optional if name not in ALWAYS_TOLD),
        because="Nobody may learn more about the people behind the set than about people who are not in it.",
    )


_MODES = (
    GateRule(
        metric="mode_census/lost_classes",
        at_most=0,
        required=False,
        because="Every value of the target must survive.",
    ),
    GateRule(
        metric="mode_census/lost_large",
        at_most=0,
        required=False,
        because="No group of people that is large enough to be told from chance may vanish.",
    ),
    GateRule(
        metric="mode_census/lost_share",
        at_most=0.05,
        because="Small groups must not vanish from the set.",
    ),
)

_SAME_COLUMNS = GateRule(
    metric="diagnostic", at_least=0.0, because="A column that nobody could look at must not leave the house."
)

OPEN = GatePolicy(name="open", rules=(*_NOT_FROM_HOLDOUT, _SAME_COLUMNS), attacks=_attacks("no_block"))

STANDARD = GatePolicy(
    name="standard",
    rules=(
        *_NOT_FROM_HOLDOUT,
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
    attacks=_attacks("shown_safe"),
)

STRICT = GatePolicy(
    name="strict",
    rules=(
        *_NOT_FROM_HOLDOUT,
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
    attacks=_attacks("shown_safe", threshold=0.05),
)

POLICIES: dict[str, GatePolicy] = {p.name: p for p in (OPEN, STANDARD, STRICT)}
TABLES = PolicyKind(
    policies=POLICIES,
    base=_NOT_FROM_HOLDOUT,
    copying=COPYING,
    always_told=ALWAYS_TOLD,
    copies="copied_rows",
    records="rows",
)
KINDS: dict[str, PolicyKind] = {"tabular": TABLES, "images": IMAGES}


def kind(modality: str = "tabular") -> PolicyKind:
    """What the policies of a data kind have in common."""
    return KINDS[modality]


def metrics(policy: GatePolicy) -> tuple[str, ...]:
    """What a policy names: "metric" or "metric/figure"."""
    return (*(rule.metric for rule in policy.rules), *(policy.attacks.metrics if policy.attacks else ()))


def named(policy: GatePolicy | str, modality: str = "tabular") -> GatePolicy:
    """The policy of that name for a data kind, or the policy itself with the rules that none may leave out.

    Raises SpecError for an unknown name, a name of ours on other rules, or a policy without rules.
    """
    ours = kind(modality)
    if isinstance(policy, str):
        if policy not in ours.policies:
            raise SpecError(f"There is no policy {policy!r}.", f"Choose one of: {', '.join(ours.policies)}.")
        return ours.policies[policy]
    if policy.name in ours.policies and policy != ours.policies[policy.name]:
        raise SpecError(
            f"A policy of one's own cannot be called {policy.name!r}: its rules differ from ours.",
            "Give it another name.",
        )
    if not policy.rules and policy.attacks is None:
        raise SpecError("The policy has no rule, so it could stop nothing.", "Give it rules, or name a policy.")
    missing = tuple(rule for rule in ours.base if not any(_as_strict(own, rule) for own in policy.rules))
    attacks = _with_copying(policy.attacks, ours) if policy.attacks else ours.policies["open"].attacks
    return policy.model_copy(update={"rules": (*policy.rules, *missing), "attacks": attacks})


def parsed(text: str) -> GatePolicy:
    """A policy of one's own from its JSON text. Raises SpecError with every problem, by field; it quotes nothing."""
    try:
        return GatePolicy.model_validate_json(text)
    except ValidationError as error:
        problems = [f"{_field(e['loc'])}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()]
    raise_all(SpecError, problems, f"A policy is JSON like {EXAMPLE}.")
    raise AssertionError("a validation error names a problem")


def _field(path: Sequence[int | str]) -> str:
    """rules[0].metric: where in a policy a problem is."""
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    return words or "the policy"


def _with_copying(own: AttackRule, ours: PolicyKind) -> AttackRule:
    """The rule with the attacks that look for copies, which no policy leaves out, or makes optional, or looser."""
    missing = tuple(name for name in ours.copying if name not in own.metrics)
    optional = tuple(name for name in (*own.optional, *missing) if name not in ours.always_told)
    return own.model_copy(
        update={
            "metrics": (*own.metrics, *missing),
            "optional": optional,
            "level": max(own.level, LEVEL),
        }
    )


def _as_strict(own: GateRule, rule: GateRule) -> bool:
    """Whether `own` stops at least what `rule` stops."""
    same = (own.metric, own.compare) == (rule.metric, rule.compare)
    bounded = own.at_least is not None and rule.at_least is not None and own.at_least >= rule.at_least
    return same and own.required and bounded
