"""A scorecard of images as a data steward reads it: four answers, and every class beside unseen real images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import streamlit as st

from dashboard.components import answers, layout, wording
from dashboard.components.layout import Cell, Html
from synthgen.contracts import GroupFigure, MetricResult, Scorecard, Status, Verdict
from synthgen.release import policies

LIKENESS = ("frechet", "kernel_distance", "precision", "density", "inception_score")
GROUPS = ("mode_census", "coverage", "recall", "worst_cluster", "diversity")
USE = ("accuracy_score", "augmentation")
BY_CLASS = {
    "coverage": "Coverage",
    "precision": "Precision",
    "diversity": "Variety",
    "frechet": "Fréchet",
    "accuracy_score": "Found",
}
EXPLAINED = (
    "Coverage: share of real images that have a synthetic one near. Precision: share of synthetic images that lie "
    "where real ones do. Variety: how different the images of a class are from each other (1: as real ones). "
    "Fréchet: distance to the real images (0 is best). Found: share of real images of the class that a classifier "
    "trained on this set finds. In grey what unseen real images get."
)


def show(card: Scorecard, verdict: Verdict) -> None:
    """The four answers side by side; a card's colour says whether the policy's rules about it are met."""
    asked = verdict.policy.attacks or policies.named("standard", "images").attacks
    copying = asked.metrics if asked else ()
    cards = (
        answers.card("Do they look like the real images?", _likeness(card), verdict, LIKENESS),
        answers.card("Did every class survive?", _survived(card), verdict, GROUPS),
        answers.card("Are there signs of copying?", _copying(card), verdict, copying),
        answers.card("Can one learn from them?", _use(card), verdict, USE),
    )
    st.html(f'<div class="sg-answers">{"".join(cards)}</div>')


def _ok(card: Scorecard, metric: str) -> MetricResult | None:
    found = card.result(metric)
    return found if found is not None and found.status is Status.OK and found.value is not None else None


def _unjudged(card: Scorecard, metric: str) -> Iterator[str]:
    found = card.result(metric)
    yield "Could not be judged"
    yield found.reason if found is not None and found.reason else "It was not measured"


def _likeness(card: Scorecard) -> Iterator[str]:
    precise, far = _ok(card, "precision"), _ok(card, "frechet")
    if precise is None:
        yield from _unjudged(card, "precision")
    else:
        yield f"{_percent(precise.value)} lie where real images lie"
        yield f"{_interval(precise)}of unseen real images {_percent(precise.holdout)} do"
    if far is not None:
        held = f"; unseen real images {wording.number(far.holdout, 2)}" if far.holdout is not None else ""
        yield f"Fréchet distance {wording.number(far.value, 2)} (0 is best){held}"


def _copying(card: Scorecard) -> Iterator[str]:
    near, same, closest = (_ok(card, name) for name in ("near_copies", "copied_images", "closest_image"))
    if near is None:
        yield from _unjudged(card, "near_copies")
    else:
        yield f"{_percent(near.value)} near copies"
        yield f"{_interval(near)}of unseen real images {_percent(near.holdout)}"
    if same is not None:
        yield f"{_percent(same.value)} equal a training image; of unseen real images {_percent(same.holdout)} do"
    if closest is not None:
        nearer = f"{_percent(closest.value)} lie nearer to training than to unseen images"
        yield f"{nearer}; {_interval(closest)}chance is 50 %"


def _use(card: Scorecard) -> Iterator[str]:
    found = _ok(card, "accuracy_score")
    if found is None:
        yield from _unjudged(card, "accuracy_score")
    else:
        yield f"{_percent(found.value, 0)} of the worst class found"
        yield (
            f"{_interval(found)}by a classifier that learnt from this set, on real images; one that learnt from as "
            f"many real images finds {_percent(found.holdout, 0)}"
        )
    advice = _ok(card, "augmentation")
    if advice is not None and advice.verdict:
        yield f"Added to the real images: {advice.verdict}"


def _percent(share: float | None, digits: int = 1) -> str:
    return "not measured" if share is None else f"{100 * share:.{digits}f} %"


def _interval(found: MetricResult) -> str:
    """The interval of a share in percent, to stand before what it is compared with; nothing where there is none."""
    if found.interval is None:
        return ""
    return f"95 % interval {100 * found.interval.low:.0f} to {100 * found.interval.high:.0f} %; "


def _survived(card: Scorecard) -> Iterator[str]:
    census = card.result("mode_census")
    if census is None or not any(g.census for g in census.groups):
        yield "Could not be judged"
        yield census.reason if census is not None and census.reason else "No census was made"
        return
    for kind, many in (("class", "classes"), ("cluster", "clusters of like images inside them")):
        words = [g.census for g in census.groups if g.kind == kind and g.census]
        told = [word for word in words if word != "too few to tell"]
        if not words:
            continue
        few = f", {len(words) - len(told)} too few to tell" if len(told) < len(words) else ""
        counts = f"{told.count('thin')} thin, {told.count('lost')} lost{few}"
        yield f"{told.count('represented')} of {len(told)} {many} represented" + (
            "" if kind == "class" else f"; {counts}"
        )
        if kind == "class":
            yield f"{counts}; each by its 95 % interval"


def classes(card: Scorecard) -> None:
    """Every class with its images, its census and the scores that are told by class."""
    lines = _by_class(card)
    if not lines:
        layout.empty("Nothing by class", "No score of this set is told by class.")
        return
    shown = {m: title for m, title in BY_CLASS.items() if any(m in found for found in lines.values())}
    rows = [_row(name, found, tuple(shown)) for name, found in lines.items()]
    headings = ("Class", "", "Real people", "Synthetic images", *shown.values())
    layout.table(headings, rows, numbers=range(2, 4 + len(shown)))
    st.caption(EXPLAINED)


def _by_class(card: Scorecard) -> dict[str, dict[str, GroupFigure]]:
    """Class -> metric -> its line, the rarest class first."""
    found: dict[str, dict[str, GroupFigure]] = {}
    for result in card.results:
        for group in result.groups:
            if group.kind == "class":
                found.setdefault(group.label, {})[result.metric] = group
    return dict(sorted(found.items(), key=lambda item: _real(item[1].values())))


def _real(lines: Iterable[GroupFigure]) -> int:
    return max((line.real_count or 0 for line in lines), default=0)


def _row(name: str, found: dict[str, GroupFigure], metrics: tuple[str, ...]) -> tuple[Cell, ...]:
    census = found.get("mode_census")
    badge: Cell = layout.badge(*wording.CENSUS[census.census][:2]) if census and census.census else ""
    made = max((line.synthetic_count or 0 for line in found.values()), default=0)
    people = _real(found.values())
    return (
        Html(f"<b>{layout.text(name)}</b>"),
        badge,
        wording.count(people),
        wording.count(made),
        *(_score(found.get(metric)) for metric in metrics),
    )


def _score(line: GroupFigure | None) -> Cell:
    if line is None or line.status is not Status.OK or line.value is None:
        return "–"
    beside = "" if line.holdout is None else f"<br><small>{wording.number(line.holdout, 2)}</small>"
    return Html(f"{wording.number(line.value, 2)}{beside}")
