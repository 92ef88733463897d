"""Conditions, balance and resampling, over a generator whose law is known exactly."""

import numpy as np
import pandas as pd
import pytest
from prepared import prepared
from scenes import WARDS, hospital

from synthgen.errors import SpecError, Stopped
from synthgen.runtime import RunContext
from synthgen.spec import GroupTarget, OneOf, Range, SampleSpec
from synthgen.tabular.baselines import IndependentColumns
from synthgen.tabular.drawing import CHUNK, Drawer
from synthgen.tabular.sampling import choose


@pytest.fixture(scope="module")
def fitted():
    scene = prepared(hospital(2000), target="outcome")
    return IndependentColumns().fit(scene.data, scene.schema, scene.groups, RunContext())


def drawn(generator, rows=1000, **spec):
    return [*generator.sample(SampleSpec(**spec), rows, RunContext(seed=1))]


def test_chunks_are_bounded_and_complete(fitted):
    sizes = [len(chunk) for chunk in drawn(fitted, 2 * CHUNK + 5)]
    assert sizes == [CHUNK, CHUNK, 5]


def test_balance_gives_equal_shares(fitted):
    (made,) = drawn(fitted, mix="balanced", balance=("ward",))
    counts = made["ward"].value_counts()
    assert set(counts.index) == set(WARDS)
    assert counts.max() - counts.min() <= 1


def test_balance_without_columns_balances_the_target(fitted):
    (made,) = drawn(fitted, mix="balanced")
    assert (made["outcome"] == "died").mean() == pytest.approx(0.5, abs=0.01)


def test_balance_over_two_columns_gives_both_their_margins(fitted):
    (made,) = drawn(fitted, 3000, mix="balanced", balance=("ward", "outcome"))
    assert made["ward"].value_counts(normalize=True).to_numpy() == pytest.approx(np.full(6, 1 / 6), abs=0.02)
    assert (made["outcome"] == "died").mean() == pytest.approx(0.5, abs=0.02)


def test_balance_makes_no_combination_that_does_not_exist(fitted):
    """Two columns that always agree stay in agreement when both are balanced."""
    names = fitted.encoding.names
    ward, outcome = names.index("ward"), names.index("outcome")

    def draw(given, rng):
        out = fitted._draw(given, rng)
        out[:, outcome] = np.where(given[:, outcome] >= 0, given[:, outcome], out[:, ward] % 2)
        free = given[:, ward] < 0
        out[free, ward] = out[free, outcome] + 2 * rng.integers(0, 3, free.sum())
        out[~free, outcome] = out[~free, ward] % 2
        return out

    drawer = Drawer(fitted.encoding, draw)
    spec = SampleSpec(mix="balanced", balance=("ward", "outcome"))
    (made,) = drawer.chunks(spec, 1200, RunContext())
    codes = fitted.encoding.encode(made)
    assert (codes[:, ward] % 2 == codes[:, outcome]).all()
    assert np.bincount(codes[:, ward]).tolist() == pytest.approx([200] * 6, abs=12)


def test_targets_give_the_counts_that_were_asked_for(fitted):
    targets = (GroupTarget(where={"ward": "burns"}, rows=30), GroupTarget(where={"sex": "f", "age": 40}, rows=20))
    chunks = drawn(fitted, 1, targets=targets, fixed={"smoker": "yes"})
    assert [len(c) for c in chunks] == [30, 20]
    assert (chunks[0]["ward"] == "burns").all()
    assert (chunks[1]["age"] == 40).all()
    assert all((c["smoker"] == "yes").all() for c in chunks)


@pytest.mark.parametrize(
    "spec",
    [
        {"mix": "balanced", "balance": ("nothing",)},
        {"mix": "balanced", "balance": ("ward",), "fixed": {"ward": "eyes"}},
        {"fixed": {"ward": "nowhere"}},
        {"fixed": {"nothing": 1}},
    ],
)
def test_what_cannot_be_met_is_refused(fitted, spec):
    with pytest.raises(SpecError):
        drawn(fitted, **spec)


def test_sampling_stops_when_asked(fitted):
    chunks = fitted.sample(SampleSpec(), 3 * CHUNK, RunContext(stop=iter([False, True, True]).__next__))
    next(chunks)
    with pytest.raises(Stopped):
        next(chunks)


def test_resampling_keeps_every_conditions_count_and_prefers_high_scores():
    rng = np.random.default_rng(0)
    condition = np.repeat([0, 1, 2], [4000, 400, 4])
    scores = rng.normal(0, 1, len(condition)) + 3 * (condition == 0)
    chosen, share = choose(scores, condition, 4, rng)
    assert np.bincount(condition[chosen]).tolist() == [1000, 100, 1]
    assert len(np.unique(chosen)) == len(chosen)
    assert scores[chosen][condition[chosen] == 0].mean() > scores[condition == 0].mean() + 0.5
    assert 0 < share < 1


