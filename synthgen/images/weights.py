"""Weights of networks as named tensors: copied, put back, averaged."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from synthgen.training.optimiser import AdamW


class Weights:
    """The parameters of some networks, each named "network/parameter"."""

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        self.parameters = {f"{n}/{p}": value for n, net in networks.items() for p, value in net.named_parameters()}

    def copied(self) -> dict[str, torch.Tensor]:
        """The values as they are."""
        return {name: value.detach().clone() for name, value in self.parameters.items()}

    @torch.no_grad()
    def load(self, values: Mapping[str, torch.Tensor]) -> None:
        """Put values into the networks."""
        for name, parameter in self.parameters.items():
            parameter.copy_(values[name])

    @torch.no_grad()
    def average_into(self, average: dict[str, torch.Tensor], kept: float) -> None:
        """Move a running average towards the values as they are, in one call."""
        torch._foreach_lerp_(list(average.values()), [self.parameters[n].detach() for n in average], 1 - kept)


def descend(optimiser: AdamW, loss: torch.Tensor, rate: float) -> None:
    """One optimiser step down a loss."""
    optimiser.clear()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step(rate)
