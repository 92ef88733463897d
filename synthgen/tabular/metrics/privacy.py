"""Privacy: signs of copying, each against what unseen real people score.

None of these is a proof of privacy: sets judged safe by distance alone have fallen to membership attacks (arXiv
2505.01524). They catch copying; a policy asks for them because a set that fails them must not go out.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from scipy import stats

from synthgen.contracts import Figure, Generator, Group, GroupFigure, Interval, MetricResult, Split, SyntheticSet
from synthgen.measures.chance import below_order_statistic, more_often, rows_are_people, unseen_mass
from synthgen.measures.measure import Measure, against_holdout, mean
from synthgen.runtime import RunContext
from synthgen.tabular.metrics.distances import nearest, space
from synthgen.tabular.metrics.tables import MOST_COLUMNS, Tables, sample, tables
from synthgen.tabular.splitting import people_of

FEWEST = 30
NEAR_PLACE = 5  # at least the fifth smallest distance of the hold-out: fewer say nothing
MOST_REFERENCE, MOST_SYNTHETIC, MOST_NEAR = 12_000, 5_000, 4_000
FEW_PEOPLE = f"Fewer than {FEWEST} people on either side."
TIE = 1e-4  # squared distances that differ by less are equal: single precision

Owners = Sequence[np.ndarray] | None  # whose training, hold-out and synthetic rows are, in numbers; None: strangers


class _Privacy(Measure, ABC):
    """Opens the tables and refuses what is too small to judge."""

    family: ClassVar[Literal["privacy"]] = "privacy"
    better: ClassVar[Literal["higher", "lower", "closer"]] = "lower"
    best = 0.0
    columns: ClassVar[int | None] = MOST_COLUMNS

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult:
        """What the set scores, beside what hold-out rows score."""
        t = tables(split, synthetic, schema, ctx, once=True, columns=self.columns)
        if not t.columns:
            return self.not_applicable("No modelled column.")
        if min(len(t.train), len(t.holdout), len(t.synthetic)) < FEWEST:
            return self.insufficient(f"Fewer than {FEWEST} training, hold-out or synthetic rows.")
        strangers = rows_are_people(split)
        return self._judge(t, ctx, None if strangers else [people_of(frame, schema) for frame in t.typed])

    @abstractmethod
    def _judge(self, t: Tables, ctx: RunContext, owners: Owners) -> MetricResult:
        """The result on tables that are large enough."""


class ClosestRecord(_Privacy):
    """Distance to the closest record."""

    name, title = "closest_record", "Distance to the closest record"
    better, best = "closer", 0.5
    explanation = (
        "Of the training rows and as many hold-out rows, which is nearer to a synthetic row? 0.5: neither; above "
        "0.5 the set keeps to the people it was made from. Necessary, never sufficient for privacy."
    )
    source = "Platzer and Reutterer (2021); standard error from swapping training and hold-out rows."

    def _judge(self, t: Tables, ctx: RunContext, owners: Owners) -> MetricResult:
        to = space(t)
        (train, ours), (holdout, theirs), k = _as_many(t, owners, ctx)
        if k < FEWEST:
            return self.insufficient(FEW_PEOPLE)
        drawn = to(sample(t.synthetic, MOST_SYNTHETIC, ctx.rng("synthetic")))
        (da, ia), (dh, ih) = (nearest(to(frame), drawn) for frame in (train, holdout))
        closer = np.where(np.abs(da - dh) <= TIE, 0.5, da < dh)
        share, error = float(closer.mean()), _swap_error(closer, ours[ia], theirs[ih], k)
        interval = Interval(
            low=max(0.0, share - 1.96 * error),
            high=min(1.0, share + 1.96 * error),
            method="normal; training and hold-out rows swapped",
        )
        return self.result(
            value=share,
            holdout=0.5,
            interval=interval,
            p_value=float(stats.norm.sf((share - 0.5) / error)),
            figures=(Figure(name="standard_error", title="Standard error", value=error),),
        )


def _as_many(
    t: Tables, owners: Owners, ctx: RunContext
) -> tuple[tuple[pd.DataFrame, np.ndarray], tuple[pd.DataFrame, np.ndarray], int]:
    """Rows of as many people of either part, and whose each is (0 to k - 1); and how many people these are, k.

    Rows of one person lie close together: as many rows of fewer people would be further from everybody else.
    """
    parts = ((t.train, "train"), (t.holdout, "hold-out"))
    if owners is None:
        k = min(len(t.train), len(t.holdout), MOST_REFERENCE)
        train, holdout = ((sample(f, k, ctx.rng(n)), np.arange(k)) for f, n in parts)
        return train, holdout, k
    ranks = [ctx.rng(n).permutation(int(who.max()) + 1)[who] for (_, n), who in zip(parts, owners, strict=False)]
    k = min(int(rank.max()) + 1 for rank in ranks)
    rows = max(int((rank < k).sum()) for rank in ranks)
    k = int(k * min(1.0, MOST_REFERENCE / rows))
    train, holdout = ((f[rank < k], rank[rank < k]) for (f, _), rank in zip(parts, ranks, strict=True))
    return train, holdout, k


def _one_each(frame: pd.DataFrame, owners: np.ndarray | None, rng: np.random.Generator) -> pd.DataFrame:
    """One row of each person, drawn by chance; all rows where each is a person's own."""
    if owners is None:
        return frame
    order = rng.permutation(len(frame))
    return frame.iloc[order[np.unique(owners[order], return_index=True)[1]]]


