"""From evidence to states: each fault by itself, its look-alike beside it."""

import json

import numpy as np
import pytest

from synthgen.training import evidence, health
from synthgen.training.evidence import Diversity, Estimate, Unlikeness
from synthgen.training.health import Counts, Evidence, Logits, State

UNLIKE, LIKE = Unlikeness(0.12, True, (0, 1)), Unlikeness(0.01, False, (0,))
WHOLE = Diversity(Estimate(1.0, 0.01), 1.0, 1.1, ())


def logits(held, trained, rows=400, seed=0):
    """Critics whose reals lie `held` above fakes on unseen and `trained` above them on training records."""
    rng = np.random.default_rng(seed)

    def pair(shift):
        return rng.normal(shift, 1, rows), rng.normal(0, 1, rows)

    return Logits(*pair(held), (pair(trained), pair(trained)))


def state(**found):
    return health.judge(Evidence(**{"diversity": WHOLE, **found})).state


@pytest.mark.parametrize(
    ("held", "trained", "unlike", "expected"),
    [
        (0.0, 0.0, UNLIKE, State.AT_CHANCE),  # a dead critic
        (0.0, 0.0, LIKE, State.BALANCED),  # nothing to find
        (0.0, 2.5, UNLIKE, State.TOO_STRONG),  # memorised instead of learning
        (0.0, 1.5, LIKE, State.BALANCED),  # remembers, and there is nothing else to know
        (0.0, 9.0, LIKE, State.TOO_STRONG),  # by heart
        (0.6, 0.8, UNLIKE, State.BALANCED),  # at work
        (5.0, 5.0, UNLIKE, State.TOO_STRONG),  # tells everything
    ],
)
def test_the_critics_state(held, trained, unlike, expected):
    assert state(logits=logits(held, trained), unlikeness=unlike) is expected


@pytest.mark.parametrize(
    ("held", "moved", "expected"),
    [
        (0.6, 0.01, State.AT_CHANCE),  # stands still, and others tell made records
        (0.6, None, State.BALANCED),  # too early to say
        (0.6, 0.3, State.BALANCED),  # learns
        (0.0, 0.0, State.BALANCED),  # stands still where there is nothing to learn
        (5.0, 0.0, State.TOO_STRONG),  # told, with the worse state before it
    ],
)
def test_the_teachers_state(held, moved, expected):
    seen = health.judge(Evidence(logits(held, held), WHOLE, LIKE, teacher_moved=moved))
    assert seen.state is expected
    assert seen.idle == (held > 0 and moved is not None and moved < 0.05) == (State.AT_CHANCE in seen.states)
    assert ("stands still" in seen.sentence) == (expected is State.AT_CHANCE)
    assert seen.figures.get("teacher_moved") == moved


def test_few_held_out_records_cannot_say_that_a_critic_is_bad():
    few = Logits(np.zeros(1), np.zeros(9), ((np.ones(9) * 3, -np.ones(9)),))
    assert state(logits=few, unlikeness=UNLIKE) is State.BALANCED


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"diversity": Diversity(Estimate(0.6, 0.02), 1.0, 1.1, ())}, State.COLLAPSING),
        ({"diversity": Diversity(Estimate(0.6, 0.2), 1.0, 1.1, ())}, State.BALANCED),  # too noisy to say
        ({"diversity": Diversity(Estimate(0.95, 0.01), 0.2, 0.3, ())}, State.COLLAPSING),
        ({"diversity": Diversity(Estimate(0.95, 0.01), 1.0, 1.1, (3,))}, State.COLLAPSING),
        ({"above_marginals": Estimate(0.5, 0.05)}, State.COLLAPSING),
        ({"above_marginals": Estimate(np.nan, np.nan)}, State.COLLAPSING),
        ({"above_marginals": Estimate(0.02, 0.05)}, State.BALANCED),
        ({"above_marginals": Estimate(-0.3, 0.01)}, State.BALANCED),
    ],
)
def test_collapse(found, expected):
    assert state(**found) is expected


def test_what_collapsed_is_called_by_what_was_looked_at():
    narrow = Diversity(Estimate(0.95, 0.01), 1.0, 1.1, (3, 5))
    assert "in 2 columns." in health.judge(Evidence(diversity=narrow)).sentence
    assert "in 2 visual features." in health.judge(Evidence(diversity=narrow, coordinate="visual feature")).sentence


def test_lost_groups_are_told_by_number_and_the_worst_state_comes_first():
    counts = Counts(np.array([50, 0, 3]), 4000, np.array([55, 40, 2]), 4000)
    seen = health.judge(Evidence(logits(0, 0), WHOLE, UNLIKE, counts))
    assert seen.lost == (1,)
    assert seen.states == (State.GROUP_LOST, State.AT_CHANCE)
    assert seen.sentence.startswith("1 group comes out less than a quarter as often")


def test_nothing_looked_at_is_balanced_and_everything_is_json():
    assert health.judge(Evidence()).state is State.BALANCED
    broken = health.judge(Evidence(logits(0, 0), WHOLE, UNLIKE, None, Estimate(np.nan, np.inf))).after("Ended.")
    told = json.loads(json.dumps(broken.payload("worst", 7), allow_nan=False))
    assert told["state"] == "collapsing"
    assert told["acted"] == ["Ended."]
    assert told["above_marginals"] is None


def test_images_may_be_described_by_clusters():
    """One column of clusters will do: a generator that makes three of ten kinds of picture is collapsing."""
    rng = np.random.default_rng(0)
    held, made = rng.integers(0, 10, (600, 1)), rng.integers(0, 3, (600, 1))
    found = Evidence(logits(0.4, 0.5), evidence.diversity(made, held), evidence.unlikeness(made, held))
    assert health.judge(found).state is State.COLLAPSING
