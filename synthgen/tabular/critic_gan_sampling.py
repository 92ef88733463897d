"""Drawing codes from the critic-only GAN: one column by its frequency first, the weights of training taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from synthgen.tabular.critic_gan_networks import SpanGenerator

ROUNDS = 12  # tries for a row before it is taken as it comes
TRIES = 32  # most candidates for a row in one round
BLOCK = 4096  # rows made together


class Middle(np.random.Generator):
    """Randomness that always draws the middle: with it a code decodes to one value, the middle of its bin."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """One half, everywhere."""
        return 0.5 if size is None else np.full(size, 0.5, dtype)


class Weigh(Protocol):
    """How many times as often as in the data training drew such records; with `given`, what that alone decides."""

    def __call__(self, codes: np.ndarray, given: np.ndarray | None = None) -> np.ndarray: ...


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
    network: SpanGenerator, given: np.ndarray, first: FirstColumn, weigh: Weigh, rng: np.random.Generator
) -> np.ndarray:
    """Codes (rows, columns) with `given` kept where it is not -1.

    Training drew records `weigh` times as often as they are, so of what the generator makes a share of one over that is
    kept: rejection, exact for each condition. What the given columns decide alone is the same for all candidates of a
    row and costs no rejection.
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
        kept = rng.random(len(rows)) < weigh(made, fixed[rows]) / weigh(made)
        kept = kept.reshape(-1, times)
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
