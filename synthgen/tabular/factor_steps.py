"""The factors of the network as sampling walks through them: weights made ready once, half precision where it pays."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from synthgen.tabular.networks import AutoregressiveNetwork
from synthgen.training.devices import bf16_pays

Weights = tuple[torch.Tensor, torch.Tensor]


class Steps:
    """Cumulative distributions of one column at a time, given contexts."""

    def __init__(self, network: AutoregressiveNetwork) -> None:
        self.network, self.table = network, network.embedding.table().detach()
        self.starts, self.sizes = network.embedding.starts, network.layout.sizes
        self.dtype = torch.bfloat16 if bf16_pays(str(self.table.device)) else torch.float32
        self._made: dict[int, tuple[Weights, Weights, Weights]] = {}

    def cumulative(self, column: int, context: torch.Tensor) -> torch.Tensor:
        """(rows, levels): for each context (rows, hidden; float32) the running sum of its levels' masses.

        The masses are not scaled to sum to one. The bias, which holds the levels' log shares, is added in single
        precision: in half precision a rare level's share would be off by several per cent, the same way in every row.
        Written with maximum and exponential: over few levels a softmax of the last axis takes ten times as long.
        """
        first, second, (weight, bias) = self._weights(column)
        h = rectified(context.to(self.dtype), *first)
        h = h.add_(rectified(h, *second))
        logits = (h @ weight).float().add_(bias)
        return logits.sub_(logits.amax(-1, keepdim=True)).exp_().cumsum(-1)

    def _weights(self, column: int) -> tuple[Weights, Weights, Weights]:
        if column not in self._made:
            n, i = self.network, self.network.place[column]
            weight, bias = n.head_of(column)
            self._made[column] = (
                self._layer(n.first[i], n.first_bias[i, 0]),
                self._layer(n.second[i], n.second_bias[i, 0]),
                (weight.to(self.dtype).contiguous(), bias),
            )
        return self._made[column]

    def _layer(self, weight: torch.Tensor, bias: torch.Tensor) -> Weights:
        return weight.t().to(self.dtype).contiguous(), bias.to(self.dtype)


def rectified(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, slope: float = 0.0) -> torch.Tensor:
    """`relu(x W' + b)`, leaky by `slope`, in one pass over memory where the processor's library has it."""
    fused: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if x.device.type == "cpu" else None
    if fused is None or x.dtype != torch.bfloat16 or not bf16_pays("cpu"):  # others cannot do it fused
        return functional.leaky_relu_(functional.linear(x, weight, bias), slope)
    name, scalars = ("leaky_relu", [slope]) if slope else ("relu", [])
    return fused(x, weight, bias, name, scalars, "")  # type: ignore[no-any-return]
