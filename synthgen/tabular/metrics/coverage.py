"""Coverage: how the worst group fares beside the mean."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, ClassVar, Literal

import numpy as np

from synthgen.contracts import (
    Figure,
    FitData,
    Generator,
    Group,
    GroupFigure,
    Interval,
    MetricResult,
    Split,
    SyntheticSet,
)
from synthgen.measures.measure import FEWEST_ROWS, Measure, mean, spread_mean
from synthgen.runtime import RunContext
from synthgen.tabular.keys import prepare
from synthgen.tabular.metrics.tables import Tables, coded, sample, tables, variation
from synthgen.tabular.modes import membership, people_in

LEAST, MOST_IN_GROUP, GROUP_BINS = 150, 500, 5  # rows of a group whose inside is compared
COLUMNS_INSIDE = 100
MOST_SURPRISED = 10_000


class WorstGroup(Measure):
    """Distance inside every group: the worst one beside the mean."""

    name, title = "worst_group", "Worst group: distance"
    family: ClassVar[Literal["coverage"]] = "coverage"
    better, best = "lower", 0.0
    explanation = (
        "Inside every group, how far are the other columns from the real ones (total variation, mean over "
        "columns)? The worst group and the mean over groups; small groups are noisy, which the hold-out shows."
    )
    source = "Worst-group risk (Sagawa et al., 2020), here of total variation distance."

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """Worst, worst tenth and mean over the groups of at least 150 and at most half of the training rows."""
        t = tables(split, synthetic, schema, ctx, columns=COLUMNS_INSIDE)
        inside = _Inside(t, [g for g in groups if len(set(g.columns)) == 1 and g.columns[0] in t.columns], ctx)
        if not inside.groups or len(t.columns) < 2 or t.equal_rows < FEWEST_ROWS:
            return self.insufficient(f"No group of at least {LEAST} rows and at most half of the table.")
        people = [people_in(mask, split.train_people) for mask in membership(inside.groups, split.train)]
        lines = sorted((inside.line(i, n) for i, n in enumerate(people)), key=lambda g: -(g.value or 0.0))
        value, holdout = (sorted(side, reverse=True) for side in inside.sides(lines))
        tenth = max(1, len(lines) // 10)
        return self.result(
            value=value[0],
            holdout=holdout[0],
            figures=(
                Figure(name="mean", title="Mean over groups", value=mean(value), holdout=mean(holdout)),
                Figure(
                    name="worst_tenth",
                    title="Mean of the worst tenth of groups",
                    value=mean(value[:tenth]),
                    holdout=mean(holdout[:tenth]),
                ),
            ),
            groups=tuple(lines),
        )


class _Inside:
    """Distances inside groups, synthetic and hold-out rows cut to the same number first."""

    def __init__(self, t: Tables, groups: Sequence[Group], ctx: RunContext) -> None:
        n = t.equal_rows
        rows = [
            ctx.rng(name).permutation(len(f))[:n]
            for name, f in zip(("hold-out", "synthetic"), t.typed[1:], strict=True)
        ]
        parts = [t.typed[0], *(f.iloc[r] for f, r in zip(t.typed[1:], rows, strict=True))]
        plain = [t.train, *(f.iloc[r] for f, r in zip((t.holdout, t.synthetic), rows, strict=True))]
        sizes = membership(groups, parts[0]).sum(axis=1)
        self.groups = [g for g, size in zip(groups, sizes, strict=True) if LEAST <= size <= 0.5 * len(parts[0])]
        self.masks = [membership(self.groups, part) for part in parts]
        self.codes = coded(t, tuple(plain), GROUP_BINS)
        self.ctx = ctx

    def line(self, i: int, people: int) -> GroupFigure:
        """The distances of one group of `people`: of the synthetic rows, beside those of the hold-out rows."""
        group, real = self.groups[i], np.flatnonzero(self.masks[0][i])
        holdout, synthetic = (self._distance(i, real, side) for side in (1, 2))
        return GroupFigure(
            label=group.name, kind=group.kind, columns=group.columns, value=synthetic, holdout=holdout,
            real_count=people, synthetic_count=int(self.masks[2][i].sum()),
        )  # fmt: skip

    def _distance(self, i: int, real: np.ndarray, side: int) -> float:
        other = np.flatnonzero(self.masks[side][i])
        k = min(len(real), len(other), MOST_IN_GROUP)
        if k < FEWEST_ROWS:
            return 1.0  # nothing to compare with: the group is lost
        rng = self.ctx.rng(f"{self.groups[i].name}/{side}")
        a, b = self.codes.frames[0][rng.permutation(real)[:k]], self.codes.frames[side][rng.permutation(other)[:k]]
        own = set(self.groups[i].columns)
        columns = [j for j, c in enumerate(self.codes.columns) if c not in own]
        return mean([variation(a[:, j], b[:, j], int(self.codes.sizes[j])) for j in columns])

    def sides(self, lines: Sequence[GroupFigure]) -> tuple[list[float], list[float]]:
        """All synthetic distances, all hold-out distances."""
        return [x.value or 0.0 for x in lines], [x.holdout or 0.0 for x in lines]


class Surprise(Measure):
    """What the generator pays for records it never saw, at both ends of the dial."""

    name, title = "surprise", "Worst group: surprise"
    family: ClassVar[Literal["coverage"]] = "coverage"
    better, best, high = "lower", 0.0, 1e6
    explanation = (
        "How surprised is the generator by hold-out records, in nats (-log of the probability it gives them)? The "
        "value is the mean inside the worst group, for the released model; beside it the mean over all records, and "
        "both again for the model at the end of worst-case training, before it was calibrated to the data's "
        "frequencies. Hold-out records are what is measured; the reference is the same on training records: paying "
        "clearly less for those means memorising."
    )
    source = "Surprise and worst case: Teig, Embedded Vision Summit 2023."

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """Mean surprise per group of the hold-out, for groups with at least 20 hold-out rows."""
        surprise = getattr(generator, "surprise", None)
        if surprise is None:
            return self.not_applicable("The generator gives no probability of a record.")
        real = _as_trained(split, schema)
        picked = ctx.rng("hold-out").permutation(len(real.validation))[:MOST_SURPRISED]
        held = real.validation.iloc[picked].reset_index(drop=True)
        people = None if real.validation_people is None else real.validation_people[picked]
        seen = sample(real.train, len(held), ctx.rng("train"))
        masks = membership(groups, held)
        big = [i for i in range(len(groups)) if masks[i].sum() >= FEWEST_ROWS]
        if not big:
            return self.insufficient(f"No group has {FEWEST_ROWS} hold-out rows.")
        paid = {end: np.asarray(surprise(held, end=end), dtype=float) for end in ("chosen", "worst")}
        inside = {end: [spread_mean(s[masks[i]]) for i in big] for end, s in paid.items()}
        order = sorted(range(len(big)), key=lambda j: -inside["chosen"][j][0])
        worst = order[0]
        return self.result(
            value=inside["chosen"][worst][0],
            interval=inside["chosen"][worst][1],
            figures=(
                _figure("mean", "Mean over records, released model", *spread_mean(paid["chosen"])),
                _figure("worst_end_worst", "Worst group, before calibration", *max(inside["worst"], key=itemgetter(0))),
                _figure("worst_end_mean", "Mean over records, before calibration", *spread_mean(paid["worst"])),
                *_of_training(groups[big[worst]], seen, np.asarray(surprise(seen, end="chosen"), dtype=float)),
            ),
            groups=tuple(
                _surprised(groups[big[j]], people_in(masks[big[j]], people), *inside["chosen"][j]) for j in order
            ),
        )


def _of_training(worst: Group, seen: Any, paid: np.ndarray) -> list[Figure]:
    """What training records cost, over all and in the hold-out's worst group: the reference that shows memorising."""
    found = [_figure("train_mean", "Mean over training records, released model", *spread_mean(paid))]
    within = paid[worst.mask(seen)]
    if len(within) >= FEWEST_ROWS:
        found.append(_figure("train_worst", "Same group's training records, released model", *spread_mean(within)))
    return found


def _figure(name: str, title: str, value: float, interval: Interval) -> Figure:
    return Figure(name=name, title=title, value=value, interval=interval)


def _as_trained(split: Split, schema: Any) -> FitData:
    """Training rows and, in the place of the validation rows, the hold-out, with the columns a generator is handed."""
    parts = FitData(split.train, split.holdout, split.train_people, split.holdout_people)
    return prepare(parts, schema)[0]


def _surprised(group: Group, people: int, value: float, interval: Interval) -> GroupFigure:
    """One group under the released model; `people` of the hold-out are in it."""
    return GroupFigure(
        label=group.name, kind=group.kind, columns=group.columns, value=value, interval=interval, real_count=people,
    )  # fmt: skip
