"""The critics read the log ratio, on records they have not seen, and say nothing when they know nothing."""

import numpy as np
import pytest
import torch

from synthgen.tabular.critic import Critics, Scorer, calibrated_slope, folds_of
from synthgen.tabular.networks import Layout

LAYOUT = Layout((2, 3), (0, 0))


def draws(law, rows, rng):
    cells = rng.choice(6, rows, p=np.asarray(law).ravel())
    return torch.from_numpy(np.stack([cells // 3, cells % 3], axis=1))


def test_excess_of_a_record_is_the_log_ratio():
    p = np.array([[0.3, 0.1, 0.1], [0.1, 0.1, 0.3]])
    q = np.array([[0.2, 0.2, 0.1], [0.2, 0.1, 0.2]])
    rng = np.random.default_rng(0)
    real, fake = draws(p, 6000, rng), draws(q, 6000, rng)
    critics, folds = Critics(LAYOUT, 0, "cpu"), folds_of(None, 6000, rng)
    critics.train(real, folds, fake, draws(p, 3000, rng), 6, rng)
    found, cells = critics.score_unseen(real, folds), (real[:, 0] * 3 + real[:, 1]).numpy()
    means = np.array([found[cells == c].mean() for c in range(6)])
    assert means == pytest.approx(np.log(p / q).ravel(), abs=0.12)
    assert critics.gap > 0.1


def test_no_difference_no_excess():
    rng = np.random.default_rng(0)
    law = np.full((2, 3), 1 / 6)
    critics, folds = Critics(LAYOUT, 0, "cpu"), folds_of(None, 2000, rng)
    real = draws(law, 2000, rng)
    critics.train(real, folds, draws(law, 2000, rng), draws(law, 500, rng), 10, rng)
    assert np.abs(critics.score_unseen(real, folds)).mean() < 0.1


def test_a_record_is_scored_by_the_critic_that_did_not_train_on_it():
    rng = np.random.default_rng(0)
    critics, folds = Critics(LAYOUT, 0, "cpu"), np.array([0, 1] * 50)
    real = draws(np.full((2, 3), 1 / 6), 100, rng)
    with torch.no_grad():
        critics.nets[0].second.bias.fill_(9.0)
        critics.nets[1].second.bias.fill_(-9.0)
    assert (critics.score_unseen(real, folds) == np.where(folds == 0, -3.0, 3.0)).all()


def test_scoring_made_ready_for_many_records_says_the_same():
    rng, layout = np.random.default_rng(0), Layout((70, 3, 20), (70, 0, 0))
    critics = Critics(layout, 3, "cpu")
    with torch.no_grad():
        for net in critics.nets:
            net.bias.normal_()
            net.embedding.own.mul_(10)
    critics.slope = 0.7
    codes = torch.from_numpy(np.stack([rng.integers(0, size, 5000) for size in layout.sizes], axis=1))
    plain, quick = critics.score(codes), Scorer(critics).score(codes)
    assert plain.std() > 0.1
    assert quick == pytest.approx(plain, abs=0.05)
    assert len(Scorer(critics).score(codes[:0])) == 0


def test_a_persons_rows_share_a_fold():
    people = np.repeat(np.arange(40), 5)
    folds = folds_of(people, 200, np.random.default_rng(0)).reshape(40, 5)
    assert (folds == folds[:, :1]).all()
    assert folds.mean() == pytest.approx(0.5)


def test_an_overconfident_logit_is_turned_down_and_a_useless_one_off():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0.5, 1, 20_000), rng.normal(-0.5, 1, 20_000)
    assert calibrated_slope(real, fake) == pytest.approx(1.0, abs=0.05)
    assert calibrated_slope(4 * real, 4 * fake) == pytest.approx(0.25, abs=0.02)
    assert calibrated_slope(fake, real) == 0
    assert calibrated_slope(np.zeros(0), fake) == 0
    assert calibrated_slope(real[:10], fake[:10]) < calibrated_slope(real, fake)
