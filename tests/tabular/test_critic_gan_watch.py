"""The critic-only GAN's health on runs of seconds: a collapse is told, undone once, and then ends training."""

import json

import pytest
from prepared import prepared
from scenes import WARDS, hospital

from synthgen.errors import TrainingError
from synthgen.runtime import RunContext
from synthgen.tabular.critic_gan import CriticGAN
from synthgen.tabular.params import CriticGanParams
from synthgen.training import health

SMALL = CriticGanParams(steps=100, hidden=32)


def run(params, seed=1, frame=None):
    scene, events = prepared(hospital(700) if frame is None else frame, target="outcome"), []
    ctx = RunContext(seed=seed, listener=events.append)
    try:
        made, problem = CriticGAN(params).fit(scene.data, scene.schema, scene.groups, ctx), None
    except TrainingError as error:
        made, problem = None, error
    return made, [e.payload for e in events if e.kind == "health"], problem


@pytest.mark.parametrize("seed", range(2))
def test_a_healthy_run_neither_collapses_nor_loses_a_group_for_good(seed):
    made, told, _ = run(SMALL, seed)
    assert "collapsing" not in {t["state"] for t in told}
    assert told[-1]["state"] == made.report()["health"] == "balanced"
    assert made.report()["health_history"] == told
    assert all(t["teacher_moved"] > 3 * health.IDLE for t in told)


def test_absurd_learning_rates_collapse_it_and_end_training_the_second_time():
    _, told, problem = run(SMALL.model_copy(update={"learning_rate": 0.5, "critic_rate": 0.5}))
    assert [t["state"] for t in told] == ["collapsing", "collapsing"]
    assert told[0]["diversity"] < 0.75
    assert "a tenth" in told[0]["acted"][0]
    assert "collapsed again" in problem.message
    assert "learning_rate" in problem.hint


@pytest.fixture(scope="module")
def untaught():
    """A run whose teaching critic never learns, on a table that the same run with a live one is balanced on."""
    return run(CriticGanParams(steps=300, hidden=32, critic_rate=1e-9), frame=hospital(2000, 1))


def test_a_teacher_that_stands_still_is_told_whenever_others_tell_made_records(untaught):
    made, told, _ = untaught
    telling = [t for t in told if t["held_out_auc"] - 1.96 * t["held_out_auc_error"] > 0.5]
    assert len(telling) >= 2
    assert all("critic at chance" in t["states"] for t in telling)
    assert all(t["teacher_moved"] < 0.001 for t in told)
    assert "teaches stands still" in made.report()["health_text"]
    assert all("No group is emphasised" in t["acted"][0] for t in told[:-1])
    assert not any("begin afresh" in act for t in told for act in t["acted"]), "the others are well"
    assert made.critics.slope > 0, "and correct samples"


def test_a_group_that_no_critic_holds_on_to_is_lost_and_drawn_more_often(untaught):
    _, told, _ = untaught
    lost = [t for t in told if t["state"] == "group lost"]
    assert lost
    assert lost[0]["groups_lost"] == len(lost[0]["lost"]) >= 1
    assert "less than a quarter" in lost[0]["text"]
    assert any("Drawn twice as often" in act for act in lost[0]["acted"])
    assert not any(ward in json.dumps(told, allow_nan=False) for ward in WARDS)


def test_the_same_run_with_a_live_teacher_is_balanced_and_loses_none():
    _, told, _ = run(CriticGanParams(steps=300, hidden=32), frame=hospital(2000, 1))
    assert {t["state"] for t in told} == {"balanced"}
    assert {t["groups_lost"] for t in told} == {0}
