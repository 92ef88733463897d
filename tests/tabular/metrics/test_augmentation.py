"""The augmentation verdict: use where rows really help, do not use where they do not, never by the luck of many."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scenes import hospital, scene

from synthgen.contracts import Status
from synthgen.measures.measure import Interval, simultaneous
from synthgen.spec import SampleSpec
from synthgen.tabular import conversion
from synthgen.tabular.metrics.arms import Arm, at_prior
from synthgen.tabular.metrics.gains import Gain, advice, by_person


def figures(result):
    return {f.name: f for f in result.figures}


def deaths(frame, few):
    """The frame with only `few` of those who died."""
    died = frame[frame["outcome"] == "died"]
    return frame.drop(index=died.index[few:])


@pytest.fixture(scope="module")
def starved(tmp_path_factory):
    """Twenty-odd deaths to learn from; a set of real rows that were held back; many unseen people to test on."""
    base = scene(deaths(hospital(1600, 1), 32), hospital(3000, 2), tmp_path_factory.mktemp("starved"))
    unseen = conversion.typed(hospital(2500, 3), base.schema)
    return replace(base, split=replace(base.split, holdout=unseen))


@pytest.fixture(scope="module")
def helped(starved):
    return starved.measured("augmentation")


def test_real_rows_that_were_held_back_are_to_be_used(helped):
    assert helped.status is Status.OK
    assert helped.verdict.startswith("use +") or helped.verdict == "use all its rows"
    assert helped.interval.low > 0
    assert helped.reason.startswith("Use ")
    assert "died" not in helped.reason  # no cell value


def test_every_arm_has_a_figure_and_mixes_grow(helped):
    found = figures(helped)
    arms = ("real", "class_weights", "smote", "smote_balance", "more_25", "more_50", "more_100", "more_balance", "all")
    for arm in arms:
        assert found[f"{arm}_score"].interval.low < found[f"{arm}_score"].value < found[f"{arm}_score"].interval.high
        assert 0 < found[f"{arm}_brier"].value < 0.25
    assert found["more_balance_score"].value > found["more_25_score"].value > found["real_score"].value - 0.02


def test_shuffled_labels_are_not_to_be_used(starved, tmp_path):
    frame = starved.synthetic.take(3000)
    frame["outcome"] = frame["outcome"].sample(frac=1, random_state=0).to_numpy()
    result = starved.with_set(frame, tmp_path).measured("augmentation")
    assert result.verdict == "do not use"
    assert result.reason.startswith("Do not use it, because ")
    assert figures(result)["all_score"].value < figures(result)["real_score"].value + 0.02


def test_a_set_without_the_class_is_not_to_be_used(starved, tmp_path):
    frame = starved.synthetic.take(3000)
    result = starved.with_set(frame[frame["outcome"] == "alive"], tmp_path).measured("augmentation")
    assert result.verdict == "do not use"
    assert figures(result)["more_50_score"].reason == "The set holds too few rows for it."


class Drawing:
    """A generator that takes conditions: fresh rows of the law it was asked for."""

    capabilities = frozenset({"condition"})
    asked = 0

    def __init__(self, schema):
        self.schema = schema

    def sample(self, spec, rows, ctx):
        frame = hospital(20 * rows, ctx.seed_for("rows") % 1000)
        for column, value in spec.fixed.items():
            frame = frame[frame[column] == value]
        self.asked += rows
        yield conversion.typed(frame.head(rows), self.schema)

    def report(self):
        return {}


def test_a_generator_draws_the_rows_that_the_set_lacks(starved, tmp_path):
    frame = deaths(starved.synthetic.take(3000), 12)
    without = starved.with_set(frame, tmp_path / "a").measured("augmentation")
    generator = Drawing(starved.schema)
    result = starved.with_set(frame, tmp_path / "b").measured("augmentation", generator)
    assert generator.asked > 500
    assert figures(without)["more_100_score"].status is Status.NOT_APPLICABLE
    assert figures(result)["more_100_score"].status is Status.OK
    assert result.verdict.startswith("use +")
    assert "draw them as a target group" in result.reason


def test_a_set_asked_for_with_fixed_values_draws_no_more(starved, tmp_path):
    generator = Drawing(starved.schema)
    asked = SampleSpec(fixed={"sex": "f"})
    starved.with_set(deaths(starved.synthetic.take(900), 5), tmp_path, asked).measured("augmentation", generator)
    assert generator.asked == 0


def test_several_classes_have_a_macro_figure(tmp_path):
    found = scene(hospital(2000, 1), hospital(2000, 2), tmp_path, target="ward", positive=None).measured("augmentation")
    assert found.status is Status.OK
    assert figures(found)["macro_gain"].status is Status.OK
    assert -0.5 < figures(found)["macro_all"].value < 0.5


def test_a_number_as_target_is_judged_by_explained_variance(tmp_path):
    real, fresh = hospital(500, 1), hospital(3000, 2)
    for frame in (real, fresh):
        frame["charge"] = frame["age"] * 10 + frame["visits"] + np.where(frame["ward"] == "eyes", 300, 0)
    found = scene(real, fresh, tmp_path, target="charge", positive=None).measured("augmentation")
    assert found.status is Status.OK
    assert found.verdict.startswith("use ")
    assert "explained variance" in found.reason
    assert figures(found)["smote_score"].status is Status.NOT_APPLICABLE


def test_no_target_and_too_few_rows_are_said(good, tmp_path):
    plain = replace(good, schema=good.schema.model_copy(update={"target": None}))
    assert plain.measured("augmentation").status is Status.NOT_APPLICABLE
    small = scene(hospital(120, 1), hospital(500, 2), tmp_path)
    assert small.measured("augmentation").status is Status.INSUFFICIENT


def test_the_real_prior_is_brought_back():
    rng = np.random.default_rng(0)
    risk = rng.beta(1, 9, 200_000)
    shifted = risk * 9 / (risk * 9 + 1 - risk)  # what a model learns where the class was made nine times as common
    learnt = 0.1 * 9 / (0.1 * 9 + 0.9)
    assert np.allclose(at_prior(shifted, learnt, 0.1), risk)


def test_intervals_of_many_mixes_hold_together():
    """Ten mixes without any gain: one of them is called a gain in about one run of forty, not of four."""
    rng, called, runs = np.random.default_rng(1), 0, 400
    for _ in range(runs):
        truth = rng.normal(0, 1, 10)
        called += any(low > 0 for low, _ in simultaneous(np.c_[truth, truth[:, None] + rng.normal(0, 1, (10, 400))]))
    assert called / runs < 0.06


def gain(low, high, brier=(-0.001, 0.001)):
    others = {"brier": (0.0, Interval(low=brier[0], high=brier[1]))}
    return Gain(Arm("more_50", "+50 %"), (low + high) / 2, Interval(low=low, high=high), others)


@pytest.mark.parametrize(
    ("found", "verdict", "why"),
    [
        (gain(0.01, 0.05), "use +50 %", "beyond chance"),
        (gain(-0.01, 0.05), "do not use", "no mix gains beyond chance"),
        (gain(-0.05, -0.01), "do not use", "every mix makes the model worse"),
        (gain(0.01, 0.05, brier=(0.001, 0.002)), "do not use", "worse probabilities"),
    ],
)
def test_the_verdict_follows_from_the_intervals(found, verdict, why):
    _, said, reason = advice([found], [Arm("real", "Real rows alone")], "real", True)
    assert said == verdict
    assert why in reason
    assert "real rows alone" in reason


def test_bootstrap_weights_move_the_rows_of_a_person_together():
    weights = by_person(np.array([3, 3, 5, 7, 7]), np.random.default_rng(0))
    assert (weights[0] == 1).all()
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3] == weights[:, 4]).all()
    assert len(pd.unique(weights[:, 2])) > 1
