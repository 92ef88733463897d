import numpy as np
import pytest

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
    frame, rng = good.split.train, np.random.default_rng(0)
    assert len(mix_of(frame, SampleSpec(), good.schema, rng)) == len(frame)
    burns = frame.iloc[mix_of(frame, SampleSpec(fixed={"ward": "burns"}), good.schema, rng)]
    assert set(burns["ward"]) == {"burns"}
    even = frame.iloc[mix_of(frame, SampleSpec(mix="balanced", balance=("ward",)), good.schema, rng)]
    assert even["ward"].value_counts(normalize=True).between(0.16, 0.17).all()
    targets = tuple(GroupTarget(where={"outcome": v}, rows=n) for v, n in (("died", 30), ("alive", 10)))
    mixed = frame.iloc[mix_of(frame, SampleSpec(targets=targets), good.schema, rng)]
    assert (mixed["outcome"] == "died").mean() == pytest.approx(0.75, abs=0.01)
