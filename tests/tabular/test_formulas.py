"""Numbers that follow from other numbers: found where every row obeys, told, kept in what is made, and to be undone."""

import numpy as np
import pandas as pd
import pytest

from synthgen.spec import ColumnOverride, Range
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import formula_finding

DIGITS = {"drugs": 2, "ward": 2, "total": 2, "ln_total": 6, "celsius": 1, "fahrenheit": 2, "age": 0}


def bills(rows=600, seed=0):
    """Two costs and their total, some zero; its logarithm, missing where it has none; one reading in two units."""
    rng = np.random.default_rng(seed)
    drugs = np.where(rng.random(rows) < 0.3, 0.0, rng.gamma(2.0, 40.0, rows)).round(2)
    ward = np.where(rng.random(rows) < 0.4, 0.0, rng.gamma(2.0, 300.0, rows)).round(2)
    total = (drugs + ward).round(2)
    celsius = rng.normal(37.0, 2.0, rows).round(1)
    with np.errstate(divide="ignore"):
        logs = np.where(total > 0, np.log(total), np.nan)
    return pd.DataFrame(
        {
            "drugs": drugs, "ward": ward, "total": total, "ln_total": logs.round(6), "celsius": celsius,
            "fahrenheit": (1.8 * celsius + 32).round(2), "age": rng.integers(18, 90, rows).astype(float),
        }
    )  # fmt: skip


def found_in(frame, never=(), k=10):
    values = {name: frame[name].to_numpy(float) for name in frame}
    return formula_finding.find(values, DIGITS, set(never), k)


def test_totals_logarithms_and_units_are_found_and_nothing_else():
    found = found_in(bills())
    assert {name: f.text for name, f in found.items()} == {
        "ln_total": "log of 'total'",
        "total": "'drugs' + 'ward'",
        "fahrenheit": "1.8 times 'celsius' + 32",
    }
    assert found["ln_total"].elsewhere is None
    assert formula_finding.in_order(found).index("total") < formula_finding.in_order(found).index("ln_total")


def test_what_rows_do_not_obey_is_no_formula():
    frame, rng = bills(), np.random.default_rng(1)
    for name in ("total", "fahrenheit", "ln_total"):
        off = rng.random(len(frame)) < 0.01
        frame.loc[off, name] = (frame.loc[off, name] * 1.05).round(DIGITS[name])
    assert not found_in(frame)


def test_coarse_numbers_that_only_go_together_are_left_alone():
    rng = np.random.default_rng(0)
    age = rng.integers(20, 60, 500).astype(float)
    values = {"age": age, "decade": (age / 10).round(), "years_insured": age - 18 + rng.integers(0, 2, 500)}
    assert not formula_finding.find(values, dict.fromkeys(values, 0), set(), 10)


def test_a_column_that_may_not_be_worked_out_stays_as_it_is():
    assert set(found_in(bills(), never=["total", "fahrenheit"])) == {"ln_total"}


def test_a_value_outside_of_the_formula_is_kept_only_where_enough_rows_share_it():
    frame = bills()
    frame["ln_total"] = frame["ln_total"].fillna(0.0)
    assert found_in(frame)["ln_total"].elsewhere == 0.0
    assert found_in(frame, k=200)["ln_total"].elsewhere == "drawn"


def test_rows_are_counted_by_people():
    frame = bills()
    frame["ln_total"] = frame["ln_total"].fillna(7.77)
    people = np.arange(len(frame))
    people[frame.total == 0] = -1  # all rows outside of the formula are those of one person
    values = {name: frame[name].to_numpy(float) for name in frame}
    assert (frame.total == 0).sum() >= 10
    assert formula_finding.find(values, DIGITS, set(), 10, people)["ln_total"].elsewhere == "drawn"
    assert formula_finding.find(values, DIGITS, set(), 10)["ln_total"].elsewhere == 7.77
    assert not formula_finding.find(values, DIGITS, set(), 10, people % 9)  # everything is said of nine people


def test_time_stamps_are_not_their_likes_plus_the_mean_of_the_time_between():
    rng = np.random.default_rng(0)
    start = (1.6e9 + rng.uniform(0, 3e7, 1000)).round()  # seconds since 1970
    values = {"start": start, "end": start + rng.exponential(200.0, 1000).round()}
    assert not formula_finding.find(values, dict.fromkeys(values, 0), set(), 10)
    values["end"] = start + 3600
    assert formula_finding.find(values, dict.fromkeys(values, 0), set(), 10)["start"].text == "'end' - 3600"


@pytest.mark.parametrize("high", [1e18, 1e200])
def test_a_number_beyond_all_others_breaks_nothing(high):
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(3, 3000)).round(3)
    for row in (0, 7):  # one of the rows that are looked at first, and none of them
        far = x.copy()
        far[row] = high
        values = {"far": far, "double": 2 * far + 1, "half": far / 2, "y": y, "z": z}
        found = formula_finding.find(values, dict.fromkeys(values, 3), set(), 10)
        assert not {"y", "z"} & set(found)


@pytest.fixture(scope="module")
def model():
    return TabularSynthesizer(params={"epochs": 4, "hidden": 32}, seed=1).fit(bills())


def test_what_is_made_adds_up(model):
    made, real = model.sample(500), bills()
    assert made.total.max() <= real.total.max()
    inside = made.total < made.total.max()  # a sum above what k people reach is cut
    assert inside.mean() > 0.97
    assert np.allclose(made.total[inside], (made.drugs + made.ward)[inside], atol=0.006)
    assert np.allclose(made.fahrenheit, 1.8 * made.celsius + 32, atol=0.006)
    spent = made.total > 0
    assert np.isclose(made.ln_total[spent], np.log(made.total[spent]), atol=1e-5).mean() > 0.97
    assert made.ln_total[~spent].isna().all()


def test_the_reason_is_told_and_survives_saving(model, tmp_path):
    reasons = {c.name: c.reason for c in model.schema_.columns}
    assert "worked out as 'drugs' + 'ward'" in reasons["total"]
    model.save(tmp_path / "model")
    pd.testing.assert_frame_equal(TabularSynthesizer.load(tmp_path / "model").sample(50), model.sample(50))


def test_a_range_that_was_asked_for_stands(model):
    made = model.sample(60, where={"total": Range(low=100, high=900)})
    assert made.total.between(100, 900).all()


def test_where_a_result_is_asked_for_its_source_follows(model):
    made = model.sample(60, where={"fahrenheit": Range(low=98, high=100)})
    assert made.fahrenheit.between(98, 100).all()
    assert np.abs(made.fahrenheit - (1.8 * made.celsius + 32)).max() <= 0.1, "a tenth of a degree is the source's step"
    gaps = bills(40, seed=5)
    gaps.loc[::2, "celsius"] = np.nan
    filled = model.impute(gaps)
    assert np.allclose(filled.celsius, bills(40, seed=5).celsius, atol=0.051)


def test_the_owner_may_undo_a_formula_and_the_target_is_never_one():
    free = TabularSynthesizer(columns={"total": ColumnOverride(determined_by="")}, target="fahrenheit")
    free.fit(bills())
    formulas = {c.name for c in free.schema_.columns if c.formula is not None}
    assert "total" not in formulas
    assert "fahrenheit" not in formulas
