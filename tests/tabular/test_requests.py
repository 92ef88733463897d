from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from prepared import prepared

from synthgen.errors import SpecError
from synthgen.spec import ColumnOverride, GroupTarget, OneOf, Range, RunSpec, SampleSpec
from synthgen.tabular import encoding
from synthgen.tabular.allowed import FREE
from synthgen.tabular.balancing import balanced
from synthgen.tabular.category_codes import fit_categories
from synthgen.tabular.mixes import mix_of
from synthgen.tabular.requests import check_request, check_without_source


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
        ({"balance": ("age",)}, "only a discrete column, or whole numbers with at most 20 values, can be balanced"),
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
    with pytest.raises(SpecError, match="at most 100000000"):
        GroupTarget(where={"ward": "burns"}, rows=100_000_001)


def people(good, mask):
    return sum(int(mask(f).sum()) for f in (good.split.train, good.split.validation, good.split.holdout))


@pytest.mark.parametrize(
    ("fixed", "mask"),
    [
        ({"sodium": None}, lambda f: f["sodium"].isna()),
        ({"age": Range(low=30, high="35")}, lambda f: f["age"].between(30, 35)),
        (
            {"admitted": Range(low="2020-02-01", high="2020-02-10")},
            lambda f: f["admitted"].between("2020-02-01", "2020-02-10"),
        ),
        ({"ward": OneOf(values=("burns", "skin"))}, lambda f: f["ward"].isin(["burns", "skin"])),
        ({"smoker": OneOf(values=("yes", None))}, lambda f: f["smoker"].isna() | (f["smoker"] == "yes")),
        ({"age": Range(high=30), "sex": "f"}, lambda f: (f["age"] <= 30) & (f["sex"] == "f")),
        ({"age": OneOf(values=(40, 41))}, lambda f: f["age"].isin([40, 41])),
    ],
)
def test_people_who_meet_missing_ranges_and_sets_are_counted(good, fixed, mask):
    count = people(good, mask)
    asked = SampleSpec(fixed=fixed)
    check_request(asked, good.split, good.schema, good.spec.model_copy(update={"k_floor": count}))
    with pytest.raises(SpecError, match="fewer than"):
        check_request(asked, good.split, good.schema, good.spec.model_copy(update={"k_floor": count + 1}))
    kept = good.split.train.iloc[mix_of(good.split, "train", asked, good.schema, np.random.default_rng(0))]
    assert len(kept) == mask(good.split.train).sum()
    assert mask(kept).all()


def test_a_column_without_missing_cells_has_none_to_ask_for(good):
    with pytest.raises(SpecError, match="fewer than"):
        check_request(SampleSpec(fixed={"age": None}), good.split, good.schema, good.spec)


def test_a_category_has_no_ranges(good):
    with pytest.raises(SpecError, match="'ward' was read as category and has no ranges"):
        check_request(SampleSpec(fixed={"ward": Range(low=1)}), good.split, good.schema, good.spec)


@pytest.mark.parametrize(
    ("fixed", "where", "fits"),
    [
        ({"age": Range(low=20, high=80)}, {"age": Range(low=40, high=60)}, True),
        ({"age": Range(low=20, high=80)}, {"age": 50}, True),
        ({"age": Range(low=20, high=80)}, {"age": Range(low=40)}, False),
        ({"age": Range(low=20, high=40)}, {"age": 50}, False),
        ({"ward": OneOf(values=("skin", "eyes"))}, {"ward": "skin"}, True),
        ({"ward": OneOf(values=("skin", "eyes"))}, {"ward": OneOf(values=("skin", "surgery"))}, False),
    ],
)
def test_a_target_group_keeps_inside_what_is_fixed(good, fixed, where, fits):
    asked = SampleSpec(fixed=fixed, targets=(GroupTarget(where=where, rows=5),))
    if fits:
        return check_request(asked, good.split, good.schema, good.spec)
    with pytest.raises(SpecError, match="fixed to another value"):
        check_request(asked, good.split, good.schema, good.spec)


