"""A scorecard as text: the census first, both ends of the dial, then every score beside its hold-out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from synthgen.cli import inputs
from synthgen.cli.terminal import table
from synthgen.contracts import MetricResult, Reason, Scorecard, Status, Verdict
from synthgen.errors import SpecError

CENSUS = ("represented", "thin", "lost", "too few to tell")
FAMILIES = ("coverage", "fidelity", "utility", "privacy")


def number(value: float | None) -> str:
    """A score with three digits, a dash when there is none."""
    return "-" if value is None else f"{value:.3f}"


def census_counts(card: Scorecard) -> dict[str, int]:
    """How many groups are represented, thin, lost, or too few to tell."""
    found = Counter(str(group.census) for result in card.results for group in result.groups if group.census)
    return {name: found.get(name, 0) for name in CENSUS}


def lines(card: Scorecard, verdict: Verdict | None = None) -> Iterator[str]:
    """The scorecard, line by line."""
    if verdict is not None:
        yield f"Verdict: {verdict.outcome.replace('_', ' ')}"
        yield from (f"  - {reason_line(reason)}" for reason in verdict.failed)
    counts = census_counts(card)
    if any(counts.values()):
        yield "Minority census: " + ", ".join(f"{count} {name}" for name, count in counts.items())
    rows = [row(result) for family in FAMILIES for result in card.results if result.family == family]
    yield table(("family", "score", "value", "95 % interval", "hold-out", "note"), rows)
    yield from card.notes


def check_policy(policy: str | None, needed: bool, released: bool) -> None:
    """Raise SpecError, before anything is measured, for a policy that does not exist or is needed and not named."""
    from synthgen.release import policies

    if policy is not None:
        policies.named(inputs.policy(policy))
    elif needed:
        raise SpecError("No policy was named, so nothing can be blocked.", "Add --policy standard.")
    elif released:
        raise SpecError("What may leave holds a verdict, and no policy was named.", "Add --policy standard.")


def check_metrics(policy: str | None, modality: str) -> None:
    """Raise SpecError for a policy that names what no scorecard of the data kind holds."""
    from synthgen import catalog

    if policy is not None:
        catalog.check_policy(inputs.policy(policy), modality)


def judged(card: Scorecard, policy: str | None) -> Verdict | None:
    """The verdict of a policy; None where none is named."""
    from synthgen.release import gate

    return gate.decide(card, inputs.policy(policy)) if policy is not None else None


def write(card: Scorecard, verdict: Verdict | None, out: Path) -> None:
    """The review rendering, which names rare categories, as a page or as JSON; the ending decides."""
    from synthgen.release import report

    _write(report.review(card, verdict), out)


def write_release(card: Scorecard, verdict: Verdict | None, out: Path) -> None:
    """The release rendering, which may leave the house, as a page or as JSON; the ending decides."""
    from synthgen.release import report

    assert verdict is not None  # see `check_policy`
    _write(report.release(card, verdict), out)


def _write(rendering: Mapping[str, Any], out: Path) -> None:
    from synthgen.release import report

    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".html":
        out.write_text(report.html(rendering), encoding="utf-8")
    else:
        text = json.dumps(rendering, indent=1, ensure_ascii=False, allow_nan=False)
        out.write_text(text + "\n", encoding="utf-8")


def row(result: MetricResult) -> tuple[str, ...]:
    """One score of the table."""
    interval = f"{number(result.interval.low)} to {number(result.interval.high)}" if result.interval else ""
    note = result.verdict if result.status is Status.OK else f"{result.status.value}: {result.reason}"
    holdout = number(result.holdout) if result.holdout is not None else ""
    return (result.family, result.title, number(result.value), interval, holdout, note)


def reason_line(reason: Reason) -> str:
    """One rule that was not met."""
    return f"{reason.rule}: {reason.message}"
