"""Each reducer does in training what its name says, on a table with one badly fitted ward; the mean does nothing.

Dial 3 over six wards: CVaR takes the worst 1.5 of them (weights 4 and 2), top-k the worst two (3 and 3), log-sum-exp
all of them by the exponential of three times their excess.
"""

import numpy as np
import pytest
import test_critic_gan_acts as critic_gan
import test_loss_acts as autoregressive
import torch
from test_loss_acts import OTHER, RARE

from synthgen.losses import adversarial, surprise, worst_case
from synthgen.tabular.params import AutoregressiveParams

DIAL, GROUPWISE = 3.0, ("log_sum_exp", "cvar", "top_k")
REDUCERS = (*GROUPWISE, "mean", "literal")
OF_MEAN = {"cvar": [4, 2, 0, 0, 0, 0], "top_k": [3, 3, 0, 0, 0, 0]}  # the worst ward first


def test_every_reducer_is_looked_at():
    assert {*worst_case.REDUCERS} == {*REDUCERS}
    assert AutoregressiveParams.model_fields["reducer"].default == "log_sum_exp"


@pytest.fixture(scope="module")
def tasks():
    """By reducer: a generator that learned the law and was damaged in one ward, after its first look."""
    train, out = autoregressive.patients(12_000, 1), {}
    whole = autoregressive.new_task(train, stages=(800, 0))
    for step in range(300):
        whole.step(step)
    broken = autoregressive.damaged(whole.average, train, OTHER)
    for reducer in REDUCERS:
        task = autoregressive.new_task(train, reducer=reducer, emphasis=DIAL)
        autoregressive.put(task, broken)
        task.enter_worst_case()
        task.renew(0)
        out[reducer] = task
    return out


def share_drawn(task, ward):
    rows = np.concatenate([task._batch(step) for step in range(task.steps.per_epoch)])
    return float((task.data.train[rows, 0] == ward).double().mean())


def by_excess(values, excess):
    return values[np.argsort(-excess, kind="stable")]


@pytest.mark.parametrize("reducer", GROUPWISE)
def test_weights_of_groups_are_the_reducers(tasks, reducer):
    task = tasks[reducer]
    assert int(task.excess.argmax()) == OTHER
    assert not task.overfitted.any()
    found = by_excess(task.weights.weights, task.excess)
    if reducer in OF_MEAN:
        assert found == pytest.approx(OF_MEAN[reducer], abs=1e-9)
    else:
        assert (found > 0).all()
        assert (np.diff(found) < 0).all(), "every ward has a weight of its own"
    alike = np.full(6, task.excess.mean())
    assert worst_case.weights(alike, "log_sum_exp", DIAL, 8.0) == pytest.approx(np.ones(6))


def test_only_reducers_of_groups_draw_its_patients_more_often(tasks):
    """That it is small has it drawn more often before any look; the rest is the reducer's."""
    by_size = autoregressive.new_task(tasks["mean"].data.train.numpy(), emphasis=DIAL)
    by_size.enter_worst_case()
    share = float((tasks["mean"].data.train[:, 0] == OTHER).double().mean())
    for reducer in REDUCERS:
        found = share_drawn(tasks[reducer], OTHER)
        if reducer in GROUPWISE:
            assert found > 1.3 * share_drawn(by_size, OTHER) > 1.3 * 1.5 * share
        else:
            assert found == pytest.approx(share, rel=0.1)
            assert tasks[reducer].row_odds is None
            assert (tasks[reducer].weights.weights == 1).all()


def test_the_literal_reducer_weighs_rows_and_no_other_does(tasks):
    for reducer in (*GROUPWISE, "mean"):
        assert tasks[reducer].row_weights is None
    task = tasks["literal"]
    rows = task.row_weights.numpy()
    h = task.critics.score_unseen(task.data.train, task.folds)
    assert rows == pytest.approx(worst_case.weights(h, "literal", DIAL, task.params.weight_cap), rel=1e-5)
    assert rows.mean() == pytest.approx(1, rel=1e-4)
    there = task.data.train[:, 0].numpy() == OTHER
    assert rows[there].mean() > 2 * rows[~there].mean()


def test_the_literal_weights_are_in_the_loss(tasks):
    """The loss of a step is the mean of weight times surprise over its batch."""
    task = tasks["literal"]
    rng = np.random.default_rng([task.ctx.seed_for("worst"), 0])
    rows, order = torch.from_numpy(task._batch(0)), rng.permutation(4)
    with torch.no_grad():
        paid = surprise.per_record(task.network.factors(task.data.train[rows], order, rng, task.dtype))
    due = float((paid * task.row_weights[rows]).mean())
    assert abs(due - float(paid.mean())) > 0.01
    assert task.step(0) == pytest.approx(due, rel=1e-4)


