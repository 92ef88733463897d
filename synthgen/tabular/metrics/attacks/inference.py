"""Inference: what an attacker who knows the rest of a record learns of one column from the synthetic set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from synthgen.contracts import MetricResult
from synthgen.tabular.metrics.attacks.attack import Attack, Scene
from synthgen.tabular.metrics.attacks.frames import Frames
from synthgen.tabular.metrics.attacks.planning import Targets, effort, synthetic_rows, targets
from synthgen.tabular.metrics.attacks.search import nearest
from synthgen.tabular.metrics.attacks.secrets import chosen, known_of
from synthgen.tabular.metrics.attacks.tally import Tally, figure


class Inference(Attack):
    """Whether the nearest synthetic row by what is known holds a person's secret."""

    name, title = "inference", "Attribute inference"
    explanation = (
        "An attacker knows all other columns of a person (or those that the plan names), takes the nearest synthetic"
        " row and guesses its value of the secret column. The share of right guesses, beside that for people the"
        " generator never saw; a number is right within 5 %. The value is about the target or the first secret; the"
        " figures are about the others."
    )
    source = "Article 29 Working Party, Opinion 05/2014; Giomi et al. 2023 (anonymeter), InferenceEvaluator."

    def _attack(self, scene: Scene) -> MetricResult:
        secrets = chosen(scene.plan, scene.schema, scene.split.train, scene.columns)
        if not secrets:
            return self.not_applicable("No column that varies can be a secret with this plan.")
        planned = effort(scene.plan, 1_500, 500, 40.0)
        aims = targets(scene.populations, planned)
        found = scene.frames(aims.train, aims.holdout, scene.drawn(_rows(scene, secrets, aims, planned.seconds)))
        tallies = _tallies(scene, found, secrets[0], aims.places)
        others = [_tallies(scene, found, secret, aims.places[:1])[0] for secret in secrets[1:]]
        whole = tallies[0]
        assert whole is not None  # its people were counted before
        pairs = enumerate(zip(secrets[1:], others, strict=True), start=2)
        figures = [figure(f"secret_{i}", f"Guessing {s}", t) for i, (s, t) in pairs if t is not None]
        told = f"{self.explanation} Here the value is about {secrets[0]!r}. {_weakened(scene, secrets[0])}".strip()
        found_out = {**whole.fields(), "figures": (whole.risk(), *figures), "groups": scene.lines(tallies)}
        return self.result(**found_out, explanation=told)


def _weakened(scene: Scene, secret: str) -> str:
    """Whether the plan's attacker knows less than an attacker might: the card must not hide it."""
    known, others = known_of(scene.plan, scene.columns, secret), len(scene.columns.names) - 1
    return f"By the plan he knows {len(known)} of {others} other columns only." if len(known) < others else ""


Places = tuple[np.ndarray, np.ndarray]


def _rows(scene: Scene, secrets: Sequence[str], aims: Targets, seconds: float) -> int:
    """How many synthetic rows the searches for all secrets can afford."""
    everybody = len(aims.train) + len(aims.holdout)
    whole = sum(len(part) for part in aims.places[0])
    known = [len(known_of(scene.plan, scene.columns, secret)) for secret in secrets]
    return synthetic_rows([(everybody if i == 0 else whole, n) for i, n in enumerate(known)], seconds)


def _tallies(scene: Scene, found: Frames, secret: str, places: Sequence[Places]) -> list[Tally | None]:
    """What came of guessing one secret of the people at each of these places, searched for once."""
    first = len(found.train)
    asked = np.unique(np.concatenate([np.r_[train, first + held] for train, held in places]))
    people, rows = found.neighbours(known_of(scene.plan, scene.columns, secret))
    column = scene.columns.code(secret)
    truth = np.concatenate([found.train[column], found.holdout[column]])
    made = found.synthetic[column].to_numpy()
    right, blind = np.zeros((2, len(truth)), dtype=bool)
    numeric = secret not in scene.columns.discrete
    near = nearest(people.iloc[asked], rows, 1, scene.ctx)[:, 0]
    right[asked] = guessed(made[near], truth[asked], numeric)
    picked = scene.ctx.rng(f"naive {column}").integers(0, len(made), len(truth))
    blind[:] = guessed(made[picked], truth, numeric)
    return [
        Tally.of(right[train], right[first + held], blind[train]) if len(train) and len(held) else None
        for train, held in places
    ]


def guessed(guesses: np.ndarray, truth: np.ndarray, numeric: bool) -> np.ndarray:
    """Boolean array: right guesses by anonymeter's rule, a number within 5 % of the guess, missing for missing.

    The rule divides by the guess, so that any negative one would be right; both are turned to its sign.
    """
    import anonymeter.evaluators  # noqa: F401  its modules import one another and must be entered here
    from anonymeter.evaluators.inference_evaluator import evaluate_inference_guesses

    if numeric:
        sign = np.where(guesses < 0, -1.0, 1.0)
        guesses, truth = guesses * sign, truth * sign
    found = evaluate_inference_guesses(pd.Series(guesses), pd.Series(truth), regression=numeric)
    return np.asarray(found, dtype=bool)
