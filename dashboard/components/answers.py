"""Four questions a data steward asks of a set, each answered with a figure, its interval and what real rows get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

import streamlit as st

from dashboard.components import layout, wording
from dashboard.components.layout import Html
from synthgen.contracts import Figure, MetricResult, Scorecard, Status, Verdict
from synthgen.release import attacks
from synthgen.release.policies import ATTACKS
from synthgen.spec import AttackRule

Shown = MetricResult | Figure
LIKENESS = ("pair", "detection", "quality", "diagnostic", "marginal")
GROUPS = ("mode_census", "worst_group", "surprise")
USE = ("utility",)
OPEN = AttackRule(metrics=ATTACKS)  # for verdicts from before policies asked about attacks


def show(found: Scorecard, verdict: Verdict, target: str | None) -> None:
    """The four answers side by side; a card's colour says whether the policy's rules about it are met."""
    cards = (
        card("Is it like the real table?", _likeness(found), verdict, LIKENESS),
        card("Did the small groups survive?", _groups(found), verdict, GROUPS),
        card("Are there signs of copying?", _copying(found, verdict), verdict, ATTACKS),
        card("Can one learn from it?", _use(found, target), verdict, USE),
    )
    st.html(f'<div class="sg-answers">{"".join(cards)}</div>')


def card(question: str, lines: Iterable[str], verdict: Verdict, metrics: tuple[str, ...]) -> Html:
    """One question with its answer, the first line large, and how the rules about these metrics came out."""
    head, *rest = lines
    rules = [reason for reason in verdict.reasons if reason.rule.partition("/")[0] in metrics]
    missed = sum(not reason.passed for reason in rules)
    if missed:
        mark = layout.badge(f"{wording.plural(missed, 'rule')} not met", "bad")
    else:
        mark = layout.badge(
            f"{wording.plural(len(rules), 'rule')} met" if rules else "No rule", "good" if rules else "calm"
        )
    small = "".join(f"<li>{escape(line[:1].upper() + line[1:])}</li>" for line in rest)
    return Html(f"<div><span>{escape(question)}</span>{mark}<b>{escape(head)}</b><ul>{small}</ul></div>")


def _likeness(card: Scorecard) -> Iterator[str]:
    pair, told = _ok(card, "pair"), _ok(card, "detection")
    if pair is None:
        yield "Could not be judged"
    else:
        yield f"Pairs of columns agree to {_percent(pair.value)}"
        yield f"{_interval(pair)}unseen real rows: {_percent(pair.holdout)}"
    if told is not None:
        of = f"A classifier tells it from real rows in {_hundred(told.value)} of 100 pairs{_bracket(told)}"
        yield f"{of}; guessing gets 50, unseen real rows {_hundred(told.holdout)}"


def _groups(card: Scorecard) -> Iterator[str]:
    census, worst = card.result("mode_census"), _ok(card, "worst_group")
    words = [group.census for group in census.groups] if census else []
    told = [word for word in words if word and word != "too few to tell"]
    if census is None or not told:
        yield "Too little data to tell" if words else "No small group to watch"
        return
    yield f"{told.count('represented')} of {wording.plural(len(told), 'group')} represented"
    few = f", {words.count('too few to tell')} too few to tell" if "too few to tell" in words else ""
    yield f"{told.count('thin')} thin, {told.count('lost')} lost{few}; each by its 95 % interval"
    if census.holdout is not None:
        yield f"Of unseen real rows {_percent(census.holdout, 0)} of the groups would count as represented"
    if worst is not None:
        yield (
            f"The group that fares worst lies {wording.number(worst.value, 2)} from its real people; "
            f"unseen real people of a group up to {wording.number(worst.holdout, 2)} (0 is equal)"
        )


def _copying(card: Scorecard, verdict: Verdict) -> Iterator[str]:
    near, copied, closest = (_ok(card, name) for name in ("near_copies", "copied_rows", "closest_record"))
    if near is None:
        result = card.result("near_copies")
        yield "Could not be judged"
        yield result.reason if result is not None and result.reason else "Near copies were not measured"
    else:
        yield f"{_percent(near.value)} near copies"
        yield f"{_interval(near)}unseen real rows: {_percent(near.holdout)}"
    if copied is not None:
        yield f"{_percent(copied.value, 2)} equal a training row; of unseen real rows {_percent(copied.holdout, 2)}"
    if closest is not None:
        near_train = f"{_percent(closest.value)} lie closer to training rows than to unseen ones"
        yield f"{near_train}; {_interval(closest)}chance is 50 %"
    lines = [line for line in attacks.lines(verdict.policy.attacks or OPEN, card) if line.p_value is not None]
    gains = sum(line.state == "gains" for line in lines)
    if lines:
        found = f"{gains} gain something" if gains else "none gains more than chance makes"
        yield f"{wording.plural(len(lines), 'attack')} on it and on groups of people: {found}"


def _use(card: Scorecard, target: str | None) -> Iterator[str]:
    result = card.result("utility")
    if result is None or result.status is not Status.OK or result.value is None:
        yield "Not asked" if result is None or result.status is Status.NOT_APPLICABLE else "Could not be judged"
        yield result.reason if result is not None and result.reason else "No target was named"
        return
    figures = {figure.name: figure for figure in result.figures}
    main, what = ("ap", "average precision") if _told(figures.get("ap")) else ("r2", "share of variance explained")
    yield f"{wording.number(result.value, 2)} against {wording.number(result.holdout, 2)}"
    aim = target or "the target"
    yield f"Predicting {aim} on unseen people, learnt from this set against learnt from as many real rows ({what})"
    if result.interval is not None:
        yield f"95 % interval of the first: {_ends(result)}"
    gap = figures.get(f"{main}_gap")
    if gap is not None and _told(gap) and gap.interval is not None:
        yield f"Difference {wording.signed(gap.value)} ({_ends(gap)}): {_meant(gap.interval.low, gap.interval.high)}"


def _meant(low: float, high: float) -> str:
    """What an interval of a difference says, in words."""
    if high < 0:
        return "clearly worse than real rows"
    return "clearly better than real rows" if low > 0 else "it may be chance"


def _ok(card: Scorecard, metric: str) -> MetricResult | None:
    found = card.result(metric)
    return found if found is not None and _told(found) else None


def _told(figure: Shown | None) -> bool:
    return figure is not None and figure.status is Status.OK and figure.value is not None


def _interval(figure: Shown) -> str:
    """The interval of a share in percent, to stand before what it is compared with; nothing where there is none."""
    if figure.interval is None:
        return ""
    return f"95 % interval {100 * figure.interval.low:.1f} to {100 * figure.interval.high:.1f} %; "


def _bracket(figure: Shown) -> str:
    """The interval of a share, of 100, in brackets."""
    return f" ({_hundred(figure.interval.low)} to {_hundred(figure.interval.high)})" if figure.interval else ""


def _ends(figure: Shown) -> str:
    assert figure.interval is not None
    return f"{wording.number(figure.interval.low, 2)} to {wording.number(figure.interval.high, 2)}".replace("-", "−")


def _percent(share: float | None, digits: int = 1) -> str:
    return "not measured" if share is None else f"{100 * share:.{digits}f} %"


def _hundred(share: float | None) -> str:
    return "not measured" if share is None else f"{100 * share:.0f}"