# --- the critic-only generator --------------------------------------------------------------------------------------


GRIP = DIAL / 4  # at 4 on the dial all groups that are fitted alike have the same mass


def critic_gan_task(reducer):
    return critic_gan.new_task(
        critic_gan.patients(8000, 1, OTHER), odd=OTHER, reducer=reducer, emphasis=DIAL, weight_cap=1000.0
    )


@pytest.fixture(scope="module")
def gan_tasks():
    out = {reducer: critic_gan_task(reducer) for reducer in REDUCERS}
    for task in out.values():
        task.renew(0)
    return out


@pytest.mark.parametrize("reducer", GROUPWISE)
def test_the_mass_of_groups_is_the_reducers(gan_tasks, reducer):
    """A ward's records share its mass, to the power that the dial has taken hold by; none is drawn less than it is."""
    task = gan_tasks[reducer]
    task.overfitted[:] = False
    excess = np.array([0.1, 0.0, 0.3, -0.2, 1.5, 0.6])
    task._reweight(excess)
    share = task.data.train_in.sum() / 8000
    of_mean = np.array({"cvar": [0, 0, 0, 0, 4, 2], "top_k": [0, 0, 0, 0, 3, 3]}.get(reducer, np.exp(DIAL * excess)))
    mass = of_mean / of_mean.sum()
    assert task.weights == pytest.approx(np.maximum((mass / share) ** GRIP, 1))
    assert task.weights[OTHER] > 5


@pytest.mark.parametrize("reducer", REDUCERS)
def test_the_first_look_draws_the_badly_fitted_ward_by_the_reducer(reducer):
    task = critic_gan_task(reducer)
    task.renew(0)
    assert int(np.nanargmax(task.excess)) == OTHER
    codes, _ = task._batch(np.random.default_rng(0), 8000)
    found, share = ((c[:, 0] == OTHER).double().mean().item() for c in (codes, task.data.train))
    if reducer in GROUPWISE:
        assert found > 4 * share
        mass = task.weights[OTHER] * share
        if reducer in OF_MEAN:
            all_mass = {"cvar": 4 / 6, "top_k": 1 / 2}[reducer]
            assert mass == pytest.approx((all_mass / share) ** GRIP * share)
        assert mass > 0.25
    else:
        assert (task.weights == 1).all()
        assert found == pytest.approx(share, rel=0.2)


@pytest.mark.parametrize("reducer", REDUCERS)
def test_only_the_literal_reducer_takes_the_smooth_maximum_of_a_batch(reducer):
    task, losses = critic_gan_task(reducer), torch.tensor([0.1, 0.2, 0.1, 2.0])
    due = adversarial.smooth_maximum(losses, DIAL) if reducer == "literal" else losses.mean()
    assert float(task._reduced(losses)) == pytest.approx(float(due))
    assert float(adversarial.smooth_maximum(losses, DIAL)) > 2 * float(losses.mean())


def test_both_steps_of_the_literal_reducer_follow_the_worst_rows():
    """From the same weights and batch: a larger loss than the mean's, and other weights after it."""
    losses, moved = {}, {}
    for reducer in ("literal", "mean"):
        task = critic_gan_task(reducer)
        rng = np.random.default_rng(0)
        losses[reducer] = task._critic_step(1, 1.0, rng), task._generator_step(1.0, rng)
        moved[reducer] = critic_gan.networks_of(task)
    for literal, mean in zip(losses["literal"], losses["mean"], strict=True):
        assert literal > mean * 1.05
    for part in ("network", "critic"):
        assert any(not torch.equal(moved["literal"][part][n], v) for n, v in moved["mean"][part].items())
    task = critic_gan_task("literal")
    task.params = task.params.model_copy(update={"emphasis": 0.0})
    assert float(task._reduced(torch.tensor([0.0, 1.0]))) == 0.5, "at the dial's mean end there is none"


def test_the_rarest_ward_keeps_its_place_without_a_reducer(gan_tasks):
    codes, _ = gan_tasks["mean"]._batch(np.random.default_rng(0), 8000)
    assert (codes[:, 0] == RARE).double().mean().item() == pytest.approx(0.03, rel=0.3)