def _swap_error(closer: np.ndarray, in_train: np.ndarray, in_holdout: np.ndarray, k: int) -> float:
    """Standard error of the share if it were chance which of the 2k real people were trained on.

    A person whose rows are nearest to c synthetic rows moves the share by c at once: the variance is the sum of c
    squared.
    """
    near = np.r_[in_train[closer == 1.0], in_holdout[closer == 0.0] + k]
    counts = np.bincount(near, minlength=1) if len(near) else np.zeros(1)
    return float(max(np.sqrt((counts.astype(float) ** 2).sum()), 1.0) / (2 * len(closer)))


class NearCopies(_Privacy):
    """Rows too close to a training row."""

    name, title = "near_copies", "Near copies"
    explanation = (
        "Share of synthetic rows nearer to a training row than 99 % of unseen real rows are. The hold-out's own "
        "share stands beside it (it is larger where the hold-out has few rows)."
    )
    source = "Distance to the closest record at the hold-out's first percentile."

    def _judge(self, t: Tables, ctx: RunContext, owners: Owners) -> MetricResult:
        to, whose = space(t), owners or (None, None, None)
        unseen = _one_each(t.holdout, whose[1], ctx.rng("one each of the hold-out"))
        made = _one_each(t.synthetic, whose[2], ctx.rng("one each of the set"))
        if min(len(unseen), len(made)) < FEWEST:
            return self.insufficient(FEW_PEOPLE)
        real = to(sample(t.train, 2 * MOST_REFERENCE, ctx.rng("train")))
        held, drawn = (
            nearest(real, to(sample(frame, MOST_NEAR, ctx.rng(part))))[0]
            for frame, part in ((unseen, "hold-out"), (made, "synthetic"))
        )
        share, q = near_share(held, drawn)
        return self.result(
            value=share,
            holdout=q,
            interval=against_holdout(share, len(drawn), q, len(held)),
            p_value=below_order_statistic(share * len(drawn), len(drawn), near_place(len(held)), len(held)),
        )


def near_place(rows: int) -> int:
    """Which of the smallest distances of so many hold-out rows is the edge: that of their first percentile."""
    return max(NEAR_PLACE, math.ceil(0.01 * (rows + 1)))


def near_share(held: np.ndarray, drawn: np.ndarray) -> tuple[float, float]:
    """Share of `drawn` distances as small as the smallest of `held`, and the share of unseen real rows that are.

    The edge is an order statistic of the hold-out, never a point between two: where the smallest distances leave a
    gap, a point in the gap would count rows that the hold-out's share does not. Of the rows at the edge itself as
    large a part counts as makes the hold-out's share.
    """
    place = near_place(len(held))
    q, edge = place / (len(held) + 1), np.sort(held)[place - 1]
    held_tie, drawn_tie = np.abs(held - edge) <= TIE, np.abs(drawn - edge) <= TIE
    part = (q - (held < edge - TIE).mean()) / held_tie.mean()
    return float((drawn < edge - TIE).mean() + np.clip(part, 0, 1) * drawn_tie.mean()), q


