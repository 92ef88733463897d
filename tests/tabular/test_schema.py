import csv

import numpy as np
import pandas as pd
import pytest

from synthgen.errors import SchemaError, SpecError
from synthgen.spec import ColumnOverride, RunSpec
from synthgen.tabular import conversion, inference, io, schema

ROWS = 200
RNG = np.random.default_rng(5)


def inferred(table, **spec):
    return inference.infer(io.from_memory(pd.DataFrame(table)), RunSpec(**spec))


def texts(values):
    return pd.Series([str(v) for v in values], dtype=object)


def column(values, name="x", **spec):
    return inferred({name: values, "other": texts(i % 3 for i in range(len(values)))}, **spec).column(name)


UUIDS = [f"{i:08x}-aaaa-4bbb-8ccc-{i * 7919:012x}" for i in range(ROWS)]
CASES = {
    "whole numbers": (texts(RNG.integers(0, 90, ROWS)), "integer"),
    "numbers": (texts(np.round(RNG.normal(size=ROWS), 2)), "number"),
    "numbers with gaps": (texts(["", "?", "NA", "n/a"] + [i / 4 for i in range(ROWS)]), "number"),
    "numbers with none": (texts(["none", "None"] + [i / 4 for i in range(ROWS)]), "number"),
    "zero and one": (texts(i % 2 for i in range(ROWS)), "boolean"),
    "yes and no": (texts(["Yes", "no", ""][i % 3] for i in range(ROWS)), "boolean"),
    "two words": (texts(["Male", "Female"][i % 2] for i in range(ROWS)), "category"),
    "words with None": (texts(["None", ">200", "Norm"][i % 3] for i in range(ROWS)), "category"),
    "leading zeros": (texts(f"{i % 30:05d}" for i in range(ROWS)), "category"),
    "codes": (texts(f"{i % 120}.{i % 3}" + "V" * (i % 2) for i in range(600)), "code"),
    "iso dates": (texts(np.datetime64("2020-01-01") + i % 90 for i in range(ROWS)), "date"),
    "day first": (texts(f"{1 + i % 28:02d}/{1 + i % 12:02d}/2019" for i in range(ROWS)), "date"),
    "moments": (texts(f"2011-03-{1 + i % 28:02d}T10:{i % 60:02d}:05Z" for i in range(ROWS)), "datetime"),
    "year 9999": (texts(["9999-12-31", "2020-01-05", "2021-02-03"][i % 3] for i in range(ROWS)), "date"),
    "uuids": (texts(UUIDS), "id"),
    "hashes": (texts(f"{i * 2654435761 % 2**64:016x}{i:048x}" for i in range(ROWS)), "id"),
    "a counter": (texts(range(1, ROWS + 1)), "id"),
    "numbered names": (texts(f"P{i:04d}" for i in RNG.permutation(ROWS)), "id"),
    "free text": (texts(f"the patient number {i} said that it hurts somewhere" for i in range(ROWS)), "text"),
    "mostly different words": (texts(f"word {i % 150} of many" for i in range(ROWS)), "text"),
    "constant": (texts(["same"] * ROWS), "constant"),
    "empty": (texts(["", "?"][i % 2] for i in range(ROWS)), "empty"),
    "one value and gaps": (texts(["", "x"][i % 2] for i in range(ROWS)), "category"),
    "explosive text": (
        texts(["8e2569614270", "9e2147483648", "1e99999999999"][i % 3] for i in range(ROWS)),
        "category",
    ),
    "currency": (texts(f"${i * 37:,}.50" for i in range(ROWS)), "number"),
    "decimal comma": (texts(f"{i},{i % 10}" for i in range(ROWS)), "number"),
    "huge exponents": (texts(["1e400", "12"][i % 2] for i in range(ROWS)), "category"),
}


@pytest.mark.parametrize("case", CASES)
def test_kinds(case):
    values, kind = CASES[case]
    found = column(values)
    assert found.kind == kind
    assert found.reason.startswith("read as")


@pytest.mark.parametrize("case", CASES)
def test_cells_come_back_as_written(case):
    """Typed and written again, every cell of a uniform column is what it was; only missing tokens may merge."""
    values, kind = CASES[case]
    if kind in ("text", "empty"):
        return
    made = inferred({"x": values})
    found = made.column("x")
    from synthgen.tabular.conversion import written

    back = written(conversion.typed(pd.DataFrame({"x": values}), made)["x"], found)
    same = [a == b or a in found.missing_tokens for a, b in zip(values, back, strict=True)]
    assert all(same)


