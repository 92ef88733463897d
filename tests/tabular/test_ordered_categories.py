"""Categories with an order: found, declared, shown, asked for in ranges, kept in constraints; no value changes."""

import numpy as np
import pandas as pd
import pytest
from prepared import TINY, prepared

from synthgen.errors import SchemaError, SpecError
from synthgen.spec import ColumnOverride, Inequality, Range, RunSpec, Within
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import encoding, inference, io, preview, scales
from synthgen.tabular.encoding import Encoding

AGES = tuple(f"[{low}-{low + 10})" for low in range(0, 120, 10))
STAGES = ("stage I", "stage II", "stage III", "stage IV")


@pytest.mark.parametrize(
    "names",
    [
        AGES,
        ("<18", "18-25", "26-40", "41+"),
        ("<30", ">30"),
        ("<=50K", "50K-100K", ">100K"),
        ("under 5", "5 to 9 years", "10 years and over"),
        ("[0,10)", "[10,20)"),
        ("0", "1-4", "5+"),
        ("jan", "feb", "mar", "dec"),
        ("Monday", "Tuesday", "Sunday"),
        ("XS", "S", "M", "L", "XL"),
        ("none", "mild", "moderate", "severe"),
        ("Very low", "low", "medium", "high"),
        ("Q1", "Q2", "Q3", "Q4"),
        STAGES,
        ("Grade 2", "Grade 9", "Grade 10"),
        ("stage I", "stage IIa", "stage IIb"),
        ("I", "II", "III"),
        ("1st", "2nd", "10th"),
    ],
)
def test_names_that_tell_an_order_are_put_in_it(names):
    shuffled = [str(name) for name in np.random.default_rng(0).permutation(names)]
    found = scales.find(shuffled)
    assert found is not None
    assert found[1] == names


@pytest.mark.parametrize(
    "names",
    [
        ("M", "F"),
        ("1", "2", "3"),
        ("ward 1", "ward 2", "ward 3"),
        ("2018-03", "2018-04"),
        ("red", "green", "blue"),
        ("A", "B", "C"),
        ("18-65", "20-30", "70-80"),
        ("low", "blue", "high"),
        ("medium", "moderate", "low"),
        ("10th", "7th-8th", "Doctorate"),
        (),
    ],
)
def test_names_that_tell_none_are_left_alone(names):
    assert scales.find(names) is None


def test_a_name_outside_of_the_scale_is_left_out_of_it():
    assert scales.find(["high", "low", "unknown", "medium"]) == ("a well-known scale", ("low", "medium", "high"))


def patients(rows=1500, seed=0):
    rng = np.random.default_rng(seed)
    age = np.clip(rng.normal(6, 2, rows), 1, 10).astype(int)
    before = rng.integers(0, 4, rows)
    frame = pd.DataFrame(
        {
            "age": np.array(AGES)[age],
            "before": np.array(STAGES)[before],
            "after": np.array(STAGES)[np.minimum(3, before + rng.integers(0, 3, rows))],
            "size": rng.choice(["a", "b", "c"], rows),
            "stay": rng.gamma(2.0, 3.0, rows).round(2),
        }
    )
    frame.loc[0, "age"] = AGES[11]
    frame.loc[rng.random(rows) < 0.05, "before"] = None
    frame.loc[rng.random(rows) < 0.04, "before"] = "unknown"
    return frame


def schema_of(frame, **columns):
    return inference.infer(io.from_memory(frame), RunSpec(columns=columns))


def test_the_order_is_said_and_names_no_category_of_few_people():
    found = schema_of(patients())
    assert found.column("age").order == AGES[1:11]
    assert "an ordered category, because its values are intervals of numbers" in found.column("age").reason
    assert found.column("before").order == STAGES
    assert found.column("size").order == ()
    shown = preview.preview(io.from_memory(patients()), found)["columns"]
    assert shown[1]["format"] == "ordered category: stage I < stage II < stage III < stage IV"
    assert [label for label in shown[1]["histogram"]["labels"] if label in STAGES] == list(STAGES)


