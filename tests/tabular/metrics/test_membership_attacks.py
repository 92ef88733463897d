from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scenes import hospital, scene

from synthgen.contracts import Split, Status
from synthgen.measures.trials import SURE, Trial, area, surest
from synthgen.spec import AttackPlan, SampleSpec
from synthgen.tabular.metrics.attacks import likelihood
from synthgen.tabular.metrics.attacks.populations import populations

BLACK_BOX = ("membership", "membership_density")
ATTACKS = (*BLACK_BOX, "membership_likelihood")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A scene whose minorities are large enough for their surest guesses."""
    return scene(hospital(6000, 1), hospital(4000, 2), tmp_path_factory.mktemp("large"))


class Rememberer:
    """A model whose surprise at a record is its distance to the nearest record it was given: it forgets nobody."""

    def __init__(self, train, columns):
        self.columns, self.train = columns, train[columns].fillna(0).to_numpy(float)

    def surprise(self, frame, end):
        points = frame[self.columns].fillna(0).to_numpy(float)
        return np.array([np.abs(self.train - point).sum(axis=1).min() for point in points])

    def report(self):
        return {}


def planted(good, rows, tmp_path):
    """The good set with its first rows replaced by `rows`."""
    frame = good.synthetic.take(10_000)
    return good.with_set(pd.concat([rows, frame.iloc[len(rows) :]], ignore_index=True), tmp_path)


def noisy(rows, rng):
    """Rows with numbers moved by one hundredth of their interquartile range and one category changed."""
    out = rows.copy()
    for column in ("age", "visits", "sodium", "charge"):
        step = 0.01 * (out[column].quantile(0.75) - out[column].quantile(0.25))
        out[column] = out[column] + rng.choice([-step, step], len(out))
    out["ward"] = rng.permutation(out["ward"].to_numpy())
    return out


def findings(result):
    """Every p-value with what its interval says: the lower end above the control's figure."""
    found = [result, *result.figures, *result.groups]
    return [(x.p_value, x.interval.low - x.holdout) for x in found if x.p_value is not None]


def figure(result, name):
    return next(f for f in result.figures if f.name == name)


@pytest.mark.parametrize("attack", BLACK_BOX)
def test_fresh_rows_give_nobody_away(good, attack):
    result = good.measured(attack)
    assert result.status is Status.OK
    assert result.attempts == len(good.split.train)
    assert result.interval.low < result.holdout == result.baseline == 0.5
    assert result.interval.high < 0.56
    assert min(p for p, _ in findings(result)) > 0.05 / len(findings(result))


@pytest.mark.parametrize("attack", BLACK_BOX)
@pytest.mark.parametrize("share", [0.05, 1.0])
def test_copies_are_found_among_the_surest(good, attack, share, tmp_path):
    count = int(share * len(good.split.train))
    result = planted(good, good.split.train.iloc[:count], tmp_path).measured(attack)
    sure = figure(result, "tpr_at_1")
    assert sure.p_value < 1e-3
    assert sure.interval.low > sure.holdout
    assert sure.value > share * 0.7
    if share == 1.0:
        assert result.value > 0.95
        assert result.p_value < 1e-6
        assert result.interval.low > 0.9


def test_copies_with_moved_numbers_and_a_changed_category_are_found(good, tmp_path):
    rows = noisy(good.split.train.iloc[:150], np.random.default_rng(0))
    sure = figure(planted(good, rows, tmp_path).measured("membership_density"), "tpr_at_1")
    assert sure.p_value < 1e-3
    assert sure.interval.low > sure.holdout


def test_a_memorised_minority_shows_in_its_pool(large, tmp_path):
    people = {p.label: p for p in populations(large.groups, large.split, large.schema, None, large.ctx)}["tails"]
    rows = large.split.train.iloc[people.train[:200]]
    result = planted(large, rows, tmp_path).measured("membership")
    lines = {g.label: g for g in result.groups}
    sure = lines["tails, surest 1 %"]
    assert sure.kind == "pool"
    assert sure.p_value < 1e-6
    assert sure.value > 0.1
    assert lines["tails"].value > result.value
    for line in result.groups:
        assert line.status in (Status.OK, Status.INSUFFICIENT)
        assert (line.p_value is None) == (line.status is Status.INSUFFICIENT)


def test_a_full_plan_attacks_groups_on_their_own(good):
    full = replace(good, ctx=replace(good.ctx, attacks=AttackPlan(size="full")))
    kinds = {g.kind for g in full.measured("membership").groups}
    assert kinds > {"pool"}
    assert {g.kind for g in good.measured("membership").groups} == {"pool"}


def test_minorities_scored_for_their_own_sake_do_not_count_twice(large, monkeypatch):
    """With fewer people attacked than there are, a score that only knows who is in a minority tells nothing."""
    monkeypatch.setitem(likelihood.PEOPLE, "standard", 500)

    class Snob(Rememberer):
        def surprise(self, frame, end):
            return (frame["age"] > 80).to_numpy(float)

    result = large.measured("membership_likelihood", Snob(large.split.train, ["age"]))
    assert result.attempts == 500
    assert abs(result.value - 0.5) < 0.04


