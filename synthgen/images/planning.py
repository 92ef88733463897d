"""How many steps to train, from image size and time budget by a fixed cost model, never by the clock."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from synthgen.images.networks import Canvas
from synthgen.images.params import ConditionalGanParams
from synthgen.training import loop

STEP_SECONDS = 0.03  # fixed cost of a step
PRODUCT_SECONDS = 1e-10  # per image and multiplication of the generator's convolutions, both sides, there and back
WITHOUT_BF16 = 2.0  # times as much on a processor that has to multiply in 32 bits
WARM_STEP = 0.7  # of a step of the GAN
WARM_SHARE, MOST_WARM = 0.12, 1500
REDUCED_SHARE = 0.6  # of what the warm start leaves, for training at a reduced size, where images are learnt at one
SHARE = 0.85  # of the budget; the rest is for looking and reading
FEWEST = 20
LOOKS, VALIDATIONS = 8, 20  # at most
LOOK_EVERY = 50  # steps at least between two looks; validations may come twice as often


@dataclass(frozen=True)
class Steps:
    """Steps of the warm start, of the GAN at a reduced size (none where images are learnt whole), and of the GAN."""

    warm: int
    reduced: int
    steps: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.warm + self.reduced + self.steps


def plan(canvas: Canvas, params: ConditionalGanParams, bf16: bool = True) -> Steps:
    """As many steps as the time budget allows, unless they are given; `bf16`: whether the device multiplies in it."""
    slower = 1.0 if bf16 else WITHOUT_BF16
    cost, first = (slower * seconds_per_step(c, params) for c in (canvas, canvas.reduced))
    affordable = SHARE * params.time_budget / first
    warm = params.warm_steps
    if warm < 0:
        warm = min(MOST_WARM, int(WARM_SHARE * affordable / WARM_STEP)) if not params.steps else params.steps // 5
    share = 0.0 if canvas.half is None else REDUCED_SHARE
    if params.steps:
        return Steps(warm, int(share * params.steps), params.steps - int(share * params.steps))
    left = affordable - WARM_STEP * warm
    return Steps(warm, int(share * left), max(FEWEST, int((1 - share) * left * first / cost)))


def seconds_per_step(canvas: Canvas, params: ConditionalGanParams) -> float:
    """The cost model, measured on one server core with bf16; a run on a slower one ends at its deadline."""
    h, w = canvas.bottom
    widths = canvas.widths(params.width)
    doubled = sum((a + b) * b * 4 ** (i + 1) for i, (a, b) in enumerate(pairwise(widths)))
    products = 9 * h * w * (widths[0] ** 2 + doubled)
    return STEP_SECONDS + PRODUCT_SECONDS * params.batch * products


def of_gan(stage: str, steps: int, fingerprint: str) -> loop.Plan:
    """The plan of a stage of the GAN: looks at its health in between.

    Patience is long: images that a GAN sharpens score worse at first than the blurred ones of its warm start.
    """
    count = min(LOOKS, max(1, steps // LOOK_EVERY))
    looks = tuple(max(1, steps * (i + 1) // (count + 1)) for i in range(count))
    every = max(min(LOOK_EVERY // 2, steps), steps // VALIDATIONS)
    return loop.Plan(stage, steps, every, VALIDATIONS * 3 // 4, looks, fingerprint)


def of_warm_start(plan: Steps, fingerprint: str) -> loop.Plan:
    """The plan of the warm start."""
    return loop.Plan("warm_start", plan.warm, max(1, plan.warm // 8), 3, (), fingerprint)
