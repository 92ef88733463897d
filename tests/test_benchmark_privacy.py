"""The canary audit's statistics, on outcomes whose epsilon is known."""

import math

import numpy as np
import pytest

from benchmarks import canary_audit


def test_a_perfect_test_of_many_runs_proves_much_and_of_few_runs_little():
    assert canary_audit.bound(50, 0, 50, 1e-5) == pytest.approx(
        math.log((0.0125 ** (1 / 50) - 1e-5) / (1 - 0.0125 ** (1 / 50)))
    )
    assert canary_audit.bound(5, 0, 5, 1e-5) < 0.5 < 2 < canary_audit.bound(50, 0, 50, 1e-5)


@pytest.mark.parametrize(("found", "wrong"), [(25, 25), (0, 0), (50, 50), (10, 20)])
def test_what_chance_can_do_proves_nothing(found, wrong):
    assert canary_audit.bound(found, wrong, 50, 1e-5) < 0.5


def test_a_test_of_absence_proves_as_much_as_one_of_presence():
    assert canary_audit.bound(50, 20, 50, 0.0) == pytest.approx(canary_audit.bound(30, 0, 50, 0.0))


def test_randomised_response_of_known_epsilon_is_never_proven_worse():
    """Each outcome is told truly with probability e^eps / (1 + e^eps): the best test has exactly that epsilon."""
    rng, eps, proven = np.random.default_rng(0), 1.0, []
    truth = math.exp(eps) / (1 + math.exp(eps))
    for _ in range(60):
        with_it = (rng.random(100) > truth).astype(float)  # 0 says "there"
        without = (rng.random(100) < truth).astype(float)
        proven.append(canary_audit.audit(with_it, without, 0.0).epsilon_low)
    assert np.mean(np.array(proven) > eps) <= 0.1
    assert np.mean(proven) > 0.1


def test_a_canary_that_is_plain_to_see_is_found():
    there, gone = np.linspace(0, 1, 100), np.linspace(2, 3, 100)
    found = canary_audit.audit(there, gone, 1e-4)
    assert (found.true_positives, found.false_positives) == (1.0, 0.0)
    assert found.epsilon_low > 2
