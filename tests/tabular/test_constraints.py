"""Rules of a run: refused where they do not fit, learnt, and kept by every row of every generator."""

import numpy as np
import pandas as pd
import pytest
from prepared import TINY, prepared

from synthgen.errors import InputError, SpecError
from synthgen.runtime import RunContext
from synthgen.spec import FixedCombinations, Inequality, Range, RunSpec, SampleSpec, Unique, Within
from synthgen.tabular import keys
from synthgen.tabular.baselines import IndependentColumns
from synthgen.tabular.constraints import Rules, breaks, check, learn
from synthgen.tabular.gan import AutoregressiveGAN
from synthgen.tabular.mending import kept_by

RULES = (
    Inequality(low_column="low", high_column="high"),
    Inequality(low_column="start", high_column="end", strict=True),
    FixedCombinations(columns=("city", "region")),
    Within(column="age", low=20, high=70, source_may_break=True),
    Unique(columns=("desk", "slot")),
)


def table(rows=1500, seed=0):
    """Bounds in order, dates in order, cities in their regions, places that are taken once."""
    rng = np.random.default_rng(seed)
    low = np.round(rng.gamma(3, 10, rows), 1)
    high = np.round(low + rng.exponential(8, rows), 1)
    city = rng.choice(["x", "y", "z"], rows, p=[0.5, 0.3, 0.2])
    start = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 700, rows), unit="D")
    place = rng.permutation(60 * 60)[:rows]
    frame = pd.DataFrame(
        {
            "low": low,
            "high": np.where(rng.random(rows) < 0.1, np.nan, high),
            "city": city,
            "region": np.where(city == "x", "north", np.where(city == "y", "south", "east")),
            "start": start,
            "end": start + pd.to_timedelta(rng.integers(1, 30, rows), unit="D"),
            "age": rng.integers(18, 90, rows),
            "desk": place // 60,
            "slot": place % 60,
        }
    )
    frame.loc[:2, "region"] = "nowhere"
    return frame


@pytest.fixture(scope="module")
def scene():
    return prepared(table())


class Blind(IndependentColumns):
    """A generator that can do nothing but draw rows."""

    capabilities = frozenset({"log_prob"})

    sample_given = None


@pytest.fixture(scope="module")
def made(scene):
    """By the name of the generator: how to draw rows under the rules."""
    spec = RunSpec(constraints=RULES)
    rules = learn(scene.data, scene.schema, spec)
    fitted = {}
    for name, generator in (
        ("independent", IndependentColumns()),
        ("blind", Blind()),
        ("gan", AutoregressiveGAN(TINY)),
    ):
        data, schema, model = keys.prepare(scene.data, scene.schema)
        fitted[name] = generator.fit(data, schema, scene.groups, RunContext(seed=1)), model

    def draw(name, rows=700, rules=rules, predicates=(), notes=None, **request):
        generator, model = fitted[name]
        asked = SampleSpec(**request)
        ctx = RunContext(seed=2)
        found = keys.complete(generator, scene.schema, model, rows, asked, ctx, rules, predicates, notes)
        return pd.concat(list(found), ignore_index=True)

    return draw


def kept(frame):
    filled = frame["high"].notna()
    assert (frame["low"] <= frame["high"])[filled].all()
    assert (frame["start"] < frame["end"]).all()
    assert set(zip(frame["city"], frame["region"], strict=True)) <= {("x", "north"), ("y", "south"), ("z", "east")}
    assert frame["age"].between(20, 70).all()
    assert not frame.duplicated(["desk", "slot"]).any()


@pytest.mark.parametrize("name", ["independent", "gan"])
def test_every_row_keeps_every_rule(made, name):
    notes = []
    frame = made(name, notes=notes)
    assert len(frame) == 700
    kept(frame)
    assert frame["high"].isna().any()
    assert frame["city"].nunique() == 3
    assert "every row keeps the 5 constraints of the run" in notes
    assert any("drawn again to keep Constraint 5 (unique: 'desk', 'slot')" in note for note in notes)


def test_a_generator_that_only_draws_rows_keeps_what_it_can_by_drawing_again(made, scene):
    few = Rules(constraints=(RULES[3], RULES[4]), combinations=((), ()))
    frame = made("blind", rules=few)
    assert frame["age"].between(20, 70).all()
    assert not frame.duplicated(["desk", "slot"]).any()


@pytest.mark.parametrize("name", ["independent", "gan"])
def test_rules_and_requests_are_met_together(made, name):
    frame = made(name, fixed={"low": Range(low=30), "city": "y"}, rows=300)
    kept(frame)
    assert frame["low"].min() >= 30
    assert set(frame["region"]) == {"south"}
    frame = made(name, mix="balanced", balance=("city",), rows=300)
    kept(frame)
    assert frame["city"].value_counts().to_dict() == {"x": 100, "y": 100, "z": 100}


