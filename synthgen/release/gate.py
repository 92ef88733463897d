"""The gate: a policy decides blocked or awaiting review; only the gate builds a `ReleasedSet`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from synthgen.contracts import (
    Figure,
    MetricResult,
    Modality,
    Reason,
    Release,
    Scorecard,
    Status,
    SyntheticSet,
    Verdict,
)
from synthgen.errors import GateError, raise_all
from synthgen.release import attacks, policies
from synthgen.release.figures import shown
from synthgen.spec import GatePolicy, GateRule, RunSpec

_TOKEN = object()
MOST_COPIES = 0.01  # share of copied records that no override releases


@dataclass(frozen=True)
class ReleasedSet:
    """A synthetic set that the gate let through and a person released: the only thing a bundle is made from."""

    synthetic: SyntheticSet
    schema: Any
    scorecard: Scorecard
    verdict: Verdict
    release: Release
    spec: RunSpec
    modality: Modality
    evidence: Mapping[str, Any]
    token: object = field(repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.token is not _TOKEN:
            raise GateError("A released set can only come from the gate.", "Call `gate.release`.")


def decide(scorecard: Scorecard, policy: GatePolicy | str) -> Verdict:
    """Blocked unless every rule of the policy is met; what could not be measured never counts as met."""
    policy = policies.named(policy, scorecard.modality)
    reasons = tuple(_judge(rule, scorecard) for rule in policy.rules)
    reasons += attacks.judge(policy.attacks, scorecard) if policy.attacks else ()
    final = beyond_override(scorecard)
    if final:
        copies = policies.kind(scorecard.modality).copies
        reasons += (Reason(rule=copies, passed=False, message=f"{final} No override can release the set."),)
    passed = bool(reasons) and all(r.passed for r in reasons)
    return Verdict(outcome="awaiting_review" if passed else "blocked", reasons=reasons, policy=policy, final=final)


def beyond_override(scorecard: Scorecard) -> str:
    """Why no two people may release this set, or nothing: it holds records of real people, or nobody knows whether.

    Everything else that a policy asks is a judgement of risk, which people may take upon themselves in writing.
    """
    ours = policies.kind(scorecard.modality)
    copied = scorecard.result(ours.copies)
    number = compared(copied, "lower_excess") if copied is not None and copied.status is Status.OK else None
    if number is None:
        return f"Whether the set holds {ours.records} of real people was not measured."
    if number > MOST_COPIES:
        return (
            f"More than {MOST_COPIES:.0%} of its {ours.records} are {ours.records} of real people, beyond what chance "
            "makes equal."
        )
    return ""


def release(
    synthetic: SyntheticSet,
    schema: Any,
    scorecard: Scorecard,
    verdict: Verdict,
    release: Release,
    spec: RunSpec,
    modality: Modality,
    evidence: Mapping[str, Any] | None = None,
) -> ReleasedSet:
    """The set as released. The gate decides again: a verdict that the scorecard does not bear is refused.

    A blocked set needs the override of two people in `release`, on exactly the rules that were not met.
    Raises GateError with every problem.
    """
    problems = _override_problems(verdict, release)
    if not problems and decide(scorecard, verdict.policy) != verdict:
        problems.append("The verdict does not follow from the scorecard.")
    if verdict.policy != policies.named(spec.policy, spec.modality):
        problems.append("The verdict was made under another policy than the job asked for.")
    if scorecard.rows != synthetic.rows:
        problems.append(f"The scorecard is about {scorecard.rows} rows, the set has {synthetic.rows}.")
    if not release.purpose.strip() or not release.recipient.strip():
        problems.append("A release needs a purpose and a recipient.")
    problems += _time_problems(release)
    raise_all(GateError, problems, "Nothing was released.")
    return ReleasedSet(
        synthetic, schema, scorecard, verdict, release, spec, modality, dict(evidence or {}), token=_TOKEN
    )


def _override_problems(verdict: Verdict, release: Release) -> list[str]:
    """Why a blocked set stays blocked, or why a set that was not blocked cannot carry an override."""
    override = release.override
    if verdict.outcome == "awaiting_review":
        return ["The gate did not block this set: there is nothing to override."] if override else []
    failed = "; ".join(r.message for r in verdict.failed)
    if override is None:
        return [f"The gate blocked this set. {failed}".strip()]
    if verdict.final:
        return [f"The gate blocked this set and no override can release it. {verdict.final}"]
    if set(override.failed) != {r.rule for r in verdict.failed}:
        return ["The override was given for other rules than those that were not met."]
    return []


def _time_problems(release: Release) -> list[str]:
    try:
        begins, ends = (datetime.fromisoformat(t) for t in (release.released_at, release.expires_at or "9999-12-31"))
    except ValueError:
        return ["The times of a release are written in ISO 8601."]
    begins, ends = (t if t.tzinfo else t.replace(tzinfo=UTC) for t in (begins, ends))
    return ["The release would expire before it begins."] if ends <= begins else []


def _judge(rule: GateRule, scorecard: Scorecard) -> Reason:
    name, _, figure_name = rule.metric.partition("/")
    result = scorecard.result(name)
    if result is None:
        return Reason(rule=rule.metric, passed=False, message=f"{rule.metric}: the scorecard has no such metric.")
    found: MetricResult | Figure | None = result
    if figure_name:
        found = next((f for f in result.figures if f.name == figure_name), None)
        if found is None:
            return _without_figure(rule, result, figure_name)
    assert found is not None
    title = found.title or rule.metric
    if found.status is not Status.OK:
        return _unmeasured(rule, title, found.reason, found.status)
    number = compared(found, rule.compare)
    if number is None or not math.isfinite(number):
        return _unmeasured(rule, title, "there is no number to compare", Status.ERROR)
    return _bounded(rule, title, found, number)


def _without_figure(rule: GateRule, result: MetricResult, name: str) -> Reason:
    """A metric that was measured and has no such figure: misspelt or never made, so an optional rule fails as well."""
    if result.status is not Status.OK:
        return _unmeasured(rule, f"{result.title}, {name}", result.reason, result.status)
    there = ", ".join(f.name for f in result.figures) or "none"
    message = f"{result.title} was measured but has no figure {name!r} (there are: {there}), so the set is blocked."
    return Reason(rule=rule.metric, passed=False, message=message)


def compared(found: MetricResult | Figure, how: str) -> float | None:
    """The number a rule looks at, or None where a part of it is missing."""
    low, high = (found.interval.low, found.interval.high) if found.interval else (None, None)
    number = {"lower": low, "lower_excess": low, "upper": high, "upper_excess": high}.get(how, found.value)
    if number is None or found.value is None or not math.isfinite(found.value):
        return None
    if how.endswith("excess"):
        return None if found.holdout is None else number - found.holdout
    if how == "ratio":
        return number / found.holdout if found.holdout else None
    return number


def _unmeasured(rule: GateRule, title: str, reason: str, status: Status) -> Reason:
    """An error always fails; what does not apply or cannot be told passes only where the policy does not require it."""
    passed = not rule.required and status in (Status.NOT_APPLICABLE, Status.INSUFFICIENT)
    words = {
        Status.NOT_APPLICABLE: "does not apply",
        Status.INSUFFICIENT: "has too little data",
        Status.ERROR: "could not be measured",
    }[status]
    ending = "The policy does not require it." if passed else "The policy asks for it, so the set is blocked."
    why = f" ({reason.rstrip('.')})" if reason else ""
    return Reason(rule=rule.metric, passed=passed, message=f"{title} {words}{why}. {ending}")


def _bounded(rule: GateRule, title: str, found: MetricResult | Figure, number: float) -> Reason:
    too_high = rule.at_most is not None and number > rule.at_most
    too_low = rule.at_least is not None and number < rule.at_least
    passed = not (too_high or too_low)
    beside = f" (unseen real data: {shown(found.holdout)})" if found.holdout is not None else ""
    message = f"{title}: {shown(found.value)}{beside}; {_allowed(rule)}. {rule.because}".strip()
    bound = rule.at_most if too_high or rule.at_least is None else rule.at_least
    return Reason(rule=rule.metric, passed=passed, message=message, value=number, bound=bound)


def _allowed(rule: GateRule) -> str:
    """The bounds of a rule in words."""
    chance = ", after allowing for chance" if rule.compare.startswith(("lower", "upper")) else ""
    limits = []
    for word, bound in (("at most", rule.at_most), ("at least", rule.at_least)):
        if bound is None:
            continue
        if not rule.compare.endswith("excess"):
            limits.append(f"{word} {shown(bound)}{' times as much' if rule.compare == 'ratio' else ''}")
        elif (word == "at most") == (bound >= 0):
            limits.append(f"at most {shown(abs(bound))} {'more' if bound >= 0 else 'less'} than unseen real data")
        else:
            limits.append(f"at least {shown(abs(bound))} {'more' if bound >= 0 else 'less'} than unseen real data")
    return f"allowed: {' and '.join(limits)}{chance}" if limits else "it must be measured"
