"""Columns that another one determines: found, declared, shown, and kept exactly in the output."""

import numpy as np
import pandas as pd
import pytest
from prepared import TINY, prepared

from synthgen.errors import SchemaError
from synthgen.spec import ColumnOverride, RunSpec
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import encoding, inference, io


def visits(rows=2000, seed=0):
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, 41)
    code = rng.choice(40, rows, p=share / share.sum())
    frame = pd.DataFrame(
        {
            "code": [f"D{c:02d}" for c in code],
            "chapter": [f"chapter {c // 4}" for c in code],
            "price": code * 12.5,
            "age": rng.integers(20, 90, rows),
            "outcome": rng.choice(["well", "ill"], rows),
        }
    )
    return frame


def determined(frame, **spec):
    return {c.name: c.determined_by for c in inference.infer(io.from_memory(frame), RunSpec(**spec)).columns}


def test_columns_that_follow_from_a_code_are_found_and_said():
    assert determined(visits()) == {"code": None, "chapter": "code", "price": "code", "age": None, "outcome": None}
    found = inference.infer(io.from_memory(visits()), RunSpec())
    assert "determined by 'code'" in found.column("chapter").reason


def test_the_target_is_never_determined():
    found = determined(visits(), target="chapter")
    assert found["chapter"] is None
    assert found["price"] == "code"


def test_two_names_of_the_same_thing_are_one_code_and_one_dependent():
    frame = visits().assign(label=lambda f: "label " + f["code"])
    found = determined(frame)
    assert [found["code"], found["label"]].count(None) == 1


def test_one_exception_among_many_is_no_dependency():
    frame = visits()
    frame.loc[frame.index[frame["code"] == "D00"][:3], "chapter"] = "chapter 7"
    assert determined(frame)["chapter"] is None


def test_chance_is_no_dependency():
    """A flag that is nearly always no agrees with any code for a while."""
    rng = np.random.default_rng(0)
    frame = visits(400).assign(rare=np.where(rng.random(400) < 0.01, "yes", "no"))
    assert determined(frame)["rare"] is None
    assert determined(frame.assign(half=rng.choice(["a", "b"], 400)))["half"] is None


def test_exceptions_among_codes_of_few_people_do_not_count():
    frame = visits()
    frame.loc[:5, "code"] = ["Z1", "Z1", "Z1", "Z2", "Z2", "Z2"]
    frame.loc[:5, "chapter"] = ["chapter 0", "chapter 1", "chapter 2"] * 2
    assert determined(frame)["chapter"] == "code"


def test_the_output_keeps_what_was_found():
    frame = visits()
    frame.loc[::9, "chapter"] = None
    frame["chapter"] = frame.groupby("code")["chapter"].transform("first")
    frame.loc[frame["code"] == "D03", "price"] = np.nan
    made = TabularSynthesizer(params=TINY.model_dump(exclude={"time_budget"}), time_budget=5).fit(frame).sample(1500)
    allowed = set(map(tuple, frame[["code", "chapter", "price"]].astype(str).to_numpy()))
    known = made[made["code"] != "other"]
    assert len(known) > 1000
    assert set(map(tuple, known[["code", "chapter", "price"]].astype(str).to_numpy())) <= allowed


def test_either_side_may_be_fixed_and_the_other_goes_with_it():
    model = TabularSynthesizer(params=TINY.model_dump(exclude={"time_budget"}), time_budget=5).fit(visits())
    made = model.sample(200, where={"chapter": "chapter 1"})
    assert set(made["chapter"]) == {"chapter 1"}
    assert set(made["code"]) <= {"D04", "D05", "D06", "D07", "other"}
    made = model.sample(200, where={"code": "D05"})
    assert set(made["chapter"]) == {"chapter 1"}
    assert set(made["price"]) == {62.5}
    made = model.sample(400, balance=["chapter"])
    pairs = visits().drop_duplicates("code").set_index("code")["chapter"]
    known = made[made["code"] != "other"]
    assert (known["code"].map(pairs) == known["chapter"]).all()


def test_a_declared_dependency_takes_the_commonest_and_drops_the_rest():
    frame = visits()
    frame.loc[::50, "chapter"] = "chapter 9"
    said = {"chapter": ColumnOverride(determined_by="code")}
    scene = prepared(frame, columns=said)
    assert scene.schema.column("chapter").determined_by == "code"
    assert "owner says so" in scene.schema.column("chapter").reason
    coded = encoding.fit(scene.split.train, scene.schema.modelled, None, 10, 100, related=True)
    made = coded.decode(coded.encode(scene.split.train), np.random.default_rng(0))
    assert made[made["code"] != "other"].groupby("code")["chapter"].nunique().max() == 1


@pytest.mark.parametrize(
    "said",
    [
        {"chapter": ColumnOverride(determined_by="nowhere")},
        {"chapter": ColumnOverride(determined_by="age")},
        {"chapter": ColumnOverride(determined_by="chapter")},
        {"chapter": ColumnOverride(determined_by="code"), "code": ColumnOverride(determined_by="outcome")},
    ],
)
def test_declarations_that_make_no_sense_are_refused(said):
    with pytest.raises(SchemaError, match="'chapter'"):
        determined(visits(), columns=said)


def test_released_combinations_are_held_by_enough_people():
    frame = visits()
    frame.loc[:5, "code"] = "Z1"
    frame.loc[:5, "chapter"] = "secret"
    scene = prepared(frame)
    coded = encoding.fit(scene.split.train, scene.schema.modelled, None, 10, 100, related=True)
    assert coded.lookups
    assert "secret" not in coded.model_dump_json()
    assert "Z1" not in coded.model_dump_json()
