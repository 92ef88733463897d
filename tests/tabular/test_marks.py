"""Texts among numbers (<0.1, >100, haemolysed): numbers stay numbers, texts that k people share come out as written."""

import numpy as np
import pandas as pd
import pytest
from prepared import TINY

from synthgen.errors import SpecError
from synthgen.spec import ColumnOverride, Inequality, OneOf, Range, RunSpec, Within
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import conversion, inference, io
from synthgen.tabular.constraints import breaks
from synthgen.tabular.grid import Grid
from synthgen.tabular.number_fitting import fit_numbers
from synthgen.tabular.private.checking import private_schema

ROWS = 400


def labs(word, share, seed=0, rare=()):
    """Numbers with two decimals, a text in a share of the cells (and where somebody is ill more often), rare texts."""
    rng = np.random.default_rng(seed)
    cells = np.array([f"{v:.2f}" for v in rng.lognormal(3, 0.8, ROWS).clip(0.1, 99.9)], dtype=object)
    ill = rng.random(ROWS) < 0.4
    cells[rng.random(ROWS) < np.where(ill, 2, 0.3) * share] = word
    cells[: len(rare)] = rare
    return pd.DataFrame({"lab": cells, "ill": np.where(ill, "yes", "no"), "age": rng.integers(20, 90, ROWS)})


def lab_of(frame, **spec):
    return inference.infer(io.from_memory(frame), RunSpec(**spec)).column("lab")


@pytest.mark.parametrize(("word", "share"), [("<0.1", 0.11), (">100", 0.14), ("haemolysed", 0.11)])
def test_numbers_stay_numbers_and_a_shared_text_comes_out_as_written(word, share, tmp_path):
    frame = labs(word, share, rare=("lost it",))
    frame.to_csv(tmp_path / "labs.csv", index=False)
    model = TabularSynthesizer(params=TINY.model_dump(exclude={"time_budget"}), time_budget=20)
    made = model.fit(tmp_path / "labs.csv").sample(600)
    column = model.schema_.column("lab")
    assert (column.kind, column.warning) == ("number", "1 different entries are no numbers and are read as missing")
    numbers = pd.to_numeric(made.lab, errors="coerce")
    assert set(made.lab[numbers.isna()].dropna()) == {word}
    assert (made.lab == word).mean() == pytest.approx((frame.lab == word).mean(), abs=0.06)
    real = pd.to_numeric(frame.lab, errors="coerce")
    assert numbers.median() == pytest.approx(real.median(), rel=0.3)
    assert numbers.between(real.min(), real.max()).sum() == numbers.notna().sum() > 400
    assert numbers.nunique() > 200
    for ending in (".csv", ".parquet", ".xlsx"):
        model.write(tmp_path / f"made{ending}", 200)
        assert (io.read(tmp_path / f"made{ending}").data.lab == word).sum() > 5


def test_what_is_asked_for_and_what_must_hold_leave_texts_out_of_ranges():
    frame = labs("<0.1", 0.11)
    model = TabularSynthesizer(params=TINY.model_dump(exclude={"time_budget"}), time_budget=20).fit(frame)
    assert set(model.sample(20, where={"lab": "<0.1"}).lab) == {"<0.1"}
    below = pd.to_numeric(model.sample(100, where={"lab": Range(high=30)}).lab)
    assert below.between(0.1, 30).all()
    assert "<0.1" in set(model.sample(200, where={"lab": OneOf(values=("<0.1", 20))}).lab)
    with pytest.raises(SpecError):
        model.sample(5, where={"lab": "<0.2"})
    typed = conversion.typed(frame, model.schema_)
    known = {c.name: c for c in model.schema_.columns}
    assert not breaks(Within(column="lab", low=0), typed, known).any()
    assert not breaks(Inequality(low_column="lab", high_column="age"), typed, known)[frame.lab == "<0.1"].any()
    assert not breaks(Inequality(low_column="age", high_column="lab"), typed, known)[frame.lab == "<0.1"].any()