def test_an_inequality_follows_the_law_of_pairs_that_are_in_order(made):
    """Independent columns, given that they are in order: the same as free pairs of which those in order are kept."""
    rule = Rules(constraints=(RULES[0],), combinations=((),))
    frame = made("independent", rows=8000, rules=rule).dropna(subset=["high"])
    free = made("independent", rows=20_000, rules=Rules()).dropna(subset=["high"])
    free = free[free["low"] <= free["high"]]
    for column in ("low", "high"):
        for q in (0.1, 0.3, 0.5, 0.7, 0.9):
            at = free[column].quantile(q)
            assert (frame[column] <= at).mean() == pytest.approx((free[column] <= at).mean(), abs=0.025)
    gap, wanted = (f["high"] - f["low"] for f in (frame, free))
    assert (gap <= 1).mean() == pytest.approx((wanted <= 1).mean(), abs=0.01)


def test_a_predicate_of_the_library_is_kept_by_drawing_rows_again(made):
    notes = []
    frame = made("independent", predicates=[lambda f: (f["age"] % 2 == 0).to_numpy()], rows=200, notes=notes)
    assert (frame["age"] % 2 == 0).all()
    assert any("to keep predicate 1" in note for note in notes)


def test_what_cannot_be_made_is_told_with_counts(made):
    with pytest.raises(SpecError, match=r"200 of 200 rows break predicate 1, after \d+ rounds"):
        made("independent", rules=Rules(), predicates=[lambda f: np.zeros(len(f), dtype=bool)], rows=200)
    single = Rules(constraints=(Unique(columns=("city",)),), combinations=((),))
    with pytest.raises(SpecError, match=r"of 50 rows break Constraint 1 \(unique: 'city'\)"):
        made("independent", rules=single, rows=50)


def test_combinations_that_few_people_share_are_not_learnt_and_not_kept(scene, tmp_path):
    rules = learn(scene.data, scene.schema, RunSpec(constraints=RULES))
    assert set(rules.combinations[2]) == {("x", "north"), ("y", "south"), ("z", "east")}
    rules.save(tmp_path)
    assert Rules.load(tmp_path) == rules
    assert "nowhere" not in (tmp_path / "constraints.json").read_text()
    assert Rules.load(tmp_path / "none") == Rules()
    (tmp_path / "constraints.json").write_text("{")
    with pytest.raises(InputError):
        Rules.load(tmp_path)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (Within(column="age", low=20), r"\d+ of 1500 rows of the source break it"),
        (Inequality(low_column="high", high_column="low"), r"rows of the source break it"),
        (Unique(columns=("city",)), "1497 of 1500 rows of the source break it"),
        (Within(column="city", low=1), "'city' was read as category: it has no ranges"),
        (Within(column="age", low="young"), "'age' is not a number"),
        (Inequality(low_column="low", high_column="start"), "both of numbers or both of dates"),
        (FixedCombinations(columns=("city", "low")), "'low' was read as number; only discrete columns"),
        (Unique(columns=("nothing",)), "column 'nothing' is not modelled"),
    ],
)
def test_what_does_not_fit_the_source_is_refused_before_training(scene, rule, told):
    with pytest.raises(SpecError, match=told) as problem:
        check(scene.split, scene.schema, RunSpec(constraints=(rule,)))
    assert "young" not in str(problem.value)


def test_a_rule_the_source_may_break_is_not_counted(scene):
    check(scene.split, scene.schema, RunSpec(constraints=RULES))


def test_missing_cells_break_no_rule_but_combinations():
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [0.5, 1.0, np.nan], "c": ["x", None, "y"]})
    assert breaks(Inequality(low_column="a", high_column="b"), frame, {}).tolist() == [True, False, False]
    assert breaks(Unique(columns=("a",)), pd.DataFrame({"a": [1, np.nan, np.nan, 1]}), {}).tolist() == [0, 0, 0, 1]
    rule, allowed = FixedCombinations(columns=("a", "c")), [("1.0", "x"), (None, None)]
    assert breaks(rule, frame, {}, allowed).tolist() == [False, False, True]


@pytest.mark.parametrize("wrong", [lambda f: 1, lambda f: f["none"], lambda f: np.ones(len(f)), lambda f: [True]])
def test_a_predicate_that_gives_no_boolean_for_each_row_is_refused(wrong):
    with pytest.raises(SpecError, match="one boolean for each row"):
        kept_by(wrong, pd.DataFrame({"a": [1, 2, 3]}))


def test_constraints_that_confine_to_a_few_people_are_refused():
    """Two ranges that the source may break amount to fixed values."""
    scene = prepared(table())
    age = float(scene.split.train["age"].iloc[0])
    low = float(scene.split.train["low"].iloc[0])
    narrow = (
        Within(column="age", low=age, high=age, source_may_break=True),
        Within(column="low", low=low, high=low, source_may_break=True),
    )
    with pytest.raises(SpecError, match="fewer than 10 people") as caught:
        check(scene.split, scene.schema, RunSpec(constraints=narrow))
    assert str(low) not in str(caught.value)
    wide = RunSpec(constraints=narrow[:1], sample=SampleSpec(fixed={"low": Range(low=low, high=low)}))
    with pytest.raises(SpecError, match="and what is asked for"):
        check(scene.split, scene.schema, wide)
