"""The gate over attacks: all of them and all groups are one family, corrected together.

An attack counts against a set only by what it gains on the people the set was made from over people the generator never
saw. One test in twenty would accuse a clean set, and a scorecard holds dozens: Holm's correction (Holm 1979, A simple
sequentially rejective multiple test procedure) keeps the chance that any of them does at the policy's level.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from synthgen.contracts import Figure, GroupFigure, MetricResult, Reason, Scorecard, Status
from synthgen.release.figures import shown
from synthgen.spec import AttackRule

POOL = "pool"  # kind of a population pooled from groups that are too small alone; its label holds no cell value
GROUPS = "/groups"
HELP = "A larger hold-out, more data, or a less specific set help."

State = Literal["gains", "safe", "unclear", "insufficient", "not_applicable", "error"]
Found = MetricResult | Figure | GroupFigure


@dataclass(frozen=True)
class Line:
    """One attack on the whole set or on one population, as the policy sees it.

    `p_value` is corrected over all attacks of the scorecard, None where none was made. `state`: it gains something
    (which blocks), is shown safe, is neither, or could not be made and why.
    """

    metric: str
    title: str
    found: Found
    state: State
    p_value: float | None = None

    @property
    def whole(self) -> bool:
        """Whether it was made on the whole set."""
        return not isinstance(self.found, GroupFigure)

    @property
    def most(self) -> float | None:
        """The largest gain over unseen people that the interval leaves open."""
        return self.found.interval.high - (self.found.holdout or 0.0) if self.found.interval else None


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected p-values: each at most `level` is an error with a chance of `level` over all of them (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, largest = [0.0] * len(p_values), 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[i]))
        corrected[i] = largest
    return corrected


def lines(rule: AttackRule, scorecard: Scorecard) -> tuple[Line, ...]:
    """Every attack of the scorecard that the rule names, on the whole and on groups, with its corrected p-value."""
    results = [r for name in _named(rule) if (r := scorecard.result(name)) is not None]
    made = [(result, found) for result in results for found in _attacks(result)]
    tested = [i for i, (_, found) in enumerate(made) if _is_whole_answer(found)]
    corrected = dict(zip(tested, holm([made[i][1].p_value or 0.0 for i in tested]), strict=True))
    return tuple(_line(rule, result, found, corrected.get(i)) for i, (result, found) in enumerate(made))


def judge(rule: AttackRule, scorecard: Scorecard) -> tuple[Reason, ...]:
    """One reason for each attack on the whole, and one for the groups of each that has some."""
    found = lines(rule, scorecard)
    return tuple(reason for name in _named(rule) for reason in _reasons(rule, name, scorecard, found))


def _named(rule: AttackRule) -> tuple[str, ...]:
    """The metrics of a rule, each once: named twice, an attack would count twice in the correction and weaken it."""
    return tuple(dict.fromkeys(rule.metrics))


def _attacks(result: MetricResult) -> Iterator[Found]:
    """The result, its figures that are attacks of their own, and its populations; a plain breakdown is none."""
    yield result
    if result.status is not Status.OK:
        return
    yield from (f for f in result.figures if f.p_value is not None or f.status in (Status.ERROR, Status.INSUFFICIENT))
    yield from (g for g in result.groups if g.p_value is not None or g.attempts is not None or g.status != Status.OK)


def _is_whole_answer(found: Found) -> bool:
    """Whether an attack was made and tells all a decision needs, in finite numbers."""
    if found.status is not Status.OK or found.interval is None:
        return False
    numbers = (found.value, found.holdout, found.p_value, found.interval.low, found.interval.high)
    return all(n is not None and math.isfinite(n) for n in numbers) and 0 <= (found.p_value or 0.0) <= 1


def _line(rule: AttackRule, result: MetricResult, found: Found, p_value: float | None) -> Line:
    title = result.title if found is result else getattr(found, "title", "") or _name(found)
    return Line(result.metric, title, found, _state(rule, found, p_value), p_value)


def _state(rule: AttackRule, found: Found, p_value: float | None) -> State:
    if p_value is None or found.interval is None or found.holdout is None:
        return "error" if found.status is Status.OK else found.status.value  # type: ignore[return-value]
    if p_value <= rule.level and found.interval.low - found.holdout > 0:
        return "gains"
    return "safe" if found.interval.high - found.holdout <= rule.threshold else "unclear"


def _name(found: Found) -> str:
    """A population in words without a cell value: a pool by its label, a single group by its kind and columns."""
    if not isinstance(found, GroupFigure):
        return found.title
    if found.kind in found.columns:  # of images: a class in their column of classes
        return f"one {found.kind}"
    return found.label if found.kind == POOL else f"{found.kind} of {', '.join(found.columns) or 'no column'}"


def _reasons(rule: AttackRule, name: str, scorecard: Scorecard, found: Sequence[Line]) -> Iterator[Reason]:
    result = scorecard.result(name)
    if result is None:
        yield Reason(rule=name, passed=False, message=f"{name}: the scorecard has no such metric.")
        return
    mine = [line for line in found if line.metric == name]
    yield _on_whole(rule, result, [line for line in mine if line.whole])
    groups = [line for line in mine if not line.whole]
    if groups:
        yield _on_groups(rule, result, groups)


def _on_whole(rule: AttackRule, result: MetricResult, found: Sequence[Line]) -> Reason:
    head, *figures = found
    if head.state in ("error", "insufficient", "not_applicable"):
        return _not_made(rule, result, head.state)
    bad = [line for line in found if line.state in ("gains", "error")]
    if rule.whole == "shown_safe":
        bad += [line for line in found if line.state in ("unclear", "insufficient")]
    told = bad or [max(found, key=lambda line: line.most or 0.0)]
    message = " ".join(_told(rule, result, line) for line in told)
    return _reason(rule, result.metric, not bad, message, [head, *figures], rule.whole)


def _on_groups(rule: AttackRule, result: MetricResult, found: Sequence[Line]) -> Reason:
    made = [line for line in found if line.state in ("gains", "safe", "unclear")]
    gains = [line for line in found if line.state == "gains"]
    failed = [line for line in found if line.state == "error"]
    few = [line for line in found if line.state in ("insufficient", "not_applicable")]
    unsafe = [line for line in made if line.state == "unclear"] if rule.groups == "shown_safe" else []
    said = [f"{result.title}: {len(made)} of {len(found)} groups attacked."]
    if gains:
        said.append(f"It gains on: {'; '.join(map(_gain, gains))}. This is hardly chance.")
    if failed:
        said.append(f"It could not be measured on: {'; '.join(line.title for line in failed)}.")
    if unsafe:
        said.append(f"Not shown safe: {'; '.join(map(_gain, unsafe))}; at most {shown(rule.threshold)}. {HELP}")
    if few:
        many = f"{len(few)} groups hold" if len(few) > 1 else "1 group holds"
        said.append(f"{many} too few people to be attacked: nothing is known about them.")
    if made and not gains:
        said.append("No gain on any attacked group could be measured.")
    passed = not (gains or failed or unsafe or (few and rule.groups == "shown_safe"))
    reason = _reason(rule, result.metric + GROUPS, passed, " ".join(said), made, rule.groups)
    return reason.model_copy(update={"value": _coarse(reason.value, 2), "p_value": _coarse(reason.p_value, 3)})


def _reason(rule: AttackRule, name: str, passed: bool, message: str, found: Sequence[Line], asked: str) -> Reason:
    most = [line.most for line in found if line.most is not None]
    p_values = [line.p_value for line in found if line.p_value is not None]
    return Reason(
        rule=name,
        passed=passed,
        message=message,
        value=max(most, default=None),
        bound=rule.threshold if asked == "shown_safe" else None,
        p_value=min(p_values, default=None),
    )


def _not_made(rule: AttackRule, result: MetricResult, state: State) -> Reason:
    """An attack that was not made passes only where it need not be: never after an error."""
    need_not = result.metric in rule.optional
    passed = need_not and (state == "not_applicable" or (state == "insufficient" and rule.whole == "no_block"))
    words = {
        "error": "could not be measured",
        "insufficient": "has too little data to tell",
        "not_applicable": "does not apply",
    }[state]
    reason = result.reason if result.status is not Status.OK else "a number is missing or is none"
    reason = "" if state == "insufficient" else reason  # it counts people, and reasons leave the house with the set
    ending = "The policy does not require it; nothing is claimed." if passed else "The policy asks for it: blocked."
    hint = f" {HELP}" if state == "insufficient" and not passed else ""
    why = f" ({reason.rstrip('.')})" if reason else ""
    return Reason(rule=result.metric, passed=passed, message=f"{result.title} {words}{why}. {ending}{hint}")


def _told(rule: AttackRule, result: MetricResult, line: Line) -> str:
    """What one attack on the whole came to, in a sentence or two."""
    found = line.found
    title = result.title if found is result else f"{result.title}, {line.title}"
    if line.state in ("error", "insufficient"):
        return f"{title}: could not be judged ({found.reason.rstrip('.') or 'a number is missing'})."
    beside = f"{title}: {shown(found.value)} on people it was made from, {shown(found.holdout)} on unseen people"
    if found.attempts is None:  # a share of the set's rows, not of attacked people
        beside = f"{title}: {shown(found.value)}, of unseen real data {shown(found.holdout)}"
    if line.state == "gains":
        return f"{beside}; more than chance (p {_p(line.p_value)} after Holm's correction). {rule.because}".strip()
    if rule.whole == "no_block":
        return f"{beside}; no gain that chance does not make."
    people = f" with about {5 * round(found.attempts / 5):,} people attacked" if found.attempts else ""
    if line.state == "safe":
        return f"{beside}; shown to gain at most {shown(line.most)} (allowed: {shown(rule.threshold)})."
    most = f"not shown safe, it may gain up to {shown(line.most)}{people} (allowed: {shown(rule.threshold)})"
    return f"{beside}; {most}. {HELP}"


def _gain(line: Line) -> str:
    """A population and what is gained on it, too coarse to count people from."""
    gain = (line.found.value or 0.0) - (line.found.holdout or 0.0)
    return f"{line.title} ({gain:+.2f}, up to {line.most or 0.0:+.2f}, p {_p(line.p_value)})"


def _coarse(number: float | None, decimals: int) -> float | None:
    return None if number is None else round(number, decimals)


def _p(number: float | None) -> str:
    return "unknown" if number is None else "below .001" if number < 0.001 else shown(number)
