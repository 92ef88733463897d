"""One gradient a person, clipped: its length by a closed form, then one weighted backward pass for everybody.

A layer's gradient for one row is the outer product of what went in and what came back, so the squared length of a
person's gradient, a sum over the person's rows, is the sum over pairs of rows of the products of both inner products
(Goodfellow 2015; Li et al. 2022, "ghost clipping"). No gradient of a single person is ever laid out in memory. What
the network computes is written once more here, because what goes in and comes back of every layer is needed; a test
holds it against automatic differentiation person by person.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from synthgen.tabular.networks import SMOOTH, AutoregressiveNetwork, Head

Layer = tuple[
    torch.Tensor, torch.Tensor
]  # what went in (columns, rows, inputs), what came back (columns, rows, outputs)


class PersonGradients:
    """Sums of clipped gradients of `network` over people with `rows` places for rows each."""

    def __init__(self, network: AutoregressiveNetwork, rows: int) -> None:
        self.network, self.rows = network, rows
        self.columns = network.sorted
        layout = network.layout
        self.ordered = [i for i, n in enumerate(layout.ordered) if n > 2]
        self.zero = {name: torch.zeros_like(value) for name, value in network.named_parameters()}

    @torch.no_grad()
    def summed(
        self, codes: torch.Tensor, kept: torch.Tensor, weights: torch.Tensor, order: Sequence[int], clip: float
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """The sum over people of their gradients, each scaled down to length `clip`, and the lengths before.

        `codes` (people * rows, columns); `kept` (people * rows,) is 0 for places that hold no row; `weights`
        (people * rows, columns) multiply each factor's surprise.
        """
        if not len(codes):
            return dict(self.zero), torch.zeros(0)
        layers, heads, later = self._passes(codes, weights * kept[:, None], order)
        lengths = self._lengths(layers, heads, later, codes).clamp_min(0).sqrt()
        scale = (clip / lengths.clamp_min(1e-12)).clamp_max(1.0)
        return self._summed(layers, heads, later, codes, scale.repeat_interleave(self.rows)), lengths

    def _passes(
        self, codes: torch.Tensor, weights: torch.Tensor, order: Sequence[int]
    ) -> tuple[list[Layer], list[Layer], torch.Tensor]:
        """Forward and back: layers, heads (a bucket each), and what comes back to each column's embedding."""
        n = self.network
        context = n.contexts(codes, order)
        inner = torch.baddbmm(n.first_bias, context, n.first).relu_()
        outer = torch.baddbmm(n.second_bias, inner, n.second).relu_()
        units = inner + outer
        lengths = [len(columns) for columns in n.buckets]
        targets, scaled = codes.long().t()[self.columns], weights.t()[self.columns]
        parts = zip(n.heads, units.split(lengths), targets.split(lengths), scaled.split(lengths), strict=True)
        heads = [(h, _of_logits(head, h, code, w)) for head, h, code, w in parts]
        back = torch.cat(
            [torch.bmm(g, _weight(head).transpose(1, 2)) for head, (_, g) in zip(n.heads, heads, strict=True)]
        )
        of_outer = back * (outer > 0)
        of_inner = (back + torch.bmm(of_outer, n.second.transpose(1, 2))) * (inner > 0)
        of_context = torch.bmm(of_inner, n.first.transpose(1, 2))
        return [(context, of_inner), (inner, of_outer)], heads, _later(of_context, [n.place[int(i)] for i in order])

    def _lengths(
        self, layers: Sequence[Layer], heads: Sequence[Layer], later: torch.Tensor, codes: torch.Tensor
    ) -> torch.Tensor:
        """(people,) squared lengths of the people's gradients."""
        total = torch.zeros(len(codes) // self.rows)
        for x, g in (*layers, *heads):
            total += self._over_pairs((self._inner(x) + 1.0) * self._inner(g))  # 1: the bias
        for head, (x, g) in zip(self.network.heads, heads, strict=True):
            total += self._over_pairs(self._inner(x) * self._inner(torch.bmm(g, head.basis.transpose(1, 2))))
        back, levels = self._inner(later), codes.t()[self.columns].view(len(self.columns), -1, self.rows)
        total += self._over_pairs((levels[..., :, None] == levels[..., None, :]) * back)
        if self.ordered:
            at = [self.network.place[i] for i in self.ordered]
            total += self._over_pairs(self._inner(self._smooth(codes)) * back[at])
        return total

    def _summed(
        self,
        layers: Sequence[Layer],
        heads: Sequence[Layer],
        later: torch.Tensor,
        codes: torch.Tensor,
        scale: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Gradients of all parameters by name, each row's part times `scale` (rows,)."""
        n, scale = self.network, scale[None, :, None]
        out: dict[str, torch.Tensor] = {}
        for name, (x, g) in zip(("first", "second"), layers, strict=True):
            g = g * scale
            out[name], out[f"{name}_bias"] = torch.bmm(x.transpose(1, 2), g), g.sum(1, keepdim=True)
        for i, (head, (x, g)) in enumerate(zip(n.heads, heads, strict=True)):
            g = g * scale
            out[f"_heads.{i}.weight"], out[f"_heads.{i}.bias"] = torch.bmm(x.transpose(1, 2), g), g.sum(1, keepdim=True)
            out[f"_heads.{i}.smooth"] = torch.bmm(out[f"_heads.{i}.weight"], head.basis.transpose(1, 2))
        later = later * scale
        places = (codes + n.embedding.offsets).t()[self.columns]
        out["embedding.own"] = torch.zeros_like(n.embedding.own).index_add_(0, places.flatten(), later.flatten(0, 1))
        out["embedding.smooth"] = self.zero["embedding.smooth"]
        if self.ordered:
            at = [n.place[i] for i in self.ordered]
            out["embedding.smooth"] = torch.bmm(self._smooth(codes).transpose(1, 2), later[at])
        return out

    def _smooth(self, codes: torch.Tensor) -> torch.Tensor:
        """(ordered columns, rows, SMOOTH): the bumps at each row's level, none for levels without an order."""
        basis, out = self.network.embedding.basis, torch.zeros(len(self.ordered), len(codes), SMOOTH)
        for j, column in enumerate(self.ordered):
            size = self.network.layout.sizes[column]
            table = torch.zeros(max(size, basis.shape[1]), SMOOTH)
            table[: self.network.layout.ordered[column]] = basis[j, : self.network.layout.ordered[column]]
            out[j] = table[codes[:, column]]
        return out

    def _inner(self, x: torch.Tensor) -> torch.Tensor:
        """(columns, people, rows, rows): inner products of the rows of each person."""
        x = x.reshape(x.shape[0], -1, self.rows, x.shape[-1])
        return (x * x).sum(-1)[..., None] if self.rows == 1 else x @ x.transpose(2, 3)

    @staticmethod
    def _over_pairs(products: torch.Tensor) -> torch.Tensor:
        """(people,) sums over columns and pairs of rows."""
        return products.sum((0, 2, 3))


def _weight(head: Head) -> torch.Tensor:
    """(columns, hidden, levels) of a bucket, with the part that is smooth along the levels."""
    return head.weight + torch.bmm(head.smooth, head.basis)


def _of_logits(head: Head, h: torch.Tensor, codes: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """(columns, rows, levels): gradient of the weighted surprise at the logits."""
    mass = torch.baddbmm(head.bias + head.closed, h, _weight(head)).softmax(-1)
    mass.scatter_add_(-1, codes[..., None], torch.full_like(codes[..., None], -1.0, dtype=mass.dtype))
    return mass.mul_(weights[..., None])


def _later(of_context: torch.Tensor, order: Sequence[int]) -> torch.Tensor:
    """What comes back to each column's embedding: the sum over the factors after it in the order."""
    out, total = torch.empty_like(of_context), torch.zeros(of_context.shape[1:])
    for column in reversed(order):
        out[column] = total
        total = total + of_context[column]
    return out
