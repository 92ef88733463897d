"""How much to train: batch, epochs and steps from the table's size and the time budget, the same on every run.

The plan must repeat from a seed, so it never looks at the clock: speed comes from a fixed cost model, measured on one
server core with bf16. A slower machine ends early, at its deadline.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from synthgen.tabular.networks import Layout
from synthgen.tabular.params import AutoregressiveParams

STEP_SECONDS = 3e-3  # fixed cost of a step
PRODUCT_SECONDS = 4.2e-11  # per row and multiplication of the columns' networks
MEMORY_SECONDS = 3.0e-8  # per row, column and hidden unit
WEIGHT_SECONDS = 2.0e-9  # per weight: gradient, moments and average are read and written
SMALLEST_BATCH, ENOUGH_STEPS = 64, 200  # batches are halved down to the one until there are as many steps as the other
PLENTY_PEOPLE, MOST_DROPPED = 100_000, 0.5  # from so many on the least is dropped; below about 6,000 the most
FULL_RATE_PEOPLE, LEAST_RATE = 2_000, 0.25  # from so many on the whole learning rate; at least so much of it
STEPS_SHARE = 0.6  # of the budget; the rest is for critics, validation and reading
WORST_SHARE, WORST_EPOCHS = 0.7, 4  # at most of the steps for the worst case; after so many passes emphasis memorises


@dataclass(frozen=True)
class Steps:
    """Numbers of one training run."""

    batch: int
    per_epoch: int
    mean: int
    worst: int
    seconds: float

    @property
    def total(self) -> int:
        """Steps of both stages."""
        return self.mean + self.worst


def plan(rows: int, layout: Layout, params: AutoregressiveParams, people: int | None = None) -> Steps:
    """Steps for `rows` training rows: as many epochs as a table of that size can use, fewer if time does not allow.

    Rows of fewer `people` (None: one a row) say less than so many rows of different ones, and are seen less often.
    """
    batch = params.batch or max(32, min(512, 2 ** (max(rows // 60, 1).bit_length() - 1)))
    batch = min(batch, rows)
    while not params.batch and batch >= 2 * SMALLEST_BATCH and _affordable(batch, layout, params) < ENOUGH_STEPS:
        batch //= 2
    per_epoch = max(1, rows // batch)
    total = max(2, min(wanted(rows, batch, params, people), _affordable(batch, layout, params)))
    emphasised = params.emphasis > 0 and params.reducer != "mean"
    worst = min(int(WORST_SHARE * total), WORST_EPOCHS * per_epoch) if emphasised else 0
    return Steps(batch, per_epoch, total - worst, worst, total * seconds_per_step(batch, layout, params.hidden))


def wanted(rows: int, batch: int, params: AutoregressiveParams, people: int | None = None) -> int:
    """The steps that a table of this size can use: between those of its rows and those of its people."""
    if params.epochs:
        return params.epochs * max(1, rows // batch)
    told = round((rows * (people or rows)) ** 0.5)
    return useful_epochs(told) * max(1, told // batch)


def _affordable(batch: int, layout: Layout, params: AutoregressiveParams) -> int:
    return int(STEPS_SHARE * params.time_budget / seconds_per_step(batch, layout, params.hidden))


def useful_epochs(rows: int) -> int:
    """The most passes that still help; small tables need more of them, and validation ends them earlier."""
    return int(min(80, max(8, 20 * (30_000 / rows) ** 0.25)))


def dropout(people: int, params: AutoregressiveParams) -> float:
    """Share of units to drop where so many people are trained on: fewer are memorised sooner."""
    return max(params.dropout, min(MOST_DROPPED, params.dropout * (PLENTY_PEOPLE / people) ** 0.25))


def rate(people: int, params: AutoregressiveParams) -> float:
    """The learning rate where so many people are trained on, by the root of their number.

    A few hundred are known by heart within a few dozen large steps, before what they share is learnt.
    """
    return params.learning_rate * min(1.0, max(LEAST_RATE, (people / FULL_RATE_PEOPLE) ** 0.5))


def seconds_per_step(batch: int, layout: Layout, hidden: int) -> float:
    """The cost model; see the module's first lines."""
    columns, levels = len(layout.sizes), sum(layout.sizes)
    products = columns * hidden**2 + levels * hidden
    weights = 2 * products
    return (
        STEP_SECONDS
        + WEIGHT_SECONDS * weights
        + batch * (PRODUCT_SECONDS * products + MEMORY_SECONDS * columns * hidden)
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread.

    The products are small: a second thread saves less than half of the time on an idle machine and, waiting actively,
    costs two and a half times the CPU seconds on a busy one. One thread also gives the same sums on every machine.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
