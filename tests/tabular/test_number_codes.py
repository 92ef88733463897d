"""Numbers and dates to codes and back: grid, extremes, spikes, and nobody's own number."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.errors import SpecError
from synthgen.tabular.grid import Grid
from synthgen.tabular.number_codes import NumberCodes
from synthgen.tabular.number_fitting import fit_numbers

K = 10


def fitted(values, decimals=2, bins=100, people=None):
    return fit_numbers(pd.Series(values, dtype=float), "x", Grid(decimals=decimals), people, bins, K)


def decoded(codes, values, seed=0):
    series = pd.Series(values, dtype=float)
    return codes.decode(codes.encode(series), np.random.default_rng(seed))


@pytest.fixture(scope="module")
def charges():
    return np.round(np.exp(np.random.default_rng(0).normal(9, 1, 3000)), 2)


def test_the_distribution_survives(charges):
    made = decoded(fitted(charges), charges)
    inside = np.sort(charges)[K:-K]
    assert np.quantile(made, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(charges, [0.1, 0.5, 0.9]), rel=0.02)
    assert made.mean() == pytest.approx(np.clip(charges, inside[0], inside[-1]).mean(), rel=0.01)


def test_values_stay_on_the_grid_and_between_the_kth_extremes(charges):
    made = decoded(fitted(charges), charges)
    assert np.allclose(made * 100, np.rint(made * 100), atol=1e-6)
    ordered = np.sort(charges)
    assert made.min() >= ordered[K - 1]
    assert made.max() <= ordered[-K]


def test_a_number_of_one_person_comes_back_by_chance_only(charges):
    made = decoded(fitted(charges), charges)
    fresh = np.round(np.exp(np.random.default_rng(1).normal(9, 1, 3000)), 2)
    assert np.isin(made, charges).mean() <= np.isin(fresh, charges).mean() + 0.01


def test_the_codes_hold_no_number_of_one_person(charges):
    codes = fitted(charges)
    text = json.loads(codes.model_dump_json())
    held = np.array(text["knots"]) / 100
    assert not np.isin(held, charges).any()
    assert text["spikes"] == []


def test_a_number_that_k_people_share_is_a_spike_and_comes_back():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(4000) < 0.3, 0, np.round(rng.gamma(2, 500, 4000), 1))
    values[:40] = 999.0
    codes = fitted(values, decimals=1)
    made = decoded(codes, values)
    assert {0, 9990} <= set(codes.spikes)
    assert (made == 0).mean() == pytest.approx((values == 0).mean())
    assert (made == 999).sum() == pytest.approx((values == 999).sum(), abs=2)


def test_a_number_shared_by_few_people_is_no_spike():
    values = np.concatenate([np.random.default_rng(0).normal(50, 9, 2000).round(3), [777.0] * (K - 1)])
    codes = fitted(values, decimals=3)
    assert 777_000 not in codes.spikes
    assert (decoded(codes, values) != 777).all()


def test_many_rows_of_one_person_are_one_person():
    people = np.concatenate([np.arange(1000), np.full(200, 5000)])
    values = np.concatenate([np.random.default_rng(0).normal(50, 9, 1000).round(3), np.full(200, 88.125)])
    codes = fitted(values, decimals=3, people=people)
    assert 88_125 not in codes.spikes
    assert not np.isclose(decoded(codes, values), 88.125).any()
    assert (decoded(codes, values) <= np.sort(values[:1000])[-K + 1]).all()


def test_missing_is_a_level_of_its_own():
    values = np.random.default_rng(0).normal(0, 1, 500).round(2)
    values[::5] = np.nan
    codes = fitted(values)
    made = decoded(codes, values)
    assert codes.missing
    assert (np.isnan(made) == np.isnan(values)).all()


def test_a_heavy_tail_keeps_falling_inside_the_last_bin():
    """The widest bin is not flat: more than half of its draws lie in its lower half."""
    values = np.round(np.random.default_rng(0).pareto(1.5, 20_000) * 100, 1)
    codes = fitted(values, decimals=1, bins=20)
    last = codes.decode(np.full(4000, codes.ordered - 1), np.random.default_rng(0))
    assert (last < (last.min() + last.max()) / 2).mean() > 0.8


@pytest.mark.parametrize("values", [[], [np.nan] * 30, [5.0] * 50, list(range(12)), [1.0] * 9 + [np.nan] * 30])
def test_odd_columns_encode_and_decode(values):
    codes = fitted(values, decimals=0)
    again = NumberCodes.model_validate_json(codes.model_dump_json())
    if codes.size:
        made = decoded(again, values)
        assert len(made) == len(values)
        assert ((made >= np.nanmin([*values, np.inf])) | np.isnan(made)).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=25, max_size=400),
    st.integers(0, 3),
    st.sampled_from([5, 20, 100]),
)
def test_what_is_decoded_encodes_to_the_same_code(values, decimals, bins):
    series = pd.Series(np.array(values) / 10.0**decimals)
    codes = fitted(series, decimals=decimals, bins=bins)
    if not codes.size:
        return
    levels = codes.encode(series)
    made = pd.Series(codes.decode(levels, np.random.default_rng(0)))
    assert (codes.encode(made) == levels).all()


def test_dates_keep_their_grid_and_range_to_the_year_9999():
    days = pd.to_datetime(pd.Series(["2020-01-01"] * 400)) + pd.to_timedelta(np.arange(400), unit="D")
    series = pd.concat([days, pd.Series([np.datetime64("9999-12-31", "us")] * 20)]).astype("datetime64[us]")
    codes = fit_numbers(series.reset_index(drop=True), "d", Grid(seconds=86_400), None, 50, K)
    made = pd.Series(codes.decode(codes.encode(series), np.random.default_rng(0)))
    assert made.dtype == "datetime64[us]"
    assert (made == np.datetime64("9999-12-31", "us")).sum() == 20
    assert (made.dt.hour == 0).all()
    assert made.min() >= np.datetime64("2020-01-10")


def test_a_fixed_number_comes_back_exactly_and_nonsense_is_refused():
    codes = fitted(np.random.default_rng(0).normal(50, 9, 2000).round(2))
    shares, inside = codes.allowed("51.25")
    (level,) = np.flatnonzero(shares)
    assert (codes.decode(np.full(9, level), np.random.default_rng(0), inside) == 51.25).all()
    assert codes.encode(pd.Series([51.25]))[0] == level
    for wrong in ("abc", 1e9, None, float("inf"), "1e300"):
        with pytest.raises(SpecError) as problem:
            codes.allowed(wrong)
        assert "abc" not in str(problem.value)
