"""Which generator "auto" means for one table and one budget, by a rule that is written down and told to the reader.

The autoregressive GAN, unless it cannot be trained: too few people to stop it by validation, or a budget that is over
before it has seen the rows often enough. Then the Gaussian copula, which needs no steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from synthgen.contracts import FitData
from synthgen.spec import RunSpec

FEWEST_PEOPLE = 200  # to train on; measured: with 50 to 180 the copula is ahead or level, with 360 level or behind
FEWEST_PASSES = 2.0  # over the training rows within the budget
LOOKED_AT = 5_000  # rows on which levels are counted to tell what a step costs


def choose(data: FitData, schema: Any, spec: RunSpec) -> tuple[str, str]:
    """Name of the generator and the reason, which goes on the release card: no cell value and no exact count.

    A spec that sets parameters means the autoregressive GAN, whose parameters they are.
    """
    if spec.params:
        return "autoregressive_gan", "parameters of the autoregressive GAN were given."
    people = len(data.train) if data.train_people is None else len(np.unique(data.train_people))
    if people < FEWEST_PEOPLE:
        return "gaussian_copula", f"fewer than {FEWEST_PEOPLE} people are left to train on, too few for a network."
    passes = planned_passes(data, schema, spec)
    if passes < FEWEST_PASSES:
        seen = f"{spec.time_budget} seconds are enough to see the training rows {passes:.1f} times"
        return "gaussian_copula", f"{seen}; a network needs {FEWEST_PASSES:g}."
    return "autoregressive_gan", f"people and time are enough to train it ({passes:.0f} passes over the rows)."


def planned_passes(data: FitData, schema: Any, spec: RunSpec) -> float:
    """How often the autoregressive GAN would see each training row within the spec's budget, by its own plan."""
    from synthgen.tabular import encoding, planning
    from synthgen.tabular.networks import Layout
    from synthgen.tabular.params import AutoregressiveParams

    params = AutoregressiveParams(time_budget=spec.time_budget)
    seen = np.unique(np.linspace(0, len(data.train) - 1, LOOKED_AT).astype(int))  # spread: people lie together
    some = data.train.iloc[seen].reset_index(drop=True)
    owners = None if data.train_people is None else data.train_people[seen]
    found = encoding.fit(some, schema.modelled, owners, schema.k_floor, params.bins)
    active = [i for i, size in enumerate(found.sizes) if size > 1]
    layout = Layout(tuple(found.sizes[i] for i in active), tuple(found.ordered[i] for i in active))
    steps = planning.plan(len(data.train), layout, params)
    return steps.total / steps.per_epoch
