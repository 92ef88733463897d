"""Who is attacked: the whole table, and the minorities in it, who are the ones at risk.

A census group is a *minority* when at most 10 % of the people belong to it. The standard plan attacks everybody, and
minorities pooled by kind (at most six pools): from the rarest on, until a pool holds a quarter of the people, as a
pool of nearly everybody would hide what befalls a few. The full plan attacks also every census group that is large
enough on its own. An attack on fewer than 200 people of the training part or 100 of the hold-out says nothing:
such a population has a reason, is shown, and is never a pass.

People are attacked, not rows: of a person with several rows, one row that belongs is attacked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from synthgen.contracts import Group, GroupFigure, Split, Status
from synthgen.runtime import RunContext
from synthgen.spec import AttackPlan, SampleSpec
from synthgen.tabular.modes import membership, people_in
from synthgen.tabular.wishes import all_met

MINORITY, POOL = 0.10, 0.25  # most people of a group that is pooled, and of a pool
FEWEST_TRAIN, FEWEST_HOLDOUT = 200, 100
POOLS: Mapping[str, frozenset[str]] = {
    "rare classes": frozenset({"class"}),
    "rare categories": frozenset({"rare category", "category"}),
    "rare pairs": frozenset({"rare pair"}),
    "tails": frozenset({"tail"}),
    "spikes and missing cells": frozenset({"spike", "missing", "filled"}),
    "clusters": frozenset({"cluster"}),
}


@dataclass(frozen=True)
class Population:
    """People under attack; `train` and `holdout` are row numbers of the split's frames, one a person.

    Both are in an order drawn by the seed that all populations of one call share: the first n are a sample, and the
    samples of two populations overlap as far as they can, so that a search done for one serves the other.
    """

    label: str  # of a pool without cell values; of a group its name
    kind: str  # "whole", "pool" or the group's kind
    columns: tuple[str, ...]
    train: np.ndarray
    holdout: np.ndarray
    groups: tuple[Group, ...] = ()  # whose union it is; none: everybody
    suppressed: bool = False

    @property
    def reason(self) -> str:
        """Why nothing can be told of these people; empty when there are enough of them."""
        if len(self.train) >= FEWEST_TRAIN and len(self.holdout) >= FEWEST_HOLDOUT:
            return ""
        return (
            f"{len(self.train)} people in training and {len(self.holdout)} in the hold-out; an attack needs"
            f" {FEWEST_TRAIN} and {FEWEST_HOLDOUT}."
        )

    def mask(self, frame: pd.DataFrame) -> np.ndarray:
        """Boolean array: which rows of a typed frame are of the kind of these people."""
        return membership(self.groups, frame).any(axis=0) if self.groups else np.ones(len(frame), dtype=bool)

    def line(self, **found: Any) -> GroupFigure:
        """This population's line of a breakdown; no figure stands where there are too few people."""
        told = {"status": Status.INSUFFICIENT, "reason": self.reason} if self.reason else found
        return GroupFigure(
            label=self.label,
            kind=self.kind,
            columns=self.columns,
            suppressed=self.suppressed,
            real_count=len(self.train),
            **told,
        )


def populations(
    groups: Sequence[Group],
    split: Split,
    schema: Any,
    plan: AttackPlan | None,
    ctx: RunContext,
    request: SampleSpec | None = None,
) -> tuple[Population, ...]:
    """Everybody first, then the pools, then (full plan) the groups that are large enough on their own.

    `request` is what the set was asked for: with fixed values or target groups only people who meet them are in it.
    A kind without a minority has no pool.
    """
    people = _People(groups, split, schema, request or SampleSpec(), ctx)
    found = [people.population("whole", "whole", ())]
    found += list(_pools(people))
    if plan is not None and plan.size == "full":
        alone = (people.population(g.name, g.kind, (i,)) for i, g in enumerate(groups))
        found += [p for p in alone if not p.reason]
    return tuple(found)


def _pools(people: _People) -> Iterator[Population]:
    """One population a kind: the union of its rarest minorities."""
    for label, kinds in POOLS.items():
        members = [i for i in people.minorities if people.groups[i].kind in kinds]
        if members:
            yield people.population(label, "pool", people.rarest(members))


class _People:
    """Which people of both parts belong to which group, and the order in which they are attacked."""

    def __init__(
        self, groups: Sequence[Group], split: Split, schema: Any, request: SampleSpec, ctx: RunContext
    ) -> None:
        self.groups, self.k_floor = groups, schema.k_floor
        known = {c.name: c for c in schema.modelled}
        parts = ((split.train, split.train_people, "train"), (split.holdout, split.holdout_people, "hold-out"))
        self.owners = [owners for _, owners, _ in parts]
        self.asked = [asked_for(request, known, frame) for frame, _, _ in parts]
        self.members = [membership(groups, frame) for frame, _, _ in parts]
        self.order = [ctx.rng(f"order {name}").permutation(len(frame)) for frame, _, name in parts]

        self.everybody = people_in(np.ones(len(split.train), dtype=bool), split.train_people)
        self.held = [people_in(mask, split.train_people) for mask in self.members[0]]

    @property
    def minorities(self) -> list[int]:
        """The groups that at most a tenth of the people belong to, the rarest first."""
        ranked = sorted(range(len(self.held)), key=lambda i: self.held[i])
        return [i for i in ranked if 0 < self.held[i] <= MINORITY * self.everybody]

    def rarest(self, members: Sequence[int]) -> tuple[int, ...]:
        """The first of these whose union holds at most a quarter of the people, or just enough to be attacked."""
        union = [np.zeros_like(asked) for asked in self.asked]
        kept: list[int] = []
        for i in members:
            wider = [part | self.members[side][i] for side, part in enumerate(union)]
            counts = [people_in(part, owners) for part, owners in zip(union, self.owners, strict=True)]
            enough = counts[0] >= FEWEST_TRAIN and counts[1] >= FEWEST_HOLDOUT
            if enough and people_in(wider[0], self.owners[0]) > POOL * self.everybody:
                break
            kept, union = [*kept, i], wider
        return tuple(kept)

    def population(self, label: str, kind: str, members: tuple[int, ...]) -> Population:
        """The people of at least one of these groups; no group: everybody."""
        train, holdout = (self._rows(part, members) for part in (0, 1))
        columns = tuple(dict.fromkeys(c for i in members for c in self.groups[i].columns))
        chosen = tuple(self.groups[i] for i in members)
        suppressed = bool(members) and kind != "pool" and len(train) < self.k_floor
        return Population(label, kind, columns, train, holdout, chosen, suppressed)

    def _rows(self, part: int, members: tuple[int, ...]) -> np.ndarray:
        belongs = self.members[part][list(members)].any(axis=0) if members else np.ones_like(self.asked[part])
        rows = self.order[part][(belongs & self.asked[part])[self.order[part]]]
        owners = self.owners[part]
        if owners is None:
            return rows
        first = np.unique(owners[rows], return_index=True)[1]
        return rows[np.sort(first)]


def asked_for(request: SampleSpec, columns: Mapping[str, Any], frame: pd.DataFrame) -> np.ndarray:
    """Boolean array: the rows that a set with this request is about."""
    out = all_met(request.fixed, columns, frame)
    if request.targets:
        out = out & np.logical_or.reduce([all_met(target.where, columns, frame) for target in request.targets])
    return out