@pytest.mark.parametrize(
    ("fixed", "known"),
    [
        ({"charge": 1234.56}, False),
        ({"charge": Range(low=1000, high=1000.5)}, False),
        ({"charge": Range(low=500, high=3000)}, True),
        ({"charge": Range(low=0, high=1)}, False),
        ({"visits": 0}, True),
        ({"visits": Range(high=5)}, True),
        ({"visits": Range(low=39.5, high=40.2)}, True),  # a whole number: one level of many people
        ({"ward": "burns"}, True),
        ({"sodium": None}, True),
        ({"admitted": "2021-03-05"}, False),
        ({"admitted": Range(low="2021-01-01", high="2021-12-31")}, True),
        ({"ward": "burns", "sex": "f"}, False),
    ],
)
def test_without_the_source_only_what_holds_a_whole_level_may_be_fixed(good, fixed, known):
    codes = encoding.fit(good.split.train, good.schema.modelled, None, 10, 100)
    if known:
        return check_without_source(SampleSpec(fixed=fixed), codes)
    with pytest.raises(SpecError):
        check_without_source(SampleSpec(fixed=fixed), codes)


def test_every_whole_level_within_a_range_has_k_people_in_the_source(good):
    """What `held` says is true of the very rows the encoding was fitted on, for ranges of any width."""
    codes, rng = encoding.fit(good.split.train, good.schema.modelled, None, 10, 100), np.random.default_rng(0)
    told = {True: 0, False: 0}
    for column in ("charge", "age", "sodium", "visits"):
        values = good.split.train[column].dropna()
        for _ in range(25):
            low = rng.choice(values)
            asked = Range(low=float(low), high=float(low + rng.exponential(values.std() / 20)))
            try:
                held = codes.held(column, asked)
            except SpecError:
                held = False
            told[held] += 1
            assert not held or values.between(asked.low, asked.high).sum() >= 10
    assert min(told.values()) > 10


def test_few_missing_cells_may_not_be_fixed_without_the_source(good):
    train = good.split.train.copy()
    train.loc[train.index[:9], "charge"] = np.nan
    train.loc[train.index[:9], "ward"] = None
    codes = encoding.fit(train, good.schema.modelled, None, 10, 100)
    for column in ("charge", "ward"):
        with pytest.raises(SpecError):
            check_without_source(SampleSpec(fixed={column: None}), codes)


def test_a_whole_number_with_few_values_is_balanced_like_a_category(good):
    train = good.split.train.assign(grade=np.repeat([0.0, 1, 2, 7], [len(good.split.train) - 223, 200, 20, 3]))
    column = good.schema.column("visits").model_copy(update={"name": "grade"})
    schema = good.schema.model_copy(update={"columns": (*good.schema.columns, column)})
    split = replace(good.split, train=train, validation=train.head(0), holdout=train.head(0))
    asked = SampleSpec(balance=("grade",))
    check_request(asked, split, schema, good.spec)
    even = train.iloc[mix_of(split, "train", asked, schema, np.random.default_rng(0))]
    shares = even["grade"].value_counts(normalize=True).to_dict()
    assert shares == pytest.approx({0: 1 / 3, 1: 1 / 3, 2: 1 / 3}, abs=0.01)


def test_equal_shares_within_each_value_of_another_column(good):
    asked = SampleSpec(balance=("ward",), balance_within="outcome")
    check_request(asked, good.split, good.schema, good.spec)
    frame = good.split.train
    even = frame.iloc[mix_of(good.split, "train", asked, good.schema, np.random.default_rng(0))]
    assert (even["outcome"] == "died").mean() == pytest.approx((frame["outcome"] == "died").mean(), abs=0.01)
    for outcome, part in even.groupby("outcome"):
        shares = part["ward"].value_counts(normalize=True)
        assert shares.to_numpy() == pytest.approx(np.full(6, 1 / 6), abs=0.02), outcome


@pytest.mark.parametrize("asked", [{"balance_within": "outcome"}, {"balance": ("ward",), "balance_within": "ward"}])
def test_what_is_balanced_within_a_column_is_another_one(good, asked):
    with pytest.raises(SpecError, match="another column"):
        check_request(SampleSpec(**asked), good.split, good.schema, good.spec)


