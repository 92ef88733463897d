"""DP-SGD over people: sampled by chance, one clipped gradient each, Gaussian noise, a fixed number of steps.

Abadi et al. 2016, with the clip following a quantile of the gradients' lengths (Andrew et al. 2021), whose noisy count
is paid for out of the same noise. Nothing looks at validation rows, and no loss is told: both would have to be paid
for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from synthgen.runtime import RunContext
from synthgen.tabular.networks import AutoregressiveNetwork
from synthgen.tabular.params import AutoregressiveParams
from synthgen.tabular.private import weights
from synthgen.tabular.private.budget import Budget
from synthgen.tabular.private.gradients import PersonGradients
from synthgen.training.optimiser import AdamW

PASSES, MOST_STEPS = 60, 1500
LARGEST_RATE = 0.25  # a person's chance to be in a step
FEWEST, MOST = 64, 2048  # people expected in a step
QUANTILE, FOLLOW, COUNT_NOISE = 0.7, 0.2, 0.05  # of lengths under the clip; its step; noise of its count in people
WARM_UP, LAST_RATE = 0.05, 0.05
ROWS_AT_ONCE = 2048
AVERAGE = 0.99


@dataclass(frozen=True)
class Steps:
    """A person's chance to be in a step, and the number of steps; from the number of people alone."""

    rate: float
    count: int


def plan(people: int, params: AutoregressiveParams) -> Steps:
    """The steps for so many people: some passes over them in at most MOST_STEPS steps; `batch` people are expected."""
    if params.batch:
        rate = min(LARGEST_RATE, params.batch / people)
    else:
        rate = min(LARGEST_RATE, max(FEWEST / people, min(PASSES / MOST_STEPS, MOST / people)))
    return Steps(rate, max(1, round(params.epochs / rate)) if params.epochs else min(MOST_STEPS, round(PASSES / rate)))


@dataclass(frozen=True)
class Trained:
    """What training leaves: smoothed weights, the last clip, the steps that were taken."""

    weights: dict[str, torch.Tensor]
    clip: float
    steps: int


class Trainer:
    """The state of one run: network, optimiser, smoothed weights and the clip that follows the lengths."""

    def __init__(
        self,
        network: AutoregressiveNetwork,
        codes: torch.Tensor,
        people: np.ndarray,
        levels: Sequence[torch.Tensor] | None,
        budget: Budget,
        learning_rate: float,
        secret: np.random.Generator,
    ) -> None:
        self.network, self.codes, self.levels, self.budget = network, codes, levels, budget
        self.rows = places(people)
        self.rate, self.secret = learning_rate, secret
        self.gradients = PersonGradients(network, self.rows.shape[1])
        self.optimiser = AdamW(network.parameters(), (0.9, 0.999), 0.0)
        self.average = {n: v.detach().clone() for n, v in network.named_parameters()}
        self.clip = math.sqrt(len(network.layout.sizes))
        self.expected = budget.sampling_rate * len(self.rows)

    def run(self, ctx: RunContext) -> Trained:
        """All planned steps, fewer when the deadline passes: the clock knows nothing of the data."""
        done = 0
        for done in range(1, self.budget.steps + 1):
            ctx.check_stop()
            self.step(done - 1, ctx)
            if done % 10 == 0:
                ctx.progress("private", done, self.budget.steps)
            if ctx.out_of_time():
                break
        return Trained(self.average, self.clip, done)

    def step(self, step: int, ctx: RunContext) -> None:
        """One sample of people, the noisy sum of their clipped gradients, one step of the optimiser."""
        order = ctx.rng(f"order/{step}").permutation(len(self.network.layout.sizes)).tolist()
        chosen = self.rows[self.secret.random(len(self.rows)) < self.budget.sampling_rate]
        total, under = self.summed(chosen, order)
        gradient, count = self._split_noise()
        for name, parameter in self.network.named_parameters():
            noise = torch.from_numpy(self.secret.standard_normal(parameter.shape, dtype=np.float32))
            parameter.grad = (total[name] + gradient * self.clip * noise) / self.expected
        self.optimiser.step(self._rate(step))
        self._follow(step)
        share = (under + count * float(self.secret.standard_normal())) / self.expected
        self.clip *= math.exp(-FOLLOW * (min(max(share, 0.0), 1.0) - QUANTILE))

    def summed(self, chosen: np.ndarray, order: Sequence[int]) -> tuple[dict[str, torch.Tensor], float]:
        """The sum of the clipped gradients of people, and how many were not longer than the clip.

        Everybody moves that count half a person up or down from half of those expected, and so by no more than that.
        """
        total, under = {n: v.clone() for n, v in self.gradients.zero.items()}, self.expected / 2
        for part in np.array_split(chosen, max(1, -(-chosen.size // ROWS_AT_ONCE))):
            place = part.ravel()
            kept = torch.from_numpy(place >= 0).float()
            codes = self.codes[torch.from_numpy(np.maximum(place, 0))].long()
            weight = torch.ones(codes.shape) if self.levels is None else weights.of_factors(self.levels, codes, order)
            found, lengths = self.gradients.summed(codes, kept, weight, order, self.clip)
            for name, value in found.items():
                total[name] += value
            under += float((lengths <= self.clip).sum()) - len(lengths) / 2
        return total, under

    def _split_noise(self) -> tuple[float, float]:
        """Noise multiplier of the gradients, and noise of the count, that together are the budget's one multiplier.

        Two Gaussians seen together are one: z^-2 = z_gradient^-2 + (2 noise)^-2 (Andrew et al. 2021, theorem 1).
        """
        whole = self.budget.noise_multiplier
        if whole == 0:
            return 0.0, 0.0
        count = max(COUNT_NOISE * self.expected, 2 * whole)
        return (whole**-2 - (2 * count) ** -2) ** -0.5, count

    def _rate(self, step: int) -> float:
        share = step / self.budget.steps
        fall = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * share))
        return self.rate * fall * min(1.0, (share + 1 / self.budget.steps) / WARM_UP)

    def _follow(self, step: int) -> None:
        decay = min(AVERAGE, (1 + step) / (10 + step))
        names, values = zip(*self.network.named_parameters(), strict=True)
        torch._foreach_lerp_([self.average[n] for n in names], [v.detach() for v in values], 1 - decay)


def places(people: np.ndarray) -> np.ndarray:
    """(people, most rows of one): the rows of each person, -1 where there are fewer."""
    _, who, counts = np.unique(people, return_inverse=True, return_counts=True)
    out = np.full((len(counts), int(counts.max(initial=1))), -1, dtype=np.int64)
    order = np.argsort(who, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    out[who[order], np.arange(len(who)) - starts[who[order]]] = order
    return out
