"""Texts among dates (ongoing, 0000-00-00): dates stay dates, texts that k people share come out as written."""

import numpy as np
import pandas as pd
import pytest
from prepared import TINY

from synthgen.errors import SpecError
from synthgen.spec import ColumnOverride, Inequality, OneOf, Predicate, Range, RunSpec, Within
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import conversion, encoding, inference, io, marks, preview
from synthgen.tabular.constraints import breaks
from synthgen.tabular.metrics.calendar import _Calendar
from synthgen.tabular.metrics.tables import plain
from synthgen.tabular.private.checking import private_schema

ROWS = 600
SETTINGS = {"params": TINY.model_dump(exclude={"time_budget"}), "time_budget": 20}


def stays(word="ongoing", share=0.1, shape="%Y-%m-%d", seed=0):
    """Stays of some days on weekdays, with a text for the end in a share of the rows; ward and age beside them."""
    rng = np.random.default_rng(seed)
    first = np.busday_offset("2021-01-04", rng.integers(0, 500, ROWS), roll="forward")
    last = np.busday_offset(first, rng.integers(0, 12, ROWS), roll="forward")
    ends = np.array([pd.Timestamp(day).strftime(shape) for day in last], dtype=object)
    ends[rng.random(ROWS) < share] = word
    return pd.DataFrame(
        {
            "admitted": [pd.Timestamp(day).strftime(shape) for day in first],
            "discharged": ends,
            "ward": rng.choice(["a", "b", "c"], ROWS),
            "age": rng.integers(20, 90, ROWS),
        }
    )


def schema_of(frame, **spec):
    return inference.infer(io.from_memory(frame), RunSpec(**spec))


def end_of(frame, **spec):
    return schema_of(frame, **spec).column("discharged")


@pytest.mark.parametrize("word", ["ongoing", "0000-00-00", "9999-99-99", "2020-02-31", "1/1/1900"])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.2])
def test_a_text_that_enough_people_share_leaves_a_date_column_a_date(word, share):
    frame = stays(word, max(share, 0.025))
    column = end_of(frame)
    assert (column.kind, column.date_format, column.warning) == ("date", "%Y-%m-%d", "")
    assert [text for text, _ in column.marks] == [word]
    assert "1 different texts that enough people share" in column.reason
    assert "counted as 2100-01-01 in scores" in column.reason
    assert word not in column.reason
    typed = conversion.typed(frame, schema_of(frame))
    assert list(conversion.written(typed["discharged"], column)) == list(frame["discharged"])


@pytest.mark.parametrize(("shape", "word"), [("%d/%m/%Y", "00/00/0000"), ("%Y-%m-%dT%H:%M", "open"), ("%Y%m%d", "-1")])
def test_other_writings_of_dates_keep_their_texts(shape, word):
    frame = stays(word, 0.1, shape).rename(columns={"discharged": "discharge_date"})
    frame.loc[0, "discharge_date"] = "typo"
    schema = schema_of(frame)
    column = schema.column("discharge_date")
    assert column.kind == "date"
    assert [text for text, _ in column.marks] == [word]
    assert column.warning.endswith("1 different entries are no dates and are read as missing")
    written = conversion.written(conversion.typed(frame, schema)["discharge_date"], column)
    assert list(written[1:]) == list(frame["discharge_date"][1:])


def test_many_different_texts_few_dates_and_codes_stay_what_they_were():
    rng, base = np.random.default_rng(1), stays(share=0.0)
    many = [f"see note {i % 36}" if i % 3 == 0 else day for i, day in enumerate(base.discharged)]
    assert end_of(base.assign(discharged=many)).kind == "code"
    few = np.where(rng.random(ROWS) < 0.5, "never", base.discharged)
    assert end_of(base.assign(discharged=few)).kind not in ("date", "datetime")
    days = np.where(rng.random(ROWS) < 0.2, "open", rng.choice(["2021-01-01", "2021-02-01"], ROWS))
    assert end_of(base.assign(discharged=days)).kind == "category"
    assert end_of(stays(), columns={"discharged": ColumnOverride(codes=("ongoing",))}).kind not in ("date", "datetime")
    said = end_of(stays(), columns={"discharged": ColumnOverride(kind="date")})
    assert (said.kind, said.marks) == ("date", ())
    assert said.warning == "1 different entries are no dates and are read as missing"


