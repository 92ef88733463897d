"""One training run of the conditional GAN: the steps that `training.loop` puts together."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from synthgen.images.augment import Changes
from synthgen.images.devices import fast, normal
from synthgen.images.emphasis import Emphasis
from synthgen.images.eye import Eye
from synthgen.images.modes import memberships
from synthgen.images.networks import ImageCritic, ImageGenerator
from synthgen.images.params import ConditionalGanParams
from synthgen.images.pictures import Part, Pictures, from_canvas, to_canvas
from synthgen.images.stack import ImageStack
from synthgen.images.surprise import Ledger
from synthgen.images.watch import Watch
from synthgen.images.weights import Weights, descend
from synthgen.losses import adversarial
from synthgen.runtime import RunContext
from synthgen.training.checkpoint import State, prefixed, under
from synthgen.training.optimiser import AdamW

BETAS = (0.0, 0.99)
R1_SHARE, R1_WEIGHT = 8, 2e-4  # one in so many images; times squared side / batch (Karras et al. 2020)
HALF_LIFE = 0.05  # of the smoothed generator, as a share of the steps behind it
SLOWEST = 0.998  # of the smoothed generator, kept a step
WEIGHED_EVERY, LOOKED_AT = 10, 64  # steps; validation images looked at each time
QUIET_START = 80  # steps before anything is weighted
MADE = 768  # images of the smoothed generator that a validation makes
AT_ONCE = 256
REDUCED, FULL = "reduced_size", "full_size"  # stages of training where it goes through two sizes


class Mirror(torch.autograd.Function):
    """Made images on their way to the critic: one backward pass serves both sides.

    The critic goes down `softplus(h)` of a made image, the generator down `softplus(-h)`. The two slopes in `h` differ
    by the factor `-exp(-h)`, image by image, so the gradient that reaches the image is scaled by it and goes on.
    """

    @staticmethod
    def forward(ctx: Any, images: torch.Tensor, logits: list[torch.Tensor]) -> torch.Tensor:
        ctx.logits = logits
        return images.view_as(images)

    @staticmethod
    def backward(ctx: Any, *slopes: torch.Tensor) -> tuple[torch.Tensor, None]:
        scale = -torch.exp(-ctx.logits[0].clamp(-30, 30))
        return slopes[0] * scale[:, None, None, None], None


class GanTask:
    """Generator, its smoothed copy, critic, and weights of the groups; implements `loop.Task`."""

    def __init__(
        self,
        generator: ImageGenerator,
        critic: ImageCritic,
        data: Pictures,
        emphasis: Emphasis,
        params: ConditionalGanParams,
        steps: int,
        ctx: RunContext,
        stage: str = "conditional_gan",
    ) -> None:
        self.generator, self.critic, self.data, self.emphasis = generator, critic, data, emphasis
        self.params, self.steps, self.ctx, self.stage = params, steps, ctx, stage
        self.batch = params.batch
        self.made_weights, self.critic_weights = Weights({"generator": generator}), Weights({"critic": critic})
        self.average, self.best = self.made_weights.copied(), self.made_weights.copied()
        self.optimiser, self.adversary = (AdamW(n.parameters(), BETAS, 0.0) for n in (generator, critic))
        self.ledger = Ledger(data)
        self.chance = np.full(data.classes, params.augmentation)
        self.eye = Eye.of(data, ctx.seed_for("eye"))
        self.watch = Watch(self)

    # --- loop.Task ---------------------------------------------------------------------------------------------------

    def step(self, step: int) -> float:
        """One step of both sides from one batch; returns the critic's loss."""
        rng, rate = self.ctx.rng(f"step/{step}"), self._rate(step)
        rows = self.emphasis.draw(rng, self.batch)
        loss = self._descend_both(rows, rate, rng)
        kept = min(SLOWEST, 1 - 1 / (HALF_LIFE * step + 2))
        self.made_weights.average_into(self.average, kept)
        if step % WEIGHED_EVERY == 0 and step >= min(QUIET_START, self.steps // 4):
            self._weigh(step)
        self.watch.glance(step)
        return loss

    def renew(self, step: int) -> None:
        """A look at the health of the run."""
        self.watch.examine(step)

    def validate(self) -> float:
        """How far made images are from unseen ones, the mean over classes; see `Eye.distance`."""
        return self.eye.distance(self.sample_balanced(MADE, self.ctx.rng("validate")))

    def keep(self) -> None:
        """Remember the smoothed generator as the best."""
        self.best = {n: v.clone() for n, v in self.average.items()}

    def state(self) -> State:
        """Everything that a resumed run needs; random numbers are derived from the step and need no saving."""
        tensors = {
            **prefixed("made", self.made_weights.copied()),
            **prefixed("average", self.average),
            **prefixed("best", self.best),
            **prefixed("critic", self.critic_weights.copied()),
            **prefixed("optimiser", self.optimiser.tensors()),
            **prefixed("adversary", self.adversary.tensors()),
            **prefixed("ledger", self.ledger.tensors()),
            "running": torch.from_numpy(self.emphasis.running),
            "weights": torch.from_numpy(self.emphasis.weights),
            "chance": torch.from_numpy(self.chance),
        }
        return State(tensors, {"watch": self.watch.facts()})

    def restore(self, state: State) -> None:
        """Put back what `state` gave."""
        self.made_weights.load(under("made", state.tensors))
        self.critic_weights.load(under("critic", state.tensors))
        self.average, self.best = (
            {n: v.to(self.ctx.device) for n, v in under(k, state.tensors).items()} for k in ("average", "best")
        )
        self.optimiser.restore(under("optimiser", state.tensors))
        self.adversary.restore(under("adversary", state.tensors))
        self.ledger.restore(under("ledger", state.tensors))
        self.emphasis.restore(state.tensors["running"].numpy(), state.tensors["weights"].numpy())
        self.chance = state.tensors["chance"].numpy().copy()
        self.watch.restore(state.facts["watch"])

    # --- for the watch and the generator that owns this task ---------------------------------------------------------

    @torch.no_grad()
    def sample(self, labels: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        """Images (n, c, H, W) of the smoothed generator."""
        now = self.made_weights.copied()
        self.made_weights.load(self.average)
        made = [self._made(labels[i : i + AT_ONCE], rng) for i in range(0, len(labels), AT_ONCE)]
        self.made_weights.load(now)
        return torch.cat(made)

    def sample_balanced(self, rows: int, rng: np.random.Generator) -> ImageStack:
        """About `rows` images of the smoothed generator, equally many of each class there is."""
        present = np.flatnonzero(np.bincount(self.data.train.stack.labels, minlength=self.data.classes))
        labels = np.repeat(present, max(rows // len(present), 2))
        return ImageStack(from_canvas(self.sample(labels, rng), self.generator.canvas), labels)

    @torch.no_grad()
    def logits(self, part: Part, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The critic's logits of some images, changed as in training."""
        return self.logits_of(part.images(rows), part.classes(rows), rng)

    @torch.no_grad()
    def logits_of(self, images: torch.Tensor, labels: torch.Tensor, rng: np.random.Generator) -> np.ndarray:
        """The critic's logits of images (n, c, H, W), changed as in training."""
        out = []
        for i in range(0, len(labels), AT_ONCE):
            at = slice(i, i + AT_ONCE)
            with fast(self.ctx.device):
                out.append(self.critic(self._changes(labels[at], rng).apply(images[at]), labels[at]))
        return torch.cat(out).float().cpu().numpy() if out else np.zeros(0, dtype=np.float32)

    def logits_of_stack(self, stack: ImageStack, rng: np.random.Generator) -> np.ndarray:
        """The critic's logits of images in a stack."""
        device = self.ctx.device
        images = to_canvas(stack.pixels, self.generator.canvas).to(device).float() / 127.5 - 1
        return self.logits_of(images, torch.from_numpy(stack.labels).to(device), rng)

    def pixels(self, made: torch.Tensor) -> np.ndarray:
        """Made images as uint8 (n, h, w, c)."""
        return from_canvas(made, self.generator.canvas)

    def members(self, made: ImageStack) -> np.ndarray:
        """(images, groups) which groups made images fall into."""
        return memberships(self.data.groups, made)

    def go_back(self) -> None:
        """From the best weights again, with optimisers that remember nothing."""
        self.average = {n: v.clone() for n, v in self.best.items()}
        self.made_weights.load(self.best)
        self.optimiser.forget()
        self.adversary.forget()

    # --- details -----------------------------------------------------------------------------------------------------

    def _descend_both(self, rows: np.ndarray, rate: float, rng: np.random.Generator) -> float:
        """Critic and generator from one forward and one backward pass; see `Mirror`."""
        images, labels = self.data.train.images(rows), self.data.train.classes(rows)
        noise = normal(rng, len(rows), self.params.noise, self.ctx.device)
        seen: list[torch.Tensor] = []
        with fast(self.ctx.device):
            made = self.generator(noise, labels)
            both = torch.cat([images, Mirror.apply(made, seen)])
            twice = torch.cat([labels, labels])
            logits = self.critic(self._changes(twice, rng).apply(both), twice)
        real, fake = logits.chunk(2)
        seen.append(fake.detach())
        losses = adversarial.logistic(real, fake)
        total = self._reduced(losses) + self._penalty(rows[: max(len(rows) // R1_SHARE, 1)], rng)
        self.optimiser.clear()
        descend(self.adversary, total, rate * self.params.critic_rate)
        self.optimiser.step(rate * self.params.learning_rate)
        self.ledger.note(rows, real.detach(), fake.detach())
        return float(losses.detach().mean())

    def _reduced(self, losses: torch.Tensor) -> torch.Tensor:
        """The mean; or, taken literally, the smooth maximum over the images of the batch."""
        if self.params.reducer == "literal" and self.params.emphasis > 0:
            return adversarial.smooth_maximum(losses, self.params.emphasis)
        return losses.mean()

    def _penalty(self, rows: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        """The gradient penalty on some images as the critic senses them, in float32.

        A few images in every step, not many in every sixteenth: rare large gradients would fill Adam's second moment
        and all but stop the critic in between.
        """
        if not self.params.r1:
            return torch.zeros((), device=self.ctx.device)
        labels = self.data.train.classes(rows)
        images = self._changes(labels, rng).apply(self.data.train.images(rows))
        sensed = self.critic.senses(images).detach().requires_grad_()
        side = max(self.generator.canvas.full)
        gamma = self.params.r1 * self.watch.r1 * R1_WEIGHT * side**2 / self.batch
        return 0.5 * gamma * adversarial.r1(self.critic.judged(sensed, labels), sensed).mean()

    def _weigh(self, step: int) -> None:
        """Excess of the groups from unseen images, and the weights that follow from it."""
        rng = self.ctx.rng(f"weigh/{step}")
        rows = self.ledger.next_validation(LOOKED_AT, rng)
        self.ledger.note_validation(rows, self.logits(self.data.validation, rows, rng))
        overfitted = self.ledger.overfitting()
        self.watch.follow_overfitting(overfitted)
        self.emphasis.renew(self.ledger.excess(self.emphasis.tilt), self.ledger.resting(overfitted))

    def _changes(self, labels: torch.Tensor, rng: np.random.Generator) -> Changes:
        canvas = self.generator.canvas
        return Changes.drawn(self.chance[labels.cpu().numpy()], (canvas.channels, *canvas.full), rng)

    def _made(self, labels: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        noise = normal(rng, len(labels), self.params.noise, self.ctx.device)
        with fast(self.ctx.device):
            return self.generator(noise, torch.from_numpy(labels).to(self.ctx.device)).float()

    def _rate(self, step: int) -> float:
        """Of both learning rates: a short rise, then steady, then falling to a tenth over the run's last quarter."""
        falling = 1.0 if self.stage == REDUCED else 0.1 + 3.6 * (1 - step / self.steps)
        return min(1.0, (step + 1) / 50, falling) * self.watch.rate
