"""The critic's side: logistic GAN loss, R1 penalty, and how far the critic tells real from fake."""

from __future__ import annotations

import torch
from torch.nn import functional


def logistic(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """The critic's loss per real-and-fake pair, unreduced; logits in, equally many of both.

    With as many fakes as reals the logit of the best critic is `log p(x) - log q(x)`: what the generator pays for x
    above the best possible model (Goodfellow et al. 2014, proposition 1).
    """
    return functional.softplus(-real) + functional.softplus(fake)


def r1(real: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Squared gradient norm of the critic at each real record, unreduced (Mescheder et al. 2018).

    `inputs` must require grad. It shrinks the logit towards zero, so an excess read from a penalised critic is a lower
    bound in size.
    """
    (slope,) = torch.autograd.grad(real.sum(), inputs, create_graph=True)
    return slope.flatten(1).square().sum(1)


def smooth_maximum(losses: torch.Tensor, t: float) -> torch.Tensor:
    """`(1/t) log mean exp(t loss)` over the rows of a batch: the talk's worst case taken literally, for comparison.

    It couples the records of a batch and chases single outliers, which group-wise weights do not (DESIGN 2, point 3).
    """
    top = losses.detach().max()
    return top + torch.exp(t * (losses - top)).mean().log() / t


def excess(logits: torch.Tensor, limit: float) -> torch.Tensor:
    """The critic's logit as an estimate of excess surprise, clipped to `limit` nats either way."""
    return logits.clamp(-limit, limit)


def gap(real: torch.Tensor, fake: torch.Tensor) -> float:
    """Mean logit of reals minus mean logit of fakes: 0 for a critic at chance, which looks like training but is not."""
    return float(real.mean() - fake.mean())