def test_a_text_counts_by_people():
    frame = stays(share=0.0)
    frame["patient_id"] = [f"P{i // 8:04d}" for i in range(ROWS)]
    frame.loc[:19, "discharged"] = "ongoing"  # twenty rows of three people
    found = end_of(frame)
    assert (found.kind, found.marks) == ("date", ())
    assert "1 texts among its dates are held by fewer than 10 people and are read as missing" in found.warning
    assert end_of(frame.drop(columns="patient_id")).marks


def test_stand_ins_lie_in_free_centuries_and_none_where_there_is_no_room():
    days = np.array(["2001-01-01", "2019-05-05", "2060-01-01", "9999-12-31", "NaT"], dtype="datetime64[us]")
    found = marks.cells_of(marks.dated_stand_ins(["b", "a"], days), "date")
    assert [(text, str(moment)[:10]) for text, moment in found] == [("a", "2200-01-01"), ("b", "2300-01-01")]
    assert marks.dated_stand_ins(["a"], np.array(["9950-01-01"], dtype="datetime64[us]")) == ()
    assert marks.dated_stand_ins([], days) == ()


@pytest.mark.parametrize("both", [False, True])
def test_a_stand_in_has_no_weekday_and_no_interval(both):
    frame = stays()
    if both:
        frame.loc[frame.discharged == "ongoing", "admitted"] = "unknown day"
    schema = schema_of(frame)
    assert schema.column("discharged").follows == "admitted"
    typed = conversion.typed(frame, schema)
    made = encoding.fit(typed, schema.modelled, None, 10, 20, related=True)
    interval = next(part for part in made.parts if part.type == "interval")
    assert interval.ordered
    codes = made.encode(typed)
    again = made.decode(codes, np.random.default_rng(0))
    for name in ("admitted", "discharged"):
        texts = ~frame[name].str.match(r"\d").to_numpy()
        assert (again[name] == typed[name]).to_numpy()[texts].all()
        assert again[name][~texts].between("2021-01-01", "2023-12-31").all()
    stood = ~frame.discharged.str.match(r"\d").to_numpy() | ~frame.admitted.str.match(r"\d").to_numpy()
    gap = (again.discharged - again.admitted).dt.days[~stood]
    assert gap.between(0, 25).all()
    assert (again.discharged[~stood].dt.weekday < 5).mean() > 0.9


def test_texts_come_out_as_written_in_every_file(tmp_path):
    frame = stays()
    frame.to_csv(tmp_path / "stays.csv", index=False)
    model = TabularSynthesizer(**SETTINGS).fit(tmp_path / "stays.csv")
    made = model.sample(600)
    assert (made.discharged == "ongoing").mean() == pytest.approx((frame.discharged == "ongoing").mean(), abs=0.06)
    dates = pd.to_datetime(made.discharged, errors="coerce")
    assert set(made.discharged[dates.isna()].dropna()) == {"ongoing"}
    days = (dates - pd.to_datetime(made.admitted)).dt.days.dropna()
    assert days.between(0, 40).all()
    for ending in (".csv", ".parquet", ".xlsx"):
        model.write(tmp_path / f"made{ending}", 200)
        again = io.read(tmp_path / f"made{ending}").data
        assert (again.discharged == "ongoing").sum() > 5
        assert str(again.discharged[again.discharged != "ongoing"].iloc[0]).startswith("202")
        assert schema_of(again).column("discharged").kind == "date"