def test_names_decide_between_key_and_number():
    shuffled = texts(RNG.permutation(np.arange(10_000, 10_000 + 3 * ROWS, 3)))
    assert column(shuffled, "platelets").kind == "integer"
    assert column(shuffled, "encounter_id").kind == "id"


def test_missing_tokens_are_those_of_the_column():
    found = column(texts(["?", "?", "NA"] + [str(i) for i in range(ROWS)]))
    assert set(found.missing_tokens) == {"?", "NA"}
    assert found.missing_token == "?"


def test_digits_are_remembered():
    found = column(texts(["1.50", "2.25", "3.00"] * 30))
    assert (found.decimals, found.least_decimals) == (2, 2)
    whole = column(texts(["45.0", "12.0", "7.0", "8.0"] * 30))
    assert (whole.kind, whole.decimals, whole.least_decimals) == ("integer", 0, 1)
    noisy = column(texts([0.1 + 0.2, 0.5, 0.25, 1.75] * 30))
    assert noisy.decimals == 2


def test_sentinels_and_zeros_are_noticed():
    days = column(texts([999] * 150 + list(range(50))))
    assert days.sentinels == (999.0,)
    amounts = column(texts([0] * 150 + [f"{i * 3.7:.2f}" for i in range(50)]))
    assert "zero" in amounts.reason
    assert column(texts(range(5, 205))).sentinels == ()


def test_swapped_days_and_months_are_told():
    clear = column(texts(f"{1 + i % 28:02d}/{1 + i % 12:02d}/2019" for i in range(ROWS)))
    assert clear.warning == ""
    unclear = column(texts(f"{1 + i % 12:02d}/{1 + i % 11:02d}/2019" for i in range(ROWS)))
    assert "swapped" in unclear.warning
    american = column(texts(f"{1 + i % 12:02d}/{1 + i % 28:02d}/2019" for i in range(ROWS)))
    assert american.date_format == "%m/%d/%Y"


def test_values_that_will_become_other_are_counted_and_not_named():
    words = texts(["often"] * 100 + ["seldom"] * 97 + ["lone"] * 3)
    found = column(words)
    assert found.warning == "1 of its 3 values are held by fewer than 10 people and become the commonest one"
    assert column(words, columns={"x": ColumnOverride(public=True)}).warning == ""


def test_rare_strays_among_numbers_are_missing_but_common_ones_are_kept():
    rare = column(texts(["spoilt", *range(ROWS)]))
    assert rare.kind == "integer"
    assert "1 different entries" in rare.warning
    common = column(texts(["<5"] * 30 + list(range(60))))
    assert (common.kind, common.marks) == ("integer", (("<5", -360.0),))
    assert column(texts(["V5"] * 30 + list(range(60)))).kind in ("category", "code", "text")


def test_binary_noise_on_whole_numbers_makes_no_text_of_them():
    cells = [repr(float(value)) for value in np.round(RNG.gamma(3, 2, ROWS), 2) * 1000]
    assert any(len(cell) > 15 for cell in cells)
    found = column(texts(cells))
    assert (found.kind, found.decimals) == ("integer", 0)


def people_table(names=("patient_nbr",)):
    rows = [
        {
            names[0]: str(1000 + p * 7),
            "sex": "MF"[p % 2],
            "visit": str(v),
            "lab": f"{p % 9}.{v}",
            "ward": f"w{(p + v) % 5}",
        }
        for p in range(80)
        for v in range(1 + p % 4)
    ]
    return pd.DataFrame(rows)


def test_a_person_key_is_found_by_name_and_its_constants_with_it():
    made = inferred(people_table())
    assert made.person == "patient_nbr"
    assert made.column("patient_nbr").kind == "person"
    assert [c.name for c in made.columns if c.within_person_constant] == ["sex"]


def test_an_ordinary_column_is_never_a_person():
    frame = people_table(("patient_class",))
    assert inferred(frame).person is None
    frame = people_table().rename(columns={"patient_nbr": "dose"}).sample(frac=1, random_state=1)
    assert inferred(frame).person is None


def test_panel_rows_reveal_an_unnamed_person():
    frame = people_table().rename(columns={"patient_nbr": "zper"})
    people = frame["zper"].astype(int)
    for i, name in enumerate(["born", "height", "town"]):
        frame[name] = (people * (i + 3) % (11 + i)).astype(str)
    assert inferred(frame).person == "zper"


