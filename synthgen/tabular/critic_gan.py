"""The critic-only conditional GAN with the worst-case surprise loss (DESIGN section 2): no likelihood anywhere.

Generator: all columns at once from noise and the columns that are given. Adversary: a critic with the logistic loss.
Two cross-fitted critics beside it measure each group's excess surprise, which decides how often training draws the
group's records; sampling takes that out again. What was tried: `docs/adr/0009`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self, cast

import numpy as np
import pandas as pd
import torch

from synthgen.contracts import FitData, Group
from synthgen.errors import TrainingError
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.tabular import planning
from synthgen.tabular.allowed import FREE, Allowed
from synthgen.tabular.coded import Coded
from synthgen.tabular.critic import Critics
from synthgen.tabular.critic_gan_networks import RecordCritic, SpanGenerator
from synthgen.tabular.critic_gan_sampling import Emphasised, FirstColumn, Middle, draw
from synthgen.tabular.critic_gan_task import CriticGanTask, Table
from synthgen.tabular.drawing import Drawer
from synthgen.tabular.membership import Membership
from synthgen.tabular.modes import Mode, membership
from synthgen.tabular.networks import Layout
from synthgen.tabular.params import CriticGanParams
from synthgen.tabular.task import load_weights
from synthgen.training import checkpoint, loop
from synthgen.training.checkpoint import State

MOST_STEPS, STEP_SECONDS, LEVEL_SECONDS = 1500, 1.2e-2, 1.5e-10
STEPS_SHARE = 0.6  # of the time budget; the rest is for critics, validation and reading


class CriticGAN(Coded):
    """Tables: critic-only conditional GAN, emphasis on the groups that are worst fitted."""

    name: ClassVar[str] = "critic_gan"
    capabilities: ClassVar[frozenset[str]] = frozenset({"condition", "balance", "follow", "relate"})
    params_class: ClassVar[type[CriticGanParams]] = CriticGanParams
    columns: list[list[int]]

    def __init__(self, params: CriticGanParams = CriticGanParams()) -> None:
        self.params = params

    def fit(self, data: FitData, schema: Any, groups: Sequence[Group], ctx: RunContext) -> Self:
        """Train on `data.train`; `data.validation` decides when to stop and which weights are kept."""
        with planning.one_thread():
            ctx.progress("encode", 0, 1)
            self._encode(data, schema, self.params.bins)
            self.groups: list[Mode] = [
                g for g in groups if isinstance(g, Mode) and set(g.columns) <= set(self.encoding.names)
            ]
            self._report: dict[str, Any] = {}
            self._build(ctx.seed_for("networks"), ctx.device)
            if self.active:
                self._train(data, ctx)
        return self

    def sample(self, spec: SampleSpec, rows: int, ctx: RunContext) -> Iterator[pd.DataFrame]:
        """Typed chunks, calibrated to the data unless `spec` asks for another mix."""
        with planning.one_thread():
            yield from self._drawer().chunks(spec, rows, ctx)

    def sample_given(self, fixed: pd.DataFrame, ctx: RunContext, allowed: Allowed = FREE) -> pd.DataFrame:
        """One row for each row of `fixed`, a typed frame of some of the columns, whose cells are kept exactly.

        `allowed` confines the other columns. Raises InputError for a column that is not modelled.
        """
        with planning.one_thread():
            return self._drawer().given(fixed, ctx.rng("sample_given"), allowed)

    def report(self) -> Mapping[str, Any]:
        """Steps, reason to stop, curve, weights and excess of the groups by kind and columns."""
        return self._report

    # --- details -----------------------------------------------------------------------------------------------------

    def _state(self) -> State:
        tensors = {
            **checkpoint.prefixed("network", {n: v.detach() for n, v in self.network.named_parameters()}),
            **checkpoint.prefixed("critics", self.critics.tensors()),
            **{f"share/{i}": torch.from_numpy(share) for i, share in enumerate(self.first.shares)},
        }
        facts = {
            "critic_slope": self.critics.slope,
            "emphasised": [self.groups[i].to_json() for i in self.emphasised.groups],
            "ratios": [float(ratio) for ratio in self.emphasised.ratios],
            "report": self._report,
        }
        return State(tensors, facts)

    def _restore(self, state: State, device: str) -> None:
        facts = state.facts
        self._report = facts["report"]
        self.groups = [Mode.from_json(item) for item in facts["emphasised"]]
        self._build(0, device)
        self.emphasised = Emphasised(self._members, self.columns, np.arange(len(self.groups)))
        self.emphasised.ratios = np.asarray(facts["ratios"], dtype=float)
        self.first = FirstColumn([state.tensors[f"share/{i}"].numpy() for i in range(len(self.active))])
        load_weights(self.network, {n: v.to(device) for n, v in checkpoint.under("network", state.tensors).items()})
        self.critics.restore(checkpoint.under("critics", state.tensors))
        self.critics.slope = facts["critic_slope"]

    def _build(self, seed: int, device: str) -> None:
        """Networks over the columns that have more than one level."""
        sizes, ordered, p = self.encoding.sizes, self.encoding.ordered, self.params
        self.device = device
        self.active = [i for i, size in enumerate(sizes) if size > 1]
        layout = Layout(tuple(sizes[i] for i in self.active), tuple(ordered[i] for i in self.active))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = SpanGenerator(layout, p.hidden, p.noise, p.blocks).to(device)
            self.critic = RecordCritic(layout, p.hidden, p.pac).to(device)
        self.critics = Critics(layout, seed + 1, device)
        self.first = FirstColumn([])
        place = {column: i for i, column in enumerate(self.active)}
        named = [[self.encoding.names.index(c) for c in g.columns] for g in self.groups]
        self.columns = [[place[c] for c in of if c in place] for of in named]
        self.emphasised = Emphasised(self._members, self.columns, np.zeros(0, np.int64))

    def _train(self, data: FitData, ctx: RunContext) -> None:
        table = self._table(data, ctx)
        self.first = table.first
        self.network.start_from(table.first.shares)
        batch = min(self.params.batch, max(len(table.train) // 4, 1))
        batch = max(batch // self.params.pac, 1) * self.params.pac
        steps = self._steps(batch)
        task = CriticGanTask(self.network, self.critic, self.critics, table, self.params, batch, steps, ctx)
        task.watch.groups = cast(Sequence[Group], self.groups)
        ctx.log(f"Planned {steps} steps of {batch} rows each.", planned=steps)
        run = loop.run(task, self._plan(steps, table), ctx)
        task.average = task.best
        load_weights(self.network, task.best)
        task.train_critics(ctx.rng("last critics"))
        task.watch.conclude(run.step)
        self.emphasised = task.emphasised
        self._report = _account(batch, steps, run, task, self.groups)

    def _steps(self, batch: int) -> int:
        """Steps the time budget allows, by a fixed cost model and never by the clock, so that a seed repeats them."""
        levels = sum(self.network.layout.sizes)
        cost = STEP_SECONDS * batch / 500 + LEVEL_SECONDS * batch * levels * self.params.hidden
        return self.params.steps or max(50, min(MOST_STEPS, int(STEPS_SHARE * self.params.time_budget / cost)))

    def _plan(self, steps: int, table: Table) -> loop.Plan:
        digest = hashlib.sha256(self.encoding.model_dump_json().encode())
        digest.update(table.train.cpu().numpy().tobytes())
        digest.update(f"{self.params.canonical()}{steps}".encode())
        rounds = self.params.critic_rounds if self.params.reducer not in ("mean", "literal") else 0
        renew = tuple(sorted({max(1, steps * (i + 1) // (rounds + 2)) for i in range(rounds)}))
        every = max(1, steps // 20)
        return loop.Plan("critic_gan", steps, every, patience=8, renew_at=renew, fingerprint=digest.hexdigest())

    def _table(self, data: FitData, ctx: RunContext) -> Table:
        if not len(data.validation):
            raise TrainingError("There are no validation rows.", "Give training a share of the rows for validation.")
        train, validation = (self._active_codes(frame) for frame in (data.train, data.validation))
        shares = [np.bincount(train[:, i], minlength=n) + 1e-3 for i, n in enumerate(self.network.layout.sizes)]
        return Table(
            torch.from_numpy(train).to(ctx.device),
            torch.from_numpy(validation).to(ctx.device),
            Membership.of(self.groups, self._frame(train)),
            Membership.of(self.groups, self._frame(validation)),
            data.train_people,
            self.columns,
            self._members,
            FirstColumn([s / s.sum() for s in shares]),
        )

    def _members(self, codes: np.ndarray) -> np.ndarray:
        """(rows, groups) for active codes, on which alone a record's groups hang."""
        return np.ascontiguousarray(membership(self.groups, self._frame(codes)).T)

    def _frame(self, codes: np.ndarray) -> pd.DataFrame:
        """The typed frame of active codes, by the middle of every bin; a cell hangs on its own row, so on no parts."""
        own = self.encoding.source_columns
        table = self.encoding.model_copy(update={"columns": own, "parts": ()})
        return table.decode(self._all_codes(codes)[:, : len(own)], Middle())

    def _active_codes(self, frame: pd.DataFrame) -> np.ndarray:
        return np.ascontiguousarray(self.encoding.encode(frame)[:, self.active])

    def _all_codes(self, codes: np.ndarray) -> np.ndarray:
        """Codes of all columns from those of the active ones; the others have one level."""
        out = np.zeros((len(codes), len(self.encoding.columns)), dtype=np.int64)
        out[:, self.active] = codes
        return out

    def _drawer(self) -> Drawer:
        score = self._score if self.active and self.critics.slope > 0 else None
        return Drawer(self.encoding, self._draw, score=score, target=self.target)

    def _draw(self, given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if not self.active:
            return self._all_codes(given[:, self.active])
        return self._all_codes(draw(self.network, given[:, self.active], self.first, self.emphasised, rng))

    def _score(self, codes: np.ndarray) -> np.ndarray:
        return self.critics.score(torch.from_numpy(codes[:, self.active]).to(self.device))


def _account(batch: int, steps: int, run: loop.Progress, task: CriticGanTask, groups: Sequence[Mode]) -> dict[str, Any]:
    """What the card tells of training; groups by kind and columns, never by name."""
    told = [
        {
            "kind": group.kind,
            "columns": list(group.columns),
            "weight": round(float(weight), 3),
            "excess": None if np.isnan(excess) else round(float(excess), 4),
            "overfitted": bool(over),
        }
        for group, weight, excess, over in zip(groups, task.weights, task.excess, task.overfitted, strict=True)
    ]
    stage = {
        "stage": "critic_gan",
        "steps": run.step,
        "planned": steps,
        "best_step": run.best_step,
        "stopped": run.stopped,
        "best_validation": run.best,
        "curve": run.curve,
    }
    return {
        "batch": batch,
        "stages": [stage],
        "renewals": task.history,
        "health": task.watch.history[-1]["state"],
        "health_text": task.watch.history[-1]["text"],
        "health_history": task.watch.history,
        "critic_gap": round(task.critics.gap, 4),
        "critic_slope": round(task.critics.slope, 4),
        "groups": told,
        "emphasis": task.params.emphasis,
        "reducer": task.params.reducer,
    }
