"""Categories to codes and back: the k-floor of people, `other`, missing."""

import numpy as np
import pandas as pd
import pytest

from synthgen.errors import SpecError
from synthgen.tabular.category_codes import OTHER, fit_categories

K = 10


def fitted(values, kind="category", public=False, people=None):
    return fit_categories(pd.Series(values, dtype=object), "c", kind, public, people, K)


def decoded(codes, values):
    return codes.decode(codes.encode(pd.Series(values, dtype=object)), np.random.default_rng(0)).tolist()


def test_rare_values_become_other_and_common_ones_stay():
    values = ["a"] * 50 + ["b"] * 10 + ["x1"] * 6 + ["x2"] * 5
    codes = fitted(values)
    assert codes.values == ("a", "b")
    assert codes.merged == 2
    assert decoded(codes, values) == ["a"] * 50 + ["b"] * 10 + [OTHER] * 11
    assert "x1" not in codes.model_dump_json()


def test_too_few_people_together_get_no_level():
    values = ["a"] * 50 + ["x"] * 3
    codes = fitted(values)
    assert not codes.other
    assert set(decoded(codes, values)) == {"a"}


def test_a_public_column_keeps_every_value():
    assert set(fitted(["a"] * 50 + ["x"], public=True).values) == {"a", "x"}


def test_the_floor_counts_people_and_not_rows():
    people = np.concatenate([np.arange(50), np.full(30, 99)])
    assert fitted(["a"] * 50 + ["x"] * 30, people=people).values == ("a",)


def test_missing_is_a_level_of_its_own():
    values = ["a"] * 20 + [None] * 5
    codes = fitted(values)
    assert codes.missing
    assert decoded(codes, values) == values


def test_a_boolean_has_no_other():
    codes = fitted(["t"] * 30 + ["f"] * 20 + list("abcdefghijkl"), kind="boolean")
    assert codes.values == ("t", "f")
    assert not codes.other


def test_a_value_never_seen_counts_as_merged():
    codes = fitted(["a"] * 50 + ["b"] * 20 + list("cdefghijklm"))
    assert decoded(codes, ["new"]) == [OTHER]


def test_thousands_of_levels():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 4000, 100_000).astype(str).tolist()
    codes = fitted(values, kind="code")
    assert 3900 < codes.size <= 4001
    assert decoded(codes, values[:500]) == [v if v in codes.values else OTHER for v in values[:500]]


@pytest.mark.parametrize(("value", "cell"), [("1", "1"), (1, "1"), (1.0, "1"), ("2", "2")])
def test_a_fixed_value_is_found_however_it_is_typed(value, cell):
    codes = fitted(["1"] * 20 + ["2"] * 20)
    assert [codes.values[i] for i in np.flatnonzero(codes.allowed(value)[0])] == [cell]


def test_a_fixed_value_that_few_have_is_refused_without_naming_it():
    with pytest.raises(SpecError) as problem:
        fitted(["a"] * 50 + ["secret"] * 3).allowed("secret")
    assert "secret" not in str(problem.value)