def test_the_owner_overrides():
    frame = pd.DataFrame({"a": texts(i % 5 for i in range(ROWS)), "b": texts(range(ROWS)), "c": texts(["x"] * ROWS)})
    spec = {
        "a": ColumnOverride(kind="category", public=True),
        "b": ColumnOverride(kind="number", decimals=1, missing_tokens=("7",)),
        "c": ColumnOverride(drop=True),
    }
    made = inferred(frame, columns=spec)
    assert made.names == ["a", "b"]
    assert made.column("a").kind == "category"
    assert made.column("a").public
    assert made.column("b").decimals == 1
    typed = conversion.typed(frame, made)
    assert np.flatnonzero(typed["b"].isna()).tolist() == [7]
    assert typed["a"].tolist()[:3] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        (
            {"columns": {"nope": ColumnOverride(drop=True), "gone": ColumnOverride(drop=True)}},
            SchemaError,
            "2 problems",
        ),
        ({"target": "nope"}, SpecError, "not a column"),
        ({"target": "same"}, SpecError, "constant"),
        ({"target": "a", "positive": "secret value"}, SpecError, "positive class"),
        ({"positive": "1"}, SpecError, "no target"),
        ({"target": "a", "columns": {"a": ColumnOverride(drop=True)}}, SpecError, "dropped"),
        ({"columns": {n: ColumnOverride(drop=True) for n in ("a", "same")}}, SchemaError, "every column"),
        ({"columns": {n: ColumnOverride(kind="person") for n in ("a", "same")}}, SchemaError, "2 columns"),
    ],
)
def test_what_does_not_fit_is_told_without_values(spec, error, says):
    with pytest.raises(error, match=says) as caught:
        inferred({"a": texts(i % 5 for i in range(ROWS)), "same": texts(["q7"] * ROWS)}, **spec)
    assert "secret value" not in str(caught.value)
    assert "q7" not in str(caught.value)


@pytest.mark.parametrize("positive", ["1", "1.0"])
def test_the_positive_class_may_be_written_as_a_number(positive):
    assert inferred({"a": pd.Series([0, 1] * 50)}, target="a", positive=positive).positive == positive


def test_a_schema_survives_json():
    made = inferred(people_table(), target="ward")
    assert schema.load(made.to_json()) == made
    with pytest.raises(SchemaError):
        schema.load('{"columns": [{"kind": "sorcery"}]}')


NATIVE = pd.DataFrame(
    {
        "i": np.arange(60) % 7,
        "i32": (np.arange(60) % 9).astype("int32"),
        "nullable": pd.array([None, *range(59)], dtype="Int64"),
        "f": np.linspace(0, 1, 60).round(3),
        "f32": np.linspace(0, 1, 60).astype("float32").round(2),
        "whole": [np.nan, *np.arange(59.0) % 8],
        "flag": np.arange(60) % 2 == 0,
        "maybe": pd.array([None, *[True, False] * 29, True], dtype="boolean"),
        "word": ["a", "b", None] * 20,
        "string": pd.array(["a", "b", None] * 20, dtype="string"),
        "kind": pd.Categorical(["u", "v", "w"] * 20),
        "day": pd.date_range("2020-01-01", periods=60),
        "moment": pd.date_range("2020-01-01 10:00", periods=60, freq="37min", tz="Europe/Zurich"),
        "wait": pd.to_timedelta(np.arange(60) % 11, unit="h"),
        "same": [3] * 60,
        "void": [np.nan] * 60,
    }
)


def test_source_dtypes_come_back():
    source = io.from_memory(NATIVE)
    made = inference.infer(source, RunSpec())
    kinds = {c.name: c.kind for c in made.columns}
    assert kinds["flag"] == "boolean"
    assert kinds["day"] == "date"
    assert kinds["moment"] == "datetime"
    assert kinds["whole"] == "integer"
    assert kinds["kind"] == "category"
    shown = conversion.presented(conversion.typed(source.data, made), made)
    pd.testing.assert_frame_equal(shown, NATIVE, check_exact=False, check_freq=False, check_column_type=False)


