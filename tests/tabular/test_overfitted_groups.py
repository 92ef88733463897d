"""A group that pays clearly less on its training records than on unseen ones loses its emphasis, in both generators.

Each test has its control: the same run in which no group counts as over-fitted.
"""

from dataclasses import replace

import numpy as np
import pytest
import test_critic_gan_acts as critic_gan
import test_loss_acts as autoregressive
import torch
from test_loss_acts import OTHER, RARE

from synthgen.losses import surprise

BADLY_FITTED = np.array([0.0, 0, 0, 0, 3, 0])  # what earlier rounds made of each ward


def never(train, validation, train_in, validation_in):
    return np.zeros(train_in.shape[1], dtype=bool)


def learned_by_heart(seed):
    """A task that learned of one ward what no unseen patient there shows, and still has it down as badly fitted."""
    train = autoregressive.patients(6000, seed)
    there = train[:, 0] == OTHER
    train[there, 1], train[there, 2] = 1 - train[there, 1], (train[there, 2] + 2) % 4
    task = autoregressive.new_task(train, emphasis=10.0, stages=(800, 0))
    task.enter_worst_case()
    for step in range(60):
        task.step(step)
    task.excess = BADLY_FITTED.copy()
    return task


def drawn(task, ward):
    """The ward's share of an epoch's draws."""
    rows = np.concatenate([task._batch(step) for step in range(task.steps.per_epoch)])
    return float((task.data.train[rows, 0] == ward).double().mean())


@pytest.mark.parametrize("seed", [1, 2])
def test_the_autoregressive_generator_no_longer_tilts_towards_it(seed, monkeypatch):
    task = learned_by_heart(seed)
    task.renew(60)
    assert np.flatnonzero(task.overfitted).tolist() == [OTHER]
    assert task.excess[OTHER] == task.excess.max() > 1, "the critics ask for it"
    assert task.weights.weights[OTHER] == 1
    assert task.history[-1]["overfitted"] == 1
    share = float((task.data.train[:, 0] == OTHER).double().mean())
    assert drawn(task, OTHER) == pytest.approx(share, rel=0.1), "as often as the data have it"
    monkeypatch.setattr(surprise, "overfitted", never)
    control = learned_by_heart(seed)
    control.renew(60)
    assert control.weights.weights[OTHER] > 4
    assert drawn(control, OTHER) > 1.5 * drawn(task, OTHER)


def test_a_table_of_over_fitted_groups_is_drawn_as_it_is():
    task = autoregressive.new_task(autoregressive.patients(2000, 1))
    task.enter_worst_case()
    assert drawn(task, RARE) > 0.1
    task.overfitted[:] = True
    task.emphasise()
    assert task.row_odds == pytest.approx(np.full(2000, 1 / 2000))


def test_what_was_learned_of_every_ward_is_no_over_fitting():
    """The look-alike: patients of the same law, unseen ones cost as much as those trained on."""
    task = autoregressive.new_task(autoregressive.patients(6000, 1), emphasis=10.0, stages=(800, 0))
    task.enter_worst_case()
    for step in range(60):
        task.step(step)
    task.renew(60)
    assert not task.overfitted.any()


# --- the critic-only generator, whose measure is the critics' logit -------------------------------------------------


def unlike_the_unseen():
    """Patients of one ward are all alike, in training nowhere else; among the unseen those of the rarest ward too."""
    task = critic_gan.new_task(critic_gan.patients(8000, 1, OTHER), odd=OTHER, emphasis=1.0)
    unseen, rng = task.data.validation.numpy().copy(), np.random.default_rng(0)
    unseen[(unseen[:, 0] == RARE) & (rng.random(len(unseen)) < 0.9), 1:] = (1, 3, 1)
    task.data = replace(task.data, validation=torch.from_numpy(unseen))
    return task


def share_of(task, ward):
    codes, _ = task._batch(np.random.default_rng(0), 8000)
    return float((codes[:, 0] == ward).double().mean())


def test_the_critic_only_generator_no_longer_emphasises_it(monkeypatch):
    task = unlike_the_unseen()
    task.renew(0)
    assert task.overfitted[RARE]
    assert not task.overfitted[OTHER]
    assert task.weights[RARE] == 1
    assert task.weights[OTHER] > 1.5, "others keep theirs"
    assert task.history[-1]["overfitted"] == task.overfitted.sum()
    assert RARE not in task.emphasised.groups
    assert task.watch._emphasise((RARE,)) == 0
    monkeypatch.setattr(surprise, "overfitted", never)
    control = unlike_the_unseen()
    control.renew(0)
    assert control.weights[RARE] > 1.3
    assert share_of(control, RARE) > 1.2 * share_of(task, RARE)
    assert control.watch._emphasise((RARE,)) == 1
