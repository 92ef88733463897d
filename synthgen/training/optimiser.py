"""AdamW (Loshchilov and Hutter 2019) in one fused call, with moments that are named tensors.

`torch.optim` loads torch's compiler when its first optimiser is made: 4 CPU seconds of every job for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

EPSILON = 1e-8


class AdamW:
    """The moments of some parameters; `step` moves them by the gradients they hold."""

    def __init__(self, parameters: Iterable[torch.Tensor], betas: tuple[float, float], decay: float) -> None:
        self.parameters, self.betas, self.decay = list(parameters), betas, decay
        self.forget()

    def forget(self) -> None:
        """Begin afresh: no moments, no steps."""
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]
        self.steps = [torch.zeros((), device=p.device) for p in self.parameters]

    def clear(self) -> None:
        """Drop the parameters' gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step at learning rate `rate` of every parameter that has a gradient."""
        live = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        parameters, first, second, steps = (
            [values[i] for i in live] for values in (self.parameters, self.first, self.second, self.steps)
        )
        torch._foreach_add_(steps, 1)
        torch._fused_adamw_(  # type: ignore[attr-defined]
            parameters,
            [p.grad for p in parameters if p.grad is not None],
            first,
            second,
            [],
            steps,
            lr=rate,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=self.decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )

    def tensors(self) -> dict[str, torch.Tensor]:
        """The moments and step counts, by name."""
        parts = {"first": self.first, "second": self.second, "steps": self.steps}
        return {f"{i}/{name}": value for name, values in parts.items() for i, value in enumerate(values)}

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Put back what `tensors` gave."""
        for name, value in self.tensors().items():
            value.copy_(tensors[name])
