"""The critic-only GAN's health on runs of seconds: a collapse is told, undone once, and then ends training."""

import pytest
from prepared import prepared
from scenes import hospital

from synthgen.errors import TrainingError
from synthgen.runtime import RunContext
from synthgen.tabular.critic_gan import CriticGAN
from synthgen.tabular.params import CriticGanParams

SMALL = CriticGanParams(steps=100, hidden=32)


def run(params, seed=1):
    scene, events = prepared(hospital(700), target="outcome"), []
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


def test_absurd_learning_rates_collapse_it_and_end_training_the_second_time():
    _, told, problem = run(SMALL.model_copy(update={"learning_rate": 0.5, "critic_rate": 0.5}))
    assert [t["state"] for t in told] == ["collapsing", "collapsing"]
    assert told[0]["diversity"] < 0.75
    assert "a tenth" in told[0]["acted"][0]
    assert "collapsed again" in problem.message
    assert "learning_rate" in problem.hint
