"""The worst case under differential privacy: weights of groups from noisy counts, put on before clipping.

A group is a level of a column of categories, a shared number, or "missing". Its weight is its noisy share to the power
`-t / (1 + t)`: the tilt at which the smooth maximum of the groups' own surprise has its minimum (DESIGN section 2,
point 2). A factor is weighted by the mean over the columns *before it* in the order only, that is by what it is
conditioned on, so each factor's optimum stays the data's own conditional and no calibration has to undo it (point 6).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from synthgen.tabular.number_codes import NumberCodes
from synthgen.tabular.private.encoding import Noisy


def of_levels(noisy: Noisy, active: Sequence[int], emphasis: float, cap: float) -> list[torch.Tensor]:
    """A weight (levels,) for each active column's levels, mean 1 over the people, none above `cap`."""
    return [torch.from_numpy(_tilted(noisy, i, emphasis, cap)).float() for i in active]


def _tilted(noisy: Noisy, column: int, emphasis: float, cap: float) -> np.ndarray:
    counts, codes = noisy.counts[column], noisy.encoding.columns[column]
    shares = counts / counts.sum()
    if isinstance(codes, NumberCodes) and codes.firsts:
        bins = codes.levels[0]
        shares[bins] = shares[bins].sum()  # all bins together are the rows in no group
    weight = shares ** (-emphasis / (1 + emphasis))
    weight /= np.average(weight, weights=counts)
    return np.asarray(np.minimum(weight, cap))


def of_factors(levels: Sequence[torch.Tensor], codes: torch.Tensor, order: Sequence[int]) -> torch.Tensor:
    """(rows, columns): the weight of each factor, 1 for the first of the order, else the mean over those before it."""
    out = torch.ones(codes.shape)
    seen = torch.zeros(len(codes))
    for place, column in enumerate(order):
        if place:
            out[:, column] = seen / place
        seen = seen + levels[column][codes[:, column]]
    return out