def test_equal_scores_leave_all_candidates_effective():
    assert choose(np.zeros(40), np.zeros(40, int), 2, np.random.default_rng(0))[1] == pytest.approx(1)


def test_resampling_corrects_a_wrong_generator():
    """Candidates uniform over four levels, scores log(p/q): the chosen follow p as far as the pool allows."""
    rng = np.random.default_rng(0)
    p = np.array([0.4, 0.3, 0.2, 0.1])
    levels = rng.integers(0, 4, 40_000)
    chosen, _ = choose(np.log(p[levels] / 0.25), np.zeros(len(levels), int), 8, rng)
    assert np.bincount(levels[chosen]) / len(chosen) == pytest.approx(p, abs=0.02)


@pytest.mark.parametrize(("dial", "share"), [("off", 0.35), ("2x", 0.56), ("4x", 0.65)])
def test_the_dial_draws_more_candidates_and_reports_how_many_count(fitted, dial, share):
    """A critic that finds the commonest ward far too rare: the further the dial, the more of it is kept."""
    ward = fitted.encoding.names.index("ward")
    drawer = Drawer(fitted.encoding, fitted._draw, score=lambda codes: 1.5 * (codes[:, ward] == 0))
    logged = []
    (made,) = drawer.chunks(SampleSpec(resample=dial), 4000, RunContext(listener=logged.append))
    assert len(made) == 4000
    kept = (made["ward"] == fitted.encoding.columns[ward].values[0]).mean()
    assert kept == pytest.approx(share, abs=0.06)
    assert any("effective share" in e.payload.get("text", "") for e in logged) == (dial != "off")


@pytest.mark.parametrize(
    ("fixed", "met"),
    [
        ({"age": Range(low=40, high=60)}, lambda f: f["age"].between(40, 60)),
        (
            {"charge": Range(low=999.95, high=1100.5), "ward": OneOf(values=("skin", "eyes"))},
            lambda f: f["charge"].between(999.95, 1100.5) & f["ward"].isin(["skin", "eyes"]),
        ),
        ({"sodium": None, "age": Range(low=70)}, lambda f: f["sodium"].isna() & (f["age"] >= 70)),
        ({"smoker": OneOf(values=(None, "yes"))}, lambda f: f["smoker"].isna() | (f["smoker"] == "yes")),
        (
            {"admitted": Range(low="2021-01-01", high="2021-03-31")},
            lambda f: f["admitted"].between("2021-01-01", "2021-03-31"),
        ),
    ],
)
@pytest.mark.parametrize("with_factor", [True, False])
def test_ranges_sets_and_missing_are_met_by_every_row(fitted, fixed, met, with_factor):
    drawer = Drawer(fitted.encoding, fitted._draw, fitted._factor if with_factor else None)
    (made,) = drawer.chunks(SampleSpec(fixed=fixed), 400, RunContext())
    assert len(made) == 400
    assert met(made).all()
    free = pd.concat(fitted.sample(SampleSpec(), 8000, RunContext()))
    assert made["sex"].eq("f").mean() == pytest.approx(free["sex"].eq("f").mean(), abs=0.08)


def test_of_the_allowed_values_each_may_be_balanced(fitted):
    (made,) = drawn(fitted, fixed={"ward": OneOf(values=("skin", "burns"))}, balance=("ward",))
    assert made["ward"].value_counts().to_dict() == {"skin": 500, "burns": 500}


def test_balance_within_keeps_the_outer_shares_and_evens_the_inner_ones(fitted):
    (made,) = drawn(fitted, 6000, balance=("ward",), balance_within="outcome")
    share = fitted.shares[fitted.encoding.names.index("outcome")]
    assert (made["outcome"] == "died").mean() == pytest.approx(share.min(), abs=0.01)
    for _, part in made.groupby("outcome"):
        assert part["ward"].value_counts(normalize=True).to_numpy() == pytest.approx(np.full(6, 1 / 6), abs=0.005)


def test_a_number_with_many_values_is_not_balanced_and_one_with_few_is(fitted):
    with pytest.raises(SpecError, match="too many different numbers"):
        drawn(fitted, balance=("age",))
    frame = hospital(1500).assign(grade=np.random.default_rng(0).choice([0, 1, 4], 1500, p=[0.9, 0.08, 0.02]))
    scene = prepared(frame, target="grade")
    generator = IndependentColumns().fit(scene.data, scene.schema, scene.groups, RunContext())
    (made,) = drawn(generator, 600, mix="balanced")
    assert scene.schema.column("grade").kind == "integer"
    assert made["grade"].value_counts().to_dict() == {0: 200, 1: 200, 4: 200}
    (made,) = drawn(generator, targets=(GroupTarget(where={"grade": 4}, rows=70),))
    assert made["grade"].tolist() == [4.0] * 70
