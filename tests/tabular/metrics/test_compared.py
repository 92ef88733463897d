"""Correlations, triples, tails, dates, missing cells and telling columns: each finds its own kind of fault."""

import numpy as np
import pandas as pd
import pytest
from scenes import hospital, scene

from synthgen.contracts import Status
from synthgen.tabular.metrics.associations import correlation_ratio, cramers_v


def changed(good, tmp_path, **columns):
    frame = good.synthetic.take(2400)
    return good.with_set(frame.assign(**{c: make(frame) for c, make in columns.items()}), tmp_path)


def beyond_chance(result):
    """Whether the interval lies clear of the hold-out, on the bad side."""
    low, high = result.interval.low, result.interval.high
    return low > result.holdout if result.better == "lower" else high < result.holdout


@pytest.mark.parametrize("name", ["triples", "correlation", "tails", "dates", "missingness"])
def test_fresh_rows_are_within_chance(good, name):
    result = good.measured(name)
    assert result.status is Status.OK
    assert result.value == pytest.approx(result.holdout, abs=0.05)


def shuffled(column):
    return lambda f: f[column].sample(frac=1.0, random_state=0).to_numpy()


def test_a_relation_that_is_lost_shows_in_the_correlations_and_is_named(good, tmp_path):
    found = changed(good, tmp_path, charge=shuffled("charge"), outcome=shuffled("outcome")).measured("correlation")
    assert found.value > found.holdout
    assert set(found.groups[0].columns) & {"charge", "outcome"}
    assert found.figures[0].value > found.figures[0].holdout + 0.1


def test_what_pairs_cannot_show_triples_do(tmp_path):
    """c = a xor b: every pair is independent, the three together are not."""
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 2, 3000) for _ in range(2))
    real = pd.DataFrame({"a": a, "b": b, "c": a ^ b}).replace({0: "no", 1: "yes"})
    fresh = pd.DataFrame({n: rng.integers(0, 2, 2000) for n in "abc"}).replace({0: "no", 1: "yes"})
    found = scene(real, fresh, tmp_path, target="c", positive=None)
    assert found.measured("pair").value > 0.95
    assert found.measured("triples").value < 0.6
    assert found.measured("triples").groups[0].kind == "column triple"


def test_a_tail_that_is_cut_off_is_named(good, tmp_path):
    found = changed(good, tmp_path, charge=lambda f: f["charge"].clip(upper=f["charge"].quantile(0.9)))
    result = found.measured("tails")
    assert beyond_chance(result)
    assert result.groups[0].label.startswith("charge: high end")
    assert result.groups[0].value == 0.0


def test_values_beyond_every_real_one_lower_the_reach(good, tmp_path):
    found = changed(good, tmp_path, charge=lambda f: f["charge"] * np.where(f["charge"] > 3000, 50.0, 1.0))
    reach = next(f for f in found.measured("tails").figures if f.name == "reach")
    assert reach.value < reach.holdout - 0.1


