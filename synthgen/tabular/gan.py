"""The autoregressive conditional GAN with the worst-case surprise loss (DESIGN section 2).

Generator: one factor per column in any order, so the surprise of a record is exact. Adversary: two cross-fitted
critics, whose logit is what the generator pays for a record above the best possible model. Their mean over each group,
through a reducer, becomes the weight of that group in the generator's loss.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
import torch
from pydantic import ValidationError

from synthgen.contracts import FitData, Group
from synthgen.errors import InputError, TrainingError
from synthgen.losses import surprise
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.tabular import encoding, planning
from synthgen.tabular.allowed import FREE, Allowed
from synthgen.tabular.constraints import NO_RULES, Rules
from synthgen.tabular.critic import Critics, Scorer
from synthgen.tabular.drawing import Drawer
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.estimate import check, estimate
from synthgen.tabular.factor_steps import Steps
from synthgen.tabular.membership import Membership
from synthgen.tabular.networks import AutoregressiveNetwork, Layout
from synthgen.tabular.params import AutoregressiveParams
from synthgen.tabular.sampling import draw, factor
from synthgen.tabular.task import Coded, GanTask, load_weights
from synthgen.tabular.weights import GroupWeights
from synthgen.training import checkpoint, loop

FORMAT = 3
ORDERS = 4  # column orders a record's surprise is averaged over
End = Literal["chosen", "worst"]


class AutoregressiveGAN:
    """Tables: autoregressive generator, cross-fitted critics, emphasis on the groups that are worst fitted."""

    name: ClassVar[str] = "autoregressive_gan"
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"log_prob", "condition", "balance", "constrain", "impute", "follow", "relate"}
    )
    task: ClassVar[type[GanTask]] = GanTask  # what a step is: benchmarks compare others

    def __init__(self, params: AutoregressiveParams = AutoregressiveParams()) -> None:
        self.params = params

    @classmethod
    def parameters(cls) -> type[AutoregressiveParams]:
        """The params class."""
        return AutoregressiveParams

    def fit(self, data: FitData, schema: Any, groups: Sequence[Group], ctx: RunContext) -> Self:
        """Train on `data.train`; `data.validation` decides when to stop and which weights are kept."""
        with planning.one_thread():
            ctx.progress("encode", 0, 1)
            self.encoding = encoding.fit(
                data.train, schema.modelled, data.train_people, schema.k_floor, self.params.bins, related=True
            )
            self.target = schema.target
            self._report: dict[str, Any] = {}
            self._lay_out()
            if self.active:
                self._estimate(data, len(groups), ctx)
            self._build(ctx.seed_for("networks"), ctx.device)
            if self.active:
                self._train(data, groups, ctx)
        return self

    def sample(self, spec: SampleSpec, rows: int, ctx: RunContext, rules: Rules = NO_RULES) -> Iterator[pd.DataFrame]:
        """Typed chunks, calibrated to the data unless `spec` asks for another mix, as the rules say."""
        with planning.one_thread():
            yield from self._drawer().chunks(spec, rows, ctx, rules)

    def sample_given(self, fixed: pd.DataFrame, ctx: RunContext, allowed: Allowed = FREE) -> pd.DataFrame:
        """One row for each row of `fixed`, a typed frame of some of the columns, whose cells are kept exactly.

        `allowed` confines the other columns. Raises InputError for a column that is not modelled.
        """
        with planning.one_thread():
            return self._drawer().given(fixed, ctx.rng("sample_given"), allowed)

    def impute(self, frame: pd.DataFrame, gaps: np.ndarray, ctx: RunContext, rules: Rules = NO_RULES) -> pd.DataFrame:
        """A typed frame with the cells of `gaps` (rows, columns) drawn given the other cells of their rows."""
        with planning.one_thread():
            return self._drawer().filled(frame, gaps, ctx.rng("impute"), rules)

    def surprise(self, frame: pd.DataFrame, end: End = "chosen", given: Sequence[str] = ()) -> np.ndarray:
        """What the model pays for each record of a typed frame, `-log q(x)` in nats over the codes.

        With `given`, what it pays for the other columns when those are known: `-log q(x | given)`.

        `end` is the end of the dial: "chosen" is the released model, calibrated at the data's frequency; "worst" the
        model as it stood when training for the worst case ended and calibration began.
        A mean over a few fixed column orders, an upper bound on the surprise of the mixture over all orders.
        """
        codes = torch.from_numpy(self._active_codes(frame)).to(self.device)
        load_weights(self.network, self.ends[end])
        rng, total = np.random.default_rng(0), np.zeros(len(frame))
        known = [self.active.index(i) for i in map(self.encoding.names.index, given) if i in self.active]
        rest = [i for i in range(len(self.active)) if i not in known]
        with torch.no_grad(), planning.one_thread():
            self.network.eval()
            for _ in range(ORDERS if rest else 0):
                order = [*known, *rng.permutation(rest)]
                parts = [surprise.per_record(self.network.factors(part, order)[:, rest]) for part in codes.split(4096)]
                total += torch.cat([*parts, torch.zeros(0, device=self.device)]).double().cpu().numpy() / ORDERS
        load_weights(self.network, self.ends["chosen"])
        return total

    def log_prob(self, frame: pd.DataFrame) -> np.ndarray:
        """`log q(x)` of each record of a typed frame, over the codes."""
        return -self.surprise(frame)

    def report(self) -> Mapping[str, Any]:
        """Steps, reasons to stop, curves, weights and excess of the groups by kind and columns."""
        return self._report

    def save(self, directory: Path) -> None:
        """Write named tensors and JSON to `directory`."""
        tensors = {
            **checkpoint.prefixed("chosen", self.ends["chosen"]),
            **checkpoint.prefixed("worst", self.ends["worst"]),
            **checkpoint.prefixed("critics", self.critics.tensors()),
        }
        facts = {
            "format": FORMAT,
            "generator": self.name,
            "params": self.params.model_dump(mode="json"),
            "encoding": self.encoding.model_dump(mode="json"),
            "target": self.target,
            "critic_slope": self.critics.slope,
            "report": self._report,
        }
        checkpoint.write(checkpoint.State(tensors, facts), Path(directory))

    @classmethod
    def load(cls, directory: Path, device: str = "cpu") -> Self:
        """The generator that `save` wrote, on any device. Raises InputError when there is none or it is damaged."""
        state = checkpoint.read(Path(directory))
        if state is None or state.facts.get("generator") != cls.name or state.facts.get("format") != FORMAT:
            raise InputError(
                "The folder holds no model that this version of the generator can read.",
                "Fit it again with this version.",
            )
        try:
            made = cls(AutoregressiveParams(**state.facts["params"]))
            made.encoding = Encoding.model_validate(state.facts["encoding"])
        except ValidationError as problem:
            raise InputError("The folder holds a model of another version.", "Fit it again.") from problem
        made.target, made._report = state.facts["target"], state.facts["report"]
        made._lay_out()
        made._build(0, device)
        for end in ("chosen", "worst"):
            made.ends[end] = {n: v.to(device) for n, v in checkpoint.under(end, state.tensors).items()}
        load_weights(made.network, made.ends["chosen"])
        made.critics.restore(checkpoint.under("critics", state.tensors))
        made.critics.slope = state.facts["critic_slope"]
        return made

    # --- details -----------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        """What is modelled: the columns that have more than one level."""
        sizes, ordered = self.encoding.sizes, self.encoding.ordered
        self.active = [i for i, size in enumerate(sizes) if size > 1]
        self.layout = Layout(tuple(sizes[i] for i in self.active), tuple(ordered[i] for i in self.active))

    def _estimate(self, data: FitData, groups: int, ctx: RunContext) -> None:
        """Tell what training will take; raise LimitError, naming the column to blame, where that is too much."""
        rows, people = len(data.train), _people(data)
        steps = planning.plan(rows, self.layout, self.params, people)
        found = estimate(rows, groups, self.layout, self.params, steps)
        names = [self.encoding.names[i] for i in self.active]
        wanted = planning.wanted(rows, steps.batch, self.params, people)
        check(found, names, self.layout.sizes, ctx.memory_limit(), wanted)
        self._expected = found.payload(names)
        ctx.log(found.text(names), estimate=self._expected)

    def _build(self, seed: int, device: str) -> None:
        """Networks and critics for the layout."""
        self.device = device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = AutoregressiveNetwork(self.layout, self.params.hidden, self.params.dropout).to(device)
        self.critics = Critics(self.layout, seed + 1, device)
        weights = {n: v.detach().clone() for n, v in self.network.named_parameters()}
        self.ends: dict[str, dict[str, torch.Tensor]] = {"chosen": weights, "worst": weights}

    def _train(self, data: FitData, groups: Sequence[Group], ctx: RunContext) -> None:
        weights = GroupWeights(groups, [c.name for c in self.encoding.columns])
        coded = self._coded(data, weights, ctx)
        weights.columns = [[self.active.index(c) for c in cs if c in self.active] for cs in weights.columns]
        self.network.start_from(_shares(coded.train.cpu().numpy(), self.layout.sizes))
        people = _people(data)
        self.network.dropout = planning.dropout(people, self.params)
        steps = planning.plan(len(coded.train), self.layout, self.params, people)
        paced = self.params.model_copy(update={"learning_rate": planning.rate(people, self.params)})
        task = self.task(self.network, self.critics, coded, weights, paced, steps, ctx)
        ctx.log(
            f"Planned {steps.worst} steps for the worst case and {steps.mean} for the mean, {steps.batch} rows each."
        )
        runs = {}
        if steps.worst:
            task.enter_worst_case()
            runs["worst"] = loop.run(task, self._plan("worst", steps, coded), _until(ctx, steps.worst / steps.total))
            task.calibrate(improving=not runs["worst"].waited)
        runs["mean"] = loop.run(task, self._plan("mean", steps, coded), ctx)
        task.average = task.best
        task.watch.conclude(task.train_critics(ctx.rng("last critics")))
        self.ends = {"chosen": task.best, "worst": task.worst_end if steps.worst else task.best}
        load_weights(self.network, task.best)
        self._report = {**_account(steps, runs, task), "estimate": self._expected}

    def _plan(self, stage: str, steps: planning.Steps, coded: Coded) -> loop.Plan:
        count = steps.mean if stage == "mean" else steps.worst
        digest = hashlib.sha256(self.encoding.model_dump_json().encode())
        digest.update(coded.train.cpu().numpy().tobytes())
        digest.update(f"{self.params.canonical()}{steps}".encode())
        every = max(1, min(2 * steps.per_epoch, count // 10))
        every = max(every, count // 60)
        rounds = self.params.critic_rounds
        renew = (
            tuple(sorted({count * (i + 1) // (rounds + 1) for i in range(rounds)}))
            if stage == "worst"
            else (count // 2,)
        )
        return loop.Plan(stage, count, every, patience=5, renew_at=renew, fingerprint=digest.hexdigest())

    def _coded(self, data: FitData, weights: GroupWeights, ctx: RunContext) -> Coded:
        if not len(data.validation):
            raise TrainingError("There are no validation rows.", "Give training a share of the rows for validation.")
        train, validation = (
            torch.from_numpy(self._active_codes(frame)).to(ctx.device) for frame in (data.train, data.validation)
        )
        inside = weights.membership(data.train), weights.membership(data.validation)

        def members(codes: np.ndarray) -> Membership:
            return weights.membership(self.encoding.decode(self._all_codes(codes), ctx.rng("members")))

        return Coded(train, validation, *inside, data.train_people, members)

    def _active_codes(self, frame: pd.DataFrame) -> np.ndarray:
        widest = max(self.layout.sizes, default=0)
        codes = self.encoding.encode(frame, np.int16 if widest < 2**15 else np.int32)
        return codes if len(self.active) == codes.shape[1] else np.ascontiguousarray(codes[:, self.active])

    def _all_codes(self, codes: np.ndarray) -> np.ndarray:
        """Codes of all columns from those of the active ones; the others have one level."""
        out = np.zeros((len(codes), len(self.encoding.columns)), dtype=np.int64)
        out[:, self.active] = codes
        return out

    def _drawer(self) -> Drawer:
        """Drawing and scoring with the weights as they are now, made ready once for all chunks."""
        steps = Steps(self.network)
        scorer = Scorer(self.critics) if self.active and self.critics.slope > 0 else None

        def drawn(given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            return self._all_codes(draw(self.network, given[:, self.active], rng, steps))

        def score(codes: np.ndarray) -> np.ndarray:
            assert scorer is not None
            return scorer.score(torch.from_numpy(codes[:, self.active]))

        return Drawer(self.encoding, drawn, self._factor, score if scorer else None, self.target)

    def _factor(self, column: int, codes: np.ndarray) -> np.ndarray:
        if column not in self.active:
            return np.ones((len(codes), self.encoding.sizes[column]))
        return factor(self.network, self.active.index(column), np.ascontiguousarray(codes[:, self.active]))


def _people(data: FitData) -> int:
    return len(data.train) if data.train_people is None else len(np.unique(data.train_people))


def _until(ctx: RunContext, share: float) -> RunContext:
    """The context with that share of the time that is left: calibration must have its own."""
    if ctx.deadline is None:
        return ctx
    now = time.monotonic()
    return replace(ctx, deadline=now + share * max(ctx.deadline - now, 0.0))


def _shares(codes: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Share of each level of each column, with half a row added so that none is zero."""
    counts = [np.bincount(codes[:, i], minlength=size) + 0.5 for i, size in enumerate(sizes)]
    return [c / c.sum() for c in counts]


