"""Warm start: a conditional VAE whose decoder becomes the generator (Kingma and Welling 2014).

The error is scaled by its own best estimate (sigma-VAE, Rybkin et al. 2021), so there is no weight to tune. It covers
the modes by construction, and its evidence bound says what an image costs at most, in nats: the tractable surprise that
an adversarial generator lacks.
"""

from __future__ import annotations

import numpy as np
import torch

from synthgen.images.devices import fast, normal
from synthgen.images.emphasis import Emphasis
from synthgen.images.networks import Encoder, ImageGenerator
from synthgen.images.pictures import Part, Pictures
from synthgen.images.weights import Weights, descend
from synthgen.runtime import RunContext
from synthgen.training.checkpoint import State, prefixed, under
from synthgen.training.optimiser import AdamW

RATE, BETAS = 4e-3, (0.9, 0.99)
LOOKED_AT = 256  # validation images


class WarmTask:
    """Encoder and decoder, trained on images drawn as the GAN draws them; implements `loop.Task`."""

    def __init__(
        self,
        generator: ImageGenerator,
        encoder: Encoder,
        data: Pictures,
        emphasis: Emphasis,
        batch: int,
        steps: int,
        ctx: RunContext,
    ) -> None:
        self.generator, self.encoder, self.data, self.emphasis = generator, encoder, data, emphasis
        self.batch, self.steps, self.ctx = batch, steps, ctx
        self.networks = Weights({"generator": generator, "encoder": encoder})
        self.optimiser = AdamW([*generator.parameters(), *encoder.parameters()], BETAS, 0.0)
        self.best = self.networks.copied()
        rng = ctx.rng("warm validation")
        self._rows = balanced_rows(data.validation, data.classes, LOOKED_AT, rng)

    def step(self, step: int) -> float:
        """One step; returns its loss: half the log of the squared error, plus the KL divergence, a pixel."""
        rng = self.ctx.rng(f"warm/{step}")
        rows = self.emphasis.draw(rng, self.batch)
        loss = self._loss(self.data.train, rows, rng)
        descend(self.optimiser, loss, RATE * min(1.0, (step + 1) / 20, 4 * (1 - step / self.steps) + 0.05))
        return float(loss.detach())

    def renew(self, step: int) -> None:
        """Nothing is weighted by what a warm start learns."""

    @torch.no_grad()
    def validate(self) -> float:
        """The loss of validation images, classes balanced: a bound on their mean surprise, a pixel."""
        return float(self._loss(self.data.validation, self._rows, self.ctx.rng("warm look")))

    def keep(self) -> None:
        """Remember both networks."""
        self.best = self.networks.copied()

    def state(self) -> State:
        """Weights, the best of them, and moments."""
        return State(
            {
                **prefixed("networks", self.networks.copied()),
                **prefixed("best", self.best),
                **prefixed("optimiser", self.optimiser.tensors()),
            }
        )

    def restore(self, state: State) -> None:
        """Put back what `state` gave."""
        self.networks.load(under("networks", state.tensors))
        self.best = {n: v.to(self.ctx.device) for n, v in under("best", state.tensors).items()}
        self.optimiser.restore(under("optimiser", state.tensors))

    def finish(self) -> None:
        """The best weights into the networks."""
        self.networks.load(self.best)

    def _loss(self, part: Part, rows: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        images, labels = part.images(rows), part.classes(rows)
        with fast(self.ctx.device):
            mean, log_variance = self.encoder(images, labels)
            noise = mean + torch.exp(log_variance / 2) * normal(rng, mean.shape[0], mean.shape[1], self.ctx.device)
            made = self.generator(noise, labels)
        error = (made - images).square().mean()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        return 0.5 * torch.log(error + 1e-5) + divergence / images[0].numel()


def balanced_rows(part: Part, classes: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Places of at most `most` images, as many of each class as there are, up to the same number."""
    labels = part.labels.cpu().numpy()
    each = max(most // max(classes, 1), 1)
    found = [rng.permutation(np.flatnonzero(labels == c))[:each] for c in range(classes)]
    return np.sort(np.concatenate(found))


__all__ = ["WarmTask", "balanced_rows"]
