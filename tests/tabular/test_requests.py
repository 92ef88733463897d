from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from synthgen.errors import SpecError
from synthgen.spec import GroupTarget, SampleSpec
from synthgen.tabular.requests import check_request, mix_of


def test_values_that_enough_people_share_are_allowed(good):
    asked = SampleSpec(
        fixed={"ward": "burns"}, targets=(GroupTarget(where={"outcome": "died"}, rows=10),), balance=("sex",)
    )
    with pytest.raises(SpecError):  # burns and died together: too few
        check_request(asked, good.split, good.schema, good.spec.model_copy(update={"k_floor": 40}))
    check_request(SampleSpec(fixed={"ward": "burns"}), good.split, good.schema, good.spec)
    check_request(SampleSpec(fixed={"visits": 0}), good.split, good.schema, good.spec)
    check_request(SampleSpec(fixed={"smoker": "yes"}), good.split, good.schema, good.spec)


def test_every_problem_is_told_and_no_value(good):
    lone = float(good.split.train["charge"].iloc[0])
    asked = SampleSpec(
        fixed={"charge": lone},
        targets=(GroupTarget(where={"ward": "atlantis"}, rows=5), GroupTarget(where={"nowhere": "x"}, rows=5)),
        balance=("height",),
    )
    with pytest.raises(SpecError) as caught:
        check_request(asked, good.split, good.schema, good.spec)
    text = str(caught.value)
    assert "4 problems" in text
    assert "'height'" in text
    assert "'nowhere'" in text
    assert "fewer than 10 people" in text
    assert "atlantis" not in text
    assert str(lone) not in text


def test_people_are_counted_over_all_parts_of_the_source(good):
    died = sum(
        int((f["outcome"] == "died").sum()) for f in (good.split.train, good.split.validation, good.split.holdout)
    )
    asked = SampleSpec(fixed={"outcome": "died"})
    check_request(asked, good.split, good.schema, good.spec.model_copy(update={"k_floor": died}))
    with pytest.raises(SpecError):
        check_request(asked, good.split, good.schema, good.spec.model_copy(update={"k_floor": died + 1}))


@pytest.mark.parametrize(("column", "value"), [("age", "old"), ("admitted", "some day"), ("charge", "nan")])
def test_text_that_is_no_value_of_the_kind_meets_nobody(good, column, value):
    with pytest.raises(SpecError, match="fewer than"):
        check_request(SampleSpec(fixed={column: value}), good.split, good.schema, good.spec)


def test_the_mix_of_a_request(good):
    frame = good.split.train

    def mixed(**asked):
        return frame.iloc[mix_of(good.split, "train", SampleSpec(**asked), good.schema, np.random.default_rng(0))]

    assert len(mixed()) == len(frame)
    assert set(mixed(fixed={"ward": "burns"})["ward"]) == {"burns"}
    for mix in ("balanced", "data"):  # columns to balance are balanced whatever the mix is called
        even = mixed(mix=mix, balance=("ward",))
        assert even["ward"].value_counts(normalize=True).between(0.16, 0.17).all()
    assert (mixed(mix="balanced")["outcome"] == "died").mean() == pytest.approx(0.5, abs=0.01)
    targets = tuple(GroupTarget(where={"outcome": v}, rows=n) for v, n in (("died", 30), ("alive", 10)))
    assert (mixed(targets=targets)["outcome"] == "died").mean() == pytest.approx(0.75, abs=0.01)


def test_a_balanced_mix_has_even_margins_of_the_values_that_can_be_made(good):
    train = good.split.train.copy()
    train.iloc[:3, train.columns.get_loc("ward")] = "lone"
    train.iloc[3:60, train.columns.get_loc("ward")] = None
    split = replace(good.split, train=train)
    asked = SampleSpec(mix="balanced", balance=("ward", "outcome"))
    even = train.iloc[mix_of(split, "train", asked, good.schema, np.random.default_rng(0))]
    assert "lone" not in set(even["ward"])
    assert even["ward"].notna().all()
    assert even["ward"].value_counts(normalize=True).to_numpy() == pytest.approx(np.full(6, 1 / 6), abs=0.01)
    assert (even["outcome"] == "died").mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"fixed": {"ward": "burns"}, "balance": ("ward",)}, "'ward' is both fixed and balanced"),
        ({"fixed": {"outcome": "died"}, "mix": "balanced"}, "'outcome' is both fixed and balanced"),
        ({"fixed": {"sex": "f"}, "targets": (GroupTarget(where={"sex": "m"}, rows=5),)}, "'sex' is fixed to another"),
        ({"balance": ("age",)}, "only a discrete column can be balanced"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_training(good, asked, told):
    with pytest.raises(SpecError, match=told):
        check_request(SampleSpec(**asked), good.split, good.schema, good.spec)


def test_a_balanced_mix_needs_something_to_balance(good):
    schema = good.schema.model_copy(update={"target": None})
    with pytest.raises(SpecError, match="no column to balance"):
        check_request(SampleSpec(mix="balanced"), good.split, schema, good.spec)


def test_a_target_group_has_as_many_rows_as_a_set_at_most():
    with pytest.raises(ValidationError):
        GroupTarget(where={"ward": "burns"}, rows=100_000_001)
