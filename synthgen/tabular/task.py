"""One training run of the autoregressive GAN: the steps that `training.loop` puts together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from synthgen.losses import surprise, worst_case
from synthgen.runtime import RunContext
from synthgen.tabular.critic import Critics, folds_of
from synthgen.tabular.membership import Membership
from synthgen.tabular.networks import AutoregressiveNetwork
from synthgen.tabular.params import AutoregressiveParams
from synthgen.tabular.planning import Steps
from synthgen.tabular.sampling import draw
from synthgen.tabular.watch import Watch
from synthgen.tabular.weights import GroupWeights, an_epoch
from synthgen.training.checkpoint import State, prefixed, under
from synthgen.training.devices import bf16_pays
from synthgen.training.optimiser import AdamW

VALIDATION_ROWS, CHECKED_ROWS, FAKES = 8192, 8192, 50_000
FAKE_ORDERS, FEWEST_ALIKE = 16, 128  # column orders of the fakes; rows that share one
CHUNKS = 8  # column orders a validation goes over
KEPT_EXCESS = 0.5  # of the running estimate, at each renewal
WARM_UP = 50  # steps


@dataclass(frozen=True)
class Coded:
    """What training sees of a table: codes and who belongs to which group, never the hold-out.

    `members` tells for codes that were drawn (rows, columns) which groups they belong to (rows, groups).
    """

    train: torch.Tensor
    validation: torch.Tensor
    train_in: Membership
    validation_in: Membership
    people: np.ndarray | None
    members: Callable[[np.ndarray], Membership]


class GanTask:
    """Generator, smoothed generator, critics and group weights; implements `loop.Task`.

    The stage is "worst" (rows of small and badly fitted groups are drawn more often, by size and by the critics' excess
    surprise), then "mean" (every row equally often, which calibrates the frequencies).
    """

    def __init__(
        self,
        network: AutoregressiveNetwork,
        critics: Critics,
        data: Coded,
        weights: GroupWeights,
        params: AutoregressiveParams,
        steps: Steps,
        ctx: RunContext,
    ) -> None:
        self.network, self.critics, self.data, self.weights = network, critics, data, weights
        self.params, self.steps, self.ctx = params, steps, ctx
        self.stage = "mean"
        self.excess = np.full(len(weights.groups), np.nan)
        self.overfitted = np.zeros(len(weights.groups), dtype=bool)
        self.history: list[dict[str, Any]] = []
        self.row_weights: torch.Tensor | None = None
        self.average = self._copy()
        self.best, self.worst_end = self._copy(), self._copy()
        self.folds = folds_of(data.people, len(data.train), ctx.rng("folds"))
        self.optimiser = AdamW(network.parameters(), (0.9, 0.999), 1e-4)
        self.dtype = torch.bfloat16 if bf16_pays(ctx.device) else torch.float32
        self._epoch: tuple[int, np.ndarray] = (-1, np.zeros(0, np.int64))
        self.row_odds: np.ndarray | None = None
        self.done, self.watch = 0, Watch(self)

    # --- loop.Task ---------------------------------------------------------------------------------------------------

    def step(self, step: int) -> float:
        """Surprise of one batch under one random column order, one optimiser step, one average step."""
        rng = np.random.default_rng([self.ctx.seed_for(self.stage), step])
        rows = torch.from_numpy(self._batch(step)).to(self.ctx.device)
        order = rng.permutation(self.data.train.shape[1])
        self.network.train()
        paid = surprise.per_record(self.network.factors(self.data.train[rows], order, rng, self.dtype))
        loss = (paid if self.row_weights is None else paid * self.row_weights[rows].to(paid.dtype)).mean()
        if not math.isfinite(float(loss.detach())):
            self.watch.broken(step)
            return self.step(step)
        self.optimiser.clear()
        loss.backward()
        self.optimiser.step(self._rate(step))
        self._follow(step)
        self.done = step + 1
        return float(loss.detach())

    def renew(self, step: int) -> None:
        """Look at the run's health; in the worst-case stage train the critics first, and turn excess into weights."""
        if self.stage == "mean":
            self.watch.glance(step)
            return
        rng = self.ctx.rng(f"renew/{self.stage}/{step}")
        fakes = self.train_critics(rng)
        made = self.data.members(fakes).sum()
        h = self.critics.score_unseen(self.data.train, self.folds)
        means, errors = self._inside(h, made, len(fakes))
        self.excess = self._running(means)
        self._check_overfitting(rng)
        self._reweight(h, surprise.shrunk(self.excess, errors))
        self.watch.examine(step, fakes, made)
        figures = {"critic_gap": round(self.critics.gap, 4), "critic_slope": round(self.critics.slope, 4)}
        self.history.append({"step": step, **figures, **self._summary()})

    def validate(self) -> float:
        """Mean surprise of validation records; in the worst-case stage halfway to the mean over groups."""
        values = self.watch.validated(*self._unseen_surprise())
        score = float(values.mean())
        if self.stage == "mean":
            return score
        means, _, counts = surprise.per_group(values, self.data.validation_in[:VALIDATION_ROWS])
        enough = counts >= 10
        return (score + float(means[enough].mean())) / 2 if enough.any() else score

    def _unseen_surprise(self) -> tuple[np.ndarray, Callable[[], np.ndarray]]:
        def now() -> np.ndarray:
            return self.surprise_of(self.data.validation[:VALIDATION_ROWS], self.average)

        return now(), now

    def keep(self) -> None:
        """Remember the smoothed weights as the best."""
        self.best = {n: v.clone() for n, v in self.average.items()}

    def state(self) -> State:
        """Everything that a resumed run needs; random numbers are derived from the step and need no saving."""
        tensors = {
            **prefixed("network", self._copy()),
            **prefixed("average", self.average),
            **prefixed("best", self.best),
            **prefixed("worst", self.worst_end),
            **prefixed("critics", self.critics.tensors()),
            **prefixed("optimiser", self.optimiser.tensors()),
            "weights": torch.from_numpy(self.weights.weights),
            "excess": torch.from_numpy(self.excess),
            "overfitted": torch.from_numpy(self.overfitted),
        }
        if self.row_weights is not None:
            tensors["rows"] = self.row_weights
        return State(
            tensors,
            {
                "stage": self.stage,
                "history": self.history,
                "gap": self.critics.gap,
                "slope": self.critics.slope,
                "watch": self.watch.facts(),
            },
        )

    def restore(self, state: State) -> None:
        """Put back what `state` gave."""
        self._load(under("network", state.tensors))
        self.average, self.best, self.worst_end = (
            {n: v.to(self.ctx.device) for n, v in under(k, state.tensors).items()} for k in ("average", "best", "worst")
        )
        self.critics.restore(under("critics", state.tensors))
        self.optimiser.restore(under("optimiser", state.tensors))
        self.weights.weights, self.excess = state.tensors["weights"].numpy(), state.tensors["excess"].numpy()
        self.overfitted = state.tensors["overfitted"].numpy()
        rows = state.tensors.get("rows")
        self.row_weights = None if rows is None else rows.to(self.ctx.device)
        self.stage, self.history = state.facts["stage"], state.facts["history"]
        self.critics.gap, self.critics.slope = state.facts["gap"], state.facts["slope"]
        self.watch.restore(state.facts["watch"])
        if self.steps.worst:
            self.emphasise()

    # --- between stages ----------------------------------------------------------------------------------------------

    def enter_worst_case(self) -> None:
        """Begin with emphasis by the groups' sizes, until the critics have looked."""
        self.stage = "worst"
        self.emphasise()

    def calibrate(self, improving: bool) -> None:
        """On at data frequency; the best weights of the worst-case stage are remembered as that end of the dial.

        Where that stage was still `improving`, training goes on where it is: smoothed weights lag behind, and to load
        them would give steps back. Where it had passed its best, it goes back to that.
        """
        self.worst_end = {n: v.clone() for n, v in self.best.items()}
        if not improving:
            self._load(self.best)
        self.average = self._copy()
        self.stage, self.row_weights = "mean", None
        self._epoch = (-1, np.zeros(0, np.int64))
        if self.row_odds is not None:
            self.in_all_weights(self._to_data_frequency)

    def _to_data_frequency(self, network: AutoregressiveNetwork) -> None:
        """Shift every level's bias by how much more often emphasis drew it: where calibration then starts from.

        Rows are drawn by odds averaged over columns, so what a level's own column did to it is about the same in every
        context. The steps that follow could not move a bias that far when few are left, at a falling rate.
        """
        assert self.row_odds is not None
        codes = self.data.train.cpu().numpy()
        for column in range(codes.shape[1]):
            data, drawn = (np.bincount(codes[:, column], w) + 0.5 for w in (None, self.row_odds * len(codes)))
            shift = torch.from_numpy(np.log(data / drawn)).float()
            network.bias_of(column)[: len(shift)] += shift.to(self.ctx.device)

    def emphasise(self) -> None:
        """Draw rows from now on by the sizes of their groups, what the critics make of them, and who is over-fitted."""
        p = self.params
        if p.reducer not in ("mean", "literal") and len(self.weights.groups):
            odds = self.weights.row_odds(self.data.train_in, self.overfitted, p.emphasis, p.weight_cap)
            self.row_odds, self._epoch = odds, (-1, np.zeros(0, np.int64))
            self.watch.expect(odds)

    def go_back(self) -> None:
        """From the best weights again, with an optimiser that remembers nothing."""
        self.average = {n: v.clone() for n, v in self.best.items()}
        self._load(self.best)
        self.optimiser.forget()

    @torch.no_grad()
    def in_all_weights(self, change: Callable[[AutoregressiveNetwork], None]) -> None:
        """Apply `change`, in place, to the network, the smoothed and the best weights."""
        change(self.network)
        for name in ("average", "best"):
            with self._using(getattr(self, name)):
                change(self.network)
                setattr(self, name, self._copy())

    def train_critics(self, rng: np.random.Generator) -> np.ndarray:
        """Fresh fakes from the smoothed generator, then some epochs of both critics. Returns the fakes."""
        fakes = self.fakes(min(len(self.data.train), FAKES), rng)
        made = torch.from_numpy(fakes).to(self.ctx.device)
        unseen = self.data.validation[:VALIDATION_ROWS]
        self.critics.train(self.data.train, self.folds, made, unseen, self.params.critic_epochs, rng)
        return fakes

    def fakes(self, rows: int, rng: np.random.Generator) -> np.ndarray:
        """Codes drawn from the smoothed generator, in so many column orders that none marks them."""
        free = np.full((rows, self.data.train.shape[1]), -1, dtype=np.int64)
        with self._using(self.average):
            return draw(self.network, free, rng, block=max(FEWEST_ALIKE, rows // FAKE_ORDERS))

    @torch.no_grad()
    def surprise_of(self, codes: torch.Tensor, weights: dict[str, torch.Tensor]) -> np.ndarray:
        """Surprise per record (nats) under `weights`; the rows are cut into chunks with one fixed column order each."""
        rng = np.random.default_rng(self.ctx.seed_for("orders"))
        with self._using(weights):
            self.network.eval()
            parts = [
                surprise.per_record(self.network.factors(part, rng.permutation(codes.shape[1]), dtype=self.dtype))
                for part in codes.split(self.network.layout.rows_at_once(max(1, -(-len(codes) // CHUNKS))))
            ]
        return torch.cat(parts).double().cpu().numpy()

    # --- details -----------------------------------------------------------------------------------------------------

    def _batch(self, step: int) -> np.ndarray:
        epoch, place = divmod(step, self.steps.per_epoch)
        if self._epoch[0] != epoch:
            rng, steps = self.ctx.rng(f"epoch/{self.stage}/{epoch}"), self.steps
            if self.row_odds is None or self.stage == "mean":
                self._epoch = (epoch, rng.permutation(len(self.data.train)))
            else:
                self._epoch = (epoch, an_epoch(self.row_odds, steps.per_epoch, steps.batch, rng))
        return self._epoch[1][place * self.steps.batch : (place + 1) * self.steps.batch]

    def _rate(self, step: int) -> float:
        """Warm up, then fall along one cosine over both stages, so that the dial does not change the schedule."""
        done = step if self.stage == "worst" else self.steps.worst + step
        fall = 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * min(done / max(self.steps.total, 1), 1)))
        return float(self.params.learning_rate * fall * min(1.0, (done + 1) / WARM_UP) * self.watch.rate)

    def _follow(self, step: int) -> None:
        """Smooth the weights; each stage begins afresh, so that calibration does not drag the emphasis along."""
        decay = min(0.998, (1 + step) / (10 + step))
        names, values = zip(*self.network.named_parameters(), strict=True)
        torch._foreach_lerp_([self.average[n] for n in names], [v.detach() for v in values], 1 - decay)

    def _inside(self, h: np.ndarray, made: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Excess inside each group and its standard error: mean logit, less the log ratio of the group's own shares.

        Without the last part a group that comes out too often would look well fitted however wrong its inside is. How
        often it comes out is a matter of the factors before it, which its weight never touches.
        """
        means, errors, count = surprise.per_group(h, self.data.train_in)
        share, made_share = (count + 0.5) / (len(h) + 1), (made + 0.5) / (rows + 1)
        return means - np.log(share / made_share), np.sqrt(errors**2 + 1 / (count + 0.5) + 1 / (made + 0.5))

    def _running(self, means: np.ndarray) -> np.ndarray:
        """The running estimate of the groups' excess with these new means in it."""
        known = np.isfinite(self.excess)
        return np.where(known, KEPT_EXCESS * self.excess + (1 - KEPT_EXCESS) * means, means)

    def _check_overfitting(self, rng: np.random.Generator) -> None:
        if not len(self.excess) or not len(self.data.validation):
            return
        rows = rng.permutation(len(self.data.train))[:CHECKED_ROWS]
        train = self.surprise_of(self.data.train[rows], self.average)
        validation = self.surprise_of(self.data.validation[:VALIDATION_ROWS], self.average)
        inside = self.data.validation_in[:VALIDATION_ROWS]
        self.overfitted = surprise.overfitted(train, validation, self.data.train_in[rows], inside)

    def _reweight(self, h: np.ndarray, excess: np.ndarray) -> None:
        p = self.params
        if p.reducer == "literal":
            rows = worst_case.weights(h, p.reducer, p.emphasis, p.weight_cap)
            self.row_weights = torch.from_numpy(rows).float().to(self.ctx.device)
        elif len(excess):
            weights = worst_case.weights(excess, p.reducer, p.emphasis, p.weight_cap)
            self.weights.weights = np.where(self.overfitted, 1.0, weights)
            self.emphasise()

    def _summary(self) -> dict[str, Any]:
        w = self.weights.weights
        return {
            "emphasised": int((w > 1).sum()),
            "overfitted": int(self.overfitted.sum()),
            "largest_weight": round(float(w.max(initial=1.0)), 3),
            "mean_excess": _rounded(self.excess, np.mean),
            "worst_excess": _rounded(self.excess, np.max),
        }

    def _copy(self) -> dict[str, torch.Tensor]:
        return {n: v.detach().clone() for n, v in self.network.named_parameters()}

    def _load(self, weights: dict[str, torch.Tensor]) -> None:
        load_weights(self.network, weights)

    def _using(self, weights: dict[str, torch.Tensor]) -> using:
        return using(self.network, weights)


class using:
    """The network with other weights for a while."""

    def __init__(self, network: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
        self.network, self.weights = network, weights

    def __enter__(self) -> None:
        self.before = {n: v.detach().clone() for n, v in self.network.named_parameters()}
        load_weights(self.network, self.weights)

    def __exit__(self, *problem: object) -> None:
        load_weights(self.network, self.before)


def load_weights(network: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Copy `weights` into the network's parameters."""
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.copy_(weights[name])


def _rounded(values: np.ndarray, reduce: Any) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(reduce(known)), 4) if len(known) else None
