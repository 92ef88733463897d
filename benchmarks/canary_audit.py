"""Does noise hide one person? Many small runs with and without a canary, and what a test tells them apart by.

The canary breaks a rule that everybody else keeps, so its gradient is long and its surprise under the model tells
whether it was there. Differential privacy bounds the true positive rate t and the false positive rate f of every test
by `t <= e^epsilon f + delta` (Kairouz, Oh and Viswanath 2015). A threshold is chosen on half of the runs; on the other
half Clopper-Pearson bounds of t and f give an epsilon that lies below the true one with 95 % confidence. The same audit
with noise off and clipping on must find the canary, or it could not have found a leak either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from synthgen.contracts import FitData
from synthgen.runtime import RunContext
from synthgen.spec import DifferentialPrivacy
from synthgen.tabular.params import AutoregressiveParams
from synthgen.tabular.private.budget import Budget
from synthgen.tabular.private.gan import PrivateGAN
from synthgen.tabular.schema import Column, Schema

COLUMNS, LEVELS, PEOPLE = 6, 4, 100
PARAMS = AutoregressiveParams(hidden=16, batch=25, epochs=15, reducer="mean", learning_rate=5e-3)
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Audit:
    """What an audit found: the rates on the second half of the runs, and the bound of epsilon they give."""

    runs: int
    true_positives: float
    false_positives: float
    epsilon_low: float


class Audited(PrivateGAN):
    """The generator within a budget that is given, so that both tables get the same noise, or none."""

    given: Budget

    def _budget(self, people: int, schema: Any) -> Budget:
        return self.given


def stated(epsilon: float, delta: float) -> Budget:
    """The budget of a run with everybody there."""
    data, schema = table(with_canary=True)
    return PrivateGAN(PARAMS, DifferentialPrivacy(epsilon=epsilon, delta=delta))._budget(len(data.train), schema)


def silent(budget: Budget) -> Budget:
    """The same budget with noise off; clipping stays on."""
    return replace(budget, count_noise=0.0, noise_multiplier=0.0)


def table(with_canary: bool) -> tuple[FitData, Schema]:
    """People whose cells all agree, and perhaps one in whom they do not. Categories are declared: noise hides none."""
    levels = np.arange(PEOPLE - 1) % LEVELS
    frame = pd.DataFrame({f"c{i}": [f"v{v}" for v in levels] for i in range(COLUMNS)})
    if with_canary:
        frame = pd.concat([frame, canary()], ignore_index=True)
    known = tuple(f"v{level}" for level in range(LEVELS))
    schema = Schema(columns=tuple(Column(name=name, kind="category", codes=known) for name in frame.columns))
    return FitData(frame, frame.iloc[:0]), schema


def canary() -> pd.DataFrame:
    """The one row."""
    return pd.DataFrame({f"c{i}": [f"v{(i * 7 + i // 4) % LEVELS}"] for i in range(COLUMNS)})


def surprises(budget: Budget, runs: int, with_canary: bool, first: int) -> np.ndarray:
    """What the models of so many runs pay for the canary."""
    data, schema = table(with_canary)
    privacy = DifferentialPrivacy(epsilon=budget.epsilon, delta=budget.delta)
    out = []
    for number in range(runs):
        made = Audited(PARAMS, privacy, secret=2 * (first + number) + with_canary)
        made.given = budget
        out.append(float(made.fit(data, schema, (), RunContext(seed=1)).surprise(canary())[0]))
    return np.array(out)


def audit(with_it: np.ndarray, without: np.ndarray, delta: float) -> Audit:
    """The threshold from the even runs, the rates and the bound from the odd ones."""
    threshold = _best_threshold(with_it[::2], without[::2])
    found, wrong = with_it[1::2] <= threshold, without[1::2] <= threshold
    return Audit(
        len(with_it) + len(without),
        float(found.mean()),
        float(wrong.mean()),
        bound(found.sum(), wrong.sum(), len(found), delta),
    )


def bound(found: int, wrong: int, each: int, delta: float) -> float:
    """The epsilon that so many true and false positives of `each` prove, 0 where they prove none.

    Both tests are looked at, of presence and of absence; a quarter of the doubt goes to each of the four rates.
    """
    from scipy.stats import beta

    doubt = (1 - CONFIDENCE) / 4

    def low(k: int) -> float:
        return float(beta.ppf(doubt, k, each - k + 1)) if k else 0.0

    def high(k: int) -> float:
        return float(beta.ppf(1 - doubt, k + 1, each - k)) if k < each else 1.0

    there = (low(int(found)) - delta) / high(int(wrong))
    gone = (low(each - int(wrong)) - delta) / high(each - int(found))
    return max(0.0, *(math.log(ratio) for ratio in (there, gone) if ratio > 0))


def _best_threshold(with_it: np.ndarray, without: np.ndarray) -> float:
    """Where the rates differ most, halfway between two outcomes."""
    outcomes = np.sort(np.concatenate([with_it, without]))
    places = (outcomes[1:] + outcomes[:-1]) / 2
    gains = [(with_it <= place).mean() - (without <= place).mean() for place in places]
    return float(places[int(np.argmax(gains))])