class CopiedRows(_Privacy):
    """Rows equal to a training row in every modelled column."""

    name, title = "copied_rows", "Copied rows"
    columns = None
    explanation = (
        "Share of synthetic rows that equal a training row in every column. Where people share whole rows, unseen"
        " real rows do so as well: hold-out rows, and each training row looked up among all others."
    )
    source = "Exact match share; Fisher's exact test; unseen mass after Good (1953) and Esty (1983)."

    def _judge(self, t: Tables, ctx: RunContext, owners: Owners) -> MetricResult:
        train, holdout, drawn = (_row_keys(f) for f in (t.train, t.holdout, t.synthetic))
        known, times = np.unique(train, return_counts=True)
        lone = known[times == 1]
        equal, rows = unseen_mass(times) if owners is None else (0.0, 0.0)
        hits, held_hits = float(np.isin(drawn, known).sum()), np.isin(holdout, known).sum() + equal
        share, unseen = hits / len(drawn), len(holdout) + rows
        held = float(held_hits / unseen)
        lonely = Figure(
            name="lone_rows",
            title="Rows equal to the row of exactly one training record",
            value=float(np.isin(drawn, lone).mean()),
            holdout=float(np.isin(holdout, lone).mean()),
        )
        return self.result(
            value=share,
            holdout=held,
            interval=against_holdout(share, len(drawn), held, unseen),
            p_value=more_often(hits, len(drawn), held_hits, unseen),
            figures=(lonely,),
        )


def _row_keys(frame: pd.DataFrame) -> np.ndarray:
    """One 64-bit number per row; equal rows have equal numbers."""
    plain = pd.DataFrame({i: frame[c].map(str) if frame[c].dtype == object else frame[c] for i, c in enumerate(frame)})
    return pd.util.hash_pandas_object(plain, index=False).to_numpy()


class LoneNumbers(_Privacy):
    """Numbers that belong to one person."""

    name, title = "lone_numbers", "Numbers that belong to one person"
    columns = None
    explanation = (
        "In columns where most numbers occur once: share of synthetic cells equal to a number that occurs once "
        "among the training rows. A value drawn from a list of real values scores near 1; the hold-out shows "
        "chance."
    )
    source = "Exact match share of values that occur once; Fisher's exact test on rows that hold any."

    def _judge(self, t: Tables, ctx: RunContext, owners: Owners) -> MetricResult:
        found, strangers = [_lone(t, c) for c in t.numeric], owners is None
        mostly = [one for one in found if one.mostly]
        groups = tuple(one.line(strangers) for one in found)
        if not mostly:
            return self.not_applicable("No column in which most numbers occur once.")
        lines = [line for line, one in zip(groups, found, strict=True) if one.mostly]
        value, holdout = mean([x.value or 0.0 for x in lines]), mean([x.holdout or 0.0 for x in lines])
        drawn, held, others = (_any([getattr(x, part) for x in mostly]) for part in ("drawn", "held", "others"))
        rows = len(held) + (len(others) / 2 if strangers else 0)
        return self.result(
            value=value,
            holdout=holdout,
            interval=against_holdout(value, len(drawn), holdout, rows),
            p_value=more_often(drawn.sum(), len(drawn), held.sum() + (others.sum() / 2 if strangers else 0), rows),
            groups=groups,
        )


@dataclass(frozen=True)
class _Lone:
    """One column: which rows hold a number that occurs once in training, and whether most training rows do.

    `others` are training rows, each looked up among all the others: its number occurs twice in all. Such rows come in
    pairs and count as half.
    """

    column: str
    drawn: np.ndarray
    held: np.ndarray
    others: np.ndarray
    mostly: bool

    def line(self, strangers: bool) -> GroupFigure:
        """Its share of synthetic and of unseen real cells."""
        part = 0.5 if strangers else 0.0
        unseen = (self.held.sum() + part * self.others.sum()) / (len(self.held) + part * len(self.others))
        return GroupFigure(
            label=self.column,
            kind="column",
            columns=(self.column,),
            value=float(self.drawn.mean()),
            holdout=float(unseen),
        )


def _lone(t: Tables, column: str) -> _Lone:
    values, times = np.unique(t.train[column].dropna().to_numpy(), return_counts=True)
    once, twice = values[times == 1], values[times == 2]
    drawn, held = (np.isin(f[column].to_numpy(), once) for f in (t.synthetic, t.holdout))
    others = np.isin(t.train[column].to_numpy(), twice)
    return _Lone(column, drawn, held, others, len(once) > 0.5 * len(t.train))


def _any(hits: list[np.ndarray]) -> np.ndarray:
    """Rows in which any of the columns hit."""
    return np.logical_or.reduce(hits)
