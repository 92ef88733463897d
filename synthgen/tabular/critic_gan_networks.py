"""Networks of the critic-only GAN: every column of a record at once from noise and what is given of the record.

After CTGAN (Xu et al. 2019, arXiv 1907.00503): a residual generator whose output is one span of levels per column, a
critic that may look at several records at once (PacGAN, arXiv 1712.04086). Different from it: no batch norm, so that
per-record gradients exist; any columns may be given, not one; levels that have an order share a smooth part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from synthgen.tabular.networks import Layout, LevelEmbedding

LOUD = 6.0  # times the spread that level vectors begin with in the autoregressive network


def level_embedding(layout: Layout, hidden: int) -> LevelEmbedding:
    """Vectors large enough to be heard from the first step: beside the noise, and by a critic that must not idle."""
    made = LevelEmbedding(layout, hidden)
    with torch.no_grad():
        for value in made.parameters():
            value.mul_(LOUD)
    return made


class Given(nn.Module):
    """One vector for what is given of a record: its given levels, and which columns they are."""

    def __init__(self, layout: Layout, hidden: int) -> None:
        super().__init__()
        self.embedding = level_embedding(layout, hidden)
        self.which = nn.Parameter(torch.randn(len(layout.sizes), hidden) * 0.1)

    def forward(self, codes: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        """(rows, hidden) from codes (rows, columns) and given (rows, columns; boolean)."""
        table = self.embedding.table()
        mask = given.to(table.dtype)
        bag = functional.embedding_bag(
            codes.clamp_min(0) + self.embedding.offsets, table, mode="sum", per_sample_weights=mask
        )
        return bag + mask @ self.which


class SpanGenerator(nn.Module):
    """Logits of every level of every column, from noise and what is given."""

    segment: torch.Tensor
    level: torch.Tensor

    def __init__(self, layout: Layout, hidden: int, noise: int, blocks: int) -> None:
        super().__init__()
        self.layout, self.noise = layout, noise
        self.given = Given(layout, hidden)
        self.enter = nn.Linear(noise, hidden)
        self.blocks = nn.ModuleList(_Residual(hidden) for _ in range(blocks))
        self.norm = nn.LayerNorm(hidden)
        self.spans = LevelEmbedding(layout, hidden)
        self.bias = nn.Parameter(torch.zeros(sum(layout.sizes)))
        segment = np.repeat(np.arange(len(layout.sizes)), layout.sizes)
        level = np.concatenate([np.arange(n) for n in (0, *layout.sizes)])
        self.register_buffer("segment", torch.from_numpy(segment), persistent=False)
        self.register_buffer("level", torch.from_numpy(level), persistent=False)

    def start_from(self, shares: Sequence[np.ndarray]) -> None:
        """Set the output biases to the log shares of the columns' levels: training starts at the marginals."""
        with torch.no_grad():
            self.bias.copy_(torch.from_numpy(np.log(np.concatenate(list(shares)))).float())

    def forward(self, codes: torch.Tensor, given: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """(rows, levels of all columns) logits; codes and given (rows, columns), noise (rows, noise)."""
        h = self.enter(noise) + self.given(codes, given)
        for block in self.blocks:
            h = block(h)
        return self.norm(h) @ self.spans.table().t() + self.bias

    def soft(self, logits: torch.Tensor, gumbel: torch.Tensor, temperature: float) -> torch.Tensor:
        """One level per column, as ones and zeros whose gradient is that of a softmax over each column's span.

        Straight-through Gumbel-softmax (Jang et al. 2017, arXiv 1611.01144): the critic sees made records as sharp as
        real ones, so it cannot tell them by their softness.
        """
        y = (logits + gumbel) / temperature
        index, top = self._highest(y.detach())
        e = torch.exp(y - top)
        soft = e / e.new_zeros(len(y), len(self.layout.sizes)).scatter_add(1, index, e).gather(1, index)
        return (y.detach() == top).to(soft.dtype) + soft - soft.detach()

    def pick(self, logits: torch.Tensor, gumbel: torch.Tensor) -> torch.Tensor:
        """(rows, columns) codes: one level per column by its probability (the Gumbel-max trick)."""
        y = logits + gumbel
        index, top = self._highest(y)
        place = torch.where(y == top, self.level, 0)
        return place.new_zeros(len(y), len(self.layout.sizes)).scatter_reduce(1, index, place, "amax")

    def _highest(self, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Which column each level is of, and the highest value in its column, both shaped like `y`."""
        index = self.segment.expand_as(y)
        top = y.new_full((len(y), len(self.layout.sizes)), -torch.inf).scatter_reduce(1, index, y, "amax")
        return index, top.gather(1, index)


class RecordCritic(nn.Module):
    """Real or made, given the same columns? One logit for each `pac` records."""

    def __init__(self, layout: Layout, hidden: int, pac: int) -> None:
        super().__init__()
        self.pac = pac
        self.record = level_embedding(layout, hidden)
        self.which = nn.Parameter(torch.randn(len(layout.sizes), hidden) * 0.1)
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.layers = nn.ModuleList([nn.Linear(hidden * pac, hidden), nn.Linear(hidden, hidden)])
        self.out = nn.Linear(hidden, 1)
        for layer in (*self.layers, self.out):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="leaky_relu")
            nn.init.zeros_(layer.bias)

    def forward(self, codes: torch.Tensor, given: torch.Tensor, record: torch.Tensor | None = None) -> torch.Tensor:
        """(rows / pac,) logits of records and which of their columns were given, both (rows, columns).

        `record` (rows, levels of all columns; ones and zeros) stands for `codes` where a gradient is to reach it.
        """
        table = self.record.table()
        bag = record @ table if record is not None else _bag(codes, self.record, table)
        h = functional.leaky_relu(bag + given.to(bag.dtype) @ self.which + self.bias, 0.2)
        h = h.view(len(h) // self.pac, -1)
        for layer in self.layers:
            h = functional.leaky_relu(layer(h), 0.2)
        return self.out(h).squeeze(-1)


def _bag(codes: torch.Tensor, embedding: LevelEmbedding, table: torch.Tensor) -> torch.Tensor:
    """(rows, hidden): the sum of the levels' vectors."""
    return functional.embedding_bag(codes + embedding.offsets, table, mode="sum")


class _Residual(nn.Module):
    """h + change(h), with each record normalised by itself."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.first, self.second = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return h + self.second(functional.leaky_relu(self.first(self.norm(h)), 0.2))
