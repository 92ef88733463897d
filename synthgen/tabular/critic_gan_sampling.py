"""Drawing codes from the critic-only GAN: one column by its frequency first, the weights of training taken out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from synthgen.tabular.critic_gan_networks import SpanGenerator
from synthgen.tabular.membership import Membership

ROUNDS = 12  # tries for a row before it is taken as it comes
TRIES = 32  # most candidates for a row in one round
BLOCK = 4096  # rows made together
MOST, PRIOR = 20.0, 2.0  # times too often that is taken out; records of prior belief that a group is made as it is

Members = Callable[[np.ndarray], np.ndarray]


class Middle(np.random.Generator):
    """Randomness that always draws the middle: with it a code decodes to one value, the middle of its bin."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """One half, everywhere."""
        return 0.5 if size is None else np.full(size, 0.5, dtype)


class Emphasised:
    """The groups that training drew more often than they are, and how often the generator makes them for it.

    A record counts for the first of the groups it is in. `ratios` (groups + 1,) are shares of made records over shares
    of real ones, the last for records in none: one over it is what sampling keeps, so that emphasis leaves frequencies
    alone. For a generator that has learned what it was shown the ratio is the weight; for one that lags behind it is
    what it really makes.
    """

    def __init__(self, members: Members, columns: Sequence[Sequence[int]], groups: np.ndarray) -> None:
        self.members, self.groups = members, groups
        self.columns = [list(columns[g]) for g in groups]
        self.ratios = np.ones(len(groups) + 1)

    def calibrate(self, made: np.ndarray, given: np.ndarray, real_in: Membership) -> None:
        """Measure the ratios on made codes, drawn without them, beside the memberships (rows, groups) of real ones.

        `given` (rows, columns; boolean) are the columns that were given; a record whose given columns decide whether it
        is in a group tells nothing of how often the generator makes that group.
        """
        if not len(self.groups):
            return
        real = np.bincount(_first(real_in[:, self.groups]), minlength=len(self.ratios)) / len(real_in)
        place = self.place(made)
        for i, of in enumerate([*self.columns, []]):
            open_to = ~given[:, of].all(1) if of else np.ones(len(made), dtype=bool)
            self.ratios[i] = ((place[open_to] == i).sum() + PRIOR) / (real[i] * open_to.sum() + PRIOR)
        self.ratios = np.clip(self.ratios / self.ratios[-1], 1 / MOST, MOST)

    def place(self, codes: np.ndarray) -> np.ndarray:
        """For each record the number of the first group it is in, or how many groups there are."""
        return _first(self.members(codes)[:, self.groups])

    def kept(self, codes: np.ndarray, given: np.ndarray) -> np.ndarray:
        """The share of such records that is kept; `given` (rows, columns; boolean) are the columns that were given.

        What the given columns decide alone is the same for all candidates of a row and costs nothing.
        """
        if not len(self.groups):
            return np.ones(len(codes))
        inside = self.members(codes)[:, self.groups]
        decided = inside & np.stack([given[:, of].all(1) for of in self.columns], axis=1)
        least = np.where(decided.any(1), self.ratios[_first(decided)], self.ratios.min())
        return np.minimum(1.0, least / self.ratios[_first(inside)])


def _first(inside: np.ndarray) -> np.ndarray:
    """The number of the first column that is true in each row, or how many columns there are."""
    return np.where(inside.any(1), inside.argmax(1), inside.shape[1]) if inside.shape[1] else np.zeros(len(inside), int)


@dataclass(frozen=True)
class FirstColumn:
    """Shares of the levels of every column: a record that nothing is asked of starts with one column from them.

    So every column's frequencies are the data's, as far as single columns go (CTGAN's training by sampling, with true
    frequencies).
    """

    shares: Sequence[np.ndarray]

    def fill(self, given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """`given` with one random column filled in the rows that have none."""
        out = given.copy()

        empty = np.flatnonzero((given < 0).all(1))
        column = rng.integers(0, len(self.shares), len(empty))
        for i, share in enumerate(self.shares):
            rows = empty[column == i]
            out[rows, i] = np.searchsorted(np.cumsum(share), rng.random(len(rows)), side="right").clip(
                0, len(share) - 1
            )
        return out


def draw(
    network: SpanGenerator,
    given: np.ndarray,
    first: FirstColumn,
    emphasised: Emphasised | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Codes (rows, columns) with `given` kept where it is not -1.

    Of the records that emphasis makes too often a share is kept, by rejection, within each condition; None keeps all.
    """
    out = first.fill(given, rng)
    fixed = out >= 0
    waiting = np.arange(len(out))
    for _ in range(ROUNDS):
        if not len(waiting):
            break
        times = int(min(TRIES, max(1, len(out) // len(waiting))))
        rows = np.repeat(waiting, times)
        made = _once(network, np.where(fixed[rows], out[rows], -1), rng)
        share = np.ones(len(rows)) if emphasised is None else emphasised.kept(made, fixed[rows])
        kept = (rng.random(len(rows)) < share).reshape(-1, times)
        pick = np.where(kept.any(1), kept.argmax(1), 0)
        out[waiting] = made.reshape(len(waiting), times, -1)[np.arange(len(waiting)), pick]
        waiting = waiting[~kept.any(1)]
    return out


@torch.no_grad()
def _once(network: SpanGenerator, given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One record for each row of `given`."""
    parts = []
    for start in range(0, len(given), BLOCK):
        codes = torch.from_numpy(given[start : start + BLOCK]).to(network.bias.device)
        noise, gumbel = randomness(rng, len(codes), network)
        made = network.pick(network(codes, codes >= 0, noise), gumbel)
        parts.append(torch.where(codes >= 0, codes, made).cpu().numpy())
    return np.concatenate(parts) if parts else given.copy()


def randomness(rng: np.random.Generator, rows: int, network: SpanGenerator) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise (rows, noise) for the generator and Gumbel noise (rows, levels of all columns) to pick levels by."""
    noise = torch.from_numpy(rng.standard_normal((rows, network.noise), dtype=np.float32))
    uniform = torch.from_numpy(rng.random((rows, len(network.bias)), dtype=np.float32))
    gumbel = uniform.clamp_(1e-9, 1 - 6e-8).log_().neg_().log_().neg_()
    return noise.to(network.bias.device), gumbel.to(network.bias.device)
