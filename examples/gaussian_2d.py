"""A fully connected GAN learns a Gaussian in the plane, and its critic learns log p/q.

python -m examples.gaussian_2d [--out DIRECTORY]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot
from scipy.stats import gaussian_kde, multivariate_normal
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the file can be run by its path

from examples import drawing
from synthgen.losses import adversarial

MEAN, COVARIANCE = np.array([1.0, -0.5]), np.array([[1.0, 0.7], [0.7, 1.0]])
STEPS, EARLY, BATCH, NOISE = 1000, 100, 256, 2
RATE, CRITIC_RATE = 1e-3, 2e-3  # both fall to a tenth
LIMIT = 4.0  # nats: what a critic says of points where one side has none is clipped
R1_WEIGHT, R1_EVERY = 0.1, 4
FIELD = 41  # points on each side of a field


def network(inputs: int, outputs: int) -> nn.Sequential:
    """Two hidden layers of 64."""
    return nn.Sequential(
        nn.Linear(inputs, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, outputs)
    )


def train(real: torch.Tensor) -> tuple[nn.Sequential, nn.Sequential]:
    """The generator after `EARLY` steps and after all of them."""
    generator, critic = network(NOISE, 2), network(2, 1)
    optimisers = [torch.optim.Adam(n.parameters(), betas=(0.0, 0.99)) for n in (generator, critic)]
    early, average = network(NOISE, 2), network(NOISE, 2)
    average.load_state_dict(generator.state_dict())
    for step in range(STEPS):
        for optimiser, rate in zip(optimisers, (RATE, CRITIC_RATE), strict=True):
            optimiser.param_groups[0]["lr"] = rate * (1 - 0.9 * step / STEPS)
        critic_step(critic, optimisers[1], real, generator, penalised=step % R1_EVERY == 0)
        optimisers[0].zero_grad()
        nn.functional.softplus(-critic(generator(torch.randn(BATCH, NOISE)))).mean().backward()
        optimisers[0].step()
        with torch.no_grad():
            for kept, new in zip(average.parameters(), generator.parameters(), strict=True):
                kept.lerp_(new, 1 - min(0.995, step / (step + 10)))
        if step + 1 == EARLY:
            early.load_state_dict(generator.state_dict())
    return early, average


def critic_step(
    critic: nn.Sequential,
    optimiser: torch.optim.Optimizer,
    real: torch.Tensor,
    generator: nn.Sequential,
    penalised: bool = False,
) -> None:
    """One step of the critic: logistic loss on as many fakes as reals, now and then with R1."""
    batch = real[torch.randint(len(real), (BATCH,))].requires_grad_(penalised)
    with torch.no_grad():
        fake = generator(torch.randn(BATCH, NOISE))
    logits = critic(batch)
    loss = adversarial.logistic(logits, critic(fake)).mean()
    if penalised:
        loss = loss + R1_EVERY * R1_WEIGHT / 2 * adversarial.r1(logits, batch).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def best_critic(generator: nn.Sequential, real: torch.Tensor, steps: int = 1000) -> nn.Sequential:
    """A critic trained against a generator that stands still: its logit is to become log p/q."""
    critic = network(2, 1)
    optimiser = torch.optim.Adam(critic.parameters(), 2e-3)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 2e-3 * (1 - step / steps)
        critic_step(critic, optimiser, real, generator)
    return critic


class Seen:
    """A generator, the critic that knows it, and the truth: samples, logits, log p/q (by a kernel density of q)."""

    def __init__(self, generator: nn.Sequential, real: torch.Tensor, unseen: np.ndarray) -> None:
        with torch.no_grad():
            self.made = generator(torch.randn(4000, NOISE)).numpy()
            others = generator(torch.randn(10_000, NOISE)).numpy()
        self.critic, self.density = best_critic(generator, real), gaussian_kde(others.T, 0.15)
        self.points = np.concatenate([unseen[:1000], self.made[:1000]])
        logits, truth = self.logit(self.points), self.truth(self.points)
        self.correlation = float(np.corrcoef(logits, truth)[0, 1])
        self.surprise, self.divergence = float(logits[:1000].mean()), float(truth[:1000].mean())

    def logit(self, points: np.ndarray) -> np.ndarray:
        """What the critic says, within `LIMIT`."""
        with torch.no_grad():
            return adversarial.excess(self.critic(torch.from_numpy(points).float()), LIMIT).squeeze(1).numpy()

    def truth(self, points: np.ndarray) -> np.ndarray:
        """log p - log q, within `LIMIT`."""
        found = multivariate_normal(MEAN, COVARIANCE).logpdf(points) - self.density.logpdf(points.T)
        return np.clip(found, -LIMIT, LIMIT)


def draw(seen: dict[str, Seen], real: np.ndarray) -> pyplot.Figure:
    """Samples over real points, the critic's logit, and the true log p/q: early above, at the end below."""
    figure, axes = pyplot.subplots(2, 3, figsize=(11, 6.6), layout="constrained", sharex=True, sharey=True)
    side = np.linspace(-3.5, 3.5, FIELD)
    x, y = np.meshgrid(side + MEAN[0], side + MEAN[1])
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    for (name, found), row in zip(seen.items(), axes, strict=True):
        row[0].scatter(*real[:800].T, s=5, color=drawing.REAL, label="real")
        row[0].scatter(*found.made[:800].T, s=5, color=drawing.MADE, alpha=0.6, label="made")
        row[0].set_ylabel(name)
        near = (found.density(points.T) > 2e-4) | (multivariate_normal(MEAN, COVARIANCE).pdf(points) > 2e-4)
        for axis, values in ((row[1], found.logit(points)), (row[2], found.truth(points))):
            field = np.where(near, values, np.nan).reshape(x.shape)
            image = axis.contourf(x, y, field, levels=np.linspace(-LIMIT, LIMIT, 17), cmap="RdBu")
        figure.colorbar(image, ax=row[1:], label="nats")
    for axis, title in zip(axes[0], ("samples", "logit of the best critic", "true log p/q"), strict=True):
        axis.set_title(title)
    axes[0, 0].legend(loc="upper left", markerscale=3)
    return figure


def main() -> int:
    """Train, print the figures, draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=None)
    wish = parser.parse_args()
    drawing.quiet(0)
    drawn = np.random.default_rng(0).multivariate_normal(MEAN, COVARIANCE, 12_000).astype(np.float32)
    real, unseen = torch.from_numpy(drawn[:10_000]), drawn[10_000:]
    early, average = train(real)
    seen = {f"after {EARLY} steps": Seen(early, real, unseen), f"after {STEPS} steps": Seen(average, real, unseen)}
    for name, found in seen.items():
        off = np.abs(found.made.mean(0) - MEAN).max(), np.abs(np.cov(found.made.T) - COVARIANCE).max()
        print(f"{name}: mean off by {off[0]:.2f}, covariance by {off[1]:.2f}")
        print(f"  logit against log p/q: correlation {found.correlation:.3f}")
        print(f"  mean over unseen real points: logit {found.surprise:.3f}, log p/q {found.divergence:.3f} nats")
    print(f"plot: {drawing.save(draw(seen, drawn), 'gaussian_2d', wish.out)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
