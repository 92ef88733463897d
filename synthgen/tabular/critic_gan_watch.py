"""Watching a run of the critic-only GAN: its health at every renewal and at the end, and what is done about it.

There is no likelihood here, so collapse shows in variety alone, and a critic that tells everything is no rarity: its
logit then says nothing of where the generator is worst, and emphasis rests until it does. The critic that teaches is
watched by how far it has come from where it began. How well it tells made records says nothing: the generator follows
it, and a healthy one stands near chance, beyond it or far above, as it happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from synthgen.errors import TrainingError
from synthgen.runtime import Event
from synthgen.training import evidence, health
from synthgen.training.health import Counts, Evidence, Health, State

if TYPE_CHECKING:
    from synthgen.tabular.critic_gan_task import CriticGanTask

LOOKED_AT = 8192  # made and held-out rows
SLOWER = 0.1  # times the learning rates, after a collapse
TAUGHT_FROM = 20  # steps; the learning rate rises until then
MOST_NAMED = 20  # lost groups that an event names, by kind and columns


class CriticGanWatch:
    """Health of one `CriticGanTask`: looks, acts, remembers; `groups` name what is lost by kind and columns."""

    def __init__(self, task: CriticGanTask) -> None:
        self.task, self.rate = task, 1.0
        self.groups: Sequence[Any] = ()
        self.history: list[dict[str, Any]] = []
        self.first = self._taught()

    def examine(self, step: int) -> None:
        """A look after the critics were trained, and the acts. Raises TrainingError for a second collapse."""
        seen = self._look(f"look/{step}", step)
        if seen.state is State.COLLAPSING:
            seen = self._recover(seen, step)
        elif {State.TOO_STRONG, State.AT_CHANCE} & {*seen.states}:
            seen = self._rest(seen, step)
        if seen.lost and (helped := self._emphasise(seen.lost)):
            seen = seen.after(f"Drawn twice as often, within the cap: {health.groups(helped)}.")
        self._tell(seen, step)

    def conclude(self, step: int) -> None:
        """The last look, at the weights that are kept."""
        seen = self._look("last look", step)
        if State.AT_CHANCE in seen.states and not seen.idle:
            self.task.critics.slope = self.task.critics.gap = 0.0
            seen = seen.after("The critics do not correct samples.")
        self._tell(seen, step)

    def _look(self, name: str, step: int) -> Health:
        data = self.task.data
        held = data.validation[:LOOKED_AT].cpu().numpy()
        rows = min(len(data.train), LOOKED_AT)
        made = self.task.sample(np.full((rows, held.shape[1]), -1, dtype=np.int64), self.task.ctx.rng(name))
        people = 1.0 if data.people is None else len(data.train) / max(len(np.unique(data.people)), 1)
        inside = data.members(made).sum(0), data.train_in.sum()
        return health.judge(
            Evidence(
                logits=self.task.critics.looked,
                diversity=evidence.diversity(made, held, people),
                unlikeness=evidence.unlikeness(made, held, people),
                counts=Counts(inside[0], rows, inside[1], len(data.train)),
                teacher_moved=self._moved() if step >= TAUGHT_FROM else None,
                rows_per_person=people,
            )
        )

    def _moved(self) -> float | None:
        """How far the teaching critic has come: 0 is nowhere, about 1 or more another function altogether."""
        spread = float(self.first.std()) if len(self.first) else 0.0
        return float((self._taught() - self.first).std()) / spread if spread > 0 else None

    @torch.no_grad()
    def _taught(self) -> np.ndarray:
        """What the critic that teaches says of held-out records, nothing given."""
        held, pac = self.task.data.validation[:LOOKED_AT], self.task.params.pac
        held = held[: len(held) // pac * pac]
        if not len(held):
            return np.zeros(0)
        logits: np.ndarray = self.task.critic(held, torch.zeros_like(held, dtype=torch.bool)).double().cpu().numpy()
        return logits

    def _recover(self, seen: Health, step: int) -> Health:
        if self.rate < 1:
            self._tell(seen.after("Training was ended."), step)
            raise TrainingError(
                "Training collapsed again, after going back to its best weights with a tenth of the learning rate.",
                "Lower `learning_rate` and `critic_rate`, raise `r1`, or take the autoregressive generator.",
            )
        self.rate *= SLOWER
        self.task.go_back()
        return seen.after("Went back to the best weights; the learning rates are a tenth of what they were.")

    def _rest(self, seen: Health, step: int) -> Health:
        """No emphasis by critics that know nothing, or by heart, or everything; the first two begin afresh.

        Nor under a teacher that stands still, which no other weights would make learn.
        """
        self.task.emphasise(np.ones(len(self.task.weights)))
        seen = seen.after("No group is emphasised until the critics say more.")
        critics, known = self.task.critics, seen.figures.get("held_out_auc") or 0.5
        if known > health.TELLS_ALL or (seen.idle and State.TOO_STRONG not in seen.states):
            return seen
        critics.effort *= 0.5 if State.TOO_STRONG in seen.states else 2
        critics.restart(self.task.ctx.seed_for(f"critics afresh/{step}"))
        return seen.after("The critics begin afresh.")

    def _emphasise(self, lost: tuple[int, ...]) -> int:
        """Double the weight of lost groups within the cap, unless over-fitted; returns of how many."""
        task = self.task
        chosen = [g for g in lost if not task.overfitted[g]]
        if not chosen or task.params.reducer in ("mean", "literal") or not task.params.emphasis:
            return 0
        weights = task.weights.copy()
        weights[chosen] = np.minimum(2 * weights[chosen], task.params.weight_cap)
        task.emphasise(weights)
        return len(chosen)

    def _tell(self, seen: Health, step: int) -> None:
        """Into the history and to whoever listens; lost groups by kind and columns, never by name."""
        named = [self.groups[g] for g in seen.lost[:MOST_NAMED] if g < len(self.groups)]
        entry = seen.payload("critic_gan", step)
        entry["lost"] = [{"kind": g.kind, "columns": list(g.columns)} for g in named]
        self.history.append(entry)
        self.task.ctx.listener(Event("health", entry))

    def facts(self) -> dict[str, Any]:
        """JSON for a checkpoint."""
        return {"history": self.history, "rate": self.rate, "effort": self.task.critics.effort}

    def restore(self, facts: dict[str, Any]) -> None:
        """Put back what `facts` gave."""
        self.history, self.rate = list(facts["history"]), facts["rate"]
        self.task.critics.effort = facts["effort"]
