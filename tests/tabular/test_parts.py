"""Dates keep their weekday, their month ends, their time of day and their distance from one another."""

import numpy as np
import pandas as pd
import pytest
from prepared import prepared

from synthgen.spec import Range, RunSpec
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import encoding, inference, io
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.parts import Interval, MonthDay, TimeOfDay, Weekday

N, DAYS = 3000, 1500
SECOND = np.timedelta64(10**6, "us")


def ward(rows=N, seed=0):
    """Admissions: a tenth as many at weekends, in the morning; stays of some days that end at noon; bills at the end of
    a month three times in five; `born` has no law but its range."""
    rng = np.random.default_rng(seed)
    days = np.datetime64("2018-01-01") + np.arange(DAYS)
    weekend = (days.astype(int) % 7 == 2) | (days.astype(int) % 7 == 3)
    weight = np.where(weekend, 0.1, 1.0)
    day = days[rng.choice(DAYS, rows, p=weight / weight.sum())].astype("datetime64[us]")
    minute = np.clip(rng.normal(600, 90, rows), 360, 1080).astype(int)
    admitted = day + minute * 60 * SECOND
    left = day + (rng.geometric(0.15, rows) * 86_400 + rng.integers(660, 900, rows) * 60) * SECOND
    left = np.where(rng.random(rows) < 0.05, np.datetime64("NaT"), left)
    ends = (np.datetime64("2015-01") + rng.integers(1, 80, rows)).astype("datetime64[D]") - 1
    anyday = (np.datetime64("2015-01-01") + rng.integers(0, 2400, rows)).astype("datetime64[D]")
    billed = np.where(rng.random(rows) < 0.6, ends, anyday).astype("datetime64[us]")
    born = (np.datetime64("1930-01-01") + rng.integers(0, 30_000, rows)).astype("datetime64[us]")
    return pd.DataFrame({"admitted": admitted, "left": left, "billed": billed, "born": born})


@pytest.fixture(scope="module")
def scene():
    return prepared(ward())


@pytest.fixture(scope="module")
def coded(scene):
    made = encoding.fit(scene.split.train, scene.schema.modelled, None, 10, 100, related=True)
    return Encoding.model_validate_json(made.model_dump_json())


def kept_laws(real, made):
    """Asserts on shares: within sampling error of the real ones."""
    noise = 4 * np.sqrt(0.25 / len(made) + 0.25 / len(real)) * 0.8
    for part in ("dayofweek", "hour"):
        shares = [getattr(f["admitted"].dt, part).value_counts(normalize=True) for f in (real, made)]
        assert shares[0].sub(shares[1], fill_value=0).abs().max() < noise, part
    month_ends = [f["billed"].dt.is_month_end.mean() for f in (real, made)]
    assert abs(month_ends[0] - month_ends[1]) < noise
    gaps = [(f["left"] - f["admitted"]).dropna().dt.total_seconds() / 86_400 for f in (real, made)]
    assert (gaps[1] >= 0).all()
    grid = np.arange(0, 40)
    distance = [np.searchsorted(np.sort(g), grid) / len(g) for g in gaps]
    assert np.abs(distance[0] - distance[1]).max() < 2 * noise
    assert made["left"].dt.hour.dropna().between(11, 14).mean() > 0.97


def test_the_parts_that_matter_are_found_and_no_others(scene, coded):
    assert scene.schema.column("left").follows == "admitted"
    assert "'admitted' plus an interval" in scene.schema.column("left").reason
    assert {(type(p), p.column) for p in coded.parts} == {
        (Weekday, "admitted"),
        (TimeOfDay, "admitted"),
        (Interval, "left"),
        (TimeOfDay, "left"),
        (MonthDay, "billed"),
    }
    assert next(p for p in coded.parts if isinstance(p, MonthDay)).special == (0,)


def test_decoded_rows_keep_the_laws(scene, coded):
    train = scene.split.train
    made = coded.decode(coded.encode(train), np.random.default_rng(0))
    kept_laws(train, made)
    assert list(made.columns) == [c.name for c in scene.schema.modelled]
    assert (made.isna() == train[made.columns].isna()).all().all()
    for name in made:
        ordered = np.sort(train[name].dropna())
        assert made[name].min() >= ordered[9], name
        assert made[name].max() <= ordered[-10], name


def test_no_moment_of_few_people_is_kept(scene, coded):
    """Fences and ends of parts are round or shared: no interval of a single person is in the encoding."""
    interval = next(p for p in coded.parts if isinstance(p, Interval))
    assert interval.low % 10 == interval.high % 10 == 0
    assert interval.ordered
    assert not interval.open


