"""The mode census: which groups worth protecting survived in the synthetic set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from synthgen.contracts import (
    Figure,
    Generator,
    Group,
    GroupFigure,
    Interval,
    MetricResult,
    Split,
    Status,
    SyntheticSet,
)
from synthgen.measures.measure import Measure, absent, mean
from synthgen.runtime import RunContext
from synthgen.shares import FEWEST_EXPECTED, LOST, THIN, ratio_interval
from synthgen.tabular.mixes import mix_of
from synthgen.tabular.modes import membership, people_in

Census = Literal["represented", "thin", "lost", "too few to tell"]
WORDS: tuple[Census, ...] = ("represented", "thin", "lost", "too few to tell")
MOST_ROWS = 50_000


class ModeCensus(Measure):
    """Represented, thin, lost, too few to tell: one line per mode."""

    name, title = "mode_census", "Mode census"
    family: ClassVar[Literal["coverage"]] = "coverage"
    explanation = (
        "Every group worth protecting is counted. Lost: the 95 % interval of its synthetic share over its real "
        "share lies below 1/4; thin: below 4/5; represented: otherwise; too few to tell: fewer than 5 synthetic "
        "rows expected. The value is the share of represented groups among those that can be told."
    )
    source = "Interval of a ratio of two shares: exact, conditional on their sum (Clopper-Pearson)."

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """The census of the set, beside the census that the hold-out itself would get."""
        if not groups:
            return self.not_applicable("No group of this table has enough people.")
        rows = mix_of(split, "train", synthetic.spec, schema, ctx.rng("train"))
        held = mix_of(split, "holdout", synthetic.spec, schema, ctx.rng("hold-out"))
        drawn = synthetic.take(MOST_ROWS, ctx.seed_for("take"))
        if not len(rows) or not len(drawn):
            return self.insufficient("No rows to compare.")
        real = membership(groups, split.train)
        counts = _Counts(real[:, rows].sum(axis=1), len(rows))
        own = counts.lines(membership(groups, drawn).sum(axis=1), len(drawn))
        other = counts.lines(membership(groups, split.holdout.iloc[held]).sum(axis=1), len(held))
        people = [people_in(mask, split.train_people) for mask in real]
        lines = tuple(_line(g, n, a, b) for g, n, a, b in zip(groups, people, own, other, strict=True))
        return self._summed(lines, own, other, schema.k_floor)

    def _summed(self, lines: tuple[GroupFigure, ...], own: list[_Line], other: list[_Line], k: int) -> MetricResult:
        figures = [_word_figure(word, own, other) for word in WORDS]
        figures += [_large_figure(lines, k), *(_class_figure(lines, word) for word in ("lost", "thin"))]
        told, held = [x for x in own if x.told], [x for x in other if x.told]
        figures += [_share_figure(word, own, other) for word in ("lost", "thin")]
        if not told:
            found = self.insufficient("Every group has too few rows to tell.")
            return found.model_copy(update={"figures": tuple(figures), "groups": lines})
        return self.result(
            value=mean([x.word == "represented" for x in told]),
            holdout=mean([x.word == "represented" for x in held]) if held else None,
            figures=tuple(figures),
            groups=lines,
        )


@dataclass(frozen=True)
class _Line:
    """What one sample says of one mode."""

    count: int
    ratio: float | None
    interval: Interval | None
    word: Census

    @property
    def told(self) -> bool:
        return self.word != "too few to tell"


@dataclass(frozen=True)
class _Counts:
    """Real counts per mode among `rows` real rows."""

    real: np.ndarray
    rows: int

    def lines(self, counts: np.ndarray, rows: int) -> list[_Line]:
        """One line per mode for a sample of `rows` rows."""
        low, high = ratio_interval(counts, rows, self.real, self.rows)
        out = []
        for i, count in enumerate(counts):
            expected = rows * self.real[i] / self.rows
            if not expected:
                out.append(_Line(int(count), None, None, "too few to tell"))
                continue
            interval = Interval(low=float(low[i]), high=float(high[i]), method="exact, ratio of two shares")
            out.append(_Line(int(count), float(count / expected), interval, census_word(expected, float(high[i]))))
        return out


def census_word(expected: float, high: float) -> Census:
    """The word for a mode with `expected` synthetic rows whose interval of the share ratio ends at `high`."""
    if expected < FEWEST_EXPECTED:
        return "too few to tell"
    return "lost" if high < LOST else "thin" if high < THIN else "represented"


def _line(group: Group, people: int, own: _Line, other: _Line) -> GroupFigure:
    return GroupFigure(
        label=group.name,
        kind=group.kind,
        columns=group.columns,
        real_count=people,
        synthetic_count=own.count,
        value=own.ratio,
        interval=own.interval,
        holdout=other.ratio,
        census=own.word,
    )


def _word_figure(word: Census, own: list[_Line], other: list[_Line]) -> Figure:
    value, holdout = (float(sum(x.word == word for x in lines)) for lines in (own, other))
    return Figure(name=word.replace(" ", "_"), title=f"Groups {word}", value=value, holdout=holdout)


def _share_figure(word: str, own: list[_Line], other: list[_Line]) -> Figure:
    name, title = f"{word}_share", f"Share of groups that are {word}, of those that can be told"
    told, held = ([x.word == word for x in lines if x.told] for lines in (own, other))
    if not told:
        return absent(name, title, "Every group has too few rows to tell.", Status.INSUFFICIENT)
    return Figure(name=name, title=title, value=mean(told), holdout=mean(held) if held else None)


def _large_figure(lines: Iterable[GroupFigure], k: int) -> Figure:
    """Groups of twice the k-floor that are lost: smaller ones come and go by chance over hundreds of groups."""
    name, title = "lost_large", f"Groups of at least {2 * k} people that are lost"
    told = [x for x in lines if x.census != "too few to tell" and (x.real_count or 0) >= 2 * k]
    if not told:
        return absent(name, title, "No group of that size can be told.", Status.INSUFFICIENT)
    return Figure(name=name, title=title, value=float(sum(x.census == "lost" for x in told)))


def _class_figure(lines: Iterable[GroupFigure], word: str) -> Figure:
    name, title = f"{word}_classes", f"Values of the target that are {word}"
    classes = [x for x in lines if x.kind == "class"]
    if not classes:
        return absent(name, title, "No discrete target.")
    if all(x.census == "too few to tell" for x in classes):
        return absent(name, title, "Every value of the target has too few rows to tell.", Status.INSUFFICIENT)
    return Figure(name=name, title=title, value=float(sum(x.census == word for x in classes)))
