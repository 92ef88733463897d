"""Tables that break others: each trains, or says up front what cannot be modelled and why; as a frame and as a CSV."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from prepared import TINY

from synthgen.errors import InputError, SchemaError, SpecError, SynthgenError
from synthgen.spec import OneOf, Range, RunSpec, Within
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import dates, inference, io
from synthgen.tabular.grid import Grid

N = 160
SETTINGS = TINY.model_dump(exclude={"time_budget"})
DAY = np.timedelta64(86_400 * 10**6, "us")


def table(**columns):
    """Two good columns beside the bad ones."""
    rng = np.random.default_rng(0)
    return pd.DataFrame({"age": rng.integers(20, 90, N), "sex": rng.choice(["f", "m"], N), **columns})


def source(frame, how, tmp_path):
    if how == "frame":
        return frame
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def fitted(frame, how, tmp_path, **settings):
    made = TabularSynthesizer(**{"params": SETTINGS, "time_budget": 5, **settings})
    return made.fit(source(frame, how, tmp_path))


def drawn(frame, how, tmp_path, **settings):
    model = fitted(frame, how, tmp_path, **settings)
    return model, model.sample(80)


both = pytest.mark.parametrize("how", ["frame", "csv"])
rng = np.random.default_rng(1)


@both
def test_missing_and_infinite_numbers(how, tmp_path):
    x = rng.normal(size=N).round(2)
    x[::7], x[1::11], x[2::13] = np.nan, np.inf, -np.inf
    model, made = drawn(table(x=x), how, tmp_path)
    assert model.schema_.column("x").kind == "number"
    assert f"{int(np.isinf(x).sum())} infinite entries are read as missing" in model.schema_.column("x").warning
    assert not np.isinf(made["x"].astype(float)).any()
    assert made["x"].isna().any()


@both
def test_mixed_types_in_one_column(how, tmp_path):
    mixed = pd.Series([1, "two", 3.5, None, True] * (N // 5), dtype=object)
    few = pd.Series([*rng.integers(0, 50, N - 4), "about 5", ">9", "x", "y"], dtype=object)
    model, made = drawn(table(mixed=mixed, few=few), how, tmp_path)
    assert model.schema_.column("mixed").kind == "category"
    assert set(made["mixed"].dropna().astype(str)) <= {"1", "two", "3.5", "True"}
    assert model.schema_.column("few").kind == "integer"
    assert "4 different entries are no numbers" in model.schema_.column("few").warning


@both
def test_a_column_that_is_all_missing_comes_back_empty(how, tmp_path):
    model, made = drawn(table(x=np.nan, y=pd.Series([None] * N, dtype=object)), how, tmp_path)
    assert [model.schema_.column(c).kind for c in "xy"] == ["empty", "empty"]
    assert (made[["x", "y"]].isna() | (made[["x", "y"]] == "")).all().all()


@both
def test_a_class_with_one_row_is_not_released(how, tmp_path):
    model, made = drawn(table(y=["rare", *["common"] * (N - 1)]), how, tmp_path, target="y")
    assert "fewer than 10 people" in model.schema_.column("y").warning
    assert set(made["y"]) == {"common"}


@both
@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (pd.DataFrame({"a": [1] * 10, "b": ["x"] * 10}), "constant"),
        (pd.DataFrame({"a": [1, 2] * 5, "b": ["x", "y"] * 5}), "10 rows"),
        (pd.DataFrame({"a": [1], "b": [2]}), "constant"),
    ],
)
def test_ten_rows_are_too_few_and_identical_ones_teach_nothing(frame, problem, how, tmp_path):
    with pytest.raises(SynthgenError, match=problem):
        fitted(frame, how, tmp_path)


@both
def test_a_constant_target_cannot_be_predicted(how, tmp_path):
    with pytest.raises(SpecError, match="constant and cannot be predicted"):
        fitted(table(y="one"), how, tmp_path, target="y")


@both
def test_text_in_any_script(how, tmp_path):
    words = ["山田", "Ωmega", "السلام", "🙂", "नमस्ते", "Zürich", "e\u0301", "\u202eabc"]
    made = drawn(table(名前=rng.choice(words, N), **{"столбец 1": rng.choice(["да", "нет"], N)}), how, tmp_path)[1]
    assert set(made["名前"]) <= {*words, "other"}
    assert set(made["столбец 1"]) <= {"да", "нет"}


@both
def test_whole_numbers_beyond_53_and_63_bits(how, tmp_path):
    frame = table(
        key=rng.integers(2**53, 2**62, N),
        code=rng.choice([2**63 - 1, -(2**63), 0], N),
        long=pd.Series([2**70 + int(i) for i in rng.integers(0, 3, N)], dtype=object),
    )
    model, made = drawn(frame, how, tmp_path)
    assert model.schema_.column("key").kind == "id"
    keys = made["key"].astype(object).map(int)
    assert keys.is_unique
    assert keys.min() > frame["key"].max()
    for name in ("code", "long"):
        assert set(made[name].astype(str)) <= set(frame[name].astype(str)), name


@both
def test_floats_that_no_grid_holds_are_said_up_front(how, tmp_path):
    frame = table(huge=rng.lognormal(0, 100, N), few=np.where(np.arange(N) < 3, 1e200, rng.normal(size=N).round(2)))
    model, made = drawn(frame, how, tmp_path)
    assert model.schema_.column("huge").kind == "text"
    assert "logarithms" in model.schema_.column("huge").warning
    assert "beyond 10^18" in model.schema_.column("few").warning
    assert made["few"].astype(float).abs().max() < 10


@both
@pytest.mark.parametrize("size", [1e306, 1e-300, 1e-322])
def test_floats_at_the_ends_of_what_floats_hold_are_said_up_front(size, how, tmp_path):
    model = fitted(table(edge=rng.normal(size=N) * size), how, tmp_path, generator="independent", params={})
    column = model.schema_.column("edge")
    assert column.kind == "text"
    assert "of the numbers are beyond 10^18 or below 10^-12 in size" in column.reason
    assert "logarithms" in column.warning


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([10**400 + i for i in range(N)], "text"),
        ([-(10**320) * (1 + i % 3) for i in range(N)], "category"),
        ([2**1024, *rng.integers(0, 50, N - 2).tolist(), None], "integer"),
    ],
    ids=["all different", "few", "one"],
)
@both
def test_whole_numbers_beyond_every_float_are_read_as_in_a_text_table(cells, kind, how, tmp_path):
    frame = table(long=pd.Series(cells, dtype=object))
    model = fitted(frame, how, tmp_path, generator="independent", params={})
    assert model.schema_.column("long").kind == kind
    assert set(model.sample(40)["long"].dropna().astype(str)) <= {*map(str, cells), "text removed"}


def test_a_whole_number_of_thousands_of_digits_is_refused_by_the_name_of_its_column(tmp_path):
    with pytest.raises(InputError, match="'long' holds a whole number of thousands of digits"):
        fitted(table(long=pd.Series([10**5000] * N, dtype=object)), "frame", tmp_path)


@pytest.mark.parametrize("cell", [[1, 2], {"a": 1}, {3}, np.arange(2), bytearray(b"x"), b"bytes"])
def test_nested_values_and_bytes_are_refused_by_the_name_of_their_column(cell, tmp_path):
    cells = pd.Series(["plain", cell] * (N // 2), dtype=object)
    with pytest.raises(InputError, match=r"[cC]olumn 'x y'"):
        fitted(table(**{"x y": cells}), "frame", tmp_path)


@pytest.mark.parametrize("type_", [pa.list_(pa.int64()), pa.struct([("a", pa.int64())])])
def test_nested_columns_of_arrow_are_refused_by_name(type_, tmp_path):
    cells = [[1, 2] if pa.types.is_list(type_) else {"a": 1}] * N
    with pytest.raises(InputError, match="in column 'nested'"):
        fitted(table(nested=pd.Series(cells, dtype=pd.ArrowDtype(type_))), "frame", tmp_path)


@pytest.mark.parametrize("number", [10**400, -(10**5000)], ids=["long", "beyond what Python writes"])
def test_numbers_beyond_every_float_are_no_value_that_can_be_asked_for(number):
    frame = table(x=rng.normal(size=N).round(2), day=pd.date_range("2020-01-01", periods=N).astype(str))
    model = TabularSynthesizer("independent").fit(frame)
    for wish in (number, Range(low=number), OneOf(values=(number, 1))):
        with pytest.raises(SpecError, match="'x'"):
            model.sample(5, where={"x": wish})
    for name in ("day", "sex"):
        with pytest.raises(SpecError, match=repr(name)):
            model.sample(5, where={name: number})
    with pytest.raises(SpecError, match="'x' is not a number"):
        Grid(decimals=2).parse(number, "x")
    with pytest.raises(SpecError, match="'x'"):
        TabularSynthesizer("independent", constraints=[Within(column="x", high=number)]).fit(frame)


def test_decimals_come_back_as_floats(tmp_path):
    cells = [None, *(Decimal(f"{v:.2f}") for v in rng.normal(50, 9, N - 1))]
    model = TabularSynthesizer("independent").fit(table(price=pd.Series(cells, dtype=object)))
    made = model.sample(100)["price"]
    assert made.dtype == "float64"
    assert made.median() == pytest.approx(50, abs=9)
    assert (made.round(2) == made)[made.notna()].all()
    model.write(tmp_path / "made.parquet", 50)
    assert io.read(tmp_path / "made.parquet").data["price"].dtype == "float64"


@both
def test_dates_in_the_year_9999(how, tmp_path):
    start = np.datetime64("2020-01-01", "us")
    far = np.where(rng.random(N) < 0.3, np.datetime64("9999-12-31", "us"), start + rng.integers(0, 900, N) * DAY)
    made = drawn(table(d=pd.Series(far)), how, tmp_path)[1]
    moments = made["d"].to_numpy("datetime64[us]")
    assert (moments == np.datetime64("9999-12-31")).any()
    assert (moments < np.datetime64("2023-01-01")).any()
    assert not ((moments > np.datetime64("2023-01-01")) & (moments < np.datetime64("9999-12-31"))).any()


def test_dates_in_the_year_1(tmp_path):
    days = np.datetime64("0001-01-01", "us") + rng.integers(0, 900, N) * DAY
    made = drawn(table(d=pd.Series(days)), "frame", tmp_path)[1]
    assert made["d"].to_numpy("datetime64[us]").max() < np.datetime64("0004-01-01")
    text = table(d=np.datetime_as_string(days, unit="D"))
    made = drawn(text, "csv", tmp_path)[1]
    assert made["d"].to_numpy("datetime64[us]").max() < np.datetime64("0004-01-01")


@pytest.mark.parametrize("written_as", [f for f in dates.formats() if "%Y" in f and f not in ("%Y-%m", "%Y%m%d")])
def test_every_format_writes_far_years_so_that_it_reads_them(written_as):
    moments = np.array(["0001-02-05", "0999-12-31", "9999-12-31", "NaT"], "datetime64[us]")
    texts = dates.write(moments, written_as)
    assert texts[3] is None
    assert (dates.parse(list(texts[:3]), written_as) == moments[:3]).all()


def test_dates_before_year_1_are_not_modelled_and_it_is_said():
    old = pd.Series(np.datetime64("-4000-01-01", "us") + np.arange(N) * DAY)
    found = inference.infer(io.from_memory(table(d=old)), RunSpec())
    assert not found.column("d").modelled
    assert "not modelled" in found.column("d").warning


@both
def test_duplicates_only(how, tmp_path):
    frame = pd.concat([pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, 0.7]})] * 60, ignore_index=True)
    made = drawn(frame, how, tmp_path)[1]
    assert set(made["a"].astype(int)) <= {1, 2}
    assert set(made["c"]) <= {0.5, 0.7}


def test_a_table_of_keys_only_is_refused():
    with pytest.raises(SchemaError, match="None of the 1 columns can be modelled"):
        fitted(pd.DataFrame({"patient_id": np.arange(N)}), "frame", None)