def test_requests_rules_and_gaps_know_texts_from_dates():
    frame = stays()
    frame.loc[::40, "discharged"] = ""
    model = TabularSynthesizer(constraints=[Inequality(low_column="admitted", high_column="discharged")], **SETTINGS)
    model.fit(frame)
    assert set(model.sample(20, where={"discharged": "ongoing"}).discharged) == {"ongoing"}
    late = model.sample(60, where={"discharged": Range(low="2021-06-01")}).discharged
    assert pd.to_datetime(late).between("2021-06-01", "2023-12-31").all()
    some = model.sample(200, where={"discharged": OneOf(values=("ongoing", "2021-06-01"))}).discharged
    assert "ongoing" in set(some)
    with pytest.raises(SpecError):
        model.sample(5, where={"discharged": "pending"})
    full = model.impute(frame).discharged
    assert (full[frame.discharged != ""] == frame.discharged[frame.discharged != ""]).all()
    assert set(full[~full.str.match(r"202\d-")]) == {"ongoing"}
    typed, known = conversion.typed(frame, model.schema_), {c.name: c for c in model.schema_.columns}
    assert not breaks(Within(column="discharged", high="2024-01-01"), typed, known).any()
    assert not breaks(Inequality(low_column="discharged", high_column="admitted"), typed, known)[
        frame.discharged == "ongoing"
    ].any()
    rule = Predicate(expression="discharged < '2024-01-01'::date")
    assert not breaks(rule, typed, known).any()


def test_a_range_that_dates_must_keep_leaves_texts():
    frame = stays(share=0.2)
    rules = [Within(column="discharged", low="2021-01-01", high="2024-01-01")]
    made = TabularSynthesizer(constraints=rules, **SETTINGS).fit(frame).sample(200)
    assert 10 < (made.discharged == "ongoing").sum() < 120


@pytest.mark.parametrize("generator", ["smote_nc", "gaussian_copula", "independent"])
def test_every_generator_gives_texts_or_dates_and_nothing_between(generator):
    frame = stays(share=0.15)
    made = TabularSynthesizer(generator).fit(frame).sample(300).discharged
    assert 10 < (made == "ongoing").sum() < 100
    dates = pd.to_datetime(made[made != "ongoing"])
    assert dates.between("2021-01-01", "2023-12-31").all()


def test_calendar_and_histograms_tell_texts_from_dates():
    frame = stays()
    schema = schema_of(frame)
    typed = conversion.typed(frame, schema)
    known = schema.column("discharged")
    days = plain(typed, (), ("admitted", "discharged"))
    pairs = [("admitted", "discharged")]
    calendar = _Calendar(days, ["discharged"], pairs, {"discharged": known.marks})
    gaps = days.assign(discharged=days.discharged.mask((frame.discharged == "ongoing").to_numpy()))
    assert (calendar(gaps) == 1).all()
    bins = preview.make_bins(typed["discharged"], known)
    counts = np.bincount(bins.codes(typed["discharged"]), minlength=len(bins.labels))
    assert counts[bins.labels.index("ongoing")] == (frame.discharged == "ongoing").sum()
    assert max(counts[:-2]) < 0.3 * ROWS
    assert counts[-1] == 0


def test_privacy_keeps_no_text():
    frame = stays()
    spec = RunSpec(privacy={"epsilon": 3.0, "delta": 1e-5})
    schema = private_schema(inference.infer(io.from_memory(frame), spec), spec)
    assert schema.column("discharged").marks == ()
    assert conversion.typed(frame, schema)["discharged"].isna().sum() == (frame.discharged == "ongoing").sum()


def test_native_moments_are_read_by_the_schema_of_a_table_of_texts():
    frame = stays()
    schema = schema_of(frame)
    native = frame.assign(discharged=pd.to_datetime(frame.discharged.where(frame.discharged != "ongoing")))
    typed = conversion.typed(native, schema)["discharged"]
    assert typed.notna().sum() == (frame.discharged != "ongoing").sum()
    column = schema.column("discharged").model_copy(update={"dtype": "datetime64[us]"})
    shown = conversion.presented_column(conversion.typed(frame, schema)["discharged"], column, from_text=False)
    assert shown.dtype == "datetime64[us]"
    assert shown.isna().sum() == (frame.discharged == "ongoing").sum()
