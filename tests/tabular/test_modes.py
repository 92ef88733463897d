import json

import numpy as np
import pandas as pd
import pytest
from scenes import hospital, scene

from synthgen.contracts import Group, Split
from synthgen.errors import SchemaError
from synthgen.spec import RunSpec
from synthgen.tabular import conversion, inference, io, modes
from synthgen.tabular.modes import Condition, Mode


def census_of(frame: pd.DataFrame, people=None, **spec):
    wanted = RunSpec(**spec)
    found = inference.infer(io.from_memory(frame), wanted)
    typed = conversion.typed(frame, found)
    empty = typed.iloc[:0]
    none = None if people is None else people[:0]
    return typed, modes.census(Split(typed, empty, empty, people, none, none), found, wanted)


def named(found, kind):
    return {m.name for m in found if m.kind == kind}


def test_census_finds_every_kind_and_keeps_the_floor(good):
    kinds = {m.kind for m in good.groups}
    assert {"class", "rare category", "category", "missing", "spike", "tail", "rare pair"} <= kinds
    assert named(good.groups, "class") == {"outcome = died", "outcome = alive"}
    assert "ward = burns" in named(good.groups, "rare category")
    assert "visits = 0" in named(good.groups, "spike")
    assert modes.membership(good.groups, good.split.train).sum(axis=1).min() >= good.spec.k_floor


def test_census_reads_the_training_part_only(good):
    noise = good.split.holdout.sample(frac=1, random_state=0).reset_index(drop=True)
    noise["ward"] = "elsewhere"
    other = Split(good.split.train, noise, noise)
    assert modes.census(other, good.schema, good.spec) == good.groups


def test_the_floor_counts_people_not_rows():
    frame = hospital(600, 3)
    frame.loc[:59, "ward"] = "rehab"
    people = np.arange(600)
    people[:60] = np.arange(60) % 9  # sixty rows of nine people
    _, by_row = census_of(frame)
    _, by_person = census_of(frame, people)
    assert any("rehab" in m.name for m in by_row)
    assert not any("rehab" in m.name for m in by_person)


def test_at_most_500_by_a_rule_that_repeats():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{i}": rng.choice(list("abcdefghij"), 16_000, p=[0.64] + [0.04] * 9) for i in range(12)})
    frame["y"] = rng.choice(["p", "q"], 16_000)
    _typed, found = census_of(frame, target="y")
    assert len(found) == modes.LIMIT
    assert len({m.conditions for m in found}) == len(found)
    assert {m.columns[0] for m in found if m.kind == "rare category"} == {f"c{i}" for i in range(12)}
    assert census_of(frame, target="y")[1] == found


def test_a_mode_survives_json_and_masks_the_same(good):
    for mode in good.groups:
        again = Mode.from_json(json.loads(json.dumps(mode.to_json())))
        assert again == mode
        assert isinstance(again, Group)
        np.testing.assert_array_equal(again.mask(good.split.holdout), mode.mask(good.split.holdout))


def test_membership_is_what_each_mask_says(good):
    together = modes.membership(good.groups, good.split.holdout)
    for mode, row in zip(good.groups, together, strict=True):
        np.testing.assert_array_equal(mode.mask(good.split.holdout), row)


def test_a_tail_bound_gives_no_ones_number_away():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"charge": np.exp(rng.normal(8, 1, 2000)).round(2) + 0.013, "x": rng.choice(["a", "b"], 2000)})
    typed, found = census_of(frame)
    bounds = [c.value for m in found if m.kind == "tail" for c in m.conditions]
    assert bounds
    assert not set(bounds) & set(typed["charge"])


def test_spikes_stand_out_from_their_neighbours():
    rng = np.random.default_rng(0)
    values = rng.integers(20, 90, 3000).astype(float)
    values[:400] = 999
    _typed, found = census_of(pd.DataFrame({"pdays": values, "x": rng.choice(["a", "b"], 3000)}))
    assert named(found, "spike") == {"pdays = 999"}


def test_missing_cells_meet_no_other_condition():
    frame = pd.DataFrame({"n": [1.0, np.nan], "t": ["a", None], "d": np.array(["2020-01-01", "NaT"], "datetime64[us]")})
    frame["t"] = frame["t"].astype(object)
    for condition in (
        Condition("n", "at most", 5.0),
        Condition("t", "is", "a"),
        Condition("d", "at least", "1999-01-01"),
    ):
        assert condition.mask(frame).tolist() == [True, False]
    assert Condition("d", "missing").mask(frame).tolist() == [False, True]


def test_a_table_without_the_column_is_refused_without_a_value():
    with pytest.raises(SchemaError) as caught:
        Condition("ward", "is", "secret-value").mask(pd.DataFrame({"x": [1]}))
    assert "ward" in str(caught.value)
    assert "secret-value" not in str(caught.value)


def test_columns_the_schema_does_not_know_are_left_alone(good):
    train = good.split.train.assign(_internal=1.0)
    assert modes.census(Split(train, train, train), good.schema, good.spec) == good.groups


@pytest.mark.parametrize("rows", [40, 200])
def test_small_and_odd_tables_have_a_census(rows, tmp_path):
    found = scene(hospital(rows, 5), hospital(rows, 6), tmp_path)
    assert all(m.mask(found.split.train).sum() >= 10 for m in found.groups)
