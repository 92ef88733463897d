"""The attacks of a scorecard as lines to be drawn: success on training people, on unseen people, and by guessing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from synthgen.contracts import Figure, GroupFigure, MetricResult, Scorecard, Status
from synthgen.release import attacks, policies
from synthgen.release.rendering import Risk, RiskLine, State
from synthgen.spec import AttackRule

Show = Callable[[MetricResult], MetricResult]


def risks(scorecard: Scorecard, rule: AttackRule | None, show: Show) -> tuple[Risk, ...]:
    """Every attack, judged by the rule of the policy (or ours) on exact figures; `show` makes what may be shown."""
    judged = rule or policies.kind(scorecard.modality).policies["standard"].attacks
    names = list(
        dict.fromkeys([*(r.metric for r in scorecard.results if is_attack(r)), *(judged.metrics if judged else ())])
    )
    every = None if judged is None else judged.model_copy(update={"metrics": tuple(names)})
    states: dict[tuple[str, str], State] = {}
    if every is not None:
        states = {_key(x): x.state for x in attacks.lines(every, scorecard)}
    found = [r for r in scorecard.results if r.metric in names and r.family == "privacy"]
    return tuple(
        Risk(metric=r.metric, title=r.title, explanation=r.explanation, lines=tuple(_lines(r, show(r), states)))
        for r in found
    )


def is_attack(result: MetricResult) -> bool:
    """Whether a result is that of an attack: people were attacked, or its success was tested against the control."""
    return result.family == "privacy" and any(
        x.attempts is not None or x.p_value is not None for x in (result, *result.figures, *result.groups)
    )


def _key(line: attacks.Line) -> tuple[str, str]:
    return line.metric, _name(line.found)


def _name(found: MetricResult | Figure | GroupFigure) -> str:
    if isinstance(found, GroupFigure):
        return f"group {found.kind} {found.label}"
    return f"figure {found.name}" if isinstance(found, Figure) else ""


def _lines(exact: MetricResult, shown: MetricResult, states: Mapping[tuple[str, str], State]) -> Iterator[RiskLine]:
    """The whole set, other attacks on it, and populations."""

    def line(found: MetricResult | Figure | GroupFigure, population: str, whole: bool) -> RiskLine:
        plain: State = "none" if found.status is Status.OK else found.status.value  # type: ignore[assignment]
        state = states.get((exact.metric, _name(found)), plain)
        fields = ("status", "reason", "value", "interval", "holdout", "baseline", "attempts", "p_value")
        return RiskLine(population=population, whole=whole, state=state, **{n: getattr(found, n) for n in fields})

    yield line(shown, "everybody", True)
    if exact.status is not Status.OK:
        return
    yield from (line(f, f"everybody: {f.title or f.name}", True) for f in shown.figures if f.p_value is not None)
    yield from (line(g, g.label, False) for g in shown.groups if _population(g))


def _population(group: GroupFigure) -> bool:
    return group.attempts is not None or group.p_value is not None or group.kind == attacks.POOL
