"""How often the critic-only GAN draws records of a group: from as often as they are to the worst group alone."""

from __future__ import annotations

import numpy as np

EQUAL_FROM = 4.0  # on the dial: from here on groups fitted alike have the same mass, below it less and less so


def grip(t: float) -> float:
    """How much of the emphasis the dial asks for: none at 0, all of it from `EQUAL_FROM` on."""
    return min(1.0, t / EQUAL_FROM)


def times_drawn(mass: np.ndarray, share: np.ndarray, t: float, cap: float) -> np.ndarray:
    """How many times as often as it is each group is drawn, of the groups' `mass` (sums to one) and `share` of rows.

    A group's records share its mass, none drawn less often than it is nor above the cap. A group's excess is a mean
    over its records, so its mass does not depend on how many there are. Mass over share is taken to the power
    `grip(t)`, so that groups fitted alike are drawn by their share to the power `1 - grip(t)`: a power of the share as
    in `weights`, there `1 / (1 + t)`. Without it the least emphasis would begin at the same mass for all groups.
    """
    times = mass / np.maximum(share, 1e-9)
    times = times if grip(t) == 1 else times ** grip(t)
    return np.clip(times, 1.0, cap)
