"""Watching a run of the image GAN: its health, what is done about it, and the picture of it every minute."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from synthgen.errors import TrainingError
from synthgen.images import live
from synthgen.images.eye import ENOUGH
from synthgen.images.modes import people_of
from synthgen.images.stack import ImageStack
from synthgen.runtime import Event
from synthgen.training import evidence, health
from synthgen.training.evidence import Estimate
from synthgen.training.health import Counts, Evidence, Health, Logits, State

if TYPE_CHECKING:
    from synthgen.images.task import GanTask

PICTURE_SECONDS = 60.0
MADE, TRAINED = 512, 256  # images looked at
SLOWER, STRICTER = 0.3, 3.0  # times the learning rates, times R1
MOST_R1 = 30.0
MOST_CHANCE, CHANCE_STEP = 0.8, 0.02  # of augmentation
HUBS = 3.0  # a few unseen images are nearest to many made ones, so their share varies so much more
OVERFITTED = 0.5  # ADA's aim for the share of the critic's gap that unseen images do not show


class Watch:
    """Health of one `GanTask`: looks, acts, remembers."""

    def __init__(self, task: GanTask) -> None:
        self.task, self.rate, self.r1 = task, 1.0, 1.0
        self.collapses, self.was_well = 0, False
        self.history: list[dict[str, Any]] = []
        self._pictured = 0.0

    def glance(self, step: int) -> None:
        """The picture, once a minute, if there is a place for it; training takes no notice of it."""
        if self.task.ctx.live is None or time.monotonic() - self._pictured < PICTURE_SECONDS:
            return
        self._pictured = time.monotonic()
        self.picture()

    def picture(self) -> None:
        """Write the picture now: the same noise every time, so that progress can be seen."""
        if self.task.ctx.live is not None:
            labels = np.repeat(np.arange(min(self.task.data.classes, live.MOST_ROWS)), live.COLUMNS)
            made = self.task.sample(labels, self.task.ctx.rng("picture"))
            live.write(self.task.pixels(made), self.task.ctx.live)

    def follow_overfitting(self, overfitting: np.ndarray) -> None:
        """Classes that the critic knows by heart are changed more often, others less, never below what was asked."""
        least = self.task.params.augmentation
        if least:
            moved = self.task.chance + CHANCE_STEP * np.sign(overfitting - OVERFITTED)
            self.task.chance = np.clip(moved, least, max(MOST_CHANCE, least))

    def examine(self, step: int) -> None:
        """A look, and the acts. Raises TrainingError for a third collapse."""
        seen = self.look(f"look/{step}")
        if State.COLLAPSING in seen.states:
            seen = (
                self._recover(seen, step)
                if self.was_well
                else seen.after("Nothing: it has had no more variety so far.")
            )
        elif State.TOO_STRONG in seen.states:
            seen = self._hold(seen)
        elif State.AT_CHANCE in seen.states:
            seen = self._wake(seen)
        if State.COPYING in seen.states:
            seen = self._blur(seen)
        if seen.lost and self.task.emphasis.acts:
            self.task.emphasis.raise_lost(list(seen.lost))
            seen = seen.after(f"Drawn twice as often, within the cap: {health.groups(len(seen.lost))}.")
        self.was_well = State.COLLAPSING not in seen.states
        self.tell(seen, step)

    def look(self, name: str) -> Health:
        """The evidence at this point, judged."""
        task, rng = self.task, self.task.ctx.rng(name)
        made = task.sample_balanced(MADE, rng)
        points = task.eye.look(made.pixels)
        real = _as_often(task.eye.unseen, made.labels, rng)
        return health.judge(
            Evidence(
                logits=self._logits(made, rng),
                diversity=evidence.diversity(task.eye.codes(points), task.eye.codes(real), self._people()),
                unlikeness=evidence.unlikeness(task.eye.codes(points), task.eye.codes(real), self._people()),
                counts=self._counts(made, points),
                copying=self._copying(points, made.labels),
                rows_per_person=self._people(),
                coordinate="visual feature",
            )
        )

    def tell(self, seen: Health, step: int) -> None:
        """Into the history and to whoever listens; groups by kind, never by name."""
        entry = seen.payload(self.task.stage, step)
        entry["lost"] = [{"kind": self.task.data.kinds[g], "columns": []} for g in seen.lost]
        self.history.append(entry)
        self.task.ctx.listener(Event("health", entry))

    def facts(self) -> dict[str, Any]:
        """JSON for a checkpoint."""
        return {
            "history": self.history,
            "rate": self.rate,
            "r1": self.r1,
            "collapses": self.collapses,
            "was_well": self.was_well,
        }

    def restore(self, facts: dict[str, Any]) -> None:
        """Put back what `facts` gave."""
        self.history, self.rate, self.r1 = list(facts["history"]), facts["rate"], facts["r1"]
        self.collapses, self.was_well = facts["collapses"], facts["was_well"]

    # --- acts --------------------------------------------------------------------------------------------------------

    def _recover(self, seen: Health, step: int) -> Health:
        self.collapses += 1
        if self.collapses > 2:
            self.tell(seen.after("Training was ended."), step)
            raise TrainingError(
                "Training collapsed for the third time, after going back to its best weights twice.",
                "Lower `learning_rate` and `critic_rate`, raise `r1`, or give more images of the rarest classes.",
            )
        self.rate *= SLOWER
        self.r1 = min(self.r1 * STRICTER, MOST_R1)
        self.task.go_back()
        return seen.after("Went back to the best weights; lower learning rates, a stricter critic.")

    def _hold(self, seen: Health) -> Health:
        if self.r1 >= MOST_R1:
            return seen
        self.r1 = min(self.r1 * STRICTER, MOST_R1)
        return seen.after("The critic is held back by a stronger gradient penalty.")

    def _wake(self, seen: Health) -> Health:
        self.r1 = max(self.r1 / STRICTER, 1 / MOST_R1)
        self.task.emphasis.rest()
        return seen.after("The gradient penalty is weakened; no group is emphasised until the critic says more.")

    def _blur(self, seen: Health) -> Health:
        self.rate *= 0.5
        if self.task.params.augmentation:
            self.task.chance[:] = MOST_CHANCE
        self.task.emphasis.rest()
        return seen.after("Learning rates are halved, images are changed more often, no group is emphasised.")

    # --- evidence ----------------------------------------------------------------------------------------------------

    def _people(self) -> float:
        stack, people = self.task.data.train.stack, self.task.data.train.people
        return len(stack) / max(len(np.unique(people_of(stack, people))), 1)

    def _logits(self, made: ImageStack, rng: np.random.Generator) -> Logits:
        """Unseen, made and trained images, each class as often on every side."""
        task = self.task
        held = task.data.validation
        rows = _rows_as_often(held.stack.labels, made.labels, rng)
        trained = _rows_as_often(task.data.train.stack.labels, made.labels, rng)[:TRAINED]
        fake = task.logits_of_stack(made, rng)
        return Logits(task.logits(held, rows, rng), fake, ((task.logits(task.data.train, trained, rng), fake),))

    def _counts(self, made: ImageStack, points: np.ndarray) -> Counts:
        """Made and real images per group, classes weighed alike; made ones count for a class if they look like it."""
        task, train = self.task, self.task.data.train
        classes = np.bincount(train.stack.labels, minlength=task.data.classes)
        inside = task.members(made)
        kinds = np.array([kind == "class" for kind in task.data.kinds], dtype=bool)
        right = task.eye.recognised(points, made.labels)
        usual = task.eye.recognised(*task.eye.train)
        share = np.where(usual > 0.2, np.minimum(right / np.maximum(usual, 0.2), 1.0), 1.0)
        found = inside.sum(0) * np.where(kinds, np.nan_to_num(share, nan=1.0)[list(task.data.places)], 1.0)
        real = train.groups.sum(0) / np.maximum(classes, 1)[list(task.data.places)] * len(made) / (classes > 0).sum()
        return Counts(found, len(made), real, len(made))

    def _copying(self, points: np.ndarray, labels: np.ndarray) -> Estimate | None:
        """Share of made images whose nearest real image of their class was trained on, above what chance gives."""
        (train, of_train), (unseen, of_unseen) = self.task.eye.train, self.task.eye.unseen
        gains, errors = [], []
        for c in np.unique(labels):
            a, b, own = train[of_train == c], unseen[of_unseen == c], points[labels == c]
            if len(b) >= ENOUGH and len(a):
                share = len(b) / (len(a) + len(b))
                gains.append(share - float((_nearest(own, b) <= _nearest(own, a)).mean()))
                errors.append(share * (1 - share) / len(own) + HUBS * share**2 / len(b))
        if not gains:
            return None
        return Estimate(float(np.mean(gains)), float(np.sqrt(np.sum(errors)) / len(gains)))


def _nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    squares = (points**2).sum(1)[:, None] + (others**2).sum(1) - 2 * points @ others.T
    return np.asarray(squares.min(1))


def _rows_as_often(labels: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Places of images of the classes in `wanted`, at most as many of each, and no image twice."""
    found = [rng.permutation(np.flatnonzero(labels == c))[: (wanted == c).sum()] for c in np.unique(wanted)]
    return np.concatenate(found)


def _as_often(real: tuple[np.ndarray, np.ndarray], wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Features of unseen images with each class as often as in `wanted`, drawn again where there are too few."""
    points, labels = real
    found = []
    for c in np.unique(wanted):
        at = np.flatnonzero(labels == c)
        if len(at):
            times = -(-(wanted == c).sum() // len(at))
            found.append(rng.permutation(np.tile(at, times))[: (wanted == c).sum()])
    rows = np.concatenate(found) if found else np.zeros(0, np.int64)
    return points[rows]