def test_cells_that_are_asked_for_stay_and_the_other_date_follows(scene, coded):
    codes, rng = coded.encode(scene.split.train), np.random.default_rng(0)
    given = pd.DataFrame({"left": pd.Series(np.datetime64("2020-06-15T12:00", "us"), index=range(len(codes)))})
    made = coded.decode(codes, rng, given=given)
    assert (made["left"] == pd.Timestamp("2020-06-15 12:00")).all()
    assert (made["admitted"] <= made["left"]).all()
    given = scene.split.train[["admitted"]]
    made = coded.decode(codes, rng, given=given)
    assert (made["admitted"] == given["admitted"]).all()
    assert not (made["left"] < made["admitted"]).any()


def test_an_open_end_in_the_year_9999_is_no_interval():
    frame = ward()
    open_ended = np.arange(len(frame)) % 4 == 0
    frame.loc[open_ended, "left"] = np.datetime64("9999-12-31T00:00", "us")
    scene = prepared(frame)
    assert scene.schema.column("left").follows == "admitted"
    coded = encoding.fit(scene.split.train, scene.schema.modelled, None, 10, 100, related=True)
    assert next(p for p in coded.parts if isinstance(p, Interval)).open
    made = coded.decode(coded.encode(scene.split.train), np.random.default_rng(0))
    far = made["left"] == np.datetime64("9999-12-31T00:00", "us")
    assert abs(far.mean() - (scene.split.train["left"] == np.datetime64("9999-12-31T00:00", "us")).mean()) < 0.01
    assert made.loc[~far, "left"].max() < pd.Timestamp("2024-01-01")
    assert not (made["left"] < made["admitted"]).any()


def test_dates_without_a_law_get_no_part_and_short_intervals_are_fine():
    rng = np.random.default_rng(0)
    seen = np.datetime64("2020-01-01", "us") + rng.integers(0, 700 * 1440, 2000) * 60 * SECOND
    frame = pd.DataFrame(
        {
            "arrived": seen,
            "seen": seen + rng.integers(0, 240, 2000) * 60 * SECOND,
            "other": np.datetime64("2020-01-01", "us") + rng.integers(0, 700, 2000) * 86_400 * SECOND,
        }
    )
    scene = prepared(frame)
    coded = encoding.fit(scene.split.train, scene.schema.modelled, None, 10, 100, related=True)
    assert scene.schema.column("other").follows is None
    interval = next(p for p in coded.parts if isinstance(p, Interval))
    assert (interval.column, interval.after, interval.unit) == ("seen", "arrived", 60)
    assert not any(isinstance(p, Weekday | MonthDay) for p in coded.parts)
    made = coded.decode(coded.encode(scene.split.train), np.random.default_rng(0))
    gap = (made["seen"] - made["arrived"]).dt.total_seconds() / 60
    assert gap.between(0, 239).all()
    assert abs(gap.mean() - 119.5) < 6


def test_a_pair_in_no_order_and_a_pair_far_apart_have_no_interval():
    rng = np.random.default_rng(0)
    first = np.datetime64("2010-01-01", "us") + rng.integers(0, 3000, 500) * 86_400 * SECOND
    mixed = first + rng.integers(-30, 30, 500) * 86_400 * SECOND
    late = first + rng.integers(0, 9000, 500) * 86_400 * SECOND
    found = inference.infer(io.from_memory(pd.DataFrame({"a": first, "b": mixed, "c": late})), RunSpec())
    assert [c.follows for c in found.columns] == [None, None, None]


@pytest.fixture(scope="module")
def fitted():
    return TabularSynthesizer(time_budget=15, seed=3).fit(ward(2500, 1))


def test_a_trained_generator_keeps_the_laws(fitted):
    kept_laws(ward(2500, 1), fitted.sample(2500))


def test_ranges_of_either_date_are_honoured(fitted):
    wish = Range(low="2019-05-01", high="2019-05-20")
    for name in ("admitted", "left"):
        made = fitted.sample(300, where={name: wish})
        assert made[name].between(pd.Timestamp("2019-05-01"), pd.Timestamp("2019-05-20 23:59:59")).all()
        gap = (made["left"] - made["admitted"]).dropna()
        assert (gap >= pd.Timedelta(0)).all()
        assert gap.median() < pd.Timedelta(days=15)
