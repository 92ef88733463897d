"""The generator's and the critic's networks over codes: no batch norm, no loop over columns in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from synthgen.tabular import kernels

SMOOTH = 12  # smooth basis functions per ordered column
FLOOR, WASTE = 16, 4  # the widest column of a bucket may have so many levels, or be so many times its narrowest
LEAK = 0.2  # slope of the critics' units below zero
LOGITS_AT_ONCE = 2**24  # of one column, outside of training: 64 MiB

Order = Sequence[int] | np.ndarray


@dataclass(frozen=True)
class Layout:
    """What the networks know of an encoding: levels per column, and how many of the first of them are ordered."""

    sizes: tuple[int, ...]
    ordered: tuple[int, ...]

    @property
    def by_size(self) -> list[int]:
        """Columns, the smallest first."""
        return sorted(range(len(self.sizes)), key=lambda i: self.sizes[i])

    def rows_at_once(self, most: int) -> int:
        """How many rows may have their logits of the widest column in memory together, at most `most`."""
        return min(most, max(32, LOGITS_AT_ONCE // max(self.sizes, default=1)))

    def buckets(self) -> list[list[int]]:
        """Columns by size, cut where sizes differ too much: each bucket is one batched matrix product."""
        out: list[list[int]] = []
        for column in self.by_size:
            if out and self.sizes[column] <= max(WASTE * self.sizes[out[-1][0]], FLOOR):
                out[-1].append(column)
            else:
                out.append([column])
        return out


def smooth_basis(width: int, ordered: int) -> np.ndarray:
    """(width, SMOOTH) bumps along the order of the levels, zero where there is none.

    Levels share what they learn with their neighbours through it; a hundred bins of a small table need that.
    """
    out = np.zeros((width, SMOOTH), dtype=np.float32)
    if ordered > 2:
        place, centre = np.arange(ordered)[:, None] / (ordered - 1), np.arange(SMOOTH)[None, :] / (SMOOTH - 1)
        bump = np.exp(-0.5 * ((place - centre) * (SMOOTH - 1)) ** 2)
        out[:ordered] = 2 * bump / bump.sum(1, keepdims=True)
    return out


class LevelEmbedding(nn.Module):
    """One vector per level of every column: its own part, plus a part that is smooth along its column's order."""

    offsets: torch.Tensor
    basis: torch.Tensor
    places: torch.Tensor
    sources: torch.Tensor

    def __init__(self, layout: Layout, hidden: int) -> None:
        super().__init__()
        offsets = np.concatenate([[0], np.cumsum(layout.sizes)])
        ordered = [i for i, n in enumerate(layout.ordered) if n > 2]
        width = max((layout.ordered[i] for i in ordered), default=0)
        levels = [np.arange(layout.ordered[i]) for i in ordered]
        self.starts: list[int] = offsets[:-1].tolist()
        self.own = nn.Parameter(torch.randn(int(offsets[-1]), hidden) * 0.1)
        self.smooth = nn.Parameter(torch.randn(len(ordered), SMOOTH, hidden) * 0.1)
        basis = [smooth_basis(width, layout.ordered[i]) for i in ordered]
        places = [offsets[i] + n for i, n in zip(ordered, levels, strict=True)]
        sources = [j * width + n for j, n in enumerate(levels)]
        self._keep("offsets", offsets[:-1])
        self._keep("basis", np.stack(basis) if basis else np.zeros((0, 0, SMOOTH), np.float32))
        self._keep("places", np.concatenate([*places, np.zeros(0)]).astype(np.int64))
        self._keep("sources", np.concatenate([*sources, np.zeros(0)]).astype(np.int64))

    def _keep(self, name: str, array: np.ndarray) -> None:
        self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)

    def table(self) -> torch.Tensor:
        """(levels of all columns, hidden)."""
        if len(self.basis) == 0:
            return self.own
        smooth = torch.bmm(self.basis, self.smooth).flatten(0, 1)
        return self.own.index_add(0, self.places, smooth[self.sources].to(self.own.dtype))


