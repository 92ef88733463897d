"""The worst-case loss acts in the critic-only GAN: it finds the group that is unlike the rest and learns it sooner."""

import numpy as np
import pytest
import torch
from test_loss_acts import OTHER, RARE, SIZES, frame_of
from test_weights import Equals

from synthgen.losses import worst_case
from synthgen.runtime import RunContext
from synthgen.tabular.critic import Critics
from synthgen.tabular.critic_gan_networks import RecordCritic, SpanGenerator
from synthgen.tabular.critic_gan_sampling import FirstColumn
from synthgen.tabular.critic_gan_task import CriticGanTask, Table
from synthgen.tabular.critic_gan_weights import times_drawn
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
    task = new_task(train)
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


# --- the dial ---------------------------------------------------------------------------------------------------------

EXCESS, SHARE = np.array([0.1, 0.0, 0.3, 0.05]), np.array([0.6, 0.3, 0.005, 0.05])
DIALS = (1e-9, 1e-3, 0.1, 1.0, 2.0, 3.999999, 4.0)


def times(t, reducer="log_sum_exp", excess=EXCESS, cap=20.0):
    return times_drawn(worst_case.weights(excess, reducer, t, len(excess)) / len(excess), SHARE, t, cap)


@pytest.mark.parametrize("reducer", ["log_sum_exp", "cvar", "top_k"])
def test_the_dial_goes_from_the_data_s_frequency_without_a_jump(reducer):
    """A group of .005 was drawn 20 times as often as soon as the dial left 0."""
    assert times(1e-9, reducer) == pytest.approx(1.0, abs=1e-6)
    assert times(4 - 1e-9, reducer) == pytest.approx(times(4.0, reducer), rel=1e-6)
    rare = [times(t, reducer, np.zeros(4) if reducer == "log_sum_exp" else EXCESS)[2] for t in DIALS]
    assert rare == sorted(rare)
    assert rare[-1] == 20


def test_groups_fitted_alike_are_drawn_by_a_power_of_their_share():
    drawn = times(2.0, excess=np.zeros(4), cap=1000.0) * SHARE
    few = SHARE < 0.25  # those above an equal mass are drawn as often as they are
    assert drawn[few] == pytest.approx(0.25**0.5 * SHARE[few] ** 0.5)
    assert drawn[~few] == pytest.approx(SHARE[~few])


@pytest.mark.parametrize("t", [4.0, 5.0, 20.0, 1000.0])
@pytest.mark.parametrize("reducer", ["log_sum_exp", "cvar", "top_k"])
def test_from_the_default_on_weights_are_mass_over_share_to_the_bit(reducer, t):
    """Published figures hang on the default."""
    assert CriticGanParams().emphasis == 4.0
    of_mean = worst_case.weights(EXCESS, reducer, t, len(EXCESS))
    before = np.clip(of_mean / len(EXCESS) / np.maximum(SHARE, 1e-9), 1.0, 20.0)
    assert np.array_equal(times(t, reducer), before)


def test_a_task_with_the_least_emphasis_draws_and_conditions_as_one_without(train):
    """And at the default half of the records of emphasised groups have their group given, as ever."""
    drawn = {}
    for t in (0.0, 1e-9, 4.0):
        task = new_task(train, emphasis=t)
        task._reweight(np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.3]))
        codes, given = task._batch(np.random.default_rng(0), 4000)
        drawn[t] = codes, given
        if t < 1:
            assert task.weights == pytest.approx(1.0, abs=1e-6)
    assert all(torch.equal(*pair) for pair in zip(drawn[0.0], drawn[1e-9], strict=True))
    codes, given = drawn[4.0]
    rare = codes[:, 0] == RARE
    assert rare.float().mean() > 3 * (train[:, 0] == RARE).mean()
    assert (given[rare] == torch.tensor([True, False, False, False])).all(1).float().mean() > 0.5
