"""Predicates in words of SQL: what they mean, what they refuse, and that no row breaks one."""

import numpy as np
import pandas as pd
import pytest
from prepared import prepared

from synthgen import predicates
from synthgen.errors import SpecError
from synthgen.runtime import RunContext
from synthgen.spec import Predicate, RunSpec, SampleSpec
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import keys
from synthgen.tabular.baselines import IndependentColumns
from synthgen.tabular.constraints import Rules, breaks, check, learn

BANDS = ("5-10", "20-40", "40-60")


def table(rows=1200, seed=0):
    """Numbers, flags, dates, an ordered band and words; discharge is missing for who is still there."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 300, rows), unit="D")
    open_ = rng.random(rows) < 0.2
    return pd.DataFrame(
        {
            "age": rng.integers(0, 95, rows),
            "systolic bp": rng.normal(130, 15, rows).round(0),
            "in": start,
            "out": (start + pd.to_timedelta(rng.integers(1, 30, rows), unit="D")).where(~open_),
            "status": np.where(open_, "open", "closed"),
            "flag": rng.choice([0, 1], rows),
            "sure": rng.choice([True, False], rows),
            "band": rng.choice(BANDS, rows),
        }
    )


@pytest.fixture(scope="module")
def scene():
    return prepared(table())


def broken(text, frame, columns):
    return breaks(Predicate(expression=text), frame, columns).tolist()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("age > 20", [True, False, True]),
        ('"systolic bp" / 2 BETWEEN 50 AND 60', [True, False, True]),
        ("status = 'open' OR age > 20", [True, True, True]),
        ("out IS NULL OR status <> 'open'", [True, True, False]),
        ("out - \"in\" <= INTERVAL '10 days'", [True, True, False]),
        ("\"in\" >= DATE '2022-02-01'", [False, True, True]),
        ('EXTRACT(MONTH FROM "in") IN (1, 2)', [True, True, False]),
        ("flag = 1", [True, False, True]),
        ("sure", [True, False, True]),
        ("CASE WHEN age < 18 THEN flag = 0 ELSE TRUE END", [True, True, True]),
        ("band <= '20-40'", [True, True, True]),
        ("band > '5-10'", [False, True, True]),
        ("LENGTH(status) = 4", [False, True, True]),
        ("status LIKE 'cl%' OR status = 'it''s'", [True, False, False]),
    ],
)
def test_conditions_mean_what_they_mean_in_sql(text, kept, scene):
    frame = pd.DataFrame(
        {
            "age": [30, 10, 50],
            "systolic bp": [120.0, 90.0, np.nan],
            "in": pd.to_datetime(["2022-01-05", "2022-02-05", "2022-03-01"]),
            "out": pd.to_datetime(["2022-01-09", None, "2022-03-20"]),
            "status": ["closed", "open", "open"],
            "flag": ["1", "0", None],
            "sure": ["True", "False", None],
            "band": ["5-10", "20-40", None],
        }
    )
    columns = {c.name: c for c in scene.schema.modelled}
    columns["band"] = columns["band"].model_copy(update={"order": BANDS})
    assert broken(text, frame, columns) == [not k for k in kept]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cannot be read"),
        ("age >", "cannot be read"),
        ("TRUE", "names no column"),
        ("age > 'zebra", "not closed"),
        ("SUM(age) > 1", "calls SUM"),
        ('"SUM"(age) > 1', "brackets after a name in quotes"),
        ("REPEAT(status, 1000000000) = 'zebra'", "calls REPEAT"),
        ("age > (SELECT 1)", "about one row"),
        ("age > 1 OVER (zebra)", "about one row"),
        ("out < CURRENT_DATE", "about one row"),
        ("age > 1; DROP TABLE zebra", "one condition"),
        ("age > 1 -- '\n AND SUM(age) > 0 --'", "one condition"),
        ("age > 1 /* ' */ OR SUM(age) > 1 /* ' */", "one condition"),
        (r"status = E'\' ' SUM(age) ' '", "one condition"),
        ("age > 0" + " AND age > 0" * 100, "at most 1000 characters"),
        ("(" * 60 + "age" + ")" * 60 + " > 0", "at most 40 brackets"),
    ],
)
def test_what_is_no_condition_on_one_row_is_refused_and_not_quoted(text, told):
    with pytest.raises(SpecError, match=told) as problem:
        Predicate(expression=text)
    assert "zebra" not in str(problem.value)


def test_every_function_of_the_list_is_known_to_what_reads_them():
    """A name that polars does not know would be offered in vain."""
    calls = {
        "ROUND": "ROUND(a, 1)",
        "LOG": "LOG(a, 2)",
        "POW": "POW(a, 2)",
        "POWER": "POWER(a, 2)",
        "MOD": "MOD(a, 2)",
        "NULLIF": "NULLIF(a, 2)",
        "IFNULL": "IFNULL(a, 2)",
        "LEFT": "LEFT(a, 1)",
        "RIGHT": "RIGHT(a, 1)",
        "SUBSTR": "SUBSTR(a, 1)",
        "STARTS_WITH": "STARTS_WITH(a, 'x')",
        "ENDS_WITH": "ENDS_WITH(a, 'x')",
        "STRPOS": "STRPOS(a, 'x')",
        "REGEXP_LIKE": "REGEXP_LIKE(a, 'x')",
        "EXTRACT": "EXTRACT(YEAR FROM a)",
        "DATE_PART": "DATE_PART('year', a)",
        "STRFTIME": "STRFTIME(a, 'x')",
        "CAST": "CAST(a AS INT)",
        "TRY_CAST": "TRY_CAST(a AS INT)",
    }
    for name in predicates.FUNCTIONS:
        assert predicates.columns_of(f"{calls.get(name, f'{name}(a)')} IS NOT NULL") == ("a",), name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nothing > 1", "column 'nothing' is not modelled"),
        ("age", "neither true nor false for each row: 'age' holds numbers"),
        ("age > 'zebra'", "cannot be worked out: 'age' holds numbers"),
        ("status > 5", "cannot be worked out: 'status' holds texts"),
        ("out > '2022-01-01'", "cannot be worked out: 'out' holds dates"),
        ("age > 40", "about 4.% of the source's rows break it"),
        ("age < 0", "about 100% of the source's rows break it"),
    ],
)
def test_what_does_not_fit_the_source_is_refused_with_names_and_shares_only(text, told, scene):
    with pytest.raises(SpecError, match=told) as problem:
        check(scene.split, scene.schema, RunSpec(constraints=(Predicate(expression=text),)))
    assert "zebra" not in str(problem.value)


def test_nobody_can_ask_the_data_about_a_few_people(scene):
    """Whether nine people or none break a predicate is not told, nor how many of many do; nor are few confined to."""
    ages = pd.concat([scene.split.train, scene.split.validation, scene.split.holdout])["age"].value_counts()
    few, many = int(ages[ages <= 9].index[0]), int(ages[ages >= 10].index[0])
    check(scene.split, scene.schema, RunSpec(constraints=(Predicate(expression=f"age <> {few}"),)))
    with pytest.raises(SpecError, match="rows break it"):
        check(scene.split, scene.schema, RunSpec(constraints=(Predicate(expression=f"age <> {many}"),)))
    only = Predicate(expression=f"age = {few}", source_may_break=True)
    with pytest.raises(SpecError, match="fewer than 10 people of the source keep all constraints"):
        check(scene.split, scene.schema, RunSpec(constraints=(only,)))


def test_rows_are_drawn_again_in_the_columns_of_the_predicate_and_it_travels_with_the_model(scene, tmp_path):
    rule = Predicate(expression="status = 'open' OR age >= 18", source_may_break=True)
    rules = learn(scene.data, scene.schema, RunSpec(constraints=(rule,)))
    rules.save(tmp_path)
    assert Rules.load(tmp_path) == rules
    data, schema, model = keys.prepare(scene.data, scene.schema)
    generator, notes = IndependentColumns().fit(data, schema, scene.groups, RunContext(seed=1)), []
    found = keys.complete(generator, scene.schema, model, 500, SampleSpec(), RunContext(seed=2), rules, (), notes)
    frame = pd.concat(list(found), ignore_index=True)
    assert len(frame) == 500
    assert ((frame["status"] == "open") | (frame["age"] >= 18)).all()
    assert (frame["age"] < 18).any()
    assert any("drawn again to keep Constraint 1 (predicate: 'status', 'age')" in note for note in notes)


def test_the_library_takes_one_in_samples_and_filled_cells():
    frame = table(900)
    frame.loc[::7, "age"] = np.nan
    frame["age"] = frame["age"].mask((frame["age"] < 30) & (frame["status"] == "closed"))
    rule = Predicate(expression="age >= 30 OR status = 'open'")
    model = TabularSynthesizer(generator="independent", constraints=[rule]).fit(frame)
    made, filled = model.sample(300), model.impute(frame)
    for rows in (made, filled):
        assert ((rows["age"] >= 30) | rows["age"].isna() | (rows["status"] == "open")).all()
    assert filled["age"].notna().all()


def test_text_tables_are_asked_as_their_cells_are_read(tmp_path):
    """Flags written 1 and 0 are numbers; a text that stands among numbers is unknown and breaks nothing."""
    frame = table(1200)
    frame["level"] = np.where(np.arange(1200) % 10 == 0, "<5", frame["systolic bp"].astype(int).astype(str))
    frame.to_csv(tmp_path / "table.csv", index=False)
    rules = [Predicate(expression=text, source_may_break=True) for text in ("flag = 1", "level > 120", "sure")]
    made = TabularSynthesizer(generator="independent", constraints=rules).fit(tmp_path / "table.csv").sample(200)
    assert (made["flag"] == 1).all()
    assert made["sure"].all()
    words = made["level"].astype(str)
    assert (words == "<5").any()
    assert (words[words != "<5"].astype(float) > 120).all()
