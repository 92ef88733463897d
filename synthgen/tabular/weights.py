"""Emphasis on groups: what each factor of each record counts in the generator's step.

A factor takes the largest weight among the groups its record belongs to whose columns are *all* visible to it already.
Its weight then depends only on what it is conditioned on, so the optimum of every factor is still the true conditional,
whatever the weights (DESIGN section 2, point 6).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from synthgen.contracts import Group
from synthgen.tabular.membership import Membership


class GroupWeights:
    """The groups of a training table and their current weights (1 = no emphasis)."""

    def __init__(self, groups: Sequence[Group], names: Sequence[str]) -> None:
        known = set(names)
        self.groups = tuple(g for g in groups if g.columns and set(g.columns) <= known)
        self.columns = [[names.index(c) for c in g.columns] for g in self.groups]
        self.weights = np.ones(len(self.groups))
        self._bits: torch.Tensor | None = None

    def membership(self, frame: pd.DataFrame) -> Membership:
        """(rows, groups), packed."""
        return Membership.of(self.groups, frame)

    def attach(self, membership: Membership, device: str) -> None:
        """Remember who belongs where among the training rows."""
        self._bits = torch.from_numpy(membership.bits).to(device)

    def of_factors(self, rows: torch.Tensor, order: np.ndarray) -> torch.Tensor | None:
        """(rows, columns) weights with mean one for training rows `rows` under a column order; None if all equal."""
        heavy = np.flatnonzero(self.weights > 1)
        if self._bits is None or not len(heavy):
            return None
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        complete = torch.from_numpy(self._last_ranks(heavy, rank) + 1).to(rows.device)
        places = torch.from_numpy(heavy).to(rows.device)
        inside = self._bits[rows][:, places >> 3] >> (places & 7).to(torch.uint8) & 1
        scaled = inside * torch.from_numpy(self.weights[heavy]).float().to(rows.device)
        by_rank = torch.ones(len(rows), len(order) + 1, device=rows.device)
        by_rank.scatter_reduce_(1, complete.expand(len(rows), -1), scaled, "amax")
        out = by_rank.cummax(1).values[:, torch.from_numpy(rank).to(rows.device)]
        return out / out.mean()

    def _last_ranks(self, groups: np.ndarray, rank: np.ndarray) -> np.ndarray:
        """The place in the order at which all columns of a group are visible; -1 for a group without columns."""
        lengths = [len(self.columns[g]) for g in groups]
        flat = rank[np.array([c for g in groups for c in self.columns[g]], dtype=np.int64)]
        out = np.full(len(groups), -1, dtype=np.int64)
        np.maximum.at(out, np.repeat(np.arange(len(groups)), lengths), flat)
        return out
