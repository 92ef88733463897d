"""Mode collapse made, seen by the alarm, and cured: a GAN on a ring of eight Gaussians.

python -m examples.mode_collapse [--out DIRECTORY]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the file can be run by its path

from examples import drawing
from synthgen.losses import adversarial
from synthgen.training import evidence, health
from synthgen.training.health import Counts, Evidence, Health, Logits

MODES, SPREAD, RADIUS = 8, 0.08, 1.0
STEPS, BATCH, NOISE, WIDTH = 1200, 128, 8, 96
LOOKS = (400, 800, 1200)
LEVELS = 12  # parts that a coordinate is cut into for the alarm
SHOWN = 2000
CENTRES = RADIUS * np.stack([np.cos(a := np.arange(MODES) * 2 * np.pi / MODES), np.sin(a)], axis=1)


@dataclass(frozen=True)
class Recipe:
    """How one GAN is trained: rates of both sides and weight of R1."""

    name: str
    rate: float
    critic_rate: float
    r1: float = 0.0


RECIPES = (
    Recipe("no gradient penalty, hasty generator", rate=4e-3, critic_rate=5e-4),
    Recipe("the same with R1", rate=4e-3, critic_rate=5e-4, r1=0.1),
    Recipe("cured: no penalty, hasty critic", rate=5e-4, critic_rate=2e-3),
    Recipe("cured and nearer: R1, hasty critic", rate=5e-4, critic_rate=2e-3, r1=0.1),
)


def network(inputs: int, outputs: int) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, outputs)
    )


def ring(rng: np.random.Generator, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of the ring and the Gaussian each came from."""
    modes = rng.integers(MODES, size=points)
    return (CENTRES[modes] + SPREAD * rng.standard_normal((points, 2))).astype(np.float32), modes


class Run:
    """One GAN trained by a recipe, looked at as it goes."""

    def __init__(self, recipe: Recipe, train: np.ndarray, unseen: np.ndarray) -> None:
        drawing.quiet(0)
        self.recipe, self.train, self.unseen = recipe, torch.from_numpy(train), unseen
        self.generator, self.critic = network(NOISE, 2), network(2, 1)
        self.descents = [
            torch.optim.Adam(n.parameters(), rate, betas=(0.0, 0.99))
            for n, rate in ((self.generator, recipe.rate), (self.critic, recipe.critic_rate))
        ]
        self.looks: list[tuple[int, Health]] = []
        for step in range(1, STEPS + 1):
            self._step()
            if step in LOOKS:
                self.looks.append((step, health.judge(self.evidence())))

    def _step(self) -> None:
        """One step of the critic, one of the generator."""
        real = self.train[torch.randint(len(self.train), (BATCH,))].requires_grad_(bool(self.recipe.r1))
        logits, fake = self.critic(real), self.generator(torch.randn(BATCH, NOISE))
        loss = adversarial.logistic(logits, self.critic(fake.detach())).mean()
        if self.recipe.r1:
            loss = loss + self.recipe.r1 / 2 * adversarial.r1(logits, real).mean()
        self._descend(1, loss)
        self._descend(0, nn.functional.softplus(-self.critic(fake)).mean())

    def _descend(self, side: int, loss: torch.Tensor) -> None:
        self.descents[side].zero_grad()
        loss.backward()
        self.descents[side].step()

    @torch.no_grad()
    def evidence(self) -> Evidence:
        """What synthgen's alarm goes by: logits, variety, differences, counts of the groups, copying."""
        self.made = self.generator(torch.randn(SHOWN, NOISE)).numpy()
        real, seen = self.unseen[:SHOWN], self.train[:SHOWN]
        of_real, of_made, of_seen = (
            self.critic(torch.as_tensor(x)).squeeze(1).numpy() for x in (real, self.made, seen)
        )
        codes = [coded(points, self.unseen) for points in (self.made, real)]
        return Evidence(
            logits=Logits(of_real, of_made, ((of_seen, of_made),)),
            diversity=evidence.diversity(*codes),
            unlikeness=evidence.unlikeness(*codes),
            counts=Counts(counted(self.made), SHOWN, counted(real), len(real)),
        )


def coded(points: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Each coordinate cut into parts that hold equally many real points."""
    bounds = np.quantile(real, np.linspace(0, 1, LEVELS + 1)[1:-1], axis=0)
    return np.stack([np.searchsorted(bounds[:, i], points[:, i]) for i in range(2)], axis=1)


def counted(points: np.ndarray) -> np.ndarray:
    """Points within four standard deviations of each Gaussian's centre."""
    apart = np.linalg.norm(points[:, None] - CENTRES, axis=2)
    return (apart < 4 * SPREAD).sum(0)


def draw(runs: list[Run]) -> pyplot.Figure:
    """Made points over real ones, a panel a recipe, with what the alarm says."""
    figure, axes = pyplot.subplots(2, 2, figsize=(8, 8.6), layout="constrained")
    for run, axis in zip(runs, axes.flat, strict=True):
        axis.scatter(*run.unseen[:SHOWN].T, s=4, color=drawing.REAL, label="real")
        axis.scatter(*run.made[:SHOWN].T, s=4, color=drawing.MADE, alpha=0.5, label="made")
        found = run.looks[-1][1]
        axis.set_title(
            f"{run.recipe.name}\nalarm: {found.state}, {len(found.lost)} of {MODES} modes lost", fontsize=10, pad=8
        )
        axis.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal", xticks=[], yticks=[])
    axes[0, 0].legend(loc="center", markerscale=3)
    return figure


def main() -> int:
    """Train by each recipe, print every look, draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=None)
    wish = parser.parse_args()
    rng = np.random.default_rng(0)
    (train, _), (unseen, _) = ring(rng, 4000), ring(rng, 4000)
    runs = []
    for recipe in RECIPES:
        runs.append(Run(recipe, train, unseen))
        print(recipe.name)
        for step, found in runs[-1].looks:
            print(
                f"  step {step}: {', '.join(found.states)}. {found.sentence} Modes lost: {len(found.lost)} of {MODES}"
            )
    print(f"plot: {drawing.save(draw(runs), 'mode_collapse', wish.out)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
