"""What a saved model keeps of joint counts: bits that say "at least k people", and never more than that."""

import base64
import json

import numpy as np
import pandas as pd
import pytest
from prepared import prepared

from synthgen.contracts import FitData
from synthgen.errors import InputError, SpecError
from synthgen.spec import ColumnOverride, GroupTarget, OneOf, Range, SampleSpec
from synthgen.tabular import conversion, encoding, joint
from synthgen.tabular.requests import check_without_source

WARDS = {"a": 300, "b": 200, "c": 60}


def scene(few, people=None, **spec):
    """Three wards; in ward c, `few` rows died and in the others many did. Returns encoding, joint knowledge, data."""
    ward = np.repeat(list(WARDS), list(WARDS.values()))
    died = np.where(np.arange(len(ward)) % 3 == 0, "yes", "no")
    died[500:] = ["yes"] * few + ["no"] * (60 - few)
    frame = pd.DataFrame({"ward": ward, "died": died, "age": np.arange(len(ward)) % 70 + 20})
    made = prepared(frame, target="died", **spec)
    typed = conversion.typed(frame, made.schema)
    data = FitData(typed, typed.head(0), people)
    codes = encoding.fit(typed, made.schema.modelled, people, 10, 30)
    return codes, joint.learn(data, codes, made.schema), typed


def allowed(codes, known, **asked):
    try:
        check_without_source(SampleSpec(**asked), codes, known, "died")
    except SpecError:
        return False
    return True


BOTH = (
    {"fixed": {"ward": "c", "died": "yes"}},
    {"fixed": {"ward": "c"}, "targets": (GroupTarget(where={"died": "yes"}, rows=5),)},
    {"fixed": {"ward": "c"}, "balance": ("died",)},
    {"balance": ("ward", "died")},
    {"balance": ("died",), "balance_within": "ward"},
    {"balance": ("ward",), "balance_within": "died"},
    {"mix": "balanced", "balance_within": "ward"},
)


@pytest.mark.parametrize("asked", BOTH)
@pytest.mark.parametrize("few", [0, 1, 9, 10])
def test_two_columns_are_allowed_where_every_combination_has_k_people(few, asked):
    codes, known, _ = scene(few)
    assert allowed(codes, known, **asked) == (few >= 10)
    assert not allowed(codes, joint.UNKNOWN, **asked)
    assert not allowed(codes, None, **asked), "a private model knows nothing of combinations"


def test_rows_of_one_person_count_once():
    ten_people = np.arange(560)
    ten_people[500:520] = np.repeat(np.arange(500, 510), 2)
    nine_people = np.where(ten_people == 509, 508, ten_people)
    for people, known_to in ((ten_people, True), (nine_people, False)):
        codes, known, _ = scene(20, people)
        assert allowed(codes, known, fixed={"ward": "c", "died": "yes"}) == known_to


def test_nothing_that_is_allowed_has_fewer_than_k_people():
    """Random ranges and sets of two columns, counted in the very rows that were learnt from."""
    codes, known, rows = scene(12)
    rng = np.random.default_rng(0)
    told = {True: 0, False: 0}
    for _ in range(300):
        low = int(rng.integers(20, 88))
        ages, wards = (
            Range(low=low, high=low + int(rng.exponential(8))),
            OneOf(values=tuple(rng.choice(list("abc"), 2))),
        )
        other, value = ("ward", wards) if rng.random() < 0.5 else ("died", "yes")
        may = allowed(codes, known, fixed={"age": ages, other: value})
        told[may] += 1
        met = rows["age"].between(ages.low, ages.high) & rows[other].isin(wards.values if other == "ward" else [value])
        assert not may or met.sum() >= 10
    assert min(told.values()) > 20


def test_a_cell_that_only_counts_as_a_common_value_is_nobody_s():
    """Five rare wards stand for the commonest one, and the number 7 of three people for the nearest."""
    frame = pd.DataFrame({"ward": ["a"] * 300 + ["b"] * 95 + [f"r{i}" for i in range(5)]})
    frame["grade"] = [0] * 250 + [1] * 147 + [7] * 3
    frame["arm"] = ["x"] * 6 + ["y"] * 389 + ["x"] * 5
    made = prepared(frame, columns={"ward": ColumnOverride(kind="category"), "grade": ColumnOverride(kind="integer")})
    typed = conversion.typed(frame, made.schema)
    codes = encoding.fit(typed, made.schema.modelled, None, 10, 30)
    by_name = dict(zip(codes.names, codes.columns, strict=True))
    assert (joint.own_levels(by_name["ward"], typed["ward"]) < 0).sum() == 5
    assert (joint.own_levels(by_name["grade"], typed["grade"]) < 0).sum() == 3
    known = joint.learn(FitData(typed, typed.head(0)), codes, made.schema)
    assert not allowed(codes, known, fixed={"ward": "a", "arm": "x"}), "six of them, and five that are merged"


def test_the_file_holds_bits_alone_and_comes_back(tmp_path):
    """With nine people, one or none behind a combination the file is the same to the byte."""
    files = []
    for few in (0, 1, 9):
        _, known, _ = scene(few)
        known.save(tmp_path)
        files.append([p for p in json.loads((tmp_path / joint.FILE).read_text())["pairs"] if "age" not in p["columns"]])
        assert joint.Joint.load(tmp_path) == known
    assert files[0] == files[1] == files[2]
    assert {key for pair in files[0] for key in pair} == {"columns", "shape", "bits"}
    assert len(base64.b64decode(files[0][0]["bits"])) == 1
    (tmp_path / joint.FILE).write_text("{}}")
    with pytest.raises(InputError, match="damaged"):
        joint.Joint.load(tmp_path)


def test_pairs_with_the_target_come_first_where_there_is_no_room_for_all(monkeypatch):
    monkeypatch.setattr(joint, "MOST_WORK", 2 * 560)
    _, known, _ = scene(12)
    assert [set(pair.columns) for pair in known.pairs] == [{"died", "ward"}, {"died", "age"}]