class Head(nn.Module):
    """From hidden units to logits for a bucket of columns of like size."""

    closed: torch.Tensor
    basis: torch.Tensor

    def __init__(self, layout: Layout, columns: Sequence[int], hidden: int) -> None:
        super().__init__()
        width = max(layout.sizes[c] for c in columns)
        self.weight = nn.Parameter(torch.zeros(len(columns), hidden, width))
        self.smooth = nn.Parameter(torch.zeros(len(columns), hidden, SMOOTH))
        self.bias = nn.Parameter(torch.zeros(len(columns), 1, width))
        closed = np.stack([np.where(np.arange(width) < layout.sizes[c], 0.0, -1e9)[None] for c in columns])
        basis = np.stack([smooth_basis(width, layout.ordered[c]).T for c in columns])
        self.register_buffer("closed", torch.from_numpy(closed.astype(np.float32)), persistent=False)
        self.register_buffer("basis", torch.from_numpy(np.ascontiguousarray(basis)), persistent=False)

    def surprise(self, h: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """(columns, rows, hidden) and (columns, rows) codes to (columns, rows) nats; padding levels have no mass."""
        weight = self.weight + torch.bmm(self.smooth, self.basis)
        return kernels.surprise(h, weight, self.bias + self.closed, codes)

    def one(self, j: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight (hidden, widest) and bias (widest,) of the j-th column of the bucket."""
        return self.weight[j] + self.smooth[j] @ self.basis[j], (self.bias + self.closed)[j, 0]


class AutoregressiveNetwork(nn.Module):
    """q(x) as a product of one factor per column, in any order of the columns.

    The context of a factor is the sum of the embeddings of the columns visible to it; each column has its own small
    residual network from context to logits. Inside, columns are sorted by size, so that columns of like size share one
    batched product.
    """

    def __init__(self, layout: Layout, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layout, self.dropout = layout, dropout
        count = len(layout.sizes)
        self.embedding = LevelEmbedding(layout, hidden)
        self.first = nn.Parameter(torch.randn(count, hidden, hidden) / hidden**0.5)
        self.first_bias = nn.Parameter(torch.zeros(count, 1, hidden))
        self.second = nn.Parameter(torch.randn(count, hidden, hidden) * (0.5 / hidden**0.5))
        self.second_bias = nn.Parameter(torch.zeros(count, 1, hidden))
        self.buckets = layout.buckets()
        self._heads = nn.ModuleList(Head(layout, columns, hidden) for columns in self.buckets)
        self.sorted = layout.by_size
        self.place = [self.sorted.index(i) for i in range(count)]

    @property
    def heads(self) -> list[Head]:
        """One head per bucket."""
        return [head for head in self._heads if isinstance(head, Head)]

    def start_from(self, shares: Sequence[np.ndarray]) -> None:
        """Set the output biases to the log shares of the columns' levels: training starts at the marginals."""
        with torch.no_grad():
            for columns, head in zip(self.buckets, self.heads, strict=True):
                for j, column in enumerate(columns):
                    head.bias[j, 0, : len(shares[column])] = torch.from_numpy(np.log(shares[column])).float()

    def contexts(self, codes: torch.Tensor, order: Order, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """(columns by size, rows, hidden): for each factor the sum over the columns before it in `order`.

        `codes` (rows, columns), any integers; `order` lists the columns.
        """
        places = (codes.long() + self.embedding.offsets).t()[self.sorted]
        return kernels.contexts(self.embedding.table(), places, [self.place[int(i)] for i in order], dtype)

    def factors(
        self,
        codes: torch.Tensor,
        order: Order,
        noise: np.random.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> torch.Tensor:
        """(rows, columns): the exact surprise of each column's code given those before it in `order`, in nats.

        `noise` is given while training, and drops units; products and activations are in `dtype`.
        """
        context = self.contexts(codes, order, dtype)
        kept = None
        if noise is not None and self.dropout > 0:
            kept = kernels.dropout(context.shape, self.dropout, noise, dtype, context.device)
        h = kernels.units(context, self.first, self.first_bias, self.second, self.second_bias, kept)
        lengths = [len(columns) for columns in self.buckets]
        parts = zip(self.heads, h.split(lengths), codes.long().t()[self.sorted].split(lengths), strict=True)
        return torch.cat([head.surprise(units, targets) for head, units, targets in parts])[self.place].t()

    def logits_of(self, column: int, context: torch.Tensor) -> torch.Tensor:
        """(rows, levels) logits of one factor for contexts (rows, hidden): a step of the sampler."""
        i = self.place[column]
        h = torch.relu(torch.addmm(self.first_bias[i], context, self.first[i]))
        h = h + torch.relu(torch.addmm(self.second_bias[i], h, self.second[i]))
        weight, bias = self.head_of(column)
        return torch.addmm(bias, h, weight)

    def head_of(self, column: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight (hidden, levels) and bias (levels,) from hidden units to the logits of one factor."""
        bucket = next(b for b, columns in enumerate(self.buckets) if column in columns)
        weight, bias = self.heads[bucket].one(self.buckets[bucket].index(column))
        return weight[:, : self.layout.sizes[column]], bias[: self.layout.sizes[column]]

    def bias_of(self, column: int) -> torch.Tensor:
        """(levels,) what is added to the logits of one factor, whatever it sees; the parameter itself, not a copy."""
        bucket = next(b for b, columns in enumerate(self.buckets) if column in columns)
        place = self.buckets[bucket].index(column)
        return self.heads[bucket].bias[place, 0, : self.layout.sizes[column]]


class Critic(nn.Module):
    """Real or made? Sum of level embeddings, then two hidden layers; one logit a record."""

    def __init__(self, layout: Layout, hidden: int) -> None:
        super().__init__()
        self.embedding = LevelEmbedding(layout, hidden)
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.first, self.second = nn.Linear(hidden, hidden), nn.Linear(hidden, 1)
        for layer in (self.first, self.second):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """(rows, columns) codes to (rows,) logits."""
        bag = functional.embedding_bag(codes + self.embedding.offsets, self.embedding.table(), mode="sum")
        h = functional.leaky_relu(bag + self.bias, LEAK)
        return self.second(functional.leaky_relu(self.first(h), LEAK)).squeeze(-1).float()
