"""One training run of the critic-only GAN: the steps that `training.loop` puts together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from synthgen.losses import adversarial, surprise, worst_case
from synthgen.runtime import RunContext
from synthgen.tabular.critic import Critics, folds_of
from synthgen.tabular.critic_gan_networks import RecordCritic, SpanGenerator
from synthgen.tabular.critic_gan_sampling import Emphasised, FirstColumn, draw, randomness
from synthgen.tabular.critic_gan_watch import CriticGanWatch
from synthgen.tabular.critic_gan_weights import grip, times_drawn
from synthgen.tabular.membership import Membership
from synthgen.tabular.params import CriticGanParams
from synthgen.tabular.task import load_weights, using
from synthgen.training.checkpoint import State, prefixed, under
from synthgen.training.optimiser import AdamW

TEMPERATURE, BETAS = 0.2, (0.5, 0.99)
DECAY = 0.998  # of the smoothed generator
R1_EVERY = 16  # steps
KEPT_EXCESS = 0.5  # of the running estimate, at each renewal
VALIDATION_ROWS, FAKES = 4096, 30_000
COARSE, PAIRS = 12, 60
PART = 16_384  # rows looked at in one go
CHANCE = 0.05  # slope of the critics' logit under which they know nothing
CONDITIONED = 0.5  # of the records of emphasised groups those whose group is given, in full emphasis


@dataclass(frozen=True)
class Table:
    """What training sees: codes, who belongs to which group, and how to tell that of made codes; never the hold-out."""

    train: torch.Tensor
    validation: torch.Tensor
    train_in: Membership
    validation_in: Membership
    people: np.ndarray | None
    columns: Sequence[Sequence[int]]
    members: Callable[[np.ndarray], np.ndarray]
    first: FirstColumn


class CriticGanTask:
    """Generator, its smoothed copy, its adversary, cross-fitted critics and group weights; implements `loop.Task`.

    Whole rows are weighted: records of an emphasised group are drawn more often than they are, on the critic's side and
    for the conditions of the generator alike, and sampling takes it out again (DESIGN section 2, points 3 and 6).
    """

    def __init__(
        self,
        network: SpanGenerator,
        critic: RecordCritic,
        critics: Critics,
        data: Table,
        params: CriticGanParams,
        batch: int,
        steps: int,
        ctx: RunContext,
    ) -> None:
        self.network, self.critic, self.critics, self.data = network, critic, critics, data
        self.params, self.batch, self.steps, self.ctx = params, batch, steps, ctx
        groups = data.train_in.shape[1]
        self.weights, self.excess = np.ones(groups), np.full(groups, np.nan)
        self.overfitted = np.zeros(groups, dtype=bool)
        self.history: list[dict[str, Any]] = []
        self.average, self.best = self._copy(), self._copy()
        self.folds = folds_of(data.people, len(data.train), ctx.rng("folds"))
        self.optimiser, self.adversary = (AdamW(n.parameters(), BETAS, 0.0) for n in (network, critic))
        self._margins = _Margins(data.validation[:VALIDATION_ROWS].cpu().numpy(), network.layout, ctx.rng("pairs"))
        self._follow_weights(np.zeros(0, np.int64))
        self.watch = CriticGanWatch(self)

    # --- loop.Task ---------------------------------------------------------------------------------------------------

    def step(self, step: int) -> float:
        """One step of the critic on real and made records, then one of the generator against it; both losses' sum."""
        rng = np.random.default_rng([self.ctx.seed_for("steps"), step])
        rate = self._rate(step)
        critic_loss = self._critic_step(step, rate, rng)
        loss = self._generator_step(rate, rng)
        decay = min(DECAY, (1 + step) / (10 + step))
        names, values = zip(*self.network.named_parameters(), strict=True)
        torch._foreach_lerp_([self.average[n] for n in names], [v.detach() for v in values], 1 - decay)
        return critic_loss + loss

    def renew(self, step: int) -> None:
        """Train the cross-fitted critics on fresh fakes, estimate every group's excess, and turn it into weights."""
        rng = self.ctx.rng(f"renew/{step}")
        self.train_critics(rng)
        h = self.critics.score_unseen(self.data.train, self.folds)
        means, errors, _ = surprise.per_group(h, self.data.train_in)
        known = np.isfinite(self.excess)
        self.excess = np.where(known, KEPT_EXCESS * self.excess + (1 - KEPT_EXCESS) * means, means)
        unseen = self.critics.score(self.data.validation)
        self.overfitted = surprise.overfitted(h, unseen, self.data.train_in, self.data.validation_in)
        self._reweight(surprise.shrunk(self.excess, errors))
        figures = {"critic_gap": round(self.critics.gap, 4), "critic_slope": round(self.critics.slope, 4)}
        self.history.append({"step": step, **figures, **self._summary()})
        self.watch.examine(step)

    def validate(self) -> float:
        """How far made records are from validation records; with emphasis, halfway to how far their groups' shares are.

        Total variation over pairs of columns, and mean log ratio of the groups' shares: a generator without likelihood
        has no better measure that is cheap and has no network in it.
        """
        self.calibrate(VALIDATION_ROWS, self.ctx.rng("calibrate"))
        made = self.sample(self._free(VALIDATION_ROWS), self.ctx.rng("validate"))
        score = self._margins.distance(made)
        inside = self.data.validation_in
        if self.params.reducer in ("mean", "literal") or not inside.shape[1]:
            return score
        real, fake = inside.sum() + 0.5, self.data.members(made).sum(0) + 0.5
        ratio = np.abs(np.log(real / (len(inside) + 1) / (fake / (len(made) + 1))))
        return (score + float(np.minimum(ratio, 3.0).mean()) / 3) / 2

    def keep(self) -> None:
        """Remember the smoothed weights as the best, and the row weights they were trained under."""
        self.best = {n: v.clone() for n, v in self.average.items()}

    def state(self) -> State:
        """Everything that a resumed run needs; random numbers are derived from the step and need no saving."""
        tensors = {
            **prefixed("network", self._copy()),
            **prefixed("average", self.average),
            **prefixed("best", self.best),
            **prefixed("critic", {n: v.detach() for n, v in self.critic.named_parameters()}),
            **prefixed("critics", self.critics.tensors()),
            **prefixed("optimiser", self.optimiser.tensors()),
            **prefixed("adversary", self.adversary.tensors()),
            "weights": torch.from_numpy(self.weights),
            "emphasised": torch.from_numpy(self.emphasised.groups),
            "ratios": torch.from_numpy(self.emphasised.ratios),
            "excess": torch.from_numpy(self.excess),
            "overfitted": torch.from_numpy(self.overfitted),
        }
        facts = {"history": self.history, "gap": self.critics.gap, "slope": self.critics.slope}
        return State(tensors, {**facts, "watch": self.watch.facts()})

    def restore(self, state: State) -> None:
        """Put back what `state` gave."""
        load_weights(self.network, under("network", state.tensors))
        load_weights(self.critic, under("critic", state.tensors))
        self.average, self.best = (
            {n: v.to(self.ctx.device) for n, v in under(k, state.tensors).items()} for k in ("average", "best")
        )
        self.critics.restore(under("critics", state.tensors))
        self.optimiser.restore(under("optimiser", state.tensors))
        self.adversary.restore(under("adversary", state.tensors))
        self.weights, self.excess = state.tensors["weights"].numpy(), state.tensors["excess"].numpy()
        self.overfitted, self.history = state.tensors["overfitted"].numpy(), list(state.facts["history"])
        self.critics.gap, self.critics.slope = state.facts["gap"], state.facts["slope"]
        self.watch.restore(state.facts["watch"])
        self._follow_weights(state.tensors["emphasised"].numpy())
        self.emphasised.ratios = state.tensors["ratios"].numpy()

    # --- for the watch over this task ---------------------------------------------------------------------------------

    def go_back(self) -> None:
        """From the best weights again, with optimisers that remember nothing."""
        self.average = {n: v.clone() for n, v in self.best.items()}
        load_weights(self.network, self.best)
        self.optimiser.forget()
        self.adversary.forget()

    def emphasise(self, weights: np.ndarray) -> None:
        """Draw by these weights of the groups from now on; groups emphasised before are still taken out at sampling."""
        self.weights = weights
        share = self.data.train_in.sum() / len(self.data.train_in)
        chosen = np.union1d(self.emphasised.groups, np.flatnonzero(weights > 1)).astype(np.int64)
        self._follow_weights(chosen[np.lexsort((share[chosen], -weights[chosen]))])

    # --- for the generator that owns this task -----------------------------------------------------------------------

    def train_critics(self, rng: np.random.Generator) -> None:
        """Some epochs of both cross-fitted critics on fresh fakes of the smoothed generator."""
        rows = min(len(self.data.train), FAKES)
        self.calibrate(rows, rng)
        fakes = self.sample(self._free(rows), rng)
        made = torch.from_numpy(fakes).to(self.ctx.device)
        self.critics.train(self.data.train, self.folds, made, self.data.validation, self.params.critic_epochs, rng)

    def sample(self, given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Codes from the smoothed generator, with emphasis taken out."""
        with using(self.network, self.average):
            return draw(self.network, given, self.data.first, self.emphasised, rng)

    def calibrate(self, rows: int, rng: np.random.Generator) -> None:
        """Measure how often the smoothed generator makes the emphasised groups."""
        if len(self.emphasised.groups):
            with using(self.network, self.average):
                start = self.data.first.fill(self._free(rows), rng)
                made = draw(self.network, start, self.data.first, None, rng)
            self.emphasised.calibrate(made, start >= 0, self.data.train_in)

    # --- details -----------------------------------------------------------------------------------------------------

    def _critic_step(self, step: int, rate: float, rng: np.random.Generator) -> float:
        codes, given = self._batch(rng, self.batch)
        with torch.no_grad():
            logits, gumbel = self._logits(codes, given, rng)
            made = torch.where(given, codes, self.network.pick(logits, gumbel))
        penalised = self.params.r1 > 0 and step % R1_EVERY == 0
        ones = self._ones(codes).requires_grad_() if penalised else None
        of_real, of_made = self.critic(codes, given, ones), self.critic(made, given)
        loss = self._reduced(functional.softplus(-of_real)) + self._reduced(functional.softplus(of_made))
        total = loss
        if ones is not None:
            total = loss + 0.5 * self.params.r1 * R1_EVERY * adversarial.r1(of_real, ones).mean()
        _descend(self.adversary, total, rate * self.params.critic_rate)
        return float(loss.detach())

    def _generator_step(self, rate: float, rng: np.random.Generator) -> float:
        """Non-saturating; of the records made for one condition the worst-scored may be left out (point 7)."""
        times = self.params.fakes_per_condition
        codes, given = self._batch(rng, max(self.batch // (times * self.params.pac), 1) * self.params.pac)
        codes, given = codes.repeat_interleave(times, 0), given.repeat_interleave(times, 0)
        for value in self.critic.parameters():
            value.requires_grad_(False)
        scores = self.critic(codes, given, self._made(codes, given, rng))
        if times > 1:
            scores = scores.view(-1, times).topk(times - 1, dim=1).values.flatten()
        loss = self._reduced(functional.softplus(-scores))
        _descend(self.optimiser, loss, rate * self.params.learning_rate)
        for value in self.critic.parameters():
            value.requires_grad_(True)
        return float(loss.detach())

    def _reduced(self, losses: torch.Tensor) -> torch.Tensor:
        """The mean; or, taken literally, the smooth maximum over the rows of the batch."""
        if self.params.reducer == "literal" and self.params.emphasis > 0:
            return adversarial.smooth_maximum(losses, self.params.emphasis)
        return losses.mean()

    def _batch(self, rng: np.random.Generator, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Records drawn by their weights, and which of their columns are given."""
        at = np.searchsorted(self._cumulative, rng.random(rows) * self._cumulative[-1], side="right")
        at = np.minimum(at, len(self._cumulative) - 1)
        given = masks(rng, rows, self.data.train.shape[1])
        groups, use = self._heaviest[at], rng.random(rows) < CONDITIONED * grip(self.params.emphasis)
        use &= groups >= 0
        given[use] = self._group_columns[groups[use]]
        device = self.ctx.device
        return self.data.train[torch.from_numpy(at).to(device)], torch.from_numpy(given).to(device)

    def _made(self, codes: torch.Tensor, given: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """(rows, levels of all columns): made records, their given columns as they are in `codes`."""
        logits, gumbel = self._logits(codes, given, rng)
        made = self.network.soft(logits, gumbel, TEMPERATURE)
        return torch.where(given[:, self.network.segment], self._ones(codes), made)

    def _logits(
        self, codes: torch.Tensor, given: torch.Tensor, rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of every level for fresh noise, and the Gumbel noise to pick by."""
        noise, gumbel = randomness(rng, len(codes), self.network)
        return self.network(codes, given, noise), gumbel

    def _ones(self, codes: torch.Tensor) -> torch.Tensor:
        out = torch.zeros(len(codes), len(self.network.segment), device=codes.device)
        return out.scatter_(1, codes + self.network.spans.offsets, 1.0)

    def _free(self, rows: int) -> np.ndarray:
        return np.full((rows, self.data.train.shape[1]), -1, dtype=np.int64)

    def _rate(self, step: int) -> float:
        """Of both learning rates: steady, then falling to a tenth over the last third."""
        return min(1.0, 0.1 + 2.7 * (1 - step / self.steps)) * min(1.0, (step + 1) / 20) * self.watch.rate

    def _reweight(self, excess: np.ndarray) -> None:
        """The gradient of the smooth maximum gives each group a mass; see `times_drawn`."""
        p = self.params
        if p.reducer in ("mean", "literal") or p.emphasis == 0 or not len(excess):
            return
        share = self.data.train_in.sum() / len(self.data.train_in)
        of_mean = worst_case.weights(excess, p.reducer, p.emphasis, len(excess))
        weights = times_drawn(of_mean / len(excess), share, p.emphasis, p.weight_cap)
        plain = self.overfitted | (share == 0)
        self.weights = np.where(plain, 1.0, weights)
        chosen = np.flatnonzero(~plain & ((self.weights > 1) | (of_mean > 1)))
        self._follow_weights(chosen[np.lexsort((share[chosen], -self.weights[chosen]))])

    def _follow_weights(self, emphasised: np.ndarray) -> None:
        """What drawing needs of the weights: the rows' cumulative weights, their heaviest groups, what to take out."""
        columns = self.data.train.shape[1]
        self.emphasised = Emphasised(self.data.members, self.data.columns, emphasised)
        heaviest, weight = _heaviest(self.data.train_in, self.weights)
        self._cumulative = np.cumsum(np.maximum(1.0, weight))
        self._group_columns = np.zeros((len(self.weights) + 1, columns), dtype=bool)
        for group, of in enumerate(self.data.columns):
            self._group_columns[group, list(of)] = True
        self._heaviest = np.full(len(self.data.train_in), -1)
        if len(self.weights):
            partial = (weight > 1) & ~self._group_columns[heaviest].all(1)
            self._heaviest = np.where(partial, heaviest, -1)

    def _summary(self) -> dict[str, Any]:
        known = self.excess[np.isfinite(self.excess)]
        return {
            "emphasised": int((self.weights > 1).sum()),
            "overfitted": int(self.overfitted.sum()),
            "largest_weight": round(float(self.weights.max(initial=1.0)), 3),
            "mean_excess": round(float(known.mean()), 4) if len(known) else None,
            "worst_excess": round(float(known.max()), 4) if len(known) else None,
        }

    def _copy(self) -> dict[str, torch.Tensor]:
        return {n: v.detach().clone() for n, v in self.network.named_parameters()}


def _heaviest(inside: Membership, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row the group of the largest weight it is in, and that weight (0 in none), in parts."""
    if not len(weights):
        return np.zeros(len(inside), np.int64), np.zeros(len(inside))
    out, top = np.zeros(len(inside), np.int64), np.zeros(len(inside))
    for start in range(0, len(inside), PART):
        member = np.where(inside[start : start + PART], weights, 0.0)
        out[start : start + PART], top[start : start + PART] = member.argmax(1), member.max(1)
    return out, top


def masks(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Which columns are given (rows, columns; boolean): nothing for a fifth, one column for half, some for the rest."""
    kind = rng.random(rows)
    count = np.where(kind < 0.2, 0, np.where(kind < 0.7, 1, rng.integers(1, max(columns, 2), rows)))
    count = np.minimum(count, columns - 1)
    return rng.random((rows, columns)).argsort(1).argsort(1) < count[:, None]


class _Margins:
    """Total variation between validation and made records over pairs of columns, levels put together to a dozen."""

    def __init__(self, real: np.ndarray, layout: Any, rng: np.random.Generator) -> None:
        self.maps = [_coarse(real[:, i], *of) for i, of in enumerate(zip(layout.sizes, layout.ordered, strict=True))]
        pairs = [(i, j) for i in range(len(self.maps)) for j in range(i)] or [(0, 0)]
        self.pairs = [pairs[i] for i in rng.permutation(len(pairs))[:PAIRS]]
        self.real = self._tables(real)

    def distance(self, made: np.ndarray) -> float:
        return float(np.abs(self.real - self._tables(made)).sum(1).mean() / 2)

    def _tables(self, codes: np.ndarray) -> np.ndarray:
        coarse = np.stack([of[codes[:, i]] for i, of in enumerate(self.maps)], axis=1)
        joint = (coarse[:, i] * COARSE + coarse[:, j] for i, j in self.pairs)
        return np.stack([np.bincount(c, minlength=COARSE**2) / len(codes) for c in joint])


def _coarse(codes: np.ndarray, size: int, ordered: int) -> np.ndarray:
    """For each level one of a dozen: neighbours together where there is an order, else the rarest together."""
    if ordered > 2:
        out = np.full(size, COARSE - 1)
        out[:ordered] = np.arange(ordered) * (COARSE - 1) // ordered
        return out
    rank = np.empty(size, dtype=np.int64)
    rank[np.argsort(-np.bincount(codes, minlength=size), kind="stable")] = np.arange(size)
    return np.minimum(rank, COARSE - 1)


def _descend(optimiser: AdamW, loss: torch.Tensor, rate: float) -> None:
    optimiser.clear()
    loss.backward()
    optimiser.step(rate)
