"""The worst-case surprise loss acts: it repairs what is broken, leaves frequencies alone, and the critic drives it."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from test_weights import Equals

from synthgen.runtime import RunContext
from synthgen.tabular.critic import Critics
from synthgen.tabular.networks import AutoregressiveNetwork, Layout
from synthgen.tabular.params import AutoregressiveParams
from synthgen.tabular.planning import Steps
from synthgen.tabular.task import Coded, GanTask, load_weights
from synthgen.tabular.weights import GroupWeights

NAMES = ["ward", "outcome", "drug", "sex"]
SIZES = (6, 2, 4, 2)
RARE = 5  # the ward that the damage is done to: 3 % of the patients
OTHER = 4


def patients(rows, seed):
    """Codes with a known law: the outcome hangs on ward and sex, the drug on ward and outcome."""
    rng = np.random.default_rng(seed)
    ward = rng.choice(6, rows, p=[0.4, 0.25, 0.15, 0.12, 0.05, 0.03])
    sex = rng.integers(0, 2, rows)
    outcome = (rng.random(rows) < 0.15 + 0.12 * (ward == RARE) * 4 + 0.15 * sex).astype(int)
    drug = (ward + outcome + rng.choice(4, rows, p=[0.7, 0.1, 0.1, 0.1])) % 4
    return np.stack([ward, outcome, drug, sex], axis=1)


def frame_of(codes):
    return pd.DataFrame(codes, columns=NAMES)


def new_task(train, reducer="log_sum_exp", emphasis=60.0, cap=8.0, stages=(400, 400)):
    params = AutoregressiveParams(
        hidden=32, dropout=0, reducer=reducer, emphasis=emphasis, weight_cap=cap, learning_rate=3e-3, critic_epochs=8
    )
    layout = Layout(SIZES, (0, 0, 0, 0))
    torch.manual_seed(0)
    network = AutoregressiveNetwork(layout, params.hidden, params.dropout)
    groups = GroupWeights([Equals((("ward", w),)) for w in range(6)], NAMES)
    codes, unseen = torch.from_numpy(train), patients(4000, 99)
    inside = (groups.membership(frame_of(c)) for c in (train, unseen))
    data = Coded(codes, torch.from_numpy(unseen), *inside, None, lambda c: groups.membership(frame_of(c)))
    steps = Steps(256, len(train) // 256, *stages, 0.0)
    return GanTask(network, Critics(layout, 1, "cpu"), data, groups, params, steps, RunContext(seed=3))


@pytest.fixture(scope="module")
def train():
    return patients(12_000, 1)


@pytest.fixture(scope="module")
def fitted(train):
    """Weights of a model that has learned the law."""
    task = new_task(train, stages=(800, 0))
    for step in range(400):
        task.step(step)
    return {n: v.clone() for n, v in task.average.items()}


def damaged(fitted, train, ward):
    """The fitted weights after some steps on patients of one ward whose outcomes and drugs are turned round."""
    wrong = train[train[:, 0] == ward].copy()
    wrong[:, 1], wrong[:, 2] = 1 - wrong[:, 1], (wrong[:, 2] + 2) % 4
    task = new_task(np.concatenate([wrong, train[train[:, 0] != ward]]), stages=(800, 0))
    put(task, fitted)
    for step in range(120):
        task.step(step + 50)
    return {n: v.clone() for n, v in task.network.named_parameters()}


def put(task, weights):
    load_weights(task.network, weights)
    task.average = {n: v.detach().clone() for n, v in weights.items()}
    task.best = {n: v.detach().clone() for n, v in weights.items()}


def surprise_in(task, ward):
    unseen = task.data.validation
    return task.surprise_of(unseen[unseen[:, 0] == ward], task.average).mean()


def steps_to_repair(task, broken, goal):
    """Steps of the worst-case stage until the ward's surprise on unseen patients is down to `goal`."""
    put(task, broken)
    task.enter_worst_case()
    for step in range(240):
        if step % 80 == 0:
            task.renew(step)
        task.step(step)
        if step % 4 == 3 and surprise_in(task, RARE) <= goal:
            return step + 1
    return 240


def test_a_damaged_group_is_repaired_in_fewer_steps_with_the_worst_case(fitted, train):
    broken = damaged(fitted, train, RARE)
    whole, hurt = new_task(train), new_task(train)
    put(whole, fitted)
    put(hurt, broken)
    before, after = surprise_in(whole, RARE), surprise_in(hurt, RARE)
    assert after > before + 0.3, "the damage must be real"
    goal = before + 0.3 * (after - before)
    worst = steps_to_repair(new_task(train), broken, goal)
    mean = steps_to_repair(new_task(train, reducer="mean"), broken, goal)
    assert worst <= 0.8 * mean


@pytest.mark.parametrize("ward", [RARE, OTHER])
def test_the_critic_finds_the_damaged_group_and_changes_the_generators_weights(fitted, train, ward):
    task = new_task(train)
    put(task, damaged(fitted, train, ward))
    task.enter_worst_case()
    start = {n: v.clone() for n, v in task.best.items()}
    task.renew(0)
    assert int(task.weights.weights.argmax()) == ward
    assert task.weights.weights[ward] > 2
    after = {}
    for emphasised in (True, False):
        load_weights(task.network, start)
        task.optimiser.forget()
        if not emphasised:
            task.weights.weights = np.ones(6)
            task.emphasise()
        task.step(0)
        after[emphasised] = torch.cat([v.detach().flatten() for v in task.network.parameters()])
    assert not torch.equal(after[True], after[False])


def with_the_rarest_ward_at_the_cap(train, cap=10.0):
    """A task whose worst-case stage draws the patients of the rarest ward as often as the cap allows."""
    task = new_task(train, cap=cap, emphasis=1000.0)
    task.weights.weights = np.array([1.0, 1, 1, 1, 1, cap])
    task.enter_worst_case()
    for step in range(280):
        task.step(step)
    return task


def test_weights_at_the_cap_leave_the_output_frequencies_alone(train):
    """The rarest ward is drawn many times as often through most of training: the joint law comes out as in the data."""
    task = with_the_rarest_ward_at_the_cap(train)
    task.keep()
    task.calibrate(improving=False)
    for step in range(400):
        task.step(step)
    made = task.fakes(40_000, np.random.default_rng(5))
    for columns in itertools.combinations(range(4), 2):
        table = [np.ravel_multi_index(c[:, list(columns)].T, [SIZES[i] for i in columns]) for c in (train, made)]
        real, synthetic = (np.bincount(t, minlength=int(np.prod([SIZES[i] for i in columns]))) for t in table)
        p = real / len(train)
        error = np.sqrt(p * (1 - p) * (1 / len(train) + 1 / len(made))) + 1e-3
        assert (np.abs(p - synthetic / len(made)) < 4 * error).all(), [NAMES[i] for i in columns]


def test_without_calibration_they_would_not_be(train):
    """The control: the stage at the data's own frequency is what puts them right."""
    task = with_the_rarest_ward_at_the_cap(train)
    made = task.fakes(20_000, np.random.default_rng(5))
    assert (made[:, 0] == RARE).mean() > 2 * (train[:, 0] == RARE).mean()
