"""The plan of steps, and what noise does and does not reach."""

import numpy as np
import pytest
import torch

from synthgen.tabular.networks import AutoregressiveNetwork, Layout
from synthgen.tabular.params import AutoregressiveParams
from synthgen.tabular.private import training
from synthgen.tabular.private.budget import Budget

LAYOUT = Layout((4, 3, 12), (0, 0, 12))


@pytest.mark.parametrize("people", [30, 300, 3000, 30_000, 3_000_000])
def test_the_plan_hangs_on_the_number_of_people_alone_and_stays_affordable(people):
    steps = training.plan(people, AutoregressiveParams())
    assert 0 < steps.rate <= training.LARGEST_RATE
    assert steps.count <= training.MOST_STEPS
    assert steps.rate * people <= training.MOST + 1
    asked = training.plan(people, AutoregressiveParams(batch=8, epochs=2))
    assert asked.rate == pytest.approx(min(training.LARGEST_RATE, 8 / people))
    assert asked.count == round(2 / asked.rate)


def trainer(noise, secret=0):
    torch.manual_seed(0)
    rng = np.random.default_rng(1)
    codes = torch.from_numpy(np.stack([rng.integers(0, size, 200) for size in LAYOUT.sizes], 1))
    people = np.repeat(np.arange(100), 2)
    paid = Budget(1.0, 1e-5, 3, 1.0, noise, 0.25, 20)
    made = AutoregressiveNetwork(LAYOUT, 8)
    return training.Trainer(made, codes, people, None, paid, 1e-3, np.random.default_rng(secret))


def test_blanking_a_person_moves_gradient_and_count_by_the_clip_and_a_half():
    run = trainer(1.0)
    run.clip = 0.3
    everybody, order = run.rows, [2, 0, 1]
    whole, under = run.summed(everybody, order)
    without, fewer = run.summed(everybody[1:], order)
    moved = torch.sqrt(sum(((whole[name] - without[name]) ** 2).sum() for name in whole))
    assert float(moved) <= 0.3 * 1.001
    assert abs(under - fewer) == 0.5


def test_the_noise_of_gradient_and_count_together_is_what_was_paid_for():
    run = trainer(1.7)
    gradient, count = run._split_noise()
    assert gradient > 1.7
    assert (gradient**-2 + (2 * count) ** -2) ** -0.5 == pytest.approx(1.7)


def test_places_hold_every_row_of_every_person_once():
    people = np.array([7, 3, 7, 7, 5])
    found = training.places(people)
    assert found.shape == (3, 3)
    assert sorted(found[found >= 0].tolist()) == [0, 1, 2, 3, 4]
    assert all(len(set(people[row[row >= 0]])) == 1 for row in found)


def test_without_noise_it_learns_what_goes_together():
    torch.manual_seed(0)
    levels = np.random.default_rng(0).integers(0, 3, 400)
    codes = torch.from_numpy(np.stack([levels, levels], 1))
    paid = Budget(1.0, 1e-5, 2, 0.0, 0.0, 0.25, 200)
    network = AutoregressiveNetwork(Layout((3, 3), (0, 0)), 16)
    run = training.Trainer(network, codes, np.arange(400), None, paid, 1e-2, np.random.default_rng(0))
    from synthgen.runtime import RunContext

    before = float(network.factors(codes, [0, 1])[:, 1].mean().detach())
    done = run.run(RunContext(seed=0))
    assert done.steps == 200
    assert float(network.factors(codes, [0, 1])[:, 1].mean()) < 0.2 * before
