"""A scorecard as a data steward reads it: verdict, minorities, both ends of the dial, then every score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape

import streamlit as st

from dashboard.components import layout, wording
from dashboard.components.layout import Cell, Html
from synthgen.contracts import Figure, GroupFigure, MetricResult, Reason, Scorecard, Status, Verdict

SHOWN_GROUPS = 15
WORST_END = "worst_end_worst"  # a figure of surprise that only a generator with both ends has
STATUS = {
    Status.NOT_APPLICABLE: ("Does not apply", "calm"),
    Status.INSUFFICIENT: ("Too little data", "warn"),
    Status.ERROR: ("Failed", "bad"),
}
BETTER = {"higher": "Higher is better.", "lower": "Lower is better.", "closer": "Closer to the hold-out is better."}
WIDTHS = (44, 9, 15, 9, 6, 17)


def verdict(found: Verdict, state: str, remedy: str = "a corrected schema") -> None:
    """What the gate decided, and the rules that were not met."""
    if found.outcome == "blocked" and state == "blocked":
        todo = f"What helps: more time for training, {remedy}, another mix, or more data."
        lines = [*map(_reason, found.failed), todo]
        layout.banner("bad", "Blocked by the gate: this set cannot be released.", lines)
    elif found.outcome == "blocked" and state == "awaiting_review":
        lines = [*map(_reason, found.failed), "Two people overrode the gate; their names go with every release."]
        layout.banner("bad", "Blocked by the gate, overridden, awaiting your review.", lines)
    elif state == "awaiting_review":
        said = f"All {len(found.reasons)} rules of the policy “{found.policy.name}” are met. Now a person decides."
        layout.banner("warn", "Passed the gate, awaiting your review.", [said])
    else:
        label, tone = wording.state(state)
        past = "had been blocked by" if found.outcome == "blocked" else "had passed"
        layout.banner(tone, f"{label}.", [f"The set {past} the policy “{found.policy.name}”."])


def rules(found: Verdict) -> None:
    """Every rule of the policy and how it came out."""
    rows = [
        (
            layout.badge("met", "good") if r.passed else layout.badge("not met", "bad"),
            r.rule.replace("_", " ").replace("/", ": "),
            r.message,
            wording.number(r.value),
            wording.number(r.bound),
        )
        for r in found.reasons
    ]
    layout.table(("", "Rule", "What was found", "Value", "Bound"), rows, numbers=(3, 4))


def _reason(reason: Reason) -> str:
    return reason.message or reason.rule.replace("_", " ")


# --- census ---------------------------------------------------------------------------------------------------------


def census(card: Scorecard, record: str = "row") -> None:
    """What became of the minorities: one bar with counts, then the groups that need a look."""
    groups = [g for r in card.results for g in r.groups if g.census]
    if not groups:
        result = card.result("mode_census")
        layout.empty(
            "No census", result.reason if result and result.reason else "No group is large enough to be counted."
        )
        return
    _stack(census_counts(card))
    bad = [g for name in ("lost", "thin") for g in groups if g.census == name]
    if bad:
        layout.section("Groups that came out thin or lost")
        _groups(sorted(bad, key=lambda g: g.value if g.value is not None else 0.0)[:SHOWN_GROUPS], record)
    with st.expander(f"All {len(groups)} groups"):
        _all(groups, record)


def census_counts(card: Scorecard) -> dict[str, int]:
    """How many groups are represented, thin, lost, or too few to tell."""
    found = Counter(str(g.census) for r in card.results for g in r.groups if g.census)
    return {name: found[name] for name in wording.CENSUS if found[name]}


def _stack(counts: dict[str, int]) -> None:
    total = sum(counts.values())
    parts = [(name, counts[name]) for name in wording.CENSUS if counts.get(name)]
    bars = "".join(
        f'<span class="sg-{wording.CENSUS[name][1]}" style="flex:{count}" title="{escape(name)}">{count}</span>'
        for name, count in parts
    )
    legend = "".join(
        f'<span><i class="sg-{tone}"></i><b>{counts.get(name, 0)}</b> {title.lower()} <small>{said}</small></span>'
        for name, (title, tone, said) in wording.CENSUS.items()
    )
    st.html(f'<div class="sg-stack">{bars}</div><div class="sg-legend">{legend}</div>')
    told = total - counts.get("too few to tell", 0)
    if told:
        good = counts.get("represented", 0)
        st.caption(f"{good} of the {told} groups that can be judged are represented ({good / told:.0%}).")


def _groups(groups: Iterable[GroupFigure], record: str) -> None:
    rows = [
        (
            layout.badge(*wording.CENSUS[g.census][:2]),
            g.label,
            g.kind,
            wording.count(g.real_count),
            wording.count(g.synthetic_count),
            _ratio(g),
            wording.number(g.holdout, 2),
        )
        for g in groups
    ]
    headings = (
        "",
        "Group",
        "Kind",
        "Real people",
        f"Synthetic {record}s",
        "Synthetic share ÷ real share",
        f"Unseen real {record}s",
    )
    layout.table(headings, rows, numbers=(3, 4, 6))


def _ratio(group: GroupFigure) -> Html | str:
    if group.value is None:
        return "–"
    interval = f" <small>({group.interval.low:.2f} to {group.interval.high:.2f})</small>" if group.interval else ""
    return Html(f"{group.value:.2f}{interval}")


def _all(groups: list[GroupFigure], record: str) -> None:
    st.dataframe(
        {
            "Group": [g.label for g in groups],
            "Kind": [g.kind for g in groups],
            "Census": [g.census for g in groups],
            "Real people": [g.real_count for g in groups],
            f"Synthetic {record}s": [g.synthetic_count for g in groups],
            "Share ÷ real share": [g.value for g in groups],
            "From": [g.interval.low if g.interval else None for g in groups],
            "To": [g.interval.high if g.interval else None for g in groups],
            f"Unseen real {record}s": [g.holdout for g in groups],
        },
        hide_index=True,
        column_config={
            "Share ÷ real share": st.column_config.NumberColumn(format="%.2f", help="1: as often as it is."),
            "From": st.column_config.NumberColumn(format="%.2f", help="Lower end of its 95 % interval."),
            "To": st.column_config.NumberColumn(format="%.2f", help="Upper end of its 95 % interval."),
            f"Unseen real {record}s": st.column_config.NumberColumn(
                format="%.2f", help="The same ratio for the hold-out."
            ),
        },
    )


# --- scores ---------------------------------------------------------------------------------------------------------


def family(card: Scorecard, name: str, skip: Iterable[str] = ()) -> None:
    """Every score of one family, each beside the hold-out."""
    left_out = set(skip)
    rows = [row for r in card.results if r.family == name and r.metric not in left_out for row in _rows(r)]
    if not rows:
        st.caption("No score of this kind.")
        return
    headings = ("Score", "Value", "95 % interval", "Hold-out", "Best", "Where it lies")
    layout.table(headings, rows, numbers=(1, 2, 3, 4), widths=WIDTHS)


def _rows(result: MetricResult) -> list[tuple[Cell, ...]]:
    shown = [f for f in result.figures if f.status is not Status.NOT_APPLICABLE]
    head = _line(result.title, result, result, f"{BETTER[result.better]} {result.explanation}".strip())
    return [head, *(_line(f.title or f.name.replace("_", " "), f, result, "") for f in shown)]


def _line(title: str, figure: MetricResult | Figure, result: MetricResult, said: str) -> tuple[Cell, ...]:
    main = isinstance(figure, MetricResult)
    name = f"<b>{escape(title)}</b><br><small>{escape(said)}</small>" if main else f"&emsp;{escape(title)}"
    if figure.status is not Status.OK:
        label, tone = STATUS[figure.status]
        note = Html(f"{layout.badge(label, tone)} <small>{escape(figure.reason)}</small>")  # type: ignore[arg-type]
        return Html(name), "–", "", "", "", note
    interval = f"{figure.interval.low:.3f} to {figure.interval.high:.3f}" if figure.interval else ""
    best = wording.number(result.best, 2) if main else ""
    holdout = wording.number(figure.holdout) if figure.holdout is not None else ""
    return Html(name), wording.number(figure.value), interval, holdout, best, _dial(figure, result)


def _dial(figure: MetricResult | Figure, result: MetricResult) -> Html | str:
    """The range of a score with its interval, its value and a mark where real hold-out data lie."""
    if figure.value is None or not result.low <= figure.value <= result.high or result.high - result.low > 10:
        return ""

    def at(value: float) -> float:
        return 100 * min(1.0, max(0.0, (value - result.low) / (result.high - result.low)))

    parts = '<span class="sg-rail"></span>'
    if figure.interval:
        low, high = at(figure.interval.low), at(figure.interval.high)
        parts += f'<span class="sg-span" style="left:{low:.1f}%;width:{high - low:.1f}%"></span>'
    if figure.holdout is not None:
        parts += f'<span class="sg-ref" title="hold-out" style="left:{at(figure.holdout):.1f}%"></span>'
    return Html(f'<div class="sg-dial">{parts}<span class="sg-dot" style="left:{at(figure.value):.1f}%"></span></div>')


# --- both ends of the dial ------------------------------------------------------------------------------------------


def both_ends(card: Scorecard) -> None:
    """Mean beside worst group: how far groups are from the real ones, how well unseen people are known."""
    found = [r for r in (card.result("worst_group"), card.result("surprise")) if r is not None and r.value is not None]
    if not found:
        return
    layout.section("Both ends of the dial", "What the average gets, and what the group that fares worst gets.")
    rows = [row for result in found for row in _ends(result)]
    layout.table(("", "Mean", "Reference", "Worst group", "Reference"), rows, numbers=(1, 2, 3, 4))
    st.caption(" ".join(_explained(found)))
    for result in found:
        worst_groups(result)


def _explained(found: Iterable[MetricResult]) -> list[str]:
    """What the lines that are there mean."""
    said = []
    for result in found:
        if result.metric == "worst_group":
            said.append(
                "Distance: how far a group's other columns are from the real group (0 is best; the reference is what "
                "unseen real people score, and small groups are noisy)."
            )
            continue
        said.append(
            "Surprise: how unexpected unseen real people are to the generator, in nats (lower is better); the "
            "reference is what people it was trained on get: a clearly lower figure there means memorising."
        )
        if any(figure.name == WORST_END for figure in result.figures):
            said.append(
                "The last line is the same generator after worst-case training, before it was calibrated to the "
                "frequencies of the data."
            )
    return said


def _ends(result: MetricResult) -> list[tuple[Cell, ...]]:
    figures = {f.name: f for f in result.figures}

    def line(name: str, mean: Figure | None, worst: MetricResult | Figure | None, *seen: str) -> tuple[Cell, ...]:
        pair = (mean, worst)
        references = [_value(figures.get(s)) for s in seen] or [f.holdout if f else None for f in pair]
        cells = [c for f, r in zip(pair, references, strict=True) for c in (_spanned(f), wording.number(r))]
        return (Html(f"<b>{escape(name)}</b>"), *cells)

    if result.metric == "worst_group":
        return [line("Distance to the real group", figures.get("mean"), figures.get("worst", result))]
    lines = [line("Surprise, released model", figures.get("mean"), result, "train_mean", "train_worst")]
    if WORST_END in figures:
        lines.append(line("Surprise, worst-case end", figures.get("worst_end_mean"), figures[WORST_END]))
    return lines


def _value(figure: Figure | None) -> float | None:
    return None if figure is None else figure.value


def _spanned(figure: MetricResult | Figure | None) -> Cell:
    """A value and, where there is one, its interval."""
    if figure is None or figure.interval is None:
        return wording.number(figure.value if figure else None)
    span = f"{figure.interval.low:.2f} to {figure.interval.high:.2f}"
    return Html(f"{wording.number(figure.value)} <small>({span})</small>")


def worst_groups(result: MetricResult) -> None:
    """The groups that a score finds worst."""
    groups = [g for g in result.groups if g.value is not None and not g.census]
    if not groups:
        return
    ordered = sorted(groups, key=lambda g: g.value or 0.0, reverse=result.better != "higher")
    with st.expander(f"{result.title}: the {min(len(ordered), SHOWN_GROUPS)} worst groups"):
        rows = [
            (g.label, g.kind, wording.count(g.real_count), wording.number(g.value), wording.number(g.holdout))
            for g in ordered[:SHOWN_GROUPS]
        ]
        layout.table(("Group", "Kind", "Real people", "Value", "Hold-out"), rows, numbers=(2, 3, 4))