def test_a_model_that_remembers_is_told_by_its_likelihood(good):
    model = Rememberer(good.split.train, ["age", "visits", "sodium", "charge"])
    result = good.measured("membership_likelihood", model)
    assert result.value > 0.95
    assert figure(result, "tpr_at_1").value > 0.95
    assert good.measured("membership_likelihood").status is Status.NOT_APPLICABLE


def test_a_set_made_from_the_hold_out_gains_nothing_on_members(good, tmp_path):
    found = good.with_set(good.split.holdout, tmp_path)
    for attack in BLACK_BOX:
        result = found.measured(attack)
        assert result.p_value > 0.5
        assert result.value < 0.5


def test_one_row_of_each_person_is_attacked(good):
    split = good.split
    owners = [np.arange(len(f)) // 3 for f in (split.train, split.validation, split.holdout)]
    found = replace(good, split=Split(split.train, split.validation, split.holdout, *owners))
    for attack in BLACK_BOX:
        result = found.measured(attack)
        assert result.attempts == len(np.unique(owners[0]))
        assert result.status is Status.OK


def test_a_set_with_fixed_values_is_attacked_through_people_who_meet_them(good, tmp_path):
    frame = good.synthetic.take(10_000)
    surgery = frame[frame["ward"] == "surgery"].reset_index(drop=True)
    found = good.with_set(surgery, tmp_path, SampleSpec(fixed={"ward": "surgery"}))
    result = found.measured("membership")
    assert result.attempts == (good.split.train["ward"] == "surgery").sum()
    assert result.interval.low < 0.5


@pytest.mark.parametrize("attack", ATTACKS)
def test_hold_out_people_who_were_trained_on_hide_nothing_and_break_nothing(good, attack):
    split = good.split
    holdout = pd.concat([split.holdout, split.train.iloc[:300]], ignore_index=True)
    found = replace(good, split=Split(split.train, split.validation, holdout))
    result = found.measured(attack, Rememberer(split.train, ["age", "charge"]))
    assert result.status is Status.OK


def test_a_table_of_words_with_many_equal_rows_accuses_nobody(tmp_path):
    columns = ["sex", "smoker", "ward", "outcome"]
    found = scene(hospital(2500, 1)[columns], hospital(2000, 2)[columns], tmp_path)
    for attack in BLACK_BOX:
        result = found.measured(attack)
        assert result.interval.low < 0.5
        assert figure(result, "tpr_at_1").p_value > 0.01


@pytest.mark.parametrize("members", [300, 2000])
@pytest.mark.parametrize("levels", [None, 5])
def test_p_values_of_no_difference_are_uniform(members, levels):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        draw = [rng.normal(size=n) if levels is None else rng.integers(0, levels, n) for n in (members, 500)]
        trial = [Trial(draw[0].astype(float), draw[1].astype(float))]
        found.append([area(trial)["p_value"], surest(trial, SURE)["p_value"], surest(trial, SURE)["value"]])
    low, sure, rate = np.array(found).T
    assert (low < 0.05).mean() == pytest.approx(0.05, abs=0.025)
    assert (sure < 0.05).mean() <= 0.075
    assert rate.mean() == pytest.approx(surest(trial, SURE)["holdout"], abs=0.001)


def test_scores_that_say_nothing_come_to_guessing():
    trial = [Trial(np.zeros(400), np.zeros(300))]
    found, sure = area(trial), surest(trial, SURE)
    assert found["value"] == 0.5
    assert found["p_value"] == pytest.approx(0.5)
    assert sure["value"] == pytest.approx(sure["holdout"])
    assert sure["p_value"] > 0.3


def test_an_area_is_the_chance_that_a_member_scores_higher():
    rng = np.random.default_rng(1)
    members, others = rng.integers(0, 9, 250) + 1.0, rng.integers(0, 9, 120) + 0.0
    pairs = (members[:, None] > others).mean() + (members[:, None] == others).mean() / 2
    found = area([Trial(members, others)])
    assert found["value"] == pytest.approx(pairs)
    again = [area([Trial(rng.choice(members, 250), rng.choice(others, 120))])["value"] for _ in range(2000)]
    width = np.subtract(*np.quantile(again, [0.975, 0.025]))
    assert found["interval"].high - found["interval"].low == pytest.approx(width, rel=0.08)


def test_trials_that_share_people_are_not_counted_twice():
    rng = np.random.default_rng(2)
    trial = Trial(rng.normal(size=400) + 0.2, rng.normal(size=400))
    once, twice = area([trial]), area([trial, trial])
    assert once == twice
    assert surest([trial, trial], SURE)["p_value"] >= surest([trial], SURE)["p_value"]
