"""What training will take, worked out from the encoding before anything is allocated, and who takes most of it.

The figures are upper estimates from a fixed account of what is held: weights and their copies, what the critics hold,
one batch of activations, codes and groups of the rows. They are checked against the process's own peak in a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synthgen.errors import LimitError
from synthgen.tabular.critic import WIDTH
from synthgen.tabular.networks import Layout
from synthgen.tabular.params import AutoregressiveParams
from synthgen.tabular.planning import Steps, seconds_per_step
from synthgen.tabular.sampling import BLOCK

FLOAT = 4  # bytes
COPIES = 9  # of each weight: itself, gradient, two moments, smoothed, best, both ends of the dial, one being copied
CRITIC_COPIES = 2 * 4  # two critics, each with gradient and two moments
PASSES = 8  # tensors of a batch's activations held until the gradient
LOGITS = 3  # copies of a factor's logits
CHECKED = 1024  # records whose surprise is worked out together
BASE = 450 * 2**20  # torch, pandas and Python themselves
LEAST_STEPS = 50  # with fewer the marginals have hardly moved from where they start


@dataclass(frozen=True)
class Estimate:
    """Bytes and seconds of one training; `column_bytes` is what each column's levels and networks take of the bytes."""

    memory_bytes: int
    seconds: float
    steps: int
    column_bytes: tuple[int, ...]
    seconds_per_step: float

    def payload(self, names: Sequence[str]) -> dict[str, Any]:
        """JSON for the report: the figures, and the column that takes most."""
        return {
            "memory_bytes": self.memory_bytes,
            "step_seconds": round(self.seconds, 1),
            "steps": self.steps,
            "largest_column": names[self.largest],
            "largest_column_bytes": self.column_bytes[self.largest],
        }

    def text(self, names: Sequence[str]) -> str:
        """One line for the log."""
        return (
            f"Expected: about {self.memory_bytes / 2**30:.1f} GiB of memory and {self.seconds:.0f} seconds for "
            f"{self.steps} steps; column {names[self.largest]!r} takes most of it."
        )

    @property
    def largest(self) -> int:
        """The column that takes most."""
        return max(range(len(self.column_bytes)), key=lambda i: self.column_bytes[i])


def estimate(rows: int, groups: int, layout: Layout, params: AutoregressiveParams, steps: Steps) -> Estimate:
    """The estimate for `rows` training rows in `groups` groups, a layout of columns and a plan."""
    hidden, columns = params.hidden, len(layout.sizes)
    at_once = max(steps.batch, layout.rows_at_once(min(rows, CHECKED)))
    drawn = layout.rows_at_once(min(rows, BLOCK))
    widths = {c: max(layout.sizes[i] for i in bucket) for bucket in layout.buckets() for c in bucket}
    per_column = [
        FLOAT * COPIES * hidden * (layout.sizes[c] + widths[c] + 2 * hidden)
        + FLOAT * CRITIC_COPIES * WIDTH * layout.sizes[c]
        + FLOAT * at_once * (LOGITS * widths[c] + PASSES * hidden)
        + FLOAT * LOGITS * drawn * layout.sizes[c] // columns
        for c in range(columns)
    ]
    held = rows * (columns * (2 if max(layout.sizes, default=0) < 2**15 else 4) + groups / 8 + 16)
    cost = seconds_per_step(steps.batch, layout, hidden)
    return Estimate(int(BASE + held + sum(per_column)), steps.total * cost, steps.total, tuple(per_column), cost)


def check(found: Estimate, names: Sequence[str], sizes: Sequence[int], memory: int | None, wanted: int) -> None:
    """Raise LimitError, naming the column to blame, where memory or the time for a useful number of steps is short.

    `memory` is what the run may take in bytes (None: not limited), `wanted` the steps that the table could use.
    """
    if not found.column_bytes:
        return
    blame = f"Column {names[found.largest]!r} with its {sizes[found.largest]:,} values takes most of it"
    if memory is not None and found.memory_bytes > memory:
        share = found.column_bytes[found.largest] / sum(found.column_bytes)
        raise LimitError(
            f"Training would take about {found.memory_bytes / 2**30:.1f} GiB of memory and "
            f"{memory / 2**30:.1f} GiB may be used. {blame} ({share:.0%}).",
            "Leave the column out, do not declare it public, lower `hidden`, or run where there is more memory.",
        )
    if found.steps < min(LEAST_STEPS, wanted):
        seconds = found.seconds_per_step * min(LEAST_STEPS, wanted)
        raise LimitError(
            f"The time budget allows {found.steps} training steps; a useful model takes at least "
            f"{min(LEAST_STEPS, wanted)}, about {seconds:.0f} seconds of steps. {blame}.",
            "Raise the time budget, leave the column out, or lower `hidden`.",
        )