def test_dates_on_the_wrong_weekday_and_month_end_are_found(tmp_path):
    rng = np.random.default_rng(0)

    def stays(days):
        """Admissions on weekdays only, discharge 1 to 9 days later."""
        admitted = pd.Timestamp("2021-01-04") + pd.to_timedelta(days // 5 * 7 + days % 5, unit="D")
        left = admitted + pd.to_timedelta(rng.integers(1, 10, len(days)), unit="D")
        return pd.DataFrame({"admitted": admitted, "left": left, "sex": rng.choice(["f", "m"], len(days))})

    real, fresh = (stays(rng.integers(0, 500, n)) for n in (3000, 1500))
    fine = scene(real, fresh, tmp_path / "fine", target=None, positive=None).measured("dates")
    moved = fresh.assign(admitted=fresh["admitted"] + pd.to_timedelta(rng.integers(0, 7, len(fresh)), unit="D"))
    spoilt = scene(real, moved, tmp_path / "spoilt", target=None, positive=None).measured("dates")
    assert fine.value > 0.93
    assert beyond_chance(spoilt)
    figures = {f.name: f for f in spoilt.figures}
    assert figures["weekday"].value < figures["weekday"].holdout - 0.1
    assert figures["interval"].value < figures["interval"].holdout - 0.2
    assert figures["hour"].status is Status.NOT_APPLICABLE


def test_hours_of_the_day_count_where_times_are_written(tmp_path):
    rng = np.random.default_rng(0)

    def visits(hours):
        days = pd.Timestamp("2021-01-04") + pd.to_timedelta(rng.integers(0, 300, len(hours)), unit="D")
        return pd.DataFrame(
            {"at": days + pd.to_timedelta(hours * 60, unit="min"), "sex": rng.choice(["f", "m"], len(hours))}
        )

    found = scene(
        visits(rng.integers(8, 16, 2000)), visits(rng.integers(0, 24, 1000)), tmp_path, target=None, positive=None
    )
    hour = next(f for f in found.measured("dates").figures if f.name == "hour")
    assert hour.value < 0.5 < hour.holdout


def test_no_dates_and_no_gaps_do_not_apply(tmp_path):
    columns = ["age", "sex", "ward", "outcome"]
    found = scene(hospital(600, 1)[columns], hospital(500, 2)[columns], tmp_path)
    for name in ("dates", "missingness"):
        assert found.measured(name).status is Status.NOT_APPLICABLE


def test_gaps_that_no_longer_come_together_are_found(tmp_path):
    rng = np.random.default_rng(0)

    def table(together, n):
        a, b = rng.random(n) < 0.2, rng.random(n) < 0.2
        b = a if together else b
        frame = hospital(n, 3)[["age", "sex", "ward"]].assign(
            x=rng.normal(size=n).round(2), y=rng.normal(size=n).round(2)
        )
        return frame.assign(x=frame["x"].mask(a), y=frame["y"].mask(b))

    result = scene(table(True, 2000), table(False, 1500), tmp_path, target=None, positive=None).measured("missingness")
    assert beyond_chance(result)
    assert result.groups[0].columns == ("x", "y")
    share = next(f for f in result.figures if f.name == "share")
    assert share.value < 0.03 < result.value


def test_gaps_where_the_real_table_has_none_are_found(tmp_path):
    real, fresh = hospital(800, 1)[["age", "sex", "ward"]], hospital(600, 2)[["age", "sex", "ward"]]
    fresh["sex"] = fresh["sex"].mask(fresh["age"] > 60)
    result = scene(real, fresh, tmp_path, target=None, positive=None).measured("missingness")
    assert result.status is Status.OK
    assert result.value > 0.2
    assert result.holdout == 0.0


def test_detection_names_the_column_that_gave_the_set_away(good, tmp_path):
    result = changed(good, tmp_path, sodium=lambda f: f["sodium"] + 6).measured("detection")
    assert result.value > 0.7
    assert result.groups[0].columns == ("sodium",)
    assert result.groups[0].value > result.groups[0].holdout + 0.2
    assert sum(g.value for g in result.groups) == pytest.approx(1.0)


def test_associations_agree_with_libraries_that_define_them():
    from scipy.stats.contingency import association

    rng = np.random.default_rng(0)
    a = rng.integers(0, 4, 50_000)
    b = np.where(rng.random(50_000) < 0.5, a, rng.integers(0, 4, 50_000))
    assert cramers_v(a, b) == pytest.approx(association(pd.crosstab(a, b).to_numpy(), method="cramer"), abs=0.01)
    assert cramers_v(a, rng.integers(0, 4, 50_000)) < 0.02
    values = a + rng.normal(size=50_000)
    assert correlation_ratio(a, values) == pytest.approx(np.sqrt(np.var(a) / np.var(values)), abs=0.01)
    assert correlation_ratio(a, np.full(50_000, 1.0)) == 0.0
