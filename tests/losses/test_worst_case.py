"""Reducers meet their limits, weights sum to one, the cap holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.losses import worst_case

EXCESS = np.array([0.1, 0.5, -0.2, 0.45])
GROUPWISE = ["log_sum_exp", "cvar", "top_k", "literal"]


@pytest.mark.parametrize("name", sorted(worst_case.REDUCERS))
@pytest.mark.parametrize("t", [0.0, 0.3, 2.0, 50.0, 1e6])
def test_weights_sum_to_one(name, t):
    weights = worst_case.REDUCERS[name](EXCESS, t)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()


@pytest.mark.parametrize("name", sorted(worst_case.REDUCERS))
def test_zero_is_the_mean(name):
    assert worst_case.REDUCERS[name](EXCESS, 0.0) == pytest.approx(np.full(4, 0.25))


@pytest.mark.parametrize("name", GROUPWISE)
def test_infinity_is_the_worst_group(name):
    assert worst_case.REDUCERS[name](EXCESS, 1e6) == pytest.approx([0, 1, 0, 0], abs=1e-9)


def test_the_mean_reducer_ignores_the_dial():
    assert worst_case.mean(EXCESS, 1e6) == pytest.approx(np.full(4, 0.25))


def test_a_worse_group_never_weighs_less():
    for name in GROUPWISE:
        weights = worst_case.REDUCERS[name](EXCESS, 1.5)
        assert (np.diff(weights[np.argsort(EXCESS)]) >= -1e-12).all()


def test_smooth_maximum_runs_from_mean_to_maximum():
    values = [worst_case.smooth_maximum(EXCESS, t) for t in (0, 1e-6, 1, 10, 1e5)]
    assert values[0] == pytest.approx(EXCESS.mean())
    assert values[1] == pytest.approx(EXCESS.mean(), abs=1e-5)
    assert values == sorted(values)
    assert values[-1] == pytest.approx(EXCESS.max(), abs=1e-4)


def test_log_sum_exp_is_the_gradient_of_the_smooth_maximum():
    t, step = 3.0, 1e-6
    numeric = [
        (worst_case.smooth_maximum(EXCESS + step * e, t) - worst_case.smooth_maximum(EXCESS - step * e, t)) / (2 * step)
        for e in np.eye(4)
    ]
    assert worst_case.log_sum_exp(EXCESS, t) == pytest.approx(numeric, abs=1e-6)


@given(
    st.lists(st.floats(-5, 5), min_size=1, max_size=40),
    st.sampled_from(sorted(worst_case.REDUCERS)),
    st.floats(0, 1e4),
    st.floats(1, 50),
)
def test_the_cap_holds_and_the_mean_stays_one(excess, name, t, cap):
    weights = worst_case.weights(np.array(excess), name, t, cap)
    assert weights.mean() == pytest.approx(1)
    assert weights.max() <= cap * (1 + 1e-9)
    assert weights.min() >= 0


def test_a_group_nothing_is_known_about_keeps_weight_one():
    weights = worst_case.weights(np.array([np.nan, 2.0, 0.0]), "log_sum_exp", 100.0, 10.0)
    assert weights[0] == 1
    assert weights[1] == pytest.approx(2)


def test_no_groups_no_weights():
    assert worst_case.weights(np.zeros(0), "log_sum_exp", 4.0, 4.0).shape == (0,)
