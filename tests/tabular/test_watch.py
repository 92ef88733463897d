"""Runs broken on purpose, by real training: each fault is told, told apart from its look-alike, and acted on."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from prepared import prepared
from scenes import WARDS, hospital
from test_loss_acts import NAMES, RARE, frame_of, new_task, patients

from synthgen.errors import TrainingError
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.tabular import critic, gan, task, watch
from synthgen.tabular.gan import AutoregressiveGAN
from synthgen.tabular.params import AutoregressiveParams

SMALL = AutoregressiveParams(hidden=16, epochs=6, bins=12, critic_epochs=2, critic_rounds=2)


def run(frame, params=SMALL, seed=1):
    """Train on a frame; the generator (None if training ended in an error), the health events, the error."""
    scene, events = prepared(frame, target="outcome"), []
    listener = RunContext(seed=seed, listener=events.append)
    try:
        made, problem = AutoregressiveGAN(params).fit(scene.data, scene.schema, scene.groups, listener), None
    except TrainingError as error:
        made, problem = None, error
    return made, [e.payload for e in events if e.kind == "health"], problem


def named(rows, seed=0):
    """The patients of a known law as a table with names for values."""
    frame = frame_of(patients(rows, seed)).astype(str)
    return frame.assign(**{name: name + frame[name] for name in NAMES})


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_run_is_balanced_throughout(seed):
    made, told, _ = run(hospital(700, seed), seed=seed)
    assert len(told) >= 4
    assert {t["state"] for t in told} == {"balanced"}
    assert made.report()["health"] == "balanced"
    text = json.dumps(told, allow_nan=False)
    assert not any(ward in text for ward in WARDS)


def test_an_absurd_learning_rate_is_undone_once():
    made, told, _ = run(hospital(600), SMALL.model_copy(update={"learning_rate": 2.0}))  # so few people get half of it
    assert told[0]["state"] == "collapsing"
    assert "learning rate is a tenth" in told[0]["acted"][0]
    assert told[0]["above_marginals"] > 0.01
    assert {t["state"] for t in told[1:]} == {"balanced"}
    assert made.report()["health_history"] == told


def test_an_absurd_learning_rate_that_a_tenth_does_not_mend_ends_training():
    _, told, problem = run(hospital(600), SMALL.model_copy(update={"learning_rate": 300.0}))
    assert [t["state"] for t in told] == ["collapsing", "collapsing"]
    assert "ended" in told[1]["acted"][0]
    assert "collapsed again" in problem.message
    assert "learning_rate" in problem.hint


def test_a_loss_that_is_no_number_is_a_collapse_and_training_goes_on():
    broken = new_task(patients(2000, 1))
    broken.step(0)
    broken.keep()
    with torch.no_grad():
        next(broken.network.parameters()).fill_(float("nan"))
    assert np.isfinite(broken.step(1))
    assert broken.watch.history[-1]["state"] == "collapsing"
    assert broken.watch.rate == pytest.approx(0.1)


@pytest.mark.parametrize(("rate", "expected"), [(1e-9, "critic at chance"), (5e-3, "balanced")])
def test_a_dead_critic_is_told_from_one_that_finds_nothing(monkeypatch, rate, expected):
    """The critic never learns. With a frozen generator that is a fault; with one that fits it is not.

    It begins with an output of zero: weights drawn at random may tell records apart by chance.
    """

    class Blind(critic.Critic):
        def __init__(self, *shape):
            super().__init__(*shape)
            torch.nn.init.zeros_(self.second.weight)

    monkeypatch.setattr(critic, "Critic", Blind)
    monkeypatch.setattr(critic, "RATE", 0.0)
    params = SMALL.model_copy(update={"learning_rate": rate, "hidden": 32, "epochs": 25})
    made, told, _ = run(named(1500), params)
    full = [t for t in told if "held_out_auc" in t]
    assert full[-1]["state"] == expected
    assert all(abs(t["held_out_auc"] - 0.5) < 2.5 * t["held_out_auc_error"] for t in full)
    if expected != "balanced":
        assert {t["state"] for t in full} == {expected}
        assert all(t["unlikeness"] > 0.05 for t in full)
        assert "begin afresh" in full[0]["acted"][0]
        assert made.critics.slope == 0


def test_a_live_critic_sees_that_frozen_generator():
    _, told, _ = run(named(1500), SMALL.model_copy(update={"learning_rate": 1e-9, "critic_epochs": 6}))
    assert "critic at chance" not in {t["state"] for t in told}
    assert told[-1]["held_out_auc"] > 0.6


def test_a_huge_critic_on_a_tiny_table_knows_by_heart_and_is_held_back(monkeypatch):
    monkeypatch.setattr(critic, "WIDTH", 256)
    made, told, _ = run(hospital(260), SMALL.model_copy(update={"critic_epochs": 50}))
    strong = [t for t in told if t["state"] == "critic too strong"]
    assert strong
    assert strong[0]["trained_auc"] > 0.99
    assert any("half as long" in act for act in strong[0]["acted"])
    assert made.critics.effort < 1
    assert made.critics.decay > critic.DECAY
    assert all(group["weight"] == 1 for group in made.report()["groups"])


# --- a lost group ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    """A task that learned the law; tests that change it take a new one with these weights."""
    learner = new_task(patients(6000, 1))
    for step in range(200):
        learner.step(step)
    return {n: v.clone() for n, v in learner.average.items()}


def without_ward(fitted):
    """The task in its second stage, the rare ward's bias driven down so that it never comes out."""
    broken = new_task(patients(6000, 1))
    task.load_weights(broken.network, fitted)
    with torch.no_grad():
        broken.network.bias_of(0)[RARE] = -50.0
    broken.average = {n: v.detach().clone() for n, v in broken.network.named_parameters()}
    broken.best = {n: v.clone() for n, v in broken.average.items()}
    broken.enter_worst_case()
    return broken


