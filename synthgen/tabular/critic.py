"""The generator's adversary: two critics on two folds of people, each scoring only records it did not train on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch.nn import functional

from synthgen.losses import adversarial
from synthgen.tabular.factor_steps import rectified
from synthgen.tabular.networks import LEAK, Critic, Layout
from synthgen.training.devices import bf16_pays
from synthgen.training.health import Logits
from synthgen.training.optimiser import AdamW

WIDTH, BATCH, RATE, DECAY, LIMIT = 128, 256, 5e-3, 1.0, 3.0
MOST_RECORDS = 50_000  # real ones that a critic goes over at a time
AT_ONCE = 4096  # records that are scored together
LOOKED = 4096  # training records that are scored again, to see what is known by heart


class Critics:
    """Estimates the excess surprise `log p(x) - log q(x)` of records from real and made ones."""

    def __init__(self, layout: Layout, seed: int, device: str) -> None:
        self.layout, self.device, self.gap, self.slope = layout, device, 0.0, 1.0
        self.effort, self.decay = 1.0, DECAY  # of the epochs asked for; weight decay
        self.looked: Logits | None = None
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Forget everything learned."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.nets = [Critic(self.layout, WIDTH).to(self.device) for _ in range(2)]

    def train(
        self,
        real: torch.Tensor,
        folds: np.ndarray,
        fake: torch.Tensor,
        validation: torch.Tensor,
        epochs: int,
        rng: np.random.Generator,
    ) -> None:
        """Go over the reals `epochs` times with equally many fakes; fold 0 trains critic 0, fold 1 critic 1.

        The logit's slope is calibrated on validation records and on fakes kept back, so that a critic which knows
        nothing says nothing. Records of the other fold will not do: a generator that fits both folds together has too
        little of what one fold has too much of by chance, and the logit of the one misleads on the other.
        """
        unseen, *halves = np.split(rng.permutation(len(fake)), [len(fake) // 10, len(fake) * 11 // 20])
        epochs, own = max(1, round(self.effort * epochs)), []
        for net, fold, half in zip(self.nets, (0, 1), halves, strict=True):
            rows = rng.permutation(np.flatnonzero(folds == fold))[:MOST_RECORDS]
            own.append((net, real[rows], fake[half]))
            _fit(*own[-1], epochs, self.decay, rng)
        self.slope = 1.0
        of_real, of_fake = self.score(validation), self.score(fake[unseen])
        self.slope = calibrated_slope(of_real, of_fake)
        self.gap = self.slope * float(of_real.mean() - of_fake.mean())
        trained = tuple((_logits(net, r[:LOOKED]), _logits(net, f[:LOOKED])) for net, r, f in own)
        self.looked = Logits(of_real, of_fake, trained)

    def score_unseen(self, real: torch.Tensor, folds: np.ndarray) -> np.ndarray:
        """Clipped logit of each training record by the critic that did not train on it."""
        out = np.empty(len(real))
        for net, fold in zip(self.nets, (1, 0), strict=True):
            rows = np.flatnonzero(folds == fold)
            out[rows] = _logits(net, real[rows])
        return self.slope * out

    def score(self, codes: torch.Tensor) -> np.ndarray:
        """Mean clipped logit of both critics, for records neither has seen."""
        return self.slope * (_logits(self.nets[0], codes) + _logits(self.nets[1], codes)) / 2

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything learned, by name."""
        return {f"{i}.{n}": v.detach() for i, net in enumerate(self.nets) for n, v in net.named_parameters()}

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Put back what `tensors` gave."""
        with torch.no_grad():
            for i, net in enumerate(self.nets):
                for name, value in net.named_parameters():
                    value.copy_(tensors[f"{i}.{name}"])


class Scorer:
    """`Critics.score` made ready for many records: weights once, half precision where it pays (off by under 0.05)."""

    def __init__(self, critics: Critics) -> None:
        self.slope, self.device = critics.slope, critics.device
        self.dtype = torch.bfloat16 if bf16_pays(str(critics.device)) else torch.float32
        self.offsets = critics.nets[0].embedding.offsets
        with torch.inference_mode():
            self.nets = [self._ready(net) for net in critics.nets]

    @torch.inference_mode()
    def score(self, codes: torch.Tensor) -> np.ndarray:
        """Mean clipped logit (rows,) of both critics for codes (rows, columns)."""
        parts = [self._logits(part + self.offsets) for part in codes.to(self.device).split(AT_ONCE)]
        return self.slope * torch.cat(parts or [torch.zeros(0)]).cpu().numpy().astype(float)

    def _ready(self, net: Critic) -> tuple[torch.Tensor, ...]:
        """Table, weights and biases; the first bias is spread over the levels, of which a record has one a column."""
        table = net.embedding.table() + net.bias / len(self.offsets)
        rest = (net.first.weight, net.first.bias, net.second.weight)
        return (*(value.detach().to(self.dtype) for value in (table, *rest)), net.second.bias.detach().float())

    def _logits(self, places: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(len(places), device=places.device)
        for table, first, first_bias, second, second_bias in self.nets:
            bag = functional.leaky_relu_(functional.embedding_bag(places, table, mode="sum"), LEAK)
            h = rectified(bag, first, first_bias, LEAK)
            total += adversarial.excess((h @ second[0]).float() + second_bias, LIMIT) / len(self.nets)
        return total


def calibrated_slope(of_real: np.ndarray, of_fake: np.ndarray, rounds: int = 20) -> float:
    """The factor, 0 to 1, by which logits must be multiplied to be honest log ratios on unseen records.

    Logistic regression of real against made on the logit, both sides with equal weight, by Newton's method (Platt
    1999), less one standard error: with few records to calibrate on the critic is believed less.
    """
    if not len(of_real) or not len(of_fake):
        return 0.0
    h, label = np.concatenate([of_real, of_fake]), np.repeat([1.0, 0.0], [len(of_real), len(of_fake)])
    weight = np.where(label == 1, 0.5 / len(of_real), 0.5 / len(of_fake))
    x, beta = np.stack([h, np.ones(len(h))], axis=1), np.zeros(2)
    curvature = np.eye(2)
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        curvature = (x * (weight * p * (1 - p))[:, None]).T @ x + 1e-9 * np.eye(2)
        beta = beta + np.linalg.solve(curvature, x.T @ (weight * (label - p)))
    records = 4 / (1 / len(of_real) + 1 / len(of_fake))
    error = float(np.sqrt(np.linalg.inv(curvature)[0, 0] / records))
    return float(np.clip(beta[0] - error, 0.0, 1.0)) if np.isfinite(beta[0]) else 0.0


def folds_of(people: np.ndarray | None, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Fold 0 or 1 of each row; a person's rows share one."""
    who = np.arange(rows) if people is None else np.unique(people, return_inverse=True)[1]
    count = int(who.max(initial=-1)) + 1
    return (rng.permutation(count) % 2)[who]


def _fit(
    net: Critic, real: torch.Tensor, fake: torch.Tensor, epochs: int, decay: float, rng: np.random.Generator
) -> None:
    optimiser = AdamW(net.parameters(), (0.5, 0.99), decay)
    size = min(BATCH, max(16, len(real) // 8))
    per_epoch = max(1, len(real) // size)
    total = epochs * per_epoch
    for step in range(total):
        if step % per_epoch == 0:
            order, other = rng.permutation(len(real)), rng.permutation(len(fake))
        take = np.arange(step % per_epoch * size, step % per_epoch * size + size)
        records = torch.cat([real[order[take % len(order)]], fake[other[take % len(other)]]])
        loss = adversarial.logistic(*net(records).chunk(2)).mean()
        optimiser.clear()
        loss.backward()
        optimiser.step(RATE * (1 - step / total))


@torch.no_grad()
def _logits(net: Critic, codes: torch.Tensor) -> np.ndarray:
    if len(codes) == 0:
        return np.zeros(0)
    return torch.cat([adversarial.excess(net(part), LIMIT) for part in codes.split(16384)]).cpu().numpy().astype(float)
