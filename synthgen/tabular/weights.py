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
from synthgen.tabular.modes import membership


class GroupWeights:
    """The groups of a training table and their current weights (1 = no emphasis)."""

    def __init__(self, groups: Sequence[Group], names: Sequence[str]) -> None:
        known = set(names)
        self.groups = tuple(g for g in groups if g.columns and set(g.columns) <= known)
        self.columns = [[names.index(c) for c in g.columns] for g in self.groups]
        self.weights = np.ones(len(self.groups))
        self._member: torch.Tensor | None = None

    def membership(self, frame: pd.DataFrame) -> np.ndarray:
        """(rows, groups), boolean."""
        return np.ascontiguousarray(membership(self.groups, frame).T)

    def attach(self, membership: np.ndarray, device: str) -> None:
        """Remember who belongs where among the training rows."""
        self._member = torch.from_numpy(membership).to(device)

    def of_factors(self, rows: torch.Tensor, order: np.ndarray) -> torch.Tensor | None:
        """(rows, columns) weights with mean one for training rows `rows` under a column order; None if all equal."""
        heavy = np.flatnonzero(self.weights > 1)
        if self._member is None or not len(heavy):
            return None
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        complete = torch.tensor([int(rank[self.columns[g]].max()) for g in heavy], device=rows.device)
        scaled = self._member[rows][:, heavy] * torch.from_numpy(self.weights[heavy]).float().to(rows.device)
        by_rank = torch.ones(len(rows), len(order) + 1, device=rows.device)
        by_rank.scatter_reduce_(1, (complete + 1).expand(len(rows), -1), scaled, "amax")
        out = by_rank.cummax(1).values[:, torch.from_numpy(rank).to(rows.device)]
        return out / out.mean()