def share_of(task, ward):
    return float((task.fakes(8000, np.random.default_rng(5))[:, 0] == ward).mean())


def test_a_lost_group_is_told_put_back_and_emphasised(fitted):
    broken = without_ward(fitted)
    assert share_of(broken, RARE) == 0
    broken.renew(0)
    told = broken.watch.history[-1]
    assert told["state"] == "group lost"
    assert told["lost"] == [{"kind": "test", "columns": ["ward"]}]
    assert any("Put back" in act for act in told["acted"])
    assert broken.weights.weights[RARE] == broken.params.weight_cap
    assert share_of(broken, RARE) == pytest.approx(0.03, abs=0.015)
    for step in range(60):
        broken.step(step)
    broken.renew(60)
    assert broken.watch.history[-1]["groups_lost"] == 0


def test_without_the_act_it_stays_lost(fitted, monkeypatch):
    monkeypatch.setattr(watch.Watch, "_put_back", lambda self, lost: ())
    broken = without_ward(fitted)
    broken.renew(0)
    for step in range(60):
        broken.step(step)
    broken.renew(60)
    assert broken.watch.history[-1]["state"] == "group lost"


def test_an_overfitted_group_is_put_back_but_not_emphasised(fitted, monkeypatch):
    broken = without_ward(fitted)
    monkeypatch.setattr(broken, "_check_overfitting", lambda rng: broken.overfitted.fill(True))
    broken.renew(0)
    assert broken.watch.history[-1]["state"] == "group lost"
    assert (broken.weights.weights == 1).all()
    assert share_of(broken, RARE) > 0


class Loses(task.GanTask):
    """Loses the rarest ward for good: its level is driven down again before every set of fakes."""

    def fakes(self, rows, rng):
        counts = np.bincount(self.data.train[:, 0].numpy())
        rarest = int(np.where(counts > 0, counts, counts.max()).argmin())
        with self._using(self.average), torch.no_grad():
            self.network.bias_of(0)[rarest] = -50.0
            self.average = self._copy()
        return super().fakes(rows, rng)


def test_a_group_that_cannot_be_brought_back_stands_in_the_report(monkeypatch):
    monkeypatch.setattr(gan, "GanTask", Loses)
    monkeypatch.setattr(AutoregressiveGAN, "task", Loses, raising=False)
    made, told, _ = run(named(1500))
    assert made.report()["health"] == "group lost"
    assert "less than a quarter" in made.report()["health_text"]
    assert told[-1]["groups_lost"] >= 1


def test_emphasis_alone_is_no_collapse():
    """Columns that hardly hang together: drawn alone at the data's frequency they beat a model of emphasised rows."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "outcome": np.where(rng.random(6000) < 0.03, "sick", "well"),
            "dose": rng.normal(0, 1, 6000).round(2),
            "ward": rng.choice(list("ABCD"), 6000, p=[0.9, 0.06, 0.03, 0.01]),
        }
    )
    made, told, problem = run(frame, AutoregressiveParams(epochs=6, bins=20, hidden=32, emphasis=4.0))
    assert problem is None
    assert "collapsing" not in {t["state"] for t in told}
    drawn = pd.concat(list(made.sample(SampleSpec(resample="off"), 20_000, RunContext())))
    assert (drawn["outcome"] == "sick").mean() < 0.045
