"""The worst-case loss acts in the critic-only GAN: it finds the group that is unlike the rest and learns it sooner."""

import numpy as np
import pytest
import torch
from test_loss_acts import OTHER, RARE, SIZES, frame_of
from test_weights import Equals

from synthgen.runtime import RunContext
from synthgen.tabular.critic import Critics
from synthgen.tabular.critic_gan_networks import RecordCritic, SpanGenerator
from synthgen.tabular.critic_gan_sampling import FirstColumn
from synthgen.tabular.critic_gan_task import CriticGanTask, Table
from synthgen.tabular.membership import Membership
from synthgen.tabular.modes import membership
from synthgen.tabular.networks import Layout
from synthgen.tabular.params import CriticGanParams

STEPS = 1000
SHARES = ([0.4, 0.25, 0.15, 0.12, 0.05, 0.03], [0.8, 0.2], [0.4, 0.3, 0.2, 0.1], [0.5, 0.5])
RATES = {"learning_rate": 4e-3, "critic_rate": 4e-3}
GROUPS = [Equals((("ward", w),)) for w in range(6)]


def patients(rows, seed, odd):
    """Codes whose columns know nothing of each other, but for one ward where nearly all patients are alike."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.choice(n, rows, p=share) for n, share in zip(SIZES, SHARES, strict=True)], axis=1)
    alike = (codes[:, 0] == odd) & (rng.random(rows) < 0.9)
    codes[alike, 1:] = (1, 3, 1)
    return codes


def members(codes):
    return np.ascontiguousarray(membership(GROUPS, frame_of(codes)).T)


def new_task(train, odd=RARE, **params):
    chosen = CriticGanParams(
        **{"hidden": 32, "noise": 16, "batch": 128, "critic_epochs": 4, "emphasis": 20.0, **params}
    )
    layout = Layout(SIZES, (0, 0, 0, 0))
    torch.manual_seed(0)
    network, critic = SpanGenerator(layout, 32, chosen.noise, 1), RecordCritic(layout, 32, chosen.pac)
    shares = [np.bincount(train[:, i], minlength=n) / len(train) for i, n in enumerate(SIZES)]
    network.start_from(shares)
    unseen = patients(3000, 99, odd)
    table = Table(
        torch.from_numpy(train),
        torch.from_numpy(unseen),
        Membership.of(GROUPS, frame_of(train)),
        Membership.of(GROUPS, frame_of(unseen)),
        None,
        [[0]] * 6,
        members,
        FirstColumn(shares),
    )
    return CriticGanTask(network, critic, Critics(layout, 1, "cpu"), table, chosen, 128, STEPS, RunContext(seed=3))


def networks_of(task):
    return {
        "network": {n: v.detach().clone() for n, v in task.network.named_parameters()},
        "critic": {n: v.detach().clone() for n, v in task.critic.named_parameters()},
    }


@pytest.fixture(scope="module")
def train():
    return patients(8000, 1, RARE)


def distance_in(task, ward):
    """Total variation between the drugs and outcomes made for a ward and those of unseen patients there."""
    task.average = networks_of(task)["network"]
    unseen = task.data.validation.numpy()
    start = np.full((4000, 4), -1, dtype=np.int64)
    start[:, 0] = ward
    made = task.sample(start, np.random.default_rng(0))
    tables = [np.bincount(c[:, 1] * 4 + c[:, 2], minlength=8) / len(c) for c in (unseen[unseen[:, 0] == ward], made)]
    return np.abs(tables[0] - tables[1]).sum() / 2


def left_after(task, steps):
    """The rare ward's distance after some steps, the weights renewed before the first unless they are all one."""
    if task.params.reducer != "mean":
        task.renew(0)
    for step in range(steps):
        task.step(step)
    return distance_in(task, RARE)


def test_the_group_unlike_the_rest_is_learned_sooner_with_the_worst_case(train):
    before = distance_in(new_task(train), RARE)
    assert before > 0.5
    worst, mean = left_after(new_task(train), 200), left_after(new_task(train, reducer="mean"), 200)
    assert worst < before - 0.1
    assert worst < mean - 0.05


@pytest.mark.parametrize("ward", [RARE, OTHER])
def test_the_critics_find_the_group_unlike_the_rest_and_training_draws_it_more(ward):
    train = patients(8000, 1, ward)
    task = new_task(train, odd=ward)
    task.renew(0)
    assert int(np.nanargmax(task.excess)) == ward
    assert task.weights[ward] == task.weights.max() > 3
    codes, _ = task._batch(np.random.default_rng(0), 4000)
    assert (codes[:, 0] == ward).float().mean() > 2.5 * (train[:, 0] == ward).mean()


def test_the_critics_output_changes_the_generators_weights(train):
    """With a critic that says the same of everything the generator does not move."""
    moved = {}
    for deaf in (True, False):
        task = new_task(train)
        if deaf:
            for value in (task.critic.out.weight, task.critic.out.bias):
                torch.nn.init.zeros_(value)
        before = networks_of(task)["network"]
        task._generator_step(1.0, np.random.default_rng(0))
        after = networks_of(task)["network"]
        moved[deaf] = sum(float((after[n] - before[n]).abs().sum()) for n in before)
    assert moved[True] == 0
    assert moved[False] > 0


def test_weights_at_the_cap_leave_the_output_frequencies_alone(train):
    """A tenfold weight on the rarest ward all through training: it comes out as often as it is."""
    task = new_task(train, emphasis=0.0)
    task.weights = np.array([1.0, 1, 1, 1, 1, 10.0])
    task._follow_weights(np.array([RARE]))
    codes, _ = task._batch(np.random.default_rng(0), 20_000)
    share = (train[:, 0] == RARE).mean()
    assert (codes[:, 0] == RARE).float().mean() == pytest.approx(10 * share / (1 + 9 * share), rel=0.1)
    for step in range(150):
        task.step(step)
    task.calibrate(20_000, np.random.default_rng(1))
    made = task.sample(np.full((20_000, 4), -1, dtype=np.int64), np.random.default_rng(2))
    assert (made[:, 0] == RARE).mean() == pytest.approx(share, rel=0.15)
