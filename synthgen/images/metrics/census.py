"""The mode census of images: which classes and which clusters within them survived in the synthetic set.

A class is asked for by name, so counting its name would say nothing: it is judged by what its images look like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from synthgen.contracts import Figure, GroupFigure, Interval, MetricResult, Status
from synthgen.images.metrics.compared import ImageMeasure
from synthgen.images.metrics.features import Comparison
from synthgen.images.modes import memberships
from synthgen.images.schema import CLASS
from synthgen.measures.measure import absent, mean
from synthgen.shares import FEWEST_EXPECTED, LOST, THIN, ratio_interval
from synthgen.spec import OneOf, SampleSpec

Census = Literal["represented", "thin", "lost", "too few to tell"]
WORDS: tuple[Census, ...] = ("represented", "thin", "lost", "too few to tell")
FEWEST_SEEN = 5  # unseen real images of a class without which nothing is known of how its images look


@dataclass(frozen=True)
class _Line:
    """What one sample says of one group: images found, how many were expected, and the ratio of shares."""

    count: int
    ratio: float | None
    interval: Interval | None
    word: Census

    @property
    def told(self) -> bool:
        return self.word != "too few to tell"


class ModeCensus(ImageMeasure):
    """Represented, thin, lost, too few to tell: one line per class and per cluster."""

    name, title = "mode_census", "Mode census"
    family: ClassVar[Literal["coverage"]] = "coverage"
    explanation = (
        "A class is judged by its looks: how many of the images asked for of it two networks that learnt the training "
        "images see as that class, over the same share of unseen real images. A cluster is judged by its share of its "
        "class, over its share of the training images of the class. Lost: the 95 % interval of that ratio lies below "
        "1/4; thin: below 4/5; represented: otherwise; too few to tell: fewer than 5 synthetic images expected. The "
        "value is the share of represented groups among those that can be told."
    )
    source = "Interval of a ratio of two shares: exact, conditional on their sum (Clopper-Pearson)."

    def _judge(self, c: Comparison) -> MetricResult:
        seen = [np.mean([v.told[i] for v in c.views], axis=0).argmax(axis=1) for i in range(3)]
        asked = expected(c)
        own = [_class(c, place, float(asked[place]), seen, of_set=True) for place in range(c.classes)]
        held = [_class(c, place, float(asked[place]), seen, of_set=False) for place in range(c.classes)]
        lines = [_class_shown(c, place, a, b) for place, (a, b) in enumerate(zip(own, held, strict=True))]
        clusters = [g for g in c.groups if g.kind == "cluster"]
        masks = [memberships(clusters, stack) for stack in (c.train, c.holdout, c.drawn)]
        for i, group in enumerate(clusters):
            train, holdout, drawn = (mask[:, i] for mask in masks)
            first, second = _cluster(c, train, holdout, drawn)
            own, held = [*own, first], [*held, second]
            lines.append(_shown(c, group.name, group.kind, group.columns, train, first, second))
        return self._summed(tuple(lines), own, held, c.schema.k_floor)

    def _summed(self, lines: tuple[GroupFigure, ...], own: list[_Line], held: list[_Line], k: int) -> MetricResult:
        figures = [_word_figure(word, own, held) for word in WORDS]
        figures += [_large_figure(lines, k), *(_class_figure(lines, word) for word in ("lost", "thin"))]
        figures += [_share_figure(word, own, held) for word in ("lost", "thin")]
        told, other = [x for x in own if x.told], [x for x in held if x.told]
        if not told:
            found = self.insufficient("Every group has too few images to tell.")
            return found.model_copy(update={"figures": tuple(figures), "groups": lines})
        return self.result(
            value=mean([x.word == "represented" for x in told]),
            holdout=mean([x.word == "represented" for x in other]) if other else None,
            figures=tuple(figures),
            groups=lines,
        )


def expected(c: Comparison) -> np.ndarray:
    """How many images of each class the request asks for, among as many as the set holds."""
    spec, out = c.synthetic.spec, np.zeros(c.classes)
    if spec.targets:
        for target in spec.targets:
            places = _places(c, target.where)
            out[places] += target.rows / max(len(places), 1)
        return np.asarray(out * c.synthetic.rows / max(out.sum(), 1))
    weights = np.ones(c.classes) if _is_balanced(spec) else c.train.counts(c.classes)[: c.classes].astype(float)
    allowed = np.zeros(c.classes, dtype=bool)
    allowed[_places(c, spec.fixed)] = True
    weights = weights * allowed
    return np.asarray(c.synthetic.rows * weights / max(weights.sum(), 1e-9))


def _is_balanced(spec: SampleSpec) -> bool:
    return spec.mix == "balanced" or CLASS in spec.balance


def _places(c: Comparison, where: Mapping[str, object]) -> list[int]:
    """The classes that a wish means; all of them where it names none."""
    wish = where.get(CLASS)
    if wish is None:
        return list(range(c.classes))
    names = wish.values if isinstance(wish, OneOf) else (wish,)
    return [place for place, name in enumerate(c.schema.classes) if name in names]


def _class(c: Comparison, place: int, asked: float, seen: Sequence[np.ndarray], of_set: bool) -> _Line:
    """Images of a class that look like it, over those asked for, against unseen real images of it."""
    unseen = c.holdout.labels == place
    right, n = int((seen[1][unseen] == place).sum()), int(unseen.sum())
    if n < FEWEST_SEEN:
        return _Line(int(c.drawn_counts[place]), None, None, "too few to tell")
    if not of_set:
        return _told(right, n, right, n)
    labelled = c.drawn.labels == place
    share = float((seen[2][labelled] == place).mean()) if labelled.any() else 0.0
    found = round(share * float(c.drawn_counts[place]))
    return _told(min(found, round(asked)), round(asked), right, n)


def _cluster(c: Comparison, train: np.ndarray, holdout: np.ndarray, drawn: np.ndarray) -> tuple[_Line, _Line]:
    """Images of a cluster among those of its class, against the training images; booleans of the three parts."""
    labels = np.unique(c.train.labels[train])
    parts = ((train, c.train), (holdout, c.holdout), (drawn, c.drawn))
    real, held, made = ((int(inside.sum()), int(np.isin(stack.labels, labels).sum())) for inside, stack in parts)
    return _told(*made, *real), _told(*held, *real)


def _told(x: int, m: int, y: int, n: int) -> _Line:
    """The line of x of m compared images against y of n real ones."""
    if not m or not n or not y:
        return _Line(x, None, None, "too few to tell")
    low, high = (float(end[0]) for end in ratio_interval(np.array([x]), m, np.array([y]), n))
    interval = Interval(low=low, high=high, method="exact, ratio of two shares")
    wanted = m * y / n
    word: Census = "too few to tell"
    if wanted >= FEWEST_EXPECTED:
        word = "lost" if high < LOST else "thin" if high < THIN else "represented"
    return _Line(x, x / wanted, interval, word)


def _class_shown(c: Comparison, place: int, own: _Line, held: _Line) -> GroupFigure:
    return _shown(c, c.schema.classes[place], "class", (CLASS,), c.train.labels == place, own, held)


def _shown(
    c: Comparison, label: str, kind: str, columns: tuple[str, ...], train: np.ndarray, own: _Line, held: _Line
) -> GroupFigure:
    people = len(np.unique(c.people("train")[train]))
    return GroupFigure(
        label=label,
        kind=kind,
        columns=columns,
        suppressed=people < c.schema.k_floor,
        real_count=people,
        synthetic_count=own.count,
        value=own.ratio,
        interval=own.interval,
        holdout=held.ratio,
        census=own.word,
    )


def _word_figure(word: Census, own: list[_Line], held: list[_Line]) -> Figure:
    value, holdout = (float(sum(x.word == word for x in lines)) for lines in (own, held))
    return Figure(name=word.replace(" ", "_"), title=f"Groups {word}", value=value, holdout=holdout)


def _share_figure(word: str, own: list[_Line], held: list[_Line]) -> Figure:
    name, title = f"{word}_share", f"Share of groups that are {word}, of those that can be told"
    told, other = ([x.word == word for x in lines if x.told] for lines in (own, held))
    if not told:
        return absent(name, title, "Every group has too few images to tell.", Status.INSUFFICIENT)
    return Figure(name=name, title=title, value=mean(told), holdout=mean(other) if other else None)


def _large_figure(lines: Iterable[GroupFigure], k: int) -> Figure:
    name, title = "lost_large", f"Groups of at least {2 * k} people that are lost"
    told = [x for x in lines if x.census != "too few to tell" and (x.real_count or 0) >= 2 * k]
    if not told:
        return absent(name, title, "No group of that size can be told.", Status.INSUFFICIENT)
    return Figure(name=name, title=title, value=float(sum(x.census == "lost" for x in told)))


def _class_figure(lines: Iterable[GroupFigure], word: str) -> Figure:
    name, title = f"{word}_classes", f"Classes that are {word}"
    classes = [x for x in lines if x.kind == "class"]
    if all(x.census == "too few to tell" for x in classes):
        return absent(name, title, "Every class has too few images to tell.", Status.INSUFFICIENT)
    return Figure(name=name, title=title, value=float(sum(x.census == word for x in classes)))