def test_cells_come_back_as_they_were_and_texts_stand_on_their_side():
    frame = labs("<0.1", 0.1)
    frame.loc[frame.index[::9], "lab"] = ">100"
    frame.loc[frame.index[::11], "lab"] = "< 0.5"
    schema = inference.infer(io.from_memory(frame), RunSpec())
    typed = conversion.typed(frame, schema)
    assert list(conversion.written(typed["lab"], schema.column("lab"))) == list(frame.lab)
    means = typed["lab"].groupby(frame.lab).first()
    assert means["<0.1"] < means["< 0.5"] < 0 < 100 < means[">100"]


def test_a_text_counts_by_people_and_is_missing_and_told_where_fewer_than_k_hold_it():
    frame = labs("<0.1", 0.0)
    frame["patient_id"] = [f"P{i // 8:04d}" for i in range(ROWS)]
    frame.loc[:19, "lab"] = "<0.1"  # twenty rows of three people
    found = lab_of(frame)
    assert (found.kind, found.marks) == ("number", ())
    assert "1 texts among its numbers are held by fewer than 10 people and are read as missing" in found.warning
    assert lab_of(frame.drop(columns="patient_id")).marks[0][0] == "<0.1"


def test_codes_keys_and_counts_of_few_values_are_no_numbers_with_texts():
    rng = np.random.default_rng(0)
    icd = [f"{c:.2f}" for c in rng.integers(200, 290, ROWS) + 0.01]
    codes = labs("", 0).assign(lab=np.where(np.arange(ROWS) % 9 == 0, "V58", icd))
    assert lab_of(codes).kind == "code"
    many = labs("", 0).assign(
        lab=np.where(np.arange(ROWS) % 3 == 0, [f"w{chr(97 + i % 26)}" for i in range(ROWS)], icd)
    )
    assert lab_of(many).kind == "code"
    rooms = labs("", 0).assign(lab=np.where(np.arange(ROWS) % 9 == 0, "ICU", [str(100 + i % 12) for i in range(ROWS)]))
    assert lab_of(rooms).kind == "category"
    children = labs("", 0).assign(lab=np.where(np.arange(ROWS) % 9 == 0, "4+", [str(i % 4) for i in range(ROWS)]))
    assert lab_of(children).kind == "category"
    keys = labs("", 0).assign(lab=np.where(np.arange(ROWS) % 9 == 0, "none yet", [str(9 * i) for i in range(ROWS)]))
    found = inference.infer(io.from_memory(keys.rename(columns={"lab": "sample_id"})), RunSpec()).column("sample_id")
    assert found.kind not in ("number", "integer")


def test_what_the_owner_says_wins_and_privacy_keeps_no_text():
    frame = labs("<0.1", 0.11)
    assert lab_of(frame, columns={"lab": ColumnOverride(kind="code")}).kind == "code"
    assert lab_of(frame, columns={"lab": ColumnOverride(codes=("<0.1",))}).kind == "code"
    forced = lab_of(frame, columns={"lab": ColumnOverride(kind="number")})
    assert forced.marks == ()
    assert "1 different entries are no numbers and are read as missing" in forced.warning
    spec = RunSpec(privacy={"epsilon": 3.0, "delta": 1e-5})
    schema = private_schema(inference.infer(io.from_memory(frame), spec), spec)
    assert schema.column("lab").marks == ()


def test_a_text_of_too_few_training_people_is_missing_to_the_generator():
    values = pd.Series([*np.linspace(0.5, 90, 200), *[-360.0] * 9, *[-720.0] * 10])
    codes = fit_numbers(values, "x", Grid(decimals=2), None, 10, 10, (("<0.1", -360.0), ("<0.05", -720.0)))
    back = codes.decode(codes.encode(values), np.random.default_rng(0))
    assert np.isnan(back[200:209]).all()
    assert (back[209:] == -720).all()
    assert (back[:200] > 0).all()
