"""The two renderings of a scorecard, and the page that shows either.

*Review* is for those who may see the source and leaves nothing out. *Release* goes into the bundle and holds what
`coarse` lets through: real counts only as at least k and rounded to 5, plots from bins with at least k people, shares
and attacks of a group too coarse to count people from, no extremes, no name of a suppressed category, nothing of the
hold-out about a single group. Both keep to the published schema (`rendering`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthgen.contracts import MetricResult, Plot, Release, Scorecard, Status, Verdict
from synthgen.release import coarse, drawing, image_wording, policies, risks, wording
from synthgen.release.figures import shown
from synthgen.release.rendering import Bin, Facts, Rendering, ShownPlot, Unmeasured

SHOWN_GROUPS = 30
TITLES = {
    "fidelity": "Fidelity: does it look like the real table?",
    "coverage": "Coverage: did the small groups survive?",
    "utility": "Utility: can one learn from it?",
    "privacy": "Privacy: can anything be learnt about the people behind it?",
}
EMPHASIS = ("reducer", "emphasis", "emphasised", "overfitted", "largest_weight", "mean_excess", "worst_excess")
RECEIPT = "privacy"  # what a private generator's report calls it
Evidence = Mapping[str, Any]


def review(
    scorecard: Scorecard,
    verdict: Verdict | None = None,
    title: str = "Scorecard",
    evidence: Evidence | None = None,
) -> dict[str, Any]:
    """Everything, for a person with the right to see the source."""
    return _dumped(
        **_frame(scorecard, verdict, title, f"{scorecard.train_rows:,}", evidence),
        rendering="review",
        facts=Facts(rows=scorecard.rows, train_rows=scorecard.train_rows, holdout_rows=scorecard.holdout_rows),
        scores=scorecard.results,
        risks=risks.risks(scorecard, _rule(verdict), lambda result: result),
        plots=tuple(_plot(p) for p in scorecard.plots),
        unmeasured=_unmeasured(scorecard.results),
        emphasis=scorecard.emphasis,
        notes=scorecard.notes,
    )


def release(
    scorecard: Scorecard,
    verdict: Verdict,
    record: Release | None = None,
    title: str = "Scorecard",
    evidence: Evidence | None = None,
) -> dict[str, Any]:
    """What may leave with the set."""
    k = scorecard.k_floor
    scores = tuple(coarse.result(r, k) for r in scorecard.results)
    plots = (coarse.plot(p, k) for p in scorecard.plots)
    train, holdout = (coarse.rounded(n, k) for n in (scorecard.train_rows, scorecard.holdout_rows))
    return _dumped(
        **_frame(scorecard, coarse.verdict(verdict), title, f"about {train:,}", evidence),
        rendering="release",
        facts=Facts(rows=scorecard.rows, train_rows=train, holdout_rows=holdout),
        scores=scores,
        risks=risks.risks(scorecard, _rule(verdict), lambda result: coarse.result(result, k)),
        plots=tuple(p for p in plots if p is not None),
        unmeasured=_unmeasured(scores),
        emphasis={name: v for name, v in scorecard.emphasis.items() if name in EMPHASIS},
        release=record.model_dump(mode="json", exclude={"note"}) if record else None,  # the note is for this house
    )


def html(shown: Mapping[str, Any] | Scorecard) -> str:
    """One self-contained page of a rendering; a bare scorecard is shown as its review rendering."""
    from jinja2 import Environment, FileSystemLoader, select_autoescape

    rendering = review(shown) if isinstance(shown, Scorecard) else shown
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    pages = Environment(loader=loader, autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True)
    filters = {f.__name__: f for f in (pretty, percent, times, by_name, chance, figure)}
    pages.filters.update(filters)
    pages.globals.update(scale=drawing.scale, between=drawing.between)
    pages.tests["endingwith"] = str.endswith
    scores = {score["metric"]: score for score in rendering["scores"]}
    kind = policies.kind(rendering["modality"])
    titles = image_wording.TITLES if rendering["modality"] == "images" else TITLES
    return pages.get_template("report.html").render(
        r=rendering, scores=scores, titles=titles, most=SHOWN_GROUPS, copying=kind.copying, records=kind.records
    )


def by_name(figures: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Figure name -> value."""
    return {f["name"]: f["value"] for f in figures}


def pretty(number: float | None) -> str:
    """At most three decimals, thousands apart."""
    return "" if number is None else shown(number)


def figure(number: float) -> str:
    """A number of a receipt, small ones with their power of ten."""
    return f"{number:.3g}" if 0 < abs(number) < 0.001 else shown(number)


def percent(share: float | None) -> str:
    """A share as people read it."""
    if share is None:
        return ""
    return f"{share:.0%}" if share in (0.0, 1.0) else f"{share:.1%}" if share >= 0.001 else "<0.1%"


def times(ratio: float | None) -> str:
    """A ratio of shares: 1 is as often as in the real table."""
    if ratio is None:
        return ""
    return f"{ratio:.2f} ×" if ratio < 10 else f"{ratio:.0f} ×" if ratio < 1000 else "∞"


def chance(p: float | None) -> str:
    """A p-value as people read it."""
    if p is None:
        return ""
    return "<.001" if p < 0.001 else f"{p:.3f}".lstrip("0").rstrip("0") if 0 < p < 1 else "1"


def _dumped(**fields: Any) -> dict[str, Any]:
    return Rendering(**fields).model_dump(mode="json", by_alias=True)


def _frame(
    scorecard: Scorecard, verdict: Verdict | None, title: str, rows: str, evidence: Evidence | None
) -> dict[str, Any]:
    receipt = (dict((evidence or {}).get("training") or {})).get(RECEIPT)
    private = receipt if isinstance(receipt, Mapping) else None
    return {
        "title": title,
        "generator": scorecard.generator,
        "k_floor": scorecard.k_floor,
        "summary": wording.summary(scorecard, verdict, rows, private),
        "verdict": verdict,
        "filters": scorecard.filters,
        "differential_privacy": private,
        "modality": scorecard.modality,
        "methods": wording.methods(scorecard.modality),
        "limits": wording.limits(private is not None),
    }


def _rule(verdict: Verdict | None) -> Any:
    return verdict.policy.attacks if verdict is not None else None


def _unmeasured(results: Sequence[MetricResult]) -> tuple[Unmeasured, ...]:
    """Scores and parts of them that have no number, errors first."""
    found = [_without_number(r.title, r) for r in results if r.status is not Status.OK]
    for r in results:
        if r.status is Status.OK:
            found += [_without_number(f"{r.title}: {f.title or f.name}", f) for f in r.figures if _blank(f)]
            found += [_without_number(f"{r.title}: {g.label}", g) for g in r.groups if _blank(g)]
    order = (Status.ERROR, Status.INSUFFICIENT, Status.NOT_APPLICABLE)
    return tuple(sorted(found, key=lambda u: order.index(u.status)))


def _blank(found: Any) -> bool:
    return found.status is not Status.OK


def _without_number(title: str, found: Any) -> Unmeasured:
    return Unmeasured(title=title, status=found.status, reason=found.reason)


def _plot(plot: Plot) -> ShownPlot:
    bins = zip(plot.bins, plot.real, plot.synthetic, plot.suppressed, strict=True)
    shown = tuple(Bin(label=b, real=r, synthetic=s, suppressed=x) for b, r, s, x in bins)
    return ShownPlot(column=plot.column, kind=plot.kind, bins=shown)
