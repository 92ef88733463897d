"""The receipt: what is spent is what was stated, by accountants that did not write it."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from synthgen.errors import SpecError
from synthgen.spec import DifferentialPrivacy
from synthgen.tabular.private import budget
from synthgen.tabular.private.accounting import epsilon


def exact_gaussian_delta(noise, eps):
    """Delta of one Gaussian mechanism (Balle and Wang 2018, theorem 8)."""
    return norm.cdf(0.5 / noise - eps * noise) - math.exp(eps) * norm.cdf(-0.5 / noise - eps * noise)


@pytest.mark.parametrize("noise", [1.0, 3.0, 8.0])
def test_the_second_accountant_is_exact_for_one_gaussian(noise):
    eps = epsilon([(noise, 1.0, 1)], 1e-6)
    assert exact_gaussian_delta(noise, eps) <= 1e-6
    assert exact_gaussian_delta(noise, eps - 0.01) > 1e-6


def test_the_second_accountant_composes_gaussians_exactly():
    assert epsilon([(4.0, 1.0, 4)], 1e-6) == pytest.approx(epsilon([(2.0, 1.0, 1)], 1e-6), abs=0.01)


@pytest.mark.parametrize(
    ("eps", "people", "rate", "steps"), [(0.5, 5000, 0.04, 300), (2.4, 26_000, 0.04, 1500), (8, 800, 0.1, 100)]
)
def test_epsilon_of_the_receipt_is_found_again_by_another_accountant(eps, people, rate, steps):
    paid = budget.plan(DifferentialPrivacy(epsilon=eps), people, 30, rate, steps)
    told = paid.receipt(steps, 1.0, 1, people)
    history = [(m["noise_multiplier"], m["sampling_rate"], m["steps"]) for m in told["mechanisms"]]
    again = epsilon(history, told["delta_of_noise"])
    assert again <= told["epsilon_spent"] + 0.005 <= told["epsilon"] + 0.005 == eps + 0.005
    assert again >= 0.95 * eps  # nothing is wasted either
    assert told["epsilon_spent"] <= budget.renyi(tuple(history), told["delta_of_noise"])
    assert told["delta_of_noise"] + told["delta_of_thresholds"] == pytest.approx(told["delta"])
    assert told["unit"] == "person"


def test_fewer_steps_cost_less():
    paid = budget.plan(DifferentialPrivacy(epsilon=2.0), 5000, 10, 0.05, 200)
    assert paid.receipt(50, 1.0, 1, 5000)["epsilon_spent"] < paid.receipt(200, 1.0, 1, 5000)["epsilon_spent"]


def test_more_vectors_of_counts_get_more_noise_each():
    few, many = (budget.plan(DifferentialPrivacy(epsilon=2.0), 5000, n, 0.05, 200) for n in (4, 16))
    assert many.count_noise == pytest.approx(2 * few.count_noise)
    assert many.noise_multiplier == few.noise_multiplier


@pytest.mark.parametrize("eps", [0.01, 0.001])
def test_an_epsilon_that_cannot_be_shown_to_be_kept_is_refused(eps):
    with pytest.raises(SpecError, match="within epsilon"):
        budget.plan(DifferentialPrivacy(epsilon=eps), 20_000, 40, 0.05, 1200)


def test_a_delta_that_gives_a_person_away_is_refused():
    with pytest.raises(SpecError, match="outright"):
        budget.plan(DifferentialPrivacy(epsilon=1.0, delta=0.005), 300, 5, 0.1, 10)


def test_blanking_a_person_moves_no_vector_of_counts_by_more_than_one():
    """A person with several rows has one vote in all."""
    from synthgen.tabular.private.counts import Counter

    paid = budget.Budget(1.0, 1e-6, 2, 0.0, 1.0, 0.1, 1)
    people = np.array([0, 0, 0, 1, 2, 2])
    levels = np.array([0, 1, 1, 0, 2, 2])
    whole = Counter(people, paid, 3, 1, np.random.default_rng(0)).votes(levels, 3)
    without = Counter(people, paid, 3, 1, np.random.default_rng(0)).votes(np.where(people == 0, -1, levels), 3)
    assert np.linalg.norm(whole - without) <= 1
    np.testing.assert_allclose(whole, [1 + 1 / 3, 2 / 3, 1.0])


def test_more_counts_than_were_paid_for_are_refused():
    from synthgen.tabular.private.counts import Counter, Overspent

    counter = Counter(np.arange(4), budget.Budget(1.0, 1e-6, 1, 1.0, 1.0, 0.1, 1), 1, 1, np.random.default_rng(0))
    counter.votes(np.zeros(4, int), 1)
    with pytest.raises(Overspent):
        counter.votes(np.zeros(4, int), 1)
