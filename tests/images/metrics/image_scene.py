"""Pictures made up for tests of scores: discs, squares and crosses of any place, size and shade."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from synthgen.contracts import Split
from synthgen.images.metrics import METRICS
from synthgen.images.modes import census
from synthgen.images.schema import ImageSchema
from synthgen.images.stack import ImageStack
from synthgen.runtime import RunContext
from synthgen.spec import RunSpec, SampleSpec

CLASSES = ("disc", "square", "cross")


def shapes(counts, seed, size=20, channels=1):
    """So many images of each class, in random order."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    down, right = np.mgrid[:size, :size] / size - 0.5
    pixels = np.zeros((len(labels), size, size, channels))
    for i, label in enumerate(labels):
        y, x = down - rng.uniform(-0.15, 0.15), right - rng.uniform(-0.15, 0.15)
        reach, thick = rng.uniform(0.15, 0.33), rng.uniform(0.04, 0.09)
        far = (np.hypot(y, x), np.maximum(abs(y), abs(x)), np.minimum(abs(y), abs(x)) + 0.6 * (np.hypot(y, x) > reach))
        edge = (abs(far[0] - reach), abs(far[1] - reach), far[2])[label % 3]
        shade = np.clip((thick - edge) * size + 0.5, 0, 1)[:, :, None] * rng.uniform(0.4, 1.0, channels)
        slope = rng.uniform(-0.3, 0.3) * y[:, :, None] + rng.uniform(-0.3, 0.3) * x[:, :, None]
        pixels[i] = 70 + 130 * shade + 60 * slope + rng.normal(0, 4, (size, size, 1))
    return ImageStack(np.clip(pixels, 0, 255).astype(np.uint8), labels.astype(np.int64))


@dataclass(frozen=True)
class MadeSet:
    """A synthetic set in memory, as much of one as metrics ask for."""

    stack: ImageStack
    spec: SampleSpec = field(default_factory=SampleSpec)
    generator: str = "given"
    notes: tuple[str, ...] = ()
    directory: Path = Path()

    @property
    def rows(self):
        return len(self.stack)

    def chunks(self):
        for start in range(0, len(self.stack), 100):
            yield self.stack.take(slice(start, start + 100))

    def take(self, n, seed=0):
        return self.stack.take(np.sort(np.random.default_rng(seed).permutation(len(self.stack))[:n]))


@dataclass(frozen=True)
class Scene:
    """Real images, a synthetic set and what a metric is handed; scenes made from one another share their networks."""

    split: Split
    synthetic: MadeSet
    schema: ImageSchema
    groups: tuple = ()
    ctx: RunContext = field(default_factory=lambda: RunContext(seed=5))

    def with_set(self, stack, spec=None):
        return replace(self, synthetic=MadeSet(stack, spec or SampleSpec()))

    def measured(self, name, generator=None):
        metric = METRICS[name].load()()
        return metric.compute(
            self.split, self.synthetic, self.schema, self.groups, self.ctx.at(name), generator
        )  # fmt: skip


def scene(train, holdout, drawn, classes=CLASSES, k_floor=10, people=(None, None), ctx=None):
    """A scene of these stacks, with the groups of its training part."""
    _, height, width, channels = train.pixels.shape
    counts = tuple(int(n) for n in train.counts(len(classes)))
    schema = ImageSchema(
        height=height, width=width, channels=channels, classes=classes, counts=counts, k_floor=k_floor
    )  # fmt: skip
    split = Split(train, train.take(slice(0, 0)), holdout, people[0], None, people[1])
    groups = census(split, schema, RunSpec(k_floor=k_floor)) if len(train) else ()
    return Scene(split, MadeSet(drawn), schema, groups, ctx or RunContext(seed=5))


def planted(drawn, train, copies, change=lambda pixels: pixels):
    """The set with its first images replaced by copies of training images, each changed a little."""
    pixels, labels = drawn.pixels.copy(), drawn.labels.copy()
    pixels[:copies], labels[:copies] = change(train.pixels[:copies]), train.labels[:copies]
    return ImageStack(pixels, labels)
