"""The two renderings of a scorecard, and the page that shows either.

*Review* is for those who may see the source and leaves nothing out. *Release* goes into the bundle: real counts only as
at least k and rounded to 5, plots from bins with at least k people, shares of a group too coarse to count people from,
no extremes, no name of a suppressed category, nothing of the hold-out about a single group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthgen.contracts import GroupFigure, Interval, MetricResult, Plot, Release, Scorecard, Verdict
from synthgen.release import wording
from synthgen.release.figures import shown

SHOWN_GROUPS = 30
TITLES = {
    "fidelity": "Fidelity: does it look like the real table?",
    "coverage": "Coverage: did the small groups survive?",
    "utility": "Utility: can one learn from it?",
    "privacy": "Privacy: are there signs of copying?",
}
HOLDOUT_GROUPS = frozenset({"surprise"})  # metrics whose groups are groups of the hold-out
EMPHASIS = ("reducer", "emphasis", "emphasised", "overfitted", "largest_weight", "mean_excess", "worst_excess")


def review(scorecard: Scorecard, verdict: Verdict | None = None, title: str = "Scorecard") -> dict[str, Any]:
    """Everything, for a person with the right to see the source."""
    return {
        **_frame("review", scorecard, verdict, title, f"{scorecard.train_rows:,}"),
        "facts": _facts(scorecard, exact=True),
        "scores": [_score(r, r.groups) for r in scorecard.results],
        "plots": [_plot_review(p) for p in scorecard.plots],
        "emphasis": dict(scorecard.emphasis),
        "notes": list(scorecard.notes),
        "release": None,
    }


def release(
    scorecard: Scorecard, verdict: Verdict, record: Release | None = None, title: str = "Scorecard"
) -> dict[str, Any]:
    """What may leave with the set."""
    k = scorecard.k_floor
    plots = (_plot_release(p, k) for p in scorecard.plots)
    return {
        **_frame("release", scorecard, verdict, title, f"about {_rounded(scorecard.train_rows, k):,}"),
        "facts": _facts(scorecard, exact=False),
        "scores": [_score(r, tuple(_group_release(r, g, k) for g in _nameable(r, k))) for r in scorecard.results],
        "plots": [p for p in plots if p is not None],
        "emphasis": {name: v for name, v in scorecard.emphasis.items() if name in EMPHASIS},
        "notes": [],
        "release": record.model_dump(mode="json", exclude={"note"}) if record else None,  # the note is for this house
    }


def html(shown: Mapping[str, Any] | Scorecard) -> str:
    """One self-contained page of a rendering; a bare scorecard is shown as its review rendering."""
    from jinja2 import Environment, FileSystemLoader, select_autoescape

    rendering = review(shown) if isinstance(shown, Scorecard) else shown
    loader = FileSystemLoader(Path(__file__).parent)
    pages = Environment(loader=loader, autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True)
    pages.filters.update(pretty=pretty, percent=percent, times=times, by_name=by_name)
    return pages.get_template("report.html").render(r=rendering, titles=TITLES, most=SHOWN_GROUPS)


def by_name(figures: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Figure name -> value."""
    return {f["name"]: f["value"] for f in figures}


def pretty(number: float | None) -> str:
    """At most three decimals, thousands apart."""
    return "" if number is None else shown(number)


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


def _frame(kind: str, scorecard: Scorecard, verdict: Verdict | None, title: str, rows: str) -> dict[str, Any]:
    return {
        "rendering": kind,
        "title": title,
        "generator": scorecard.generator,
        "k_floor": scorecard.k_floor,
        "summary": wording.summary(scorecard, verdict, rows),
        "verdict": verdict.model_dump(mode="json") if verdict else None,
        "methods": list(wording.METHODS),
        "limits": list(wording.LIMITS),
    }


def _facts(scorecard: Scorecard, exact: bool) -> dict[str, Any]:
    counts = {"train_rows": scorecard.train_rows, "holdout_rows": scorecard.holdout_rows}
    real = counts if exact else {name: _rounded(n, scorecard.k_floor) for name, n in counts.items()}
    return {"rows": scorecard.rows, **real}


def _score(result: MetricResult, groups: tuple[GroupFigure, ...]) -> dict[str, Any]:
    return {
        **result.model_dump(mode="json", exclude={"groups"}),
        "groups": [g.model_dump(mode="json") for g in groups],
    }


def _nameable(result: MetricResult, k: int) -> tuple[GroupFigure, ...]:
    """Lines that may be named: not suppressed, about columns or at least k people, and none of the hold-out alone."""
    if result.metric in HOLDOUT_GROUPS:
        return ()
    return tuple(g for g in result.groups if not g.suppressed and (g.real_count is None or g.real_count >= k))


def _group_release(result: MetricResult, group: GroupFigure, k: int) -> GroupFigure:
    """A line with no number from which the people in it could be counted."""
    if group.real_count is None:
        return group.model_copy(update={"value": _coarse(group.value, 3), "holdout": _coarse(group.holdout, 3)})
    interval = group.interval
    if interval is not None:
        low, high = _coarse(interval.low, 1), _coarse(interval.high, 1)
        interval = Interval(low=low or 0.0, high=high or 0.0, level=interval.level, method=interval.method)
    return group.model_copy(
        update={
            "real_count": _rounded(group.real_count, k),
            "value": _coarse(group.value, 1 if result.metric == "mode_census" else 2),
            "interval": interval,
            "holdout": None,
        }
    )


def _rounded(count: int, k: int) -> int:
    return max(k, 5 * round(count / 5))


def _coarse(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)


def _plot_review(plot: Plot) -> dict[str, Any]:
    bins = zip(plot.bins, plot.real, plot.synthetic, plot.suppressed, strict=True)
    shown = [{"label": b, "real": r, "synthetic": s, "suppressed": x} for b, r, s, x in bins]
    return {"column": plot.column, "kind": plot.kind, "bins": shown, "hidden": 0}


def _plot_release(plot: Plot, k: int) -> dict[str, Any] | None:
    """Bins with at least k people, their counts rounded to 5; the others together, or not at all if still too few."""
    people = [0 if hidden else n for n, hidden in zip(plot.real_counts, plot.suppressed, strict=True)]
    keep = [i for i, n in enumerate(people) if n >= k]
    rest = [i for i in range(len(people)) if i not in keep]
    counts = [_rounded(people[i], k) for i in keep]
    left = sum(plot.real_counts[i] for i in rest)
    total = sum(counts) + (5 * round(left / 5))
    if not keep or not total:
        return None
    shown = [
        {"label": _inner(plot, i, keep), "real": round(n / total, 3), "synthetic": round(plot.synthetic[i], 4)}
        for i, n in zip(keep, counts, strict=True)
    ]
    if left >= k and plot.kind == "category":
        other = round(sum(plot.synthetic[i] for i in rest), 4)
        shown.append({"label": "all others", "real": round(5 * round(left / 5) / total, 3), "synthetic": other})
    return {"column": plot.column, "kind": plot.kind, "bins": shown, "hidden": len(rest)}


def _inner(plot: Plot, i: int, keep: list[int]) -> str:
    """A bin's name; closed ends of a number or date would show its extremes."""
    name = plot.bins[i]
    if plot.kind == "category" or name in ("missing", "") or name.startswith("below ") or name.endswith(" and above"):
        return name
    numbered = [j for j in keep if plot.bins[j] not in ("missing", "")]
    return "lowest" if i == numbered[0] else "highest" if i == numbered[-1] else plot.bins[i]
