"""Watching a run of the table GAN: its health at every renewal and validation, and what is done about it.

Acts, each written into the history: a collapsing generator goes back to its best weights and learns more slowly, once;
critics that know by heart or nothing begin afresh, with less or more training, and their weights are not used; a lost
group has its levels put back to where the data have them, and what comes after them emphasised.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from synthgen.errors import TrainingError
from synthgen.runtime import Event
from synthgen.tabular.networks import AutoregressiveNetwork
from synthgen.training import evidence, health
from synthgen.training.health import Counts, Evidence, Health, State

if TYPE_CHECKING:
    from synthgen.tabular.task import GanTask

HELD_OUT, CHECKED, CONTEXTS = 8192, 2048, 1024  # rows looked at
CHANCE = 0.05  # slope of the critics' logit under which they know nothing
SLOWER = 0.1  # times the learning rate, after a collapse
RECOVERIES = 1  # a run that collapses more often is ended
MOST_NAMED = 20  # lost groups that an event names, by kind and columns
FLOOR = -30.0  # a level's log odds, below which it cannot be lifted step by step


class Watch:
    """Health of one `GanTask`: looks, acts, remembers; its state is part of every checkpoint."""

    def __init__(self, task: GanTask) -> None:
        self.task = task
        self.history: list[dict[str, Any]] = []
        self.recoveries, self.rate = 0, 1.0
        train = task.data.train.cpu().numpy()
        people = task.data.people
        self.rows_per_person = 1.0 if people is None else len(train) / max(len(np.unique(people)), 1)
        self.in_train = task.data.train_in.sum()
        self.expect(None)

    def expect(self, odds: np.ndarray | None) -> None:
        """What columns drawn alone would cost if rows come with these odds (None: equally often).

        A generator trained on emphasised rows pays more for rows at the data's frequency than columns drawn alone at
        that frequency do, without having collapsed.
        """
        train = self.task.data.train.cpu().numpy()
        self._marginals = [_log_shares(train[:, c], odds) for c in range(train.shape[1])]

    # --- when to look ------------------------------------------------------------------------------------------------

    def glance(self, step: int) -> None:
        """A cheap look while frequencies are calibrated: variety, divergence and groups; no critic."""
        fakes = self.task.fakes(min(len(self.task.data.train), HELD_OUT), self.task.ctx.rng(f"glance/{step}"))
        seen = self.look(fakes, self.task.data.members(fakes).sum(), critics=False)
        self._tell(self._act(seen, step), step)

    def examine(self, step: int, fakes: np.ndarray, made: np.ndarray) -> None:
        """A full look after the critics were trained on `fakes`, of which `made` belong to each group; and the acts."""
        seen = self._act(self.look(fakes, made), step)
        absent = evidence.lost(made, len(fakes), self.in_train, len(self.task.data.train), self.rows_per_person)
        late = {int(g) for g in np.flatnonzero(absent)} - {*seen.lost}
        if late and (helped := self._emphasise(late)):
            seen = seen.after(f"Drawn more often, to come out at all: {health.groups(helped)} over several columns.")
        self._tell(seen, step)

    def conclude(self, fakes: np.ndarray) -> Health:
        """The last look, at the weights that are kept; a group lost at the very end is put back once more."""
        seen = self.look(fakes, self.task.data.members(fakes).sum())
        if seen.lost:
            act = self._put_back(seen.lost)
            fakes = self.task.fakes(len(fakes), self.task.ctx.rng("put back"))
            seen = self.look(fakes, self.task.data.members(fakes).sum()).after(*act)
        if {State.TOO_STRONG, State.AT_CHANCE} & {*seen.states}:
            self.task.critics.slope = self.task.critics.gap = 0.0
            seen = seen.after("The critics do not correct samples.")
        self._tell(seen, self.task.done)
        return seen

    def validated(self, values: np.ndarray, again: Callable[[], np.ndarray]) -> np.ndarray:
        """Surprise of the validation records; where it says that training diverged, of the weights gone back to."""
        task = self.task
        base = self._alone(task.data.validation[: len(values)])
        if np.isfinite(values).all() and values.mean() <= (1 + health.DIVERGED) * base.mean():
            return values
        seen = health.judge(Evidence(above_marginals=self._above_marginals()))
        if seen.state is not State.COLLAPSING:
            return values  # worse on unseen records only: overfitting, which ends the stage by itself
        self._tell(self._act(seen, task.done), task.done)
        return again()

    def broken(self, step: int) -> None:
        """The loss was no number: the same as a collapse."""
        seen = Health((State.COLLAPSING,), {}, "Training diverged: the loss is no longer a number.")
        self._tell(self._act(seen, step), step)

    # --- looking -----------------------------------------------------------------------------------------------------

    def look(self, fakes: np.ndarray, made: np.ndarray, critics: bool = True) -> Health:
        """Evidence of the smoothed generator's `fakes` against validation records, judged.

        While training for the worst case, groups over several columns are not counted: that they come back is what is
        being learned, while each single column was right from the start.
        """
        task, held = self.task, self.task.data.validation[:HELD_OUT].cpu().numpy()
        counted = (
            self.in_train
            if task.stage == "mean"
            else np.where([len(c) == 1 for c in task.weights.columns], self.in_train, 0)
        )
        people = self.rows_per_person
        found = Evidence(
            logits=task.critics.looked if critics else None,
            diversity=evidence.diversity(fakes, held, people),
            unlikeness=evidence.unlikeness(evidence.spaced(fakes, 2 * HELD_OUT), held, people),
            counts=Counts(made, len(fakes), counted, len(task.data.train)),
            above_marginals=self._above_marginals(),
            rows_per_person=people,
        )
        return health.judge(found)

    def _above_marginals(self) -> evidence.Estimate:
        """What some training records cost above a generator that draws columns alone, as a share of what it pays.

        Of the middle four fifths of the differences: a lost group costs any amount, and is no divergence.
        """
        rows = evidence.spaced(np.arange(len(self.task.data.train)), CHECKED)
        codes = self.task.data.train[torch.from_numpy(rows).to(self.task.data.train.device)]
        base = self._alone(codes)
        above = self.task.surprise_of(codes, self.task.average) - base
        return evidence.trimmed_mean(above / max(float(base.mean()), 1e-9), self.rows_per_person)

    def _alone(self, codes: torch.Tensor) -> np.ndarray:
        """Surprise of each record if every column were drawn by itself, in nats."""
        rows = codes.cpu().numpy()
        return -np.sum(
            [share[np.minimum(rows[:, c], len(share) - 1)] for c, share in enumerate(self._marginals)], axis=0
        )

    # --- acting ------------------------------------------------------------------------------------------------------

    def _act(self, seen: Health, step: int) -> Health:
        """Do what each state asks for; the health with what was done."""
        if seen.state is State.COLLAPSING:
            return self._recover(seen, step)
        critics = self.task.critics
        if State.TOO_STRONG in seen.states:
            critics.effort, critics.decay = critics.effort / 2, critics.decay * 2
            seen = seen.after(*self._afresh(step), "They train half as long and are held back more.")
        elif State.AT_CHANCE in seen.states:
            critics.effort *= 2
            seen = seen.after(*self._afresh(step), "They train twice as long.")
        elif self.task.stage == "worst" and critics.slope < CHANCE:
            self._no_emphasis()
            seen = seen.after("Groups are emphasised by size alone: the critics find no difference to go by.")
            if (seen.figures.get("trained_auc") or 0.0) > health.MEMORISES:
                critics.restart(self.task.ctx.seed_for(f"critics afresh/{step}"))
                seen = seen.after("The critics begin afresh: they remember more than they know.")
        return seen.after(*self._put_back(seen.lost)) if seen.lost else seen

    def _recover(self, seen: Health, step: int) -> Health:
        """Back to the best weights at a tenth of the learning rate; a second time is the end. Raises TrainingError."""
        self.recoveries += 1
        if self.recoveries > RECOVERIES:
            self._tell(seen.after("Training was ended."), step)
            raise TrainingError(
                "Training collapsed again, after going back to its best weights with a tenth of the learning rate.",
                "Lower `learning_rate`; if it is the default, report this table's shape.",
            )
        self.rate *= SLOWER
        self._no_emphasis()
        self.task.go_back()
        return seen.after("Went back to the best weights; the learning rate is a tenth of what it was.")

    def _afresh(self, step: int) -> tuple[str, ...]:
        self._no_emphasis()
        self.task.critics.restart(self.task.ctx.seed_for(f"critics afresh/{self.task.stage}/{step}"))
        return ("Groups are emphasised by size alone, and the critics begin afresh.",)

    def _no_emphasis(self) -> None:
        self.task.weights.weights = np.ones(len(self.task.weights.groups))
        self.task.row_weights = None
        self.task.emphasise()

    def _put_back(self, lost: tuple[int, ...]) -> tuple[str, ...]:
        """Put the levels of lost groups back, in every set of weights in use, and have their records drawn more often.

        Only levels of single columns can be put back. Emphasis is for the worst-case stage; what it does to frequencies
        is calibrated afterwards.
        """
        levels = [found for g in lost if (found := self._levels(g)) is not None]
        for column, codes in levels:
            self.task.in_all_weights(partial(self._lift, column=column, levels=codes))
        acts = (f"Put back to the share of the data: {len(levels)} of {health.groups(len(lost))}.",) if levels else ()
        helped = self._emphasise({*lost})
        return (*acts, f"Drawn more often: {health.groups(helped)}.") if helped else acts

    def _levels(self, group: int) -> tuple[int, np.ndarray] | None:
        """Column and codes of a group over a single column that its training records have and others lack."""
        task = self.task
        if len(task.weights.columns[group]) != 1:
            return None
        column = task.weights.columns[group][0]
        codes, inside = task.data.train[:, column].cpu().numpy(), task.data.train_in[:, group]
        own = np.setdiff1d(codes[inside], codes[~inside]).astype(np.int64)
        return (column, own) if len(own) else None

    def _lift(self, network: AutoregressiveNetwork, column: int, levels: np.ndarray) -> None:
        """Shift the biases of `levels` so that they come out, over contexts of the data, as often as in the data.

        Recalibration in the large: the intercept moves by log(share / mean probability), in the log domain because the
        probability may be too small for a float.
        """
        bias = network.bias_of(column)
        bias.clamp_(min=float(bias.max()) + FLOOR)
        data, rng = self.task.data.train, self.task.ctx.rng("contexts")
        rows = torch.from_numpy(evidence.spaced(np.arange(len(data)), CONTEXTS)).to(data.device)
        index, order = torch.from_numpy(levels).to(data.device), rng.permutation(data.shape[1]).tolist()
        table, context = network.embedding.table(), torch.zeros(len(rows), network.first.shape[1], device=data.device)
        for seen in order[: order.index(column)]:
            context += table[data[rows, seen].long() + network.embedding.offsets[seen]]
        log_q = torch.log_softmax(network.logits_of(column, context).double(), -1)[:, index].logsumexp(-1)
        mean_log_q = float(log_q.logsumexp(0)) - np.log(len(rows))
        share = float(torch.isin(data[:, column], index).double().mean())
        bias[index] += max(0.0, float(np.log(max(share, 1e-9))) - mean_log_q)

    def _emphasise(self, groups: set[int]) -> int:
        """Give the largest weight allowed to groups that are not over-fitted; returns to how many."""
        task = self.task
        if task.stage != "worst" or not task.params.emphasis or task.params.reducer in ("mean", "literal"):
            return 0
        chosen = sorted(g for g in groups if task.weights.columns[g] and not task.overfitted[g])
        task.weights.weights[chosen] = task.params.weight_cap
        task.emphasise()
        return len(chosen)

    # --- remembering -------------------------------------------------------------------------------------------------

    def _tell(self, seen: Health, step: int) -> None:
        """Into the history and to whoever listens; lost groups by kind and columns, never by name."""
        task = self.task
        groups = [task.weights.groups[g] for g in seen.lost[:MOST_NAMED]]
        entry = seen.payload(task.stage, step)
        entry["lost"] = [{"kind": g.kind, "columns": list(g.columns)} for g in groups]
        self.history.append(entry)
        task.ctx.listener(Event("health", entry))

    def facts(self) -> dict[str, Any]:
        """JSON for a checkpoint."""
        c = self.task.critics
        return {
            "history": self.history,
            "done": self.task.done,
            "recoveries": self.recoveries,
            "rate": self.rate,
            "effort": c.effort,
            "decay": c.decay,
        }

    def restore(self, facts: dict[str, Any]) -> None:
        """Put back what `facts` gave."""
        self.history, self.recoveries, self.rate = list(facts["history"]), facts["recoveries"], facts["rate"]
        self.task.done, self.task.critics.effort, self.task.critics.decay = (
            facts[name] for name in ("done", "effort", "decay")
        )


def _log_shares(codes: np.ndarray, odds: np.ndarray | None) -> np.ndarray:
    """Log share of each level when rows come with `odds`, with half a record added."""
    counts = np.bincount(codes, None if odds is None else odds * len(codes)) + 0.5
    shares: np.ndarray = np.log(counts / counts.sum())
    return shares
