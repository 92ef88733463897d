"""The conditional GAN for images with the worst-case surprise loss (DESIGN section 2).

A conditional VAE covers the modes; its decoder becomes the generator of a GAN with a projection critic. The critic's
excess on classes and clusters decides how often training draws them. What was tried: `docs/adr/0018`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from pydantic import ValidationError

from synthgen.contracts import FitData, Group
from synthgen.errors import InputError, TrainingError
from synthgen.images import drawing, planning
from synthgen.images.devices import fast, normal, one_thread, placed
from synthgen.images.emphasis import Emphasis
from synthgen.images.networks import Canvas, Encoder, ImageCritic, ImageGenerator, slerp
from synthgen.images.params import ConditionalGanParams
from synthgen.images.pictures import Pictures, from_canvas, to_canvas
from synthgen.images.schema import ImageSchema
from synthgen.images.stack import ImageStack
from synthgen.images.task import FULL, REDUCED, GanTask
from synthgen.images.warm import WarmTask
from synthgen.images.weights import Weights
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.training import checkpoint, loop
from synthgen.training.checkpoint import State
from synthgen.training.devices import bf16_pays, hardware_errors

NAME = "conditional_gan"
FORMAT = 1
RESUMED = 2  # form of what a checkpoint of training holds; training goes on from no other
MOST_WARMING, MOST_REDUCED = 0.25, 0.7  # of the time left that warm start and reduced size may take by the clock
LOOKED_AT = 256  # images that the critic is asked about in one go
HURRIED = 0.25  # share of the planned steps; a run that the clock ended before it may be worse than what it began with
SENSED = 1024  # training images whose mean and spread the critic's senses are set by


class ConditionalGAN:
    """Labelled images: conditional GAN, emphasis on the classes and clusters that are worst fitted."""

    name: ClassVar[str] = NAME
    capabilities: ClassVar[frozenset[str]] = frozenset({"condition", "balance"})

    def __init__(self, params: ConditionalGanParams = ConditionalGanParams()) -> None:
        self.params = params

    @classmethod
    def parameters(cls) -> type[ConditionalGanParams]:
        """The params class."""
        return ConditionalGanParams

    def fit(self, data: FitData, schema: ImageSchema, groups: Sequence[Group], ctx: RunContext) -> Self:
        """Train on `data.train`; `data.validation` decides which weights are kept. Raises TrainingError without it."""
        if not len(data.validation) or not len(data.train):
            raise TrainingError("There are no images to train on, or none to validate by.", "Give more images.")
        self.canvas = Canvas(schema.height, schema.width, schema.channels)
        self.classes, self.device = tuple(schema.classes), ctx.device
        self.counts = data.train.counts(len(self.classes))
        with one_thread():
            self._build(ctx.seed_for("networks"))
            self._train(Pictures.of(data, len(self.classes), groups, self.canvas, ctx.device), ctx)
        return self

    def sample(self, spec: SampleSpec, rows: int, ctx: RunContext) -> Iterator[ImageStack]:
        """Stacks of at most `drawing.CHUNK` images. Raises SpecError for a class there is none of."""
        rng, done = ctx.rng(f"sample/{spec.seed}"), 0
        total = sum(t.rows for t in spec.targets) or rows
        for labels in drawing.pieces(spec, rows, self.classes, self.counts, rng):
            ctx.check_stop()
            with one_thread():
                made = ImageStack(self._pixels(labels, spec.truncation, rng), labels)
            done += len(labels)
            ctx.progress("sample", done, total)
            yield made

    def critic_scores(self, stack: ImageStack) -> np.ndarray | None:
        """The critic's logits (images,) of images, unchanged; None for a loaded model, which has no trained critic."""
        if self._critic is None:
            return None
        images = to_canvas(stack.pixels, self.canvas).to(self.device).float() / 127.5 - 1
        labels = torch.from_numpy(stack.labels).to(self.device)
        with torch.no_grad(), one_thread(), fast(self.device):
            parts = [
                self._critic(images[i : i + LOOKED_AT], labels[i : i + LOOKED_AT])
                for i in range(0, len(stack), LOOKED_AT)
            ]
        return torch.cat(parts).float().cpu().numpy()

    def between(self, place: int, steps: int, ctx: RunContext) -> ImageStack:
        """Images of one class along the great circle from one noise to another: what lies between two images."""
        ends = normal(ctx.rng("between"), 2, self.params.noise, self.device)
        share = torch.linspace(0, 1, steps, device=self.device)
        labels = np.full(steps, place, dtype=np.int64)
        noise = slerp(ends[:1].expand(steps, -1), ends[1:].expand(steps, -1), share)
        with one_thread():
            return ImageStack(self._decoded(noise, labels), labels)

    @property
    def encoding(self) -> ImageSchema:
        """What a loaded model can say of the images it makes: their size, channels and classes."""
        c = self.canvas
        return ImageSchema(
            height=c.height,
            width=c.width,
            channels=3 if c.channels == 3 else 1,
            classes=self.classes,
            counts=tuple(int(count) for count in self.counts),
        )

    def report(self) -> Mapping[str, Any]:
        """Steps, reason to stop, curves, health, weights and excess of the groups by kind; no class name."""
        return self._report

    def save(self, directory: Path) -> None:
        """Write named tensors and JSON to `directory`."""
        facts = {
            "format": FORMAT,
            "generator": self.name,
            "params": self.params.model_dump(mode="json"),
            "canvas": [self.canvas.height, self.canvas.width, self.canvas.channels],
            "classes": list(self.classes),
            "counts": [int(count) for count in self.counts],
            "report": self._report,
        }
        checkpoint.write(State(self._weights.copied(), facts), Path(directory))

    @classmethod
    def load(cls, directory: Path, device: str = "cpu") -> Self:
        """The generator that `save` wrote, on any device. Raises InputError when there is none or it is damaged."""
        state = checkpoint.read(Path(directory))
        if state is None or state.facts.get("generator") != cls.name or state.facts.get("format") != FORMAT:
            raise InputError(
                f"The folder holds no model that this version of {cls.name!r} can read.",
                "Fit it again with this version.",
            )
        try:
            made = cls(ConditionalGanParams(**state.facts["params"]))
            made.canvas, made.classes = Canvas(*state.facts["canvas"]), tuple(state.facts["classes"])
            made.counts, made.device = np.array(state.facts["counts"], dtype=np.int64), device
            made._report = state.facts["report"]
            made._build(0)
            made._critic = None
            made._weights.load(state.tensors)
        except hardware_errors():
            raise
        except (KeyError, RuntimeError, ValidationError) as problem:
            raise InputError("The folder holds a model of another version.", "Fit it again.") from problem
        return made

    # --- details -----------------------------------------------------------------------------------------------------

    def _build(self, seed: int) -> None:
        p, classes = self.params, len(self.classes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.generator = ImageGenerator(self.canvas, classes, p.noise, p.width)
            self.critic = ImageCritic(self.canvas, classes, p.width)
            self.encoder = Encoder(self.canvas.reduced, classes, p.noise, p.width)
        for network in (self.generator, self.critic, self.encoder):
            placed(network, self.device)
        self._weights = Weights({"generator": self.generator})

    def _train(self, data: Pictures, ctx: RunContext) -> None:
        plan = planning.plan(self.canvas, self.params, ctx.device != "cpu" or bf16_pays(ctx.device))
        ctx.log(_planned(plan, self.canvas, self.params.batch), planned=plan.total)
        some = data.train.images(ctx.rng("senses").permutation(len(data.train))[:SENSED])
        self.critic.senses.learn(some)
        self.encoder.senses.learn(some)
        mark = f"{self._fingerprint(data)}/{plan}"
        small = data if self.canvas.half is None else data.reduced(self.canvas.reduced)
        emphasis = Emphasis(
            data.train.groups, data.train.stack.labels, data.classes, data.kinds, data.places, self.params
        )
        stages, history = self._warm_start(small, emphasis, plan, mark, ctx), []
        if plan.reduced:
            pair = self.generator.reduced, self.critic.reduced
            early = GanTask(*pair, small, emphasis, self.params, plan.reduced, ctx.at("reduced"), REDUCED)
            stages.append(self._stage(early, mark, _sooner(ctx, MOST_REDUCED)))
            early.made_weights.load(early.best)
            history = early.watch.history
        last = NAME if self.canvas.half is None else FULL
        task = GanTask(self.generator, self.critic, data, emphasis, self.params, plan.steps, ctx.at("gan"), last)
        stages.append(self._stage(task, mark, ctx))
        task.average = task.best
        task.watch.tell(task.watch.look("last look"), stages[-1]["steps"])
        task.watch.picture()
        self._weights.load(task.best)
        self._critic: ImageCritic | None = self.critic
        self._report = self._account(task, stages, [*history, *task.watch.history])

    def _warm_start(
        self, data: Pictures, emphasis: Emphasis, plan: planning.Steps, mark: str, ctx: RunContext
    ) -> list[dict[str, Any]]:
        if not plan.warm:
            return []
        networks = self.generator.reduced, self.encoder
        task = WarmTask(*networks, data, emphasis, self.params.batch, plan.warm, ctx.at("warm"))
        run = loop.run(task, planning.of_warm_start(plan, mark), _sooner(ctx, MOST_WARMING))
        task.finish()
        return [_told("warm_start", run, plan.warm)]

    def _stage(self, task: GanTask, mark: str, ctx: RunContext) -> dict[str, Any]:
        """Train to the end of a stage; where the clock ends it early and it made nothing better, what was is kept."""
        begun, before = task.best, task.validate()
        run = loop.run(task, planning.of_gan(task.stage, task.steps, mark), ctx)
        hurried = run.stopped == "out of time" and run.step < task.steps * HURRIED
        if hurried and not run.best < before:
            task.best = begun
            ctx.log("The clock ended training early: what it began with made better images and is kept.")
        return _told(task.stage, run, task.steps)

    def _fingerprint(self, data: Pictures) -> str:
        digest = hashlib.sha256(data.train.pixels.cpu().numpy().tobytes())
        digest.update(data.train.stack.labels.tobytes() + self.params.canonical().encode() + b"%d" % RESUMED)
        return digest.hexdigest()

    def _pixels(self, labels: np.ndarray, truncation: float, rng: np.random.Generator) -> np.ndarray:
        noise = truncation * normal(rng, len(labels), self.params.noise, self.device)
        return self._decoded(noise, labels)

    @torch.no_grad()
    def _decoded(self, noise: torch.Tensor, labels: np.ndarray) -> np.ndarray:
        with fast(self.device):
            made = self.generator(noise, torch.from_numpy(labels).to(self.device))
        return from_canvas(made, self.canvas)

    def _account(self, task: GanTask, stages: list[dict[str, Any]], history: list[dict[str, Any]]) -> dict[str, Any]:
        """What the card tells of training; groups by kind, never by name."""
        excess = task.ledger.excess(task.emphasis.tilt)
        overfitting = task.ledger.overfitting()[list(task.data.places)]
        told = [
            {
                "kind": kind,
                "columns": ["class"],
                "weight": round(float(weight), 3),
                "excess": round(float(e), 4) if np.isfinite(e) else None,
                "overfitted": bool(over > 0.5),
            }
            for kind, weight, e, over in zip(task.data.kinds, task.emphasis.weights, excess, overfitting, strict=True)
        ]
        return {
            "batch": self.params.batch,
            "stages": stages,
            "health": task.watch.history[-1]["state"],
            "health_text": task.watch.history[-1]["text"],
            "health_history": history,
            "groups": told,
            "emphasis": self.params.emphasis,
            "reducer": self.params.reducer,
            "sampling": self.params.sampling,
        }


def _planned(plan: planning.Steps, canvas: Canvas, batch: int) -> str:
    size = canvas.reduced
    first = f", {plan.reduced} at {size.width} x {size.height} pixels" if plan.reduced else ""
    return f"Planned {plan.warm} steps of warm start{first} and {plan.steps} of training, {batch} images each."


def _sooner(ctx: RunContext, share: float) -> RunContext:
    """The same run with its deadline after a share of the time left, so that a slow machine has some for the GAN."""
    if ctx.deadline is None:
        return ctx
    now = time.monotonic()
    return replace(ctx, deadline=now + share * (ctx.deadline - now))


def _told(name: str, run: loop.Progress, planned: int) -> dict[str, Any]:
    return {
        "stage": name,
        "steps": run.step,
        "planned": planned,
        "best_step": run.best_step,
        "stopped": run.stopped,
        "best_validation": run.best,
        "curve": run.curve,
    }
