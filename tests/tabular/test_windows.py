"""Wishes about numbers and dates: what is left of each level, and draws inside it."""

import numpy as np
import pandas as pd
import pytest

from synthgen.errors import SpecError
from synthgen.spec import OneOf, Range
from synthgen.tabular.grid import Grid
from synthgen.tabular.number_fitting import fit_numbers
from synthgen.tabular.windows import meet

K = 10


@pytest.fixture(scope="module")
def amounts():
    """A spike at 0, a sentinel at 999, a heavy tail, missing cells."""
    rng = np.random.default_rng(0)
    values = np.where(rng.random(4000) < 0.3, 0, np.round(rng.gamma(2, 500, 4000), 1))
    values[:40], values[50:100] = 999.0, np.nan
    return pd.Series(values)


@pytest.fixture(scope="module")
def codes(amounts):
    return fit_numbers(amounts, "x", Grid(decimals=1), None, 20, K)


@pytest.fixture(scope="module")
def law(codes, amounts):
    return np.bincount(codes.encode(amounts), minlength=codes.size) / len(amounts)


@pytest.mark.parametrize(
    "wish", [Range(low=100, high=300.5), Range(low=2000), Range(high=0.5), Range(low=990, high=1010), Range(low=-5)]
)
def test_draws_in_a_range_follow_the_law_of_all_draws_that_lie_in_it(codes, law, wish):
    rng = np.random.default_rng(1)
    shares, inside = codes.allowed(wish)
    left = law * shares
    made = codes.decode(rng.choice(codes.size, 40_000, p=left / left.sum()), rng, inside)
    free = codes.decode(rng.choice(codes.size, 400_000, p=law), rng)
    low, high = (-np.inf if wish.low is None else wish.low), (np.inf if wish.high is None else wish.high)
    reference = free[(free >= low) & (free <= high)]
    assert ((made >= low) & (made <= high)).all()
    assert left.sum() == pytest.approx(len(reference) / len(free), rel=0.02)
    for q in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert (made <= np.quantile(reference, q)).mean() == pytest.approx(
            (reference <= np.quantile(reference, q)).mean(), abs=0.02
        )


def test_missing_values_and_numbers_may_be_asked_for_together(codes, law):
    rng = np.random.default_rng(2)
    shares, inside = codes.allowed(OneOf(values=(0, None, 999)))
    left = law * shares
    made = codes.decode(rng.choice(codes.size, 20_000, p=left / left.sum()), rng, inside)
    assert set(made[~np.isnan(made)]) == {0.0, 999.0}
    assert np.isnan(made).mean() == pytest.approx(law[-1] / left.sum(), abs=0.01)
    shares, inside = codes.allowed(None)
    assert np.flatnonzero(shares).tolist() == [codes.size - 1]


def test_a_spike_inside_a_bin_is_left_out_of_a_range_beside_it(codes):
    _, inside = codes.allowed(Range(low=998.5, high=998.9))
    shares = codes.allowed(Range(low=998.5, high=998.9))[0]
    made = codes.decode(np.flatnonzero(shares).repeat(500), np.random.default_rng(0), inside)
    assert (made < 999).all()
    assert made.min() >= 998.5


@pytest.mark.parametrize("wish", [Range(low=1e7), Range(high=-3), "some", OneOf(values=(1e9,)), Range(low="x")])
def test_what_cannot_be_generated_is_refused_without_naming_it(codes, wish):
    with pytest.raises(SpecError) as problem:
        codes.allowed(wish)
    assert "'x'" in str(problem.value)
    assert "some" not in str(problem.value)


def test_a_date_as_the_high_end_of_moments_means_the_whole_day():
    minutes = np.random.default_rng(0).integers(0, 90_000, 4000)
    moments = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(minutes, unit="min"))
    codes = fit_numbers(moments, "d", Grid(seconds=60), None, 50, K)
    shares, inside = codes.allowed(Range(low="2020-02-01", high="2020-02-02"))
    made = pd.Series(codes.decode(np.flatnonzero(shares).repeat(400), np.random.default_rng(0), inside))
    assert made.min() >= pd.Timestamp("2020-02-01")
    assert pd.Timestamp("2020-02-02 12:00") < made.max() < pd.Timestamp("2020-02-03")
    shares, inside = codes.allowed(Range(low="2020-02-01 10:00", high="2020-02-01 11:00"))
    made = pd.Series(codes.decode(np.flatnonzero(shares).repeat(400), np.random.default_rng(0), inside))
    assert made.between("2020-02-01 10:00", "2020-02-01 11:00").all()


def test_whole_numbers_with_few_values_have_one_level_for_each_that_k_people_share():
    values = pd.Series(np.repeat([0.0, 1, 2, 3, 4, 9], [3000, 900, 40, 12, 10, 9]))
    codes = fit_numbers(values, "n", Grid(), None, 100, K)
    assert codes.few
    assert codes.spikes == (0, 1, 2, 3, 4)
    assert not fit_numbers(values + 0.5, "n", Grid(decimals=1), None, 100, K).few
    assert not fit_numbers(pd.Series(np.arange(900.0)), "n", Grid(), None, 100, K).few


def test_intervals_meet_where_both_hold():
    a, b = np.array([[0, 10], [20, 30]]), np.array([[5, 25]])
    assert meet(a, b).tolist() == [[5, 10], [20, 25]]
    assert len(meet(a, np.array([[11, 19]]))) == 0
