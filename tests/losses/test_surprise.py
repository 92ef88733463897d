"""Surprise per factor, record and group; what counts as over-fitted."""

import numpy as np
import pytest
import torch

from synthgen.losses import surprise


def test_surprise_of_a_factor_is_minus_log_probability():
    logits = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]]))
    found = surprise.per_factor(logits, torch.tensor([[1, 2]]))
    assert found.tolist() == [[pytest.approx(-np.log(0.25)), pytest.approx(-np.log(0.8))]]
    assert surprise.per_record(found).tolist() == [pytest.approx(-np.log(0.2))]


def test_group_means_errors_and_counts():
    values = np.array([1.0, 3.0, 5.0, 9.0])
    inside = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]], dtype=bool)
    means, errors, counts = surprise.per_group(values, inside)
    assert means[0] == pytest.approx(13 / 3)
    assert errors[0] == pytest.approx(np.std([1, 3, 9], ddof=1) / 3**0.5)
    assert means[1] == 5
    assert np.isinf(errors[1])
    assert np.isnan(means[2])
    assert counts.tolist() == [3, 1, 0]


def test_shrinking_moves_noisy_groups_most():
    means, errors = np.array([0.0, 0.1, 1.0, 1.0, np.nan]), np.array([0.01, 0.01, 0.01, 2.0, np.inf])
    shrunk = surprise.shrunk(means, errors)
    assert shrunk[2] == pytest.approx(1.0, abs=0.01)
    assert shrunk[3] < 0.5
    assert np.isfinite(shrunk[4])


def test_pure_noise_is_shrunk_to_one_value():
    rng = np.random.default_rng(0)
    shrunk = surprise.shrunk(rng.normal(0, 0.1, 200), np.full(200, 0.3))
    assert np.ptp(shrunk) == pytest.approx(0, abs=1e-9)


def test_a_group_fitted_better_than_it_generalises_is_over_fitted():
    rng = np.random.default_rng(0)
    inside = np.zeros((400, 2), dtype=bool)
    inside[:200, 0], inside[200:, 1] = True, True
    train, validation = rng.normal(5, 1, 400), rng.normal(5, 1, 400)
    train[:200] -= 2
    assert surprise.overfitted(train, validation, inside, inside).tolist() == [True, False]


def test_groups_too_small_to_tell_are_judged_together():
    rng = np.random.default_rng(0)
    inside = np.kron(np.eye(20, dtype=bool), np.ones((5, 1), dtype=bool))
    train, validation = rng.normal(5, 1, 100), rng.normal(6, 1, 100)
    assert surprise.overfitted(train, validation, inside, inside).all()
    assert not surprise.overfitted(train, rng.normal(5, 1, 100), inside, inside).any()


def test_a_group_without_any_validation_record_counts_as_over_fitted():
    inside = np.ones((50, 1), dtype=bool)
    values = np.random.default_rng(0).normal(5, 1, 50)
    assert surprise.overfitted(values, values, inside, np.zeros((50, 1), dtype=bool)).all()
