"""The three attacks of the Working Party agree with anonymeter, see leaks, and see none in clean sets."""

from dataclasses import replace

import anonymeter.evaluators as anonymeter
import numpy as np
import pandas as pd
import pytest
from scenes import hospital, scene

from synthgen.contracts import Split, Status
from synthgen.errors import SpecError
from synthgen.runtime import RunContext
from synthgen.spec import AttackPlan
from synthgen.tabular.metrics.attacks import frames, inference, isolation, linkability, overlap, search, secrets
from synthgen.tabular.metrics.attacks import singling_out as singling

ATTACKS = ("singling_out", "linkability", "inference")


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A scene with people enough for pools; its set is fresh rows of the same law."""
    return scene(hospital(9000, 1), hospital(6000, 2), tmp_path_factory.mktemp("wide"))


def leaking(found, rows, tmp_path, which=None):
    """The set with so many of its rows replaced by training rows (of `which`, a mask)."""
    frame, train = found.synthetic.take(20_000), found.split.train
    copied = train if which is None else train[which(train)]
    kept = frame if which is None else frame[~which(frame)]
    return found.with_set(pd.concat([copied.iloc[:rows], kept.iloc[rows:]], ignore_index=True), tmp_path)


def plain(found, people=400, rows=1500):
    """Plain frames of the first people of either part and the first synthetic rows, for a direct comparison."""
    columns = frames.columns_of(found.schema, found.split.train, found.synthetic.take(30), (), RunContext())
    train, held = found.split.train.iloc[:people], found.split.holdout.iloc[:people]
    return frames.frames(columns, train, held, found.synthetic.take(rows), found.split.train)


# --- as anonymeter itself -------------------------------------------------------------------------------------------


def test_linkability_is_anonymeters(good):
    found = plain(good)
    halves = linkability.dealt(good.split.train, found.columns.names)
    indexes = [search.nearest(*found.neighbours(half), 1, RunContext()) for half in halves]
    linked = linkability.links(*indexes)
    people, rows = found.neighbours(found.columns.names)
    named = tuple([c for c in people if found.columns.names[int(c.lstrip("mc"))] in half] for half in halves)
    for part, ours in ((people.iloc[:400], linked[:400]), (people.iloc[400:], linked[400:])):
        theirs = anonymeter.LinkabilityEvaluator(part, rows, named, n_attacks=None, n_neighbors=1).evaluate(n_jobs=1)
        assert theirs.results().n_success == ours.sum()


@pytest.mark.parametrize("secret", ["outcome", "charge"])
def test_inference_is_anonymeters(good, secret):
    found = plain(good)
    known = [c for c in found.columns.names if c != secret]
    people, rows = found.neighbours(known)
    near = search.nearest(people, rows, 1, RunContext())[:, 0]
    code = found.columns.code(secret)
    truth = np.concatenate([found.train[code], found.holdout[code]])
    numeric = secret not in found.columns.discrete
    ours = inference.guessed(found.synthetic[code].to_numpy()[near], truth, numeric)
    original, control = (people.assign(secret=truth).iloc[part] for part in (slice(400), slice(400, None)))
    theirs = anonymeter.InferenceEvaluator(
        original, rows.assign(secret=found.synthetic[code]), list(people), "secret", numeric, 400, control
    ).evaluate(n_jobs=1)
    assert (theirs.results().n_success, theirs.results().n_control) == (ours[:400].sum(), ours[400:].sum())


@pytest.mark.parametrize(("mode", "planned"), [("multivariate", 300), ("univariate", 100_000)])
def test_singling_out_is_anonymeters(good, mode, planned):
    found = plain(good, people=600)
    assert not found.train.duplicated().any()
    assert not found.holdout.duplicated().any()
    ours = singling.descriptions(found.synthetic, mode, planned, np.random.default_rng(3))
    hits = [(isolation.fits(ours, part).sum(0) == 1).sum() for part in (found.train, found.holdout)]
    named = singling.columns_named(found.synthetic.shape[1])
    parts = [isolation.polars_table(f).to_pandas() for f in (found.train, found.synthetic, found.holdout)]
    evaluator = anonymeter.SinglingOutEvaluator(*parts[:2], planned, named, parts[2], 20 * planned, seed=3)
    theirs = evaluator.evaluate(mode).results()
    assert len(ours) <= planned
    assert [theirs.n_success, theirs.n_control] == hits


def test_the_risk_is_anonymeters_own_formula(good):
    result = good.measured("inference")
    risk = next(f for f in result.figures if f.name == "risk")
    assert risk.p_value is None
    assert risk.value == pytest.approx(max(0.0, (result.value - result.holdout) / (1 - result.holdout)), abs=0.01)


# --- leaks are seen, and only leaks ---------------------------------------------------------------------------------


def test_copies_of_one_row_in_twenty_are_linked(wide, tmp_path):
    found = leaking(wide, 300, tmp_path).measured("linkability")
    assert found.p_value < 1e-4
    assert found.interval.low > found.holdout


def test_a_set_of_training_rows_is_caught_by_all_three(wide, tmp_path):
    copied = wide.with_set(wide.split.train, tmp_path)
    for name in ATTACKS:
        result = copied.measured(name)
        assert result.p_value < 1e-3, name
        assert result.interval.low - result.holdout > 0.02, name
        assert all(g.p_value < 0.01 for g in result.groups if g.status is Status.OK), name


def test_a_minority_that_was_memorised_shows_in_its_pool(wide, tmp_path):
    """One ward of fifty: the pool of small groups sees it by far more clearly than the whole."""
    found = leaking(wide, 10_000, tmp_path, lambda frame: (frame["ward"] == "burns").to_numpy())
    result = found.measured("linkability")
    pool = next(g for g in result.groups if g.label == "rare categories")
    assert pool.status is Status.OK
    assert pool.p_value < 1e-4
    assert pool.p_value < result.p_value


@pytest.mark.parametrize("name", ATTACKS)
def test_a_clean_set_is_not_accused(name, wide):
    results = [replace(wide, ctx=RunContext(seed=seed)).measured(name) for seed in range(2)]
    p_values = [p for r in results for p in (r.p_value, *(x.p_value for x in (*r.figures, *r.groups))) if p is not None]
    assert min(p_values) > 0.05 / len(p_values)
    assert all(r.interval.high - r.holdout < 0.09 for r in results)


def test_chance_is_worked_out_for_descriptions_that_fit_the_same_people():
    """Of 200 draws without a leak about one in twenty lies below .05, although queries hang together."""
    rng = np.random.default_rng(0)
    below, spreads = 0, []
    for _ in range(200):
        rare = rng.random((400, 4)) < 0.004
        fit = np.repeat(rare, 50, axis=1)  # fifty descriptions of the same few people
        p_value, spread = isolation.by_chance(fit[:200], fit[200:], rng)
        below += p_value <= 0.05
        spreads.append(spread)
    assert below <= 20
    assert max(spreads) > 10


# --- what is attacked, and with what --------------------------------------------------------------------------------


def test_pools_that_are_too_small_are_shown_and_say_so(good):
    for name in ATTACKS:
        small = [g for g in good.measured(name).groups if g.status is Status.INSUFFICIENT]
        assert small
        assert all(g.value is None and "an attack needs" in g.reason for g in small)


def test_the_full_plan_attacks_large_groups_alone(wide):
    full = replace(wide, ctx=RunContext(seed=7, attacks=AttackPlan(size="full"))).measured("linkability")
    alone = [g for g in full.groups if g.kind != "pool"]
    assert len(alone) > 5
    assert all(g.status is Status.OK and g.real_count >= 200 for g in alone)


def test_secrets_are_the_target_and_columns_that_say_most(good):
    columns = frames.columns_of(good.schema, good.split.train, good.split.train, (), RunContext())
    assert secrets.chosen(AttackPlan(), good.schema, good.split.train, columns) == ("outcome", "ward", "sex", "charge")


def test_no_plan_makes_the_attack_inapplicable(good):
    """What does not apply passes the gate: neither a constant secret nor knowing everything may lead there."""
    train, free = good.split.train, good.schema.model_copy(update={"target": None})
    columns = frames.columns_of(good.schema, train, good.synthetic.take(30), (), RunContext())
    less = frames.Columns(tuple(n for n in columns.names if n != "smoker"), columns.discrete)  # as if it were constant
    default = secrets.chosen(AttackPlan(), good.schema, train, less)
    assert secrets.chosen(AttackPlan(secrets=("smoker",)), good.schema, train, less) == default
    assert secrets.chosen(AttackPlan(known=columns.names), free, train, columns) == secrets.chosen(
        AttackPlan(), free, train, columns
    )


def test_the_plans_secrets_and_known_columns_are_taken(good):
    plan = AttackPlan(secrets=("ward", "age"), known=("sex", "charge", "ward"))
    result = replace(good, ctx=RunContext(seed=7, attacks=plan)).measured("inference")
    assert "'ward'" in result.explanation
    assert [f.title for f in result.figures if f.p_value is not None] == ["Guessing age"]
    columns = frames.columns_of(good.schema, good.split.train, good.split.train, (), RunContext())
    assert secrets.known_of(plan, columns, "ward") == ("sex", "charge")


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (AttackPlan(secrets=("height",)), "'height'"),
        (AttackPlan(known=("height", "age")), "'height'"),
        (AttackPlan(secrets=("age", "age")), "twice"),
        (AttackPlan(secrets=("age", "sex", "ward", "smoker", "visits")), "at most 4"),
        (AttackPlan(secrets=("age",), known=("age",)), "nothing but the secret"),
    ],
)
def test_a_plan_that_does_not_fit_the_table_is_refused(plan, told, good):
    with pytest.raises(SpecError, match=told):
        secrets.check(plan, good.schema)
    secrets.check(AttackPlan(secrets=("age",), known=("sex",)), good.schema)


def test_a_number_is_right_within_five_in_a_hundred_on_either_side_of_zero():
    guesses, truth = (
        np.array([100.0, 100.0, -100.0, -100.0, -100.0, np.nan, 0.0]),
        np.array([104.0, 106.0, -96.0, -60.0, 500.0, np.nan, 0.0]),
    )
    assert list(inference.guessed(guesses, truth, True)) == [True, False, True, False, False, True, True]


def test_columns_of_any_name_and_script_are_attacked(tmp_path):
    names = {"age": "Alter (Jahre) +/-", "ward": "科", "outcome": "class", "charge": "c1", "sex": "datetime"}
    real, fresh = (hospital(1500, seed).rename(columns=names) for seed in (1, 2))
    fresh["科"] = fresh["科"].replace({"eyes": "眼'\""})
    real["科"] = real["科"].replace({"eyes": "眼'\""})
    found = scene(real, fresh, tmp_path, target="class")
    for name in ATTACKS:
        assert found.measured(name).status is Status.OK


def test_wide_tables_are_cut_by_the_seed_but_keep_what_the_plan_names(good):
    rng = np.random.default_rng(0)
    train = pd.DataFrame(rng.normal(size=(50, 300)), columns=[f"x{i}" for i in range(300)])
    schema = scene_of_numbers(train)
    kept = frames.columns_of(schema, train, train, {"x299"}, RunContext(seed=1))
    assert len(kept.names) == 60
    assert "x299" in kept.names
    assert kept == frames.columns_of(schema, train, train, {"x299"}, RunContext(seed=1))


def scene_of_numbers(train):
    """A schema of plain numbers."""
    from synthgen.tabular.schema import Column, Schema

    return Schema(columns=tuple(Column(name=c, kind="number") for c in train))


# --- answers where there is none ------------------------------------------------------------------------------------


def test_a_hold_out_of_training_rows_is_no_control(good):
    split = good.split
    seen = replace(good, split=Split(split.train, split.validation, split.train.iloc[:600].reset_index(drop=True)))
    for name in ATTACKS:
        result = seen.measured(name)
        assert result.status is Status.ERROR
        assert "no control" in result.reason
    half = pd.concat([split.train.iloc[:200], split.holdout], ignore_index=True)
    assert overlap.refusal(Split(split.train, split.validation, half), good.schema) == ""


def test_equal_rows_of_a_table_with_few_values_are_chance(good):
    columns = ["sex", "ward", "outcome"]
    split = Split(*(part[columns] for part in (good.split.train, good.split.validation, good.split.holdout)))
    assert overlap.refusal(split, good.schema) == ""


@pytest.mark.parametrize("column", ["ward", "sodium"])
def test_missing_and_extreme_cells_are_no_obstacle(good, column, tmp_path):
    frame = good.synthetic.take(2000)
    frame[column] = frame[column].where(pd.Series(False, index=frame.index))
    frame.loc[0, "charge"] = 1e15
    found = good.with_set(frame, tmp_path)
    for name in ATTACKS:
        assert found.measured(name).status is Status.OK


def test_a_flagrant_leak_in_one_group_outlasts_a_correction_over_thousands_of_attacks():
    fit = np.zeros((300, 200), dtype=bool)
    fit[np.arange(200), np.arange(200)] = True
    assert isolation.by_chance(fit, np.zeros_like(fit), np.random.default_rng(0))[0] < 0.05 / 4000