def test_an_order_is_declared_and_undone():
    said = {"size": ColumnOverride(order=("c", "a", "nobody", "b")), "before": ColumnOverride(order=())}
    found = schema_of(patients(), **said)
    assert found.column("size").order == ("c", "a", "b")
    assert "because its owner says so" in found.column("size").reason
    assert found.column("before").order == ()


@pytest.mark.parametrize(
    "said", [{"stay": ColumnOverride(order=("1", "2"))}, {"size": ColumnOverride(order=("a", "a"))}]
)
def test_an_order_that_cannot_be_is_told(said):
    with pytest.raises(SchemaError, match="order"):
        schema_of(patients(), **said)


def test_levels_stand_in_their_order_and_no_cell_changes():
    scene = prepared(patients())
    made = encoding.fit(scene.split.train, scene.schema.modelled, None, 10, 20)
    made = Encoding.model_validate_json(made.model_dump_json())
    before = made.columns[made.names.index("before")]
    assert before.values == (*STAGES, "unknown")
    assert before.ordered == 4
    cells = scene.split.train["before"]
    again = pd.Series(before.decode(before.encode(cells), np.random.default_rng(0)))
    assert again.equals(cells.reset_index(drop=True))


def test_what_too_few_hold_together_counts_as_the_commonest_not_the_lowest():
    scene = prepared(patients())
    made = encoding.fit(
        scene.split.train.assign(age=AGES[6]).assign(
            age=lambda f: f["age"].where(np.arange(len(f)) > 20, AGES[1]).where(np.arange(len(f)) != 30, AGES[9])
        ),
        scene.schema.modelled,
        None,
        10,
        20,
    )
    age = made.columns[made.names.index("age")]
    assert age.values == (AGES[1], AGES[6])
    assert age.values[age.encode(pd.Series([AGES[9]], dtype=object))[0]] == AGES[6]


@pytest.fixture(scope="module")
def model():
    rules = (
        Inequality(low_column="before", high_column="after"),
        Within(column="age", low=AGES[2], source_may_break=True),
    )
    params = {"epochs": 3, "hidden": 16, "bins": 12, "critic_epochs": 1, "critic_rounds": 2}
    assert TINY.epochs == params["epochs"]
    return TabularSynthesizer(generator="autoregressive_gan", params=params, constraints=rules).fit(patients())


def test_a_range_of_categories_is_kept(model):
    assert set(model.sample(200, where={"age": Range(low=AGES[6])})["age"]) <= set(AGES[6:11])
    assert set(model.sample(200, where={"after": Range(low="stage II", high="stage III")})["after"]) == set(STAGES[1:3])


def test_constraints_on_ordered_categories_are_kept(model):
    made = model.sample(600)
    place = {stage: i for i, stage in enumerate(STAGES)}
    both = made[made["before"].isin(place)]
    assert len(both) > 400
    assert (both["before"].map(place) <= both["after"].map(place)).all()
    assert set(made["age"]) <= set(AGES[2:11])
    assert {"unknown"} <= set(made["before"])


def test_ranges_that_cannot_be_are_told_without_the_value(model):
    for column, wish in (("after", Range(low="stage 0")), ("size", Range(low="a")), ("age", Range(low=AGES[11]))):
        with pytest.raises(SpecError, match=repr(column)) as caught:
            model.sample(10, where={column: wish})
        assert repr(wish.low) not in str(caught.value)
        assert "stage 0" not in str(caught.value)


def test_a_loaded_model_keeps_the_order(model, tmp_path):
    model.save(tmp_path / "model")
    loaded = TabularSynthesizer.load(tmp_path / "model")
    assert set(loaded.sample(100, where={"age": Range(high=AGES[5])})["age"]) <= set(AGES[:6])
    with pytest.raises(SpecError, match="no ranges"):
        loaded.sample(10, where={"size": Range(low="a")})


def test_an_inequality_needs_one_scale():
    rule = (Inequality(low_column="age", high_column="after"),)
    with pytest.raises(SpecError, match="categories with the same order"):
        TabularSynthesizer(constraints=rule).fit(patients(300))