def test_a_table_from_parquet_is_read_by_the_schema_of_its_csv():
    frame = pd.DataFrame(
        {
            "day": texts(f"{1 + i % 28:02d}/{1 + i % 12:02d}/2019" for i in range(ROWS)),
            "dose": texts(f"{i},{i % 10}" for i in range(ROWS)),
            "ill": texts(["true", "false"][i % 2] for i in range(ROWS)),
            "seen": texts(["0", "1", ""][i % 3] for i in range(ROWS)),
        }
    )
    made = inferred(frame)
    typed = conversion.typed(frame, made)
    native = pd.DataFrame(
        {
            "day": typed["day"].astype("datetime64[ns]"),
            "dose": typed["dose"],
            "ill": typed["ill"] == "true",
            "seen": typed["seen"].map({"0": 0.0, "1": 1.0}),
        }
    )
    pd.testing.assert_frame_equal(conversion.typed(native, made), typed)


def test_infinities_are_missing():
    typed = conversion.typed(pd.DataFrame({"x": [np.inf, 1.5]}), inferred({"x": [1.5, np.inf, -np.inf, 2.25] * 20}))
    assert np.isnan(typed["x"].iloc[0])
    assert typed["x"].iloc[1] == 1.5


def test_typed_names_every_absent_column():
    made = inferred({"a": texts(range(60)), "b": texts(range(60)), "c": texts(range(60))})
    with pytest.raises(SchemaError, match=r"2 problems.*'b'.*'c'"):
        conversion.typed(pd.DataFrame({"a": ["1"]}), made)


EXPECTED = {
    "adult_train.csv": {"age": "integer", "workclass": "category", "sex": "category", "capital_gain": "integer"},
    "bank_additional_full.csv.gz": {"pdays": "integer", "euribor3m": "number", "y": "boolean", "job": "category"},
    "covid_testing.csv": {"subject_id": "person", "result": "category", "fake_first_name": "text"},
    "diabetes130_sample.csv": {
        "encounter_id": "id", "patient_nbr": "person", "diag_1": "code", "weight": "category", "examide": "constant",
        "max_glu_serum": "category", "time_in_hospital": "integer", "readmitted": "category", "diabetesMed": "boolean",
    },
    "heart_failure.csv": {"DEATH_EVENT": "boolean", "serum_creatinine": "number", "platelets": "number"},
    "hypothyroid.csv": {"tbg": "empty", "tbg_measured": "constant", "tsh": "number", "sick": "boolean"},
    "insurance.csv": {"charges": "number", "smoker": "boolean", "children": "integer"},
    "pima_diabetes.csv": {"outcome": "boolean", "bmi": "number", "insulin": "integer"},
    "randhie.csv": {"zper": "person", "plan": "integer", "income": "number", "mhi": "number"},
    "stroke.csv": {"id": "id", "bmi": "number", "gender": "category", "stroke": "boolean"},
    "uk_police_cumbria.csv": {
        "Crime ID": "id", "Context": "empty", "Month": "constant", "LSOA code": "code", "Longitude": "number",
    },
}  # fmt: skip


@pytest.mark.parametrize("file", EXPECTED)
def test_real_tables(shared_data, file):
    listed = {row["file"]: row for row in csv.DictReader((shared_data / "tables.csv").open())}[file]
    source = io.read(shared_data / "tabular" / file)
    made = inference.infer(source, RunSpec(target=listed["target"], positive=listed["positive"] or None))
    kinds = {c.name: c.kind for c in made.columns}
    assert {name: kinds[name] for name in EXPECTED[file]} == EXPECTED[file]
    assert made.person == (listed["person"] or None)
    typed = conversion.typed(source.data, made)
    assert list(typed.columns) == list(source.data.columns)
    for known in made.columns:
        assert typed[known.name].dtype == (
            "float64" if known.numeric else "M8[us]" if "date" in known.kind else "object"
        )


def test_diabetes_details(shared_data):
    source = io.read(shared_data / "tabular" / "diabetes130_sample.csv")
    made = inference.infer(source, RunSpec(target="readmitted", positive="<30"))
    assert made.column("race").missing_tokens == ("?",)
    assert made.column("max_glu_serum").missing_tokens == ()
    assert made.column("gender").within_person_constant
    assert not made.column("time_in_hospital").within_person_constant
    assert "become 'other'" in made.column("diag_1").warning
    assert int(made.column("patient_nbr").key.start) > source.data["patient_nbr"].astype(int).max()


def test_no_cell_value_of_a_few_people_is_in_the_schema(shared_data):
    source = io.read(shared_data / "tabular" / "hypothyroid.csv")
    text = inference.infer(source, RunSpec()).to_json()
    assert "secondary_hypothyroid" not in text
    assert "455" not in text  # the highest age, a typing error of one patient
