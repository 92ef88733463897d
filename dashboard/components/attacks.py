"""What attacks on a set came to, as a data steward reads it: who gains what over people who are not in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from dashboard.components import charts, layout, wording
from dashboard.components.layout import Cell
from dashboard.components.wording import Tone
from synthgen.contracts import Figure, GroupFigure, Scorecard, Verdict
from synthgen.release import attacks, policies
from synthgen.release.attacks import Line
from synthgen.spec import AttackRule

WORDS: dict[str, tuple[str, Tone]] = {
    "gains": ("Gains: blocked", "bad"),
    "safe": ("Gains nothing measurable", "good"),
    "unclear": ("Not shown safe", "warn"),
    "insufficient": ("Too few people to tell", "calm"),
    "not_applicable": ("Does not apply", "calm"),
    "error": ("Failed", "bad"),
}
HEADINGS = ("", "Attack", "People in it", "Unseen people", "Guessing", "Attacked", "p (Holm)")
GROUP_WIDTHS = (22, 17, 17, 9, 10, 8, 8, 9)
WIDTHS = (24, 28, 10, 11, 9, 9, 9)


def show(card: Scorecard, found: Verdict) -> None:
    """One sentence, the gains on the whole with the bound of the policy, and every population by attack."""
    rule = found.policy.attacks or policies.named("standard", card.modality).attacks
    assert rule is not None
    lines = attacks.lines(rule, card)
    layout.section(
        "Attacks",
        "An attacker holds this set and tries to learn about people. What counts is how much better that works on "
        "the people the set was made from than on people who are not in it.",
    )
    whole = [line for line in lines if line.whole]
    if not whole:
        layout.empty("No attack was made", "This scorecard is from before attacks were, or they were left out.")
        return
    layout.banner(*_summary(rule, lines))
    charts.gains(_gains(whole), rule.threshold if rule.whole == "shown_safe" else None, "gains-whole")
    layout.table(HEADINGS, map(_row, whole), numbers=(2, 3, 4, 5, 6), widths=WIDTHS)
    st.caption(
        "How often the attack works on people the set was made from, on people who are not in it, and by guessing "
        "without the set; how many people were attacked; the chance of such a difference where nothing is gained, "
        "corrected by Holm over all attacks. Membership: 0.5 is guessing. Of copies: shares of the "
        f"{wording.RECORDS[card.modality]}s."
    )
    _populations(rule, lines)


def words(line: Line) -> tuple[str, Tone]:
    """What one attack came to, in words, and their tone."""
    return WORDS[line.state]


def _summary(rule: AttackRule, lines: Sequence[Line]) -> tuple[Tone, str, list[Cell]]:
    """The tone, the sentence and the details of the banner on top."""
    gains = [line for line in lines if line.state == "gains"]
    made = sum(line.p_value is not None for line in lines)
    told: list[Cell] = [f"{wording.plural(made, 'attack')} on the whole set and on groups of people were compared."]
    few = [line for line in lines if line.state == "insufficient"]
    if few:
        told.append(f"On {wording.plural(len(few), 'of them', 'more')} too few people are there to tell anything.")
    if gains:
        where = "; ".join(dict.fromkeys(_where(line) for line in gains))
        return "bad", "Attackers gain something from this set.", [f"They do: {where}.", *told]
    open_ = [line for line in lines if line.whole and line.state in ("unclear", "insufficient", "error")]
    if open_ and rule.whole == "shown_safe":
        names = "; ".join(map(_label, open_))
        return "warn", "No attack gains anything measurable, but not all are shown safe.", [f"Open: {names}.", *told]
    return "good", "No attack gains anything measurable.", told


def _where(line: Line) -> str:
    return _label(line) if line.whole else f"{line.metric.replace('_', ' ')} on {line.title}"


def _label(line: Line) -> str:
    """An attack on the whole by a name of its own: two attacks may have figures of one title."""
    return (
        f"{line.metric.replace('_', ' ').capitalize()}: {line.title}" if isinstance(line.found, Figure) else line.title
    )


def _row(line: Line) -> tuple[Cell, ...]:
    found = line.found
    return (
        layout.badge(*words(line)),
        _label(line),
        _rate(found.value),
        _rate(found.holdout),
        _rate(found.baseline),
        wording.count(found.attempts),
        _p(line.p_value),
    )


def _rate(value: float | None) -> str:
    return wording.number(value, 3)


def _p(value: float | None) -> str:
    return "–" if value is None else "< .001" if value < 0.001 else wording.number(value, 3)


def _gains(lines: Iterable[Line]) -> list[charts.Gain]:
    """The points of a chart: what an attack gains over unseen people, with its interval."""
    return [
        charts.Gain(
            _label(line),
            (line.found.value or 0.0) - line.found.holdout,
            line.found.interval.low - line.found.holdout,
            line.found.interval.high - line.found.holdout,
            *words(line),
        )
        for line in lines
        if line.p_value is not None and line.found.interval is not None and line.found.holdout is not None
    ]


# --- populations ----------------------------------------------------------------------------------------------------


def _populations(rule: AttackRule, lines: Sequence[Line]) -> None:
    """For each attack a chart of its success on every population, beside unseen people and guessing."""
    groups = [line for line in lines if not line.whole]
    if not groups:
        return
    layout.section(
        "Attacks on groups",
        "Minorities are the ones at risk. Dot and line: people in the set, with the interval; grey mark: unseen people "
        "of the same group; hollow mark: guessing without the set.",
    )
    metrics = [m for m in rule.metrics if any(line.metric == m and line.p_value is not None for line in groups)]
    titles = {m: next(line.title for line in lines if line.metric == m) for m in metrics}
    for start in range(0, len(metrics), 2):
        for metric, place in zip(metrics[start : start + 2], st.columns(2), strict=False):
            with place:
                mine = [line for line in lines if line.metric == metric and line.p_value is not None]
                charts.rates(_rates(mine), titles[metric], f"attack-{metric}")
    few = dict.fromkeys(_name(line) for line in groups if line.state == "insufficient")
    if few:
        st.caption(f"Too few people to be attacked, so nothing is known about them: {wording.plain(', '.join(few))}.")
    with st.expander(f"All {len(groups)} attacks on groups"):
        layout.table(
            ("", "Attack", "Group", *HEADINGS[2:]), map(_group, groups), numbers=(3, 4, 5, 6, 7), widths=GROUP_WIDTHS
        )


def _rates(lines: Sequence[Line]) -> list[charts.Rate]:
    """The points of one attack's chart: the whole first."""
    kept = [line for line in lines if not line.whole or line is lines[0]]
    return [
        charts.Rate(
            _name(line),
            line.found.value or 0.0,
            line.found.interval.low if line.found.interval else 0.0,
            line.found.interval.high if line.found.interval else 0.0,
            line.found.holdout or 0.0,
            line.found.baseline,
            line.found.attempts,
            *words(line),
        )
        for line in kept
    ]


def _name(line: Line) -> str:
    """A population by its label; this page is for those who may see the source."""
    return line.found.label if isinstance(line.found, GroupFigure) else "everybody"


def _group(line: Line) -> tuple[Cell, ...]:
    badge, _, *numbers = _row(line)
    return (badge, line.metric.replace("_", " "), _name(line), *numbers)
