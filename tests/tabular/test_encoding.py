"""A whole table to codes and back, and what the encoding may hold."""

import json

import numpy as np
import pandas as pd
import pytest
from prepared import prepared
from scenes import hospital

from synthgen.errors import InputError, SpecError, TrainingError
from synthgen.spec import RunSpec
from synthgen.tabular import conversion, encoding, inference, io
from synthgen.tabular.encoding import Encoding


@pytest.fixture(scope="module")
def scene():
    return prepared(hospital(1500), target="outcome")


@pytest.fixture(scope="module")
def fitted(scene):
    return encoding.fit(scene.split.train, scene.schema.modelled, None, 10, 100)


def test_every_modelled_column_gets_a_span(scene, fitted):
    assert fitted.names == [c.name for c in scene.schema.modelled]
    codes = fitted.encode(scene.split.train)
    assert (codes.min(0) >= 0).all()
    assert (codes.max(0) < fitted.sizes).all()


def test_decoding_keeps_dtypes_and_missing_cells(scene, fitted):
    train = scene.split.train
    made = fitted.decode(fitted.encode(train), np.random.default_rng(0))
    for name in fitted.names:
        assert made[name].dtype == train[name].dtype, name
        assert (made[name].isna() == train[name].isna()).all(), name


def test_it_is_json_and_comes_back_the_same(fitted):
    assert Encoding.model_validate(json.loads(fitted.model_dump_json())) == fitted


def test_it_holds_no_value_that_fewer_than_k_people_have(scene):
    """Every text and number of the source that few people have is absent from the JSON."""
    frame = scene.split.train.copy()
    frame.loc[:3, "ward"] = "leprosarium"
    frame.loc[:3, "charge"] = [123456.78, 98765.43, 0.07, 77777.77]
    text = encoding.fit(frame, scene.schema.modelled, None, 10, 100).model_dump_json()
    assert "leprosarium" not in text
    for grid in ("12345678", "9876543", "7777777"):
        assert grid not in text
    lone = frame["charge"].value_counts().loc[lambda n: n < 10].index.to_numpy()
    charge = next(c for c in json.loads(text)["columns"] if c["name"] == "charge")
    assert not np.isin(np.array(charge["knots"]) / 100, lone).any()


def test_a_frame_without_a_column_is_refused(scene, fitted):
    with pytest.raises(InputError, match="'ward'"):
        fitted.encode(scene.split.train.drop(columns="ward"))


def test_all_problems_of_a_condition_are_told_at_once(fitted):
    with pytest.raises(SpecError) as problem:
        fitted.allowed({"ward": "nowhere", "age": "old", "height": 3})
    for name in ("'ward'", "'age'", "'height'"):
        assert name in str(problem.value)
    assert "nowhere" not in str(problem.value)


def test_too_few_people_are_refused(scene):
    with pytest.raises(TrainingError, match="15 people"):
        encoding.fit(scene.split.train.head(15), scene.schema.modelled, None, 10, 100)


def test_insurance_charges_are_nobodys(shared_data):
    """The trap of the prototype: 99.8 % of its synthetic charges were exactly one real person's."""
    raw = pd.read_csv(shared_data / "tabular" / "insurance.csv", dtype=str, keep_default_na=False)
    scene = prepared(raw)
    fitted = encoding.fit(scene.split.train, scene.schema.modelled, None, 10, 100)
    made = fitted.decode(fitted.encode(scene.split.train), np.random.default_rng(0))
    assert made["charges"].isin(scene.split.train["charges"]).mean() <= 0.002


def test_columns_keep_the_step_they_lie_on():
    rng = np.random.default_rng(0)
    start, n = pd.Timestamp("2023-01-05"), 900
    frame = pd.DataFrame(
        {
            "tens": rng.integers(3, 400, n) * 10,
            "halves": rng.integers(70, 400, n) / 2,
            "even": rng.integers(40, 110, n) * 2,
            "nearly": rng.integers(40, 800, n) * 10 + (np.arange(n) < 3),
            "hourly": start + pd.to_timedelta(rng.integers(0, 9000, n), unit="h"),
            "quarters": start + pd.to_timedelta(rng.integers(0, 90_000, n) * 15, unit="min"),
            "daily": start + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
            "free": rng.integers(0, 4000, n),
        }
    )
    scene = prepared(frame)
    codes = encoding.fit(scene.split.train, scene.schema.modelled, None, 10, 20)
    again = Encoding.model_validate_json(codes.model_dump_json())
    made = again.decode(again.encode(scene.split.train), np.random.default_rng(0))
    for name, step in {"tens": 10, "halves": 0.5, "even": 2, "nearly": 10}.items():
        assert (made[name] % step == 0).all(), name
        ordered = np.sort(frame[name])
        assert made[name].between(ordered[9], ordered[-10]).all(), name
    for name, step in {"hourly": "h", "quarters": "15min", "daily": "D"}.items():
        assert (made[name] == made[name].dt.floor(step)).all(), name
    assert (made["free"] % 10 != 0).any()


def test_no_step_is_the_number_of_few_people(scene):
    frame = scene.split.train.copy()
    frame["charge"] = 0.0
    frame.loc[frame.index[:9], "charge"] = 7919.0
    charge = encoding.fit(frame, [scene.schema.column("charge")], None, 10, 100).columns[0]
    assert charge.grid.step == 1
    assert "7919" not in charge.model_dump_json()


def test_three_hundred_thousand_codes_cost_memory_for_those_that_are_kept():
    """A table of 400,000 rows with a code of 300,000 values: read, inferred, encoded in a fraction of the source."""
    import tracemalloc

    rng = np.random.default_rng(0)
    rows = 400_000
    codes = np.where(rng.random(rows) < 0.3, rng.integers(0, 40, rows), rng.integers(40, 300_000, rows))
    names = np.array([f"C{i}" for i in range(300_000)], dtype=object)
    frame = pd.DataFrame({"code": names[codes], "age": rng.integers(20, 90, rows)})
    found = inference.infer(io.from_memory(frame), RunSpec())
    assert found.column("code").kind == "code"
    assert "become 'other'" in found.column("code").warning
    typed = conversion.typed(frame, found)
    tracemalloc.start()
    made = encoding.fit(typed, found.modelled, None, 10, 100, related=True)
    levels = made.encode(typed, np.int32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.sizes[0] == 41
    assert len(made.model_dump_json()) < 100_000
    assert peak < 200 << 20
    assert np.bincount(levels[:, 0])[40] > 0.69 * rows


def test_seven_hundred_codes_keep_their_names():
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, 701) ** 0.7
    codes = rng.choice(700, 30_000, p=share / share.sum())
    scene = prepared(pd.DataFrame({"diag": [f"D{i}" for i in codes], "age": rng.integers(20, 90, 30_000)}))
    made = encoding.fit(scene.split.train, scene.schema.modelled, None, 10, 100)
    assert made.sizes[0] > 400
    back = made.decode(made.encode(scene.split.train), rng)["diag"]
    assert (back == scene.split.train["diag"]).mean() > 0.9