@pytest.mark.parametrize("asked", [{"balance": ("ward", "group")}, {"balance": ("group",), "balance_within": "ward"}])
def test_no_combination_of_few_people_is_balanced(asked):
    """Each value of both columns has enough people; one combination has as many as the floor, then one fewer."""
    for few, refused in ((10, False), (9, True)):
        frame = pd.DataFrame(
            {"ward": ["a"] * 200 + ["b"] * 200, "group": ["x"] * 200 + ["y"] * (200 - few) + ["x"] * few}
        )
        frame["group"] = frame["group"].where(np.arange(400) >= 100, "y")
        ready = prepared(frame)
        request, spec = SampleSpec(**asked), RunSpec(k_floor=10)
        if not refused:
            check_request(request, ready.split, ready.schema, spec)
            continue
        with pytest.raises(SpecError, match=r"1 of the 4 combinations .* fewer than 10 people"):
            check_request(request, ready.split, ready.schema, spec)
    with pytest.raises(SpecError, match="no joint counts"):
        check_without_source(request, None)


def test_balance_does_not_raise_what_few_of_the_asked_people_have(good):
    asked = SampleSpec(fixed={"ward": "burns"}, balance=("outcome",))
    with pytest.raises(SpecError, match="some values of the balanced column 'outcome'"):
        check_request(asked, good.split, good.schema, good.spec.model_copy(update={"k_floor": 40}))
    check_request(SampleSpec(fixed={"sex": "f"}, balance=("outcome",)), good.split, good.schema, good.spec)
    with pytest.raises(SpecError, match="no joint counts"):
        check_without_source(SampleSpec(fixed={"sex": "f"}, balance=("outcome",)), None)


def test_a_public_value_of_one_person_is_neither_fixed_nor_balanced_by_a_loaded_model():
    values = pd.Series(["flu"] * 60 + ["cold"] * 40 + ["ebola"])
    codes = fit_categories(values, "disease", "category", True, None, 10)
    assert codes.alone == ("ebola",)
    made = encoding.Encoding(columns=(codes,))
    assert made.held("disease", "flu")
    assert not made.held("disease", "ebola")
    combos, _ = balanced(np.full(1, -1), ["disease"], made, FREE, lambda given: given)
    assert {codes.values[c] for c in combos[:, 0]} == {"flu", "cold"}


@pytest.mark.parametrize("rest", [None, "rare"])
def test_what_is_missing_or_merged_in_the_column_balanced_within_is_counted_too(rest):
    """One person of those without a ward, or in a ward of few, died: half of them would."""
    ward = np.array(["burns"] * 300 + ["heart"] * 300 + [rest and f"{rest}{i}" for i in range(60)], dtype=object)
    died = np.where(np.arange(660) % 5 == 0, "yes", "no")
    died[601:] = "no"
    frame = pd.DataFrame({"ward": ward, "died": died, "age": np.arange(660) % 70})
    scene = prepared(frame, columns={"ward": ColumnOverride(kind="category")}, k_floor=10)
    with pytest.raises(SpecError, match="1 of the 6 combinations"):
        check_request(
            SampleSpec(balance=("died",), balance_within="ward"), scene.split, scene.schema, RunSpec(k_floor=10)
        )
    frame["died"] = np.where(np.arange(660) % 3 == 0, "yes", "no")
    scene = prepared(frame, columns={"ward": ColumnOverride(kind="category")}, k_floor=10)
    check_request(SampleSpec(balance=("died",), balance_within="ward"), scene.split, scene.schema, RunSpec(k_floor=10))


def test_columns_whose_values_never_come_together_are_not_balanced():
    only = np.arange(400) % 2 == 0
    frame = pd.DataFrame({"left": np.where(only, "a", None), "right": np.where(only, None, "b")})
    made = encoding.fit(frame, prepared(frame.assign(z=np.arange(400))).schema.modelled[:2], None, 10, 20)

    def draw(given):
        out, gone = given.copy(), [c.size - 1 for c in made.columns]
        for i in (0, 1):
            out[(out[:, i] < 0) & (out[:, 1 - i] == 0), i] = gone[i]
        return out

    with pytest.raises(SpecError, match="come together"):
        balanced(np.full(2, -1), ["left", "right"], made, FREE, draw)