def _account(steps: planning.Steps, runs: Mapping[str, loop.Progress], task: GanTask) -> dict[str, Any]:
    """What the card tells of training; groups by kind and columns, never by name."""
    groups = [
        {
            "kind": group.kind,
            "columns": list(group.columns),
            "weight": round(float(weight), 3),
            "excess": None if np.isnan(excess) else round(float(excess), 4),
            "overfitted": bool(over),
        }
        for group, weight, excess, over in zip(
            task.weights.groups, task.weights.weights, task.excess, task.overfitted, strict=True
        )
    ]
    stages = [
        {
            "stage": name,
            "steps": run.step,
            "planned": steps.worst if name == "worst" else steps.mean,
            "best_step": run.best_step,
            "stopped": run.stopped,
            "best_validation": run.best,
            "curve": run.curve,
        }
        for name, run in runs.items()
    ]
    return {
        "batch": steps.batch,
        "steps_per_epoch": steps.per_epoch,
        "stages": stages,
        "renewals": task.history,
        "health": task.watch.history[-1]["state"],
        "health_text": task.watch.history[-1]["text"],
        "health_history": task.watch.history,
        "critic_gap": round(task.critics.gap, 4),
        "critic_slope": round(task.critics.slope, 4),
        "groups": json.loads(json.dumps(groups)),
        "emphasis": task.params.emphasis,
        "reducer": task.params.reducer,
    }
