"""Figures of a run's health: right where the law is known, quiet where there is nothing to find."""

import numpy as np
import pytest

from synthgen.training import evidence

WIDTHS = (2, 3, 6, 40, 100)


def records(rows, seed, repeats=1):
    """Codes with a known law: the third column hangs on the second; `repeats` rows are one person's."""
    rng = np.random.default_rng(seed)
    laws = [np.random.default_rng(i).dirichlet(np.ones(k)) for i, k in enumerate(WIDTHS)]
    out = np.stack([rng.choice(len(law), rows // repeats, p=law) for law in laws], axis=1)
    out[:, 2] = (out[:, 2] + out[:, 1]) % 6
    return np.repeat(out, repeats, axis=0)


def test_auc_and_its_error_are_those_of_many_samples():
    rng = np.random.default_rng(0)
    found = [evidence.auc(rng.normal(0.5, 1, 60), rng.normal(0, 1, 90)) for _ in range(400)]
    values = np.array([f.value for f in found])
    assert values.mean() == pytest.approx(0.638, abs=0.01)  # Phi(.5 / sqrt 2)
    assert np.mean([f.error for f in found]) == pytest.approx(values.std(), rel=0.1)


def test_a_person_with_many_rows_counts_once():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0.3, 1, 50), rng.normal(0, 1, 50)
    one, many = evidence.auc(real, fake), evidence.auc(np.repeat(real, 9), np.repeat(fake, 9), rows_per_person=9)
    assert many.value == pytest.approx(one.value)
    assert many.error == pytest.approx(one.error, rel=0.05)


def test_two_samples_of_one_law_raise_no_alarm():
    for seed in range(40):
        rows = (40, 120, 400, 2000)[seed % 4]
        held, made = records(rows, seed), records(7 * rows, 1000 + seed)
        assert not evidence.unlikeness(made, held).certain
        found = evidence.diversity(made, held)
        assert 0.85 < found.entropy.value < 1.15
        assert not found.narrow
        assert found.distinct_high > 0.9


def test_a_broken_pair_is_found_though_every_column_is_right():
    held, made = records(1500, 1), records(6000, 2)
    made[:, 2] = np.random.default_rng(0).permutation(made[:, 2])
    found = evidence.unlikeness(made, held)
    assert found.certain
    assert found.columns == (1, 2)
    assert found.excess > 0.1


def test_a_shifted_column_is_found_and_a_few_records_say_nothing():
    held, made = records(1500, 1), records(6000, 2)
    made[::4, 1] = 0
    assert evidence.unlikeness(made, held).certain
    assert not evidence.unlikeness(made[:30], held[:10]).certain
    assert evidence.unlikeness(made[:1], held) is None
    assert evidence.diversity(made, held[:0]) is None


def test_collapse_shows_in_entropy_distinct_records_or_one_column():
    held, made = records(800, 1), records(6000, 2)
    few = evidence.diversity(made[np.arange(6000) % 12], held)
    assert few.distinct_high < 0.1
    flat = evidence.diversity(np.zeros_like(made), held)
    assert flat.entropy.value == 0
    assert len(flat.narrow) == len(WIDTHS)
    dead = made.copy()
    dead[:, 3] = 5
    assert evidence.diversity(dead, held).narrow == (3,)


def test_a_lost_rare_value_is_no_collapsed_column():
    held = (np.random.default_rng(0).random((4000, 1)) < 0.03).astype(int)
    assert evidence.diversity(np.zeros_like(held), held).narrow == ()


@pytest.mark.parametrize(("made", "real", "found"), [(0, 60, True), (5, 60, True), (40, 60, False), (0, 4, False)])
def test_a_group_is_lost_by_the_interval_of_its_share(made, real, found):
    assert evidence.lost(np.array([made]), 5000, np.array([real]), 5000)[0] == found
    assert not evidence.lost(np.array([made]), 5000, np.array([real]), 5000, rows_per_person=20)[0]


def test_groups_of_a_good_sample_are_never_lost():
    rng = np.random.default_rng(0)
    shares = rng.uniform(10, 100, 500) / 4000
    for _ in range(40):
        made, real = rng.binomial(4000, shares), rng.binomial(4000, shares)
        assert not evidence.lost(made, 4000, real, 4000).any()
