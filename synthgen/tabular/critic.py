"""The generator's adversary: two critics on two folds of people, each scoring only records it did not train on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from synthgen.losses import adversarial
from synthgen.tabular.networks import Critic, Layout

WIDTH, BATCH, RATE, DECAY, LIMIT = 128, 256, 2e-3, 1e-2, 3.0


class Critics:
    """Estimates the excess surprise `log p(x) - log q(x)` of records from real and made ones."""

    def __init__(self, layout: Layout, seed: int, device: str) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.nets = [Critic(layout, WIDTH).to(device) for _ in range(2)]
        self.device, self.gap = device, 0.0

    def train(
        self, real: torch.Tensor, folds: np.ndarray, fake: torch.Tensor, epochs: int, rng: np.random.Generator
    ) -> None:
        """Go over the reals `epochs` times with equally many fakes; fold 0 trains critic 0, fold 1 critic 1."""
        halves = np.array_split(rng.permutation(len(fake)), 2)
        for net, fold, half in zip(self.nets, (0, 1), halves, strict=True):
            _fit(net, real[np.flatnonzero(folds == fold)], fake[half], epochs, rng)
        self.gap = float(self.score_unseen(real, folds).mean() - self.score(fake).mean())

    def score_unseen(self, real: torch.Tensor, folds: np.ndarray) -> np.ndarray:
        """Clipped logit of each training record by the critic that did not train on it."""
        out = np.empty(len(real))
        for net, fold in zip(self.nets, (1, 0), strict=True):
            rows = np.flatnonzero(folds == fold)
            out[rows] = _logits(net, real[rows])
        return out

    def score(self, codes: torch.Tensor) -> np.ndarray:
        """Mean clipped logit of both critics, for records neither has seen."""
        return (_logits(self.nets[0], codes) + _logits(self.nets[1], codes)) / 2

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything learned, by name."""
        return {f"{i}.{n}": v.detach() for i, net in enumerate(self.nets) for n, v in net.named_parameters()}

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Put back what `tensors` gave."""
        with torch.no_grad():
            for i, net in enumerate(self.nets):
                for name, value in net.named_parameters():
                    value.copy_(tensors[f"{i}.{name}"])


def folds_of(people: np.ndarray | None, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Fold 0 or 1 of each row; a person's rows share one."""
    who = np.arange(rows) if people is None else np.unique(people, return_inverse=True)[1]
    count = int(who.max(initial=-1)) + 1
    return (rng.permutation(count) % 2)[who]


def _fit(net: Critic, real: torch.Tensor, fake: torch.Tensor, epochs: int, rng: np.random.Generator) -> None:
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, betas=(0.5, 0.99), weight_decay=DECAY, fused=True)
    size = min(BATCH, max(16, len(real) // 8))
    per_epoch = max(1, len(real) // size)
    total = epochs * per_epoch
    for step in range(total):
        if step % per_epoch == 0:
            order, other = rng.permutation(len(real)), rng.permutation(len(fake))
        take = np.arange(step % per_epoch * size, step % per_epoch * size + size)
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / total)
        loss = adversarial.logistic(net(real[order[take % len(order)]]), net(fake[other[take % len(other)]])).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@torch.no_grad()
def _logits(net: Critic, codes: torch.Tensor) -> np.ndarray:
    if len(codes) == 0:
        return np.zeros(0)
    return torch.cat([adversarial.excess(net(part), LIMIT) for part in codes.split(16384)]).cpu().numpy().astype(float)
