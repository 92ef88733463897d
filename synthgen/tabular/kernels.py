"""The products of a training step with their gradients written out.

On a processor each pass over a step's activations costs as much as a matrix product, and automatic differentiation
makes many. Each function here has a plain counterpart of a few lines in its test, which it is checked against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.autograd import Function


class _Contexts(Function):
    @staticmethod
    def forward(ctx: Any, table: torch.Tensor, places: torch.Tensor, order: Sequence[int], dtype: Any) -> torch.Tensor:
        ctx.save_for_backward(places)
        ctx.order, ctx.levels = order, len(table)
        out = table.new_empty((*places.shape, table.shape[1]), dtype=dtype)
        seen = table.new_zeros(out.shape[1:])
        for column in order:
            out[column] = seen
            seen += table.index_select(0, places[column])
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        (places,), (grad,) = ctx.saved_tensors, grads
        later = grad.new_empty(grad.shape, dtype=torch.promote_types(grad.dtype, torch.float32))
        total = later.new_zeros(grad.shape[1:])
        for column in reversed(ctx.order):
            later[column] = total
            total += grad[column]
        return torch.ops.aten.embedding_dense_backward(later, places, ctx.levels, -1, False), None, None, None


class _Units(Function):
    @staticmethod
    def forward(
        ctx: Any,
        context: torch.Tensor,
        first: torch.Tensor,
        first_bias: torch.Tensor,
        second: torch.Tensor,
        second_bias: torch.Tensor,
        kept: torch.Tensor | None,
    ) -> torch.Tensor:
        first, second = first.to(context.dtype), second.to(context.dtype)
        inner = torch.baddbmm(first_bias.to(context.dtype), context, first).relu_()
        outer = torch.baddbmm(second_bias.to(context.dtype), inner, second).relu_()
        ctx.save_for_backward(context, first, inner, second, outer, kept)
        out = inner + outer
        return out if kept is None else out.mul_(kept)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        context, first, inner, second, outer, kept = ctx.saved_tensors
        grad = grads[0] if kept is None else grads[0] * kept
        g = torch.ops.aten.threshold_backward(grad, outer, 0)
        of_second, of_second_bias = _of_weights(inner, g)
        g = torch.baddbmm(grad, g, second.transpose(1, 2))
        g = torch.ops.aten.threshold_backward(g, inner, 0)
        of_first, of_first_bias = _of_weights(context, g)
        return torch.bmm(g, first.transpose(1, 2)), of_first, of_first_bias, of_second, of_second_bias, None


class _Surprise(Function):
    @staticmethod
    def forward(
        ctx: Any, units: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, codes: torch.Tensor
    ) -> torch.Tensor:
        weight = weight.to(units.dtype)
        wide = torch.promote_types(units.dtype, torch.float32)
        logits = torch.baddbmm(bias.to(units.dtype), units, weight).to(wide)
        logits.sub_(logits.amax(-1, keepdim=True))  # a softmax of the last axis takes ten times as long if it is short
        own = logits.gather(-1, codes[..., None])
        mass = logits.exp_()
        total = mass.sum(-1, keepdim=True)
        ctx.save_for_backward(units, weight, mass.div_(total), codes)
        return (total.log() - own).squeeze(-1)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        units, weight, mass, codes = ctx.saved_tensors
        per_row = grads[0][..., None]
        g = (mass * per_row).scatter_add_(-1, codes[..., None], -per_row).to(units.dtype)
        of_weight, of_bias = _of_weights(units, g)
        return torch.bmm(g, weight.transpose(1, 2)), of_weight, of_bias, None


def contexts(table: torch.Tensor, places: torch.Tensor, order: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """(columns, rows, hidden) in `dtype`: for each column the sum of the vectors of those before it in `order`.

    `table` (levels, hidden); `places` (columns, rows): each code's row of the table. One running sum in float32, so
    the work grows with the columns and not with their square.
    """
    return _Contexts.apply(table, places, order, dtype)  # type: ignore[no-any-return]


def units(
    context: torch.Tensor,
    first: torch.Tensor,
    first_bias: torch.Tensor,
    second: torch.Tensor,
    second_bias: torch.Tensor,
    kept: torch.Tensor | None = None,
) -> torch.Tensor:
    """A residual network per column, `a + relu(a W2 + b2)` with `a = relu(x W1 + b1)`, times `kept` (dropout).

    `context` and the result are (columns, rows, hidden), in the dtype of `context`; the weights stay in float32.
    """
    return _Units.apply(context, first, first_bias, second, second_bias, kept)  # type: ignore[no-any-return]


def surprise(units: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """(columns, rows) nats, float32: `-log softmax(units W + b)[code]` for each column of a bucket.

    `units` (columns, rows, hidden), `weight` (columns, hidden, levels), `bias` (columns, 1, levels), `codes`
    (columns, rows). A surprise summed over fifty columns must not be rounded to eight bits.
    """
    return _Surprise.apply(units, weight, bias, codes)  # type: ignore[no-any-return]


def dropout(
    shape: Sequence[int], share: float, noise: np.random.Generator, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    """A tensor that drops `share` of the units, rounded to a 256th, and scales up the others."""
    least, scale = round(256 * share), 1 / (1 - share)
    if device.type != "cpu":
        maker = torch.Generator(device).manual_seed(int(noise.integers(2**62)))
        bits = torch.randint(256, tuple(shape), dtype=torch.uint8, device=device, generator=maker)
        return (bits >= least).to(dtype).mul_(scale)
    kept = np.frombuffer(noise.bytes(int(np.prod(shape))), dtype=np.uint8) >= least
    if dtype != torch.bfloat16:
        return torch.from_numpy(kept).view(*shape).to(dtype).mul_(scale)
    pattern = torch.tensor(scale, dtype=dtype).view(torch.int16).numpy()  # one pass instead of three
    return torch.from_numpy(kept * pattern).view(dtype).view(*shape)


def _of_weights(inputs: torch.Tensor, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients of a batched product's weights and bias; the bias is a product with ones, faster than a sum."""
    wide = torch.promote_types(grad.dtype, torch.float32)
    ones = grad.new_ones(1, 1, grad.shape[1]).expand(len(grad), -1, -1)
    return torch.bmm(inputs.transpose(1, 2), grad).to(wide), torch.bmm(ones, grad).to(wide)
