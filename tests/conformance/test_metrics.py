"""Every metric of the catalog keeps the contract: range, same answer twice, best and worst, no exception."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scenes import hospital, scene

from synthgen.contracts import Entry, MetricResult, Split, Status
from synthgen.runtime import RunContext
from synthgen.tabular.metrics import METRICS

NAMES = sorted(METRICS)
OF_KEYS = ("copied_keys",)
PRIVACY = ("closest_record", "near_copies", "copied_rows", "lone_numbers")


@pytest.fixture(scope="module")
def spoilt(good, tmp_path_factory):
    """Every column sorted: nothing goes together as it should."""
    frame = good.split.train.copy()
    for column in frame:
        frame[column] = frame[column].sort_values(ignore_index=True)
    return good.with_set(frame, tmp_path_factory.mktemp("spoilt"))


class Payer:
    """Enough of a generator for metrics that ask what a record costs."""

    def surprise(self, frame, end):
        return np.full(len(frame), 3.0)

    def report(self):
        return {}


def in_range(result):
    numbers = [result.value, *(f.value for f in result.figures), *(g.value for g in result.groups)]
    assert all(n is None or math.isfinite(n) for n in numbers)
    if result.status is Status.OK:
        assert result.low <= result.value <= result.high
        assert result.low <= result.best <= result.high
        if result.interval is not None:
            assert result.interval.low <= result.value + 0.02
            assert result.value <= result.interval.high + 0.02
    else:
        assert result.value is None
        assert result.reason


@pytest.mark.parametrize("name", NAMES)
def test_it_states_itself(name):
    entry = METRICS[name]
    assert isinstance(entry, Entry)
    kind = entry.load()
    assert kind.name == name
    assert kind.family in ("fidelity", "coverage", "utility", "privacy")
    assert kind.title
    assert kind.explanation.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_it_stays_in_range_and_repeats(name, good):
    first, second = (good.measured(name, Payer()) for _ in range(2))
    assert isinstance(first, MetricResult)
    assert first == second
    in_range(first)
    if name in OF_KEYS:  # the scene has none; tests of its own have
        assert first.status is Status.NOT_APPLICABLE
        return
    assert first.status is Status.OK
    assert {f.name for f in first.figures} == set(METRICS[name].figures)  # what a policy may name, no more and no less


@pytest.mark.parametrize("name", [n for n in NAMES if METRICS[n].load().family == "fidelity"])
def test_fidelity_is_best_on_a_copy(name, good, copied, spoilt):
    copy, spoilt_by = (_short_of_best(name, found.measured(name).value) for found in (copied, spoilt))
    assert copy <= 0.02 + _short_of_best(name, good.measured(name).holdout)
    if name not in ("diagnostic", "marginal", "tails", "dates"):  # they look at single columns only
        assert spoilt_by > copy + 0.01


def _short_of_best(name, value):
    """How far a value is from the best; a detection score under one half is no fault of fidelity."""
    kind = METRICS[name].load()
    return max(0.0, value - kind.best) if kind.better == "lower" else abs(value - kind.best)


@pytest.mark.parametrize("name", PRIVACY)
def test_privacy_is_worst_on_a_copy(name, good, copied):
    fresh, copy = good.measured(name), copied.measured(name)
    assert copy.value > fresh.value + 0.1
    assert copy.interval.low > (copy.holdout or 0.0) + 0.02
    if name != "closest_record":
        assert copy.value > 0.95


@pytest.mark.parametrize("name", NAMES)
def test_it_reads_no_global_randomness(name, good):
    np.random.seed(1)
    first = good.measured(name, Payer())
    np.random.seed(2)
    assert good.measured(name, Payer()) == first


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_gives_about_the_same(name, good):
    other = replace(good, ctx=RunContext(seed=99))
    first, second = good.measured(name, Payer()), other.measured(name, Payer())
    assert second.status is first.status
    assert second.value == pytest.approx(first.value, abs=0.08)


def numbers_only(rows, seed):
    return hospital(rows, seed)[["age", "visits", "sodium", "charge"]]


def words_only(rows, seed):
    return hospital(rows, seed)[["sex", "ward", "smoker", "outcome"]]


def one_column(rows, seed):
    return hospital(rows, seed)[["outcome"]]


ODD_TABLES = {"numbers": numbers_only, "words": words_only, "one column": one_column}
ODD_SETS = {
    "one row": lambda f: f.iloc[:1],
    "all missing": lambda f: f.assign(**{c: f[c].where(pd.Series(False, index=f.index)) for c in f}),
    "constant": lambda f: f.assign(**{c: [f[c].dropna().iloc[0]] * len(f) for c in f}),
    "constant target": lambda f: f.assign(outcome="alive"),
    "a value never seen": lambda f: f.assign(ward="moon", charge=1e12, age=-5.0),
    "infinite": lambda f: f.assign(charge=np.inf),
}


@pytest.mark.parametrize("table", sorted(ODD_TABLES))
def test_odd_tables_give_a_status(table, tmp_path):
    make = ODD_TABLES[table]
    target = {"target": "outcome"} if table != "numbers" else {"target": "charge"}
    found = scene(make(400, 1), make(400, 2), tmp_path, positive=None, **target)
    for name in NAMES:
        result = found.measured(name, Payer())
        in_range(result)
        assert result.status is not Status.ERROR, (name, result.reason)
        assert {f.name for f in result.figures} <= set(METRICS[name].figures)


@pytest.mark.parametrize("kind", sorted(ODD_SETS))
def test_odd_sets_give_a_status_and_never_a_pass_by_accident(kind, good, tmp_path):
    frame = ODD_SETS[kind](good.synthetic.take(600))
    found = good.with_set(frame, tmp_path)
    for name in NAMES:
        in_range(found.measured(name, Payer()))


@pytest.mark.parametrize("part", ["train", "holdout"])
def test_hardly_any_real_rows_give_a_status(part, good):
    split = good.split
    cut = {n: getattr(split, n).iloc[: 1 if n == part else None].reset_index(drop=True) for n in ("train", "holdout")}
    found = replace(good, split=Split(cut["train"], split.validation, cut["holdout"]))
    for name in NAMES:
        in_range(found.measured(name, Payer()))


def test_no_hold_out_at_all_gives_a_status(good):
    found = replace(good, split=Split(good.split.train, good.split.validation, good.split.holdout.iloc[:0]))
    for name in NAMES:
        result = found.measured(name, Payer())
        in_range(result)
        if METRICS[name].load().family == "privacy":
            assert result.status is (Status.NOT_APPLICABLE if name in OF_KEYS else Status.INSUFFICIENT)
