"""The autoregressive generator under differential privacy: the same model and file format, another way to learn.

No critics (at sampling there is no correction by them), no validation, no groups of the census: all of these look at
the rows and would have to be paid for.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch

from synthgen.contracts import FitData, Group
from synthgen.runtime import RunContext
from synthgen.spec import DifferentialPrivacy
from synthgen.tabular import planning
from synthgen.tabular.gan import AutoregressiveGAN
from synthgen.tabular.params import AutoregressiveParams
from synthgen.tabular.private import budget, calibration, encoding, training, weights
from synthgen.tabular.private.counts import Counter
from synthgen.tabular.task import load_weights

WIDTH = 64  # hidden units at most: every weight gets noise
RATE = 2.0  # times the learning rate without noise

LIMITS = (
    "The guarantee covers the rows and the model. It does not cover the scorecard, whose numbers are measured on real "
    "rows, nor kinds and formats of the columns and the numbers of people and rows, which are taken as known. Every "
    "further fit on the same people spends anew, and what is spent adds up. Noise comes from the operating system's "
    "secrets, so the same seed gives another set."
)

Ends = Mapping[str, tuple[int, int]]


class PrivateGAN(AutoregressiveGAN):
    """Fits within `privacy`; saves, loads and samples as `AutoregressiveGAN`.

    `declared` are the ranges the owner declares, in grid positions. Noise comes from `secret`, by default from the
    operating system: whoever knew the seed could take the noise off again, and the seed of a run stands on its card. So
    the same seed does not give the same model.
    """

    def __init__(
        self,
        params: AutoregressiveParams,
        privacy: DifferentialPrivacy,
        declared: Ends | None = None,
        secret: int | None = None,
    ) -> None:
        super().__init__(params.model_copy(update={"hidden": min(params.hidden, WIDTH)}))
        self.privacy, self.declared, self.secret = privacy, dict(declared or {}), secret

    def fit(self, data: FitData, schema: Any, groups: Sequence[Group], ctx: RunContext) -> Self:
        """Train on `data.train` for a fixed number of steps; validation rows and `groups` are not looked at."""
        secret = np.random.default_rng(secrets.randbits(256) if self.secret is None else self.secret)
        with planning.one_thread():
            ctx.progress("encode", 0, 1)
            frame, people = _capped(data, self.privacy.rows_per_person, secret)
            paid = self._budget(len(np.unique(people)), schema)
            columns = schema.modelled
            each = self.privacy.rows_per_person if data.train_people is not None else 1
            counter = Counter(people, paid, each, len(columns), secret)
            noisy = encoding.fit(frame, columns, counter, self.params.bins, schema.k_floor, self.declared)
            self.encoding, self.target = noisy.encoding, schema.target
            self._lay_out()
            self._build(ctx.seed_for("networks"), "cpu")  # small networks, in a closed form written for it
            self.critics.slope = 0.0
            trained = self._learn(self._active_codes(frame), people, noisy, paid, secret, ctx) if self.active else None
            self._report = self._account(paid, trained, each, counter.people)
        return self

    def _budget(self, people: int, schema: Any) -> budget.Budget:
        steps = training.plan(people, self.params)
        asked = encoding.queries(schema.modelled, self.declared)
        return budget.plan(self.privacy, people, asked, steps.rate, steps.count)

    def _learn(
        self,
        codes: np.ndarray,
        people: np.ndarray,
        noisy: encoding.Noisy,
        paid: budget.Budget,
        secret: np.random.Generator,
        ctx: RunContext,
    ) -> training.Trained:
        """Train from the noisy shares on, and move the result back to them."""
        shares = [noisy.counts[i] / noisy.counts[i].sum() for i in self.active]
        self.network.start_from(shares)
        p = self.params
        worst = p.emphasis > 0 and p.reducer != "mean"
        levels = weights.of_levels(noisy, self.active, p.emphasis, p.weight_cap) if worst else None
        ctx.log(
            f"Planned {paid.steps} steps within epsilon {paid.epsilon:g}, each with {paid.sampling_rate:.1%} of all.",
            planned=paid.steps,
        )
        trainer = training.Trainer(
            self.network, torch.from_numpy(codes), people, levels, paid, RATE * p.learning_rate, secret
        )
        trained = trainer.run(ctx)
        load_weights(self.network, trained.weights)
        calibration.calibrate(self.network, shares, len(trainer.rows), ctx.rng("calibration"))
        kept = {n: v.detach().clone() for n, v in self.network.named_parameters()}
        self.ends = {"chosen": kept, "worst": kept}  # one stage: both ends of the dial are the same model
        return trained

    def _account(self, paid: budget.Budget, trained: training.Trained | None, rows: int, people: int) -> dict[str, Any]:
        """What the card tells: the receipt, and nothing that was not paid for (no loss, no exact count)."""
        steps, clip = (0, 0.0) if trained is None else (trained.steps, trained.clip)
        stage = {"stage": "private", "steps": steps, "planned": paid.steps}
        stage["stopped"] = "all planned steps done" if steps == paid.steps else "out of time"
        return {
            "stages": [stage],
            "emphasis": self.params.emphasis,
            "reducer": self.params.reducer,
            "epsilon": paid.epsilon,
            "delta": paid.delta,
            "privacy": {**paid.receipt(steps, clip, rows, people), "limits": LIMITS},
        }


def _capped(data: FitData, most: int, secret: np.random.Generator) -> tuple[Any, np.ndarray]:
    """The training rows with at most so many of each person, which by chance, and whose they are."""
    if data.train_people is None:
        return data.train, np.arange(len(data.train))
    order = secret.permutation(len(data.train))
    people = data.train_people[order]
    by_person = np.argsort(people, kind="stable")
    ranked = people[by_person]
    first = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    rank = np.arange(len(ranked)) - np.repeat(first, np.diff(np.append(first, len(ranked))))
    kept = np.sort(order[by_person[rank < most]])
    return data.train.iloc[kept].reset_index(drop=True), data.train_people[kept]
