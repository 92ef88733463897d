"""Run every metric on one synthetic set; nothing that went wrong can come out as a number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from synthgen.contracts import (
    Entry,
    Figure,
    Generator,
    Group,
    MetricResult,
    Scorecard,
    Split,
    Status,
    SyntheticSet,
)
from synthgen.errors import Stopped, SynthgenError, trail
from synthgen.runtime import RunContext

GIVEN_NETWORK = (
    "Fidelity and coverage are measured in the features of the network that the operator configured, not in those of "
    "networks trained on these images."
)


def score(
    metrics: Mapping[str, Entry],
    split: Split,
    synthetic: SyntheticSet,
    schema: Any,
    groups: Sequence[Group],
    ctx: RunContext,
    generator: Generator | None = None,
) -> Scorecard:
    """The scorecard of one set: one result per metric, in the order of `metrics`; only `Stopped` gets out."""
    results = []
    for i, (name, entry) in enumerate(metrics.items()):
        ctx.check_stop()
        ctx.progress("score", i, len(metrics))
        results.append(_measure(name, entry, split, synthetic, schema, groups, ctx.at(name), generator))
    ctx.progress("score", len(metrics), len(metrics))
    return Scorecard(
        results=tuple(results),
        rows=synthetic.rows,
        compared_rows=min(synthetic.rows, len(split.holdout)),
        holdout_rows=len(split.holdout),
        train_rows=len(split.train),
        k_floor=schema.k_floor,
        generator=synthetic.generator,
        emphasis=_emphasis(generator),
        notes=(*synthetic.notes, *((GIVEN_NETWORK,) if ctx.features else ())),
    )


def _measure(
    name: str,
    entry: Entry,
    split: Split,
    synthetic: SyntheticSet,
    schema: Any,
    groups: Sequence[Group],
    ctx: RunContext,
    generator: Generator | None,
) -> MetricResult:
    try:
        result = entry.load()().compute(split, synthetic, schema, groups, ctx, generator)
        if not isinstance(result, MetricResult):
            return failed(name, entry, f"it returned {type(result).__name__} instead of a result")
        return honest(result.model_copy(update={"metric": name}))
    except Stopped:
        raise
    except SynthgenError as problem:
        return failed(name, entry, problem.message)
    except Exception as problem:  # a message of foreign code may quote a cell: only the class is told
        ctx.log(f"metric {name} failed: {trail(problem)}")
        return failed(name, entry, f"it stopped with {type(problem).__name__}")


def honest(result: MetricResult) -> MetricResult:
    """The same result, with every figure that says `ok` but has no finite number in range turned into an error."""
    figures = tuple(_honest_figure(f) for f in result.figures)
    problem = _problem(result.value, result.holdout)
    if problem is None and result.value is not None and not result.low - 1e-9 <= result.value <= result.high + 1e-9:
        problem = "the value lies outside the metric's range"
    if result.status is not Status.OK or problem is None:
        return result.model_copy(update={"figures": figures})
    return result.model_copy(
        update={"figures": figures, "status": Status.ERROR, "reason": problem, "value": None, "holdout": None}
    )


def failed(metric: str, entry: Entry, reason: str) -> MetricResult:
    """What stands in the scorecard where a metric could not be computed."""
    try:
        family = entry.load().family
    except Exception:  # what cannot even be imported has no family of its own
        family = "fidelity"
    return MetricResult(
        metric=metric,
        title=entry.title,
        family=family,
        better="higher",
        low=0.0,
        high=1.0,
        best=1.0,
        status=Status.ERROR,
        reason=f"The metric failed: {reason}.",
    )


def changes(before: Scorecard, after: Scorecard) -> list[dict[str, Any]]:
    """What each metric of `before` says there and in `after`, beside unseen real rows; JSON-ready, no cell value."""
    pairs = ((old, after.result(old.metric)) for old in before.results)
    return [
        {"metric": old.metric, "title": old.title, "before": old.value, "after": new.value, "holdout": new.holdout}
        for old, new in pairs
        if new is not None
    ]


def _honest_figure(figure: Figure) -> Figure:
    problem = _problem(figure.value, figure.holdout)
    if figure.status is not Status.OK or problem is None:
        return figure
    return figure.model_copy(update={"status": Status.ERROR, "reason": problem, "value": None, "holdout": None})


def _problem(value: float | None, holdout: float | None) -> str | None:
    if value is None:
        return "no value came out"
    if not math.isfinite(value):
        return "the value is not a number"
    return "the hold-out's value is not a number" if holdout is not None and not math.isfinite(holdout) else None


def _emphasis(generator: Generator | None) -> Mapping[str, Any]:
    """Where the dial from mean to worst case stood and how the weights ended, as the generator reports it."""
    told = generator.report() if generator is not None else {}
    renewals = told.get("renewals") or [{}]
    last = renewals[-1] if isinstance(renewals, Sequence) else {}
    return {name: v for name, v in (*told.items(), *dict(last).items()) if isinstance(v, str | int | float)}
