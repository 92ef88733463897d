import numpy as np
import pandas as pd
import pytest

from synthgen.shares import ratio_interval
from synthgen.spec import SampleSpec
from synthgen.tabular.metrics.census import census_word


def test_the_words_of_the_design():
    assert census_word(4.9, 0.0) == "too few to tell"
    assert census_word(50, 0.24) == "lost"
    assert census_word(50, 0.25) == "thin"
    assert census_word(50, 0.79) == "thin"
    assert census_word(50, 0.8) == "represented"


def test_the_interval_covers_the_true_ratio_as_often_as_it_says():
    rng = np.random.default_rng(0)
    for share, ratio in ((0.01, 1.0), (0.02, 0.25), (0.005, 0.8)):
        x, y = rng.binomial(4000, share * ratio, 4000), rng.binomial(6000, share, 4000)
        low, high = ratio_interval(x, 4000, y, 6000)
        assert ((low <= ratio) & (ratio <= high)).mean() >= 0.945


def test_nothing_drawn_of_many_is_lost_and_of_few_is_not():
    _, high = ratio_interval(np.array([0, 0]), 1000, np.array([40, 8]), 1000)
    assert high[0] < 0.25 < high[1]


def test_fresh_rows_keep_their_modes(good):
    result = good.measured("mode_census")
    words = {g.census for g in result.groups}
    assert result.value == pytest.approx(1.0, abs=0.05)
    assert "lost" not in words
    assert {f.name: f.value for f in result.figures}["lost_classes"] == 0


def test_a_lost_class_is_counted_and_named(good, tmp_path):
    frame = good.split.train
    result = good.with_set(frame[frame["outcome"] == "alive"], tmp_path).measured("mode_census")
    lost = {g.label for g in result.groups if g.census == "lost"}
    assert "outcome = died" in lost
    figures = {f.name: f for f in result.figures}
    assert figures["lost_classes"].value == 1
    assert figures["lost"].value == len(lost)
    assert figures["lost"].holdout == 0
    large = [g for g in result.groups if g.census == "lost" and (g.real_count or 0) >= 20]
    assert figures["lost_large"].value == len(large) > 0


def test_a_thinned_group_is_thin(good, tmp_path):
    frame = pd.concat([good.split.train] * 3, ignore_index=True)
    skin = np.flatnonzero(frame["ward"] == "skin")
    result = good.with_set(frame.drop(index=skin[: len(skin) // 2]), tmp_path).measured("mode_census")
    words = {g.label: g.census for g in result.groups}
    assert words["ward = skin"] == "thin"
    assert words["ward = eyes"] == "represented"


def test_too_few_rows_are_never_a_pass(good, tmp_path):
    result = good.with_set(good.split.train.iloc[:6], tmp_path).measured("mode_census")
    assert {g.census for g in result.groups if g.kind == "rare pair"} == {"too few to tell"}


def test_a_set_balanced_on_request_is_compared_with_a_balanced_table(good, tmp_path):
    frame = good.split.train
    even = pd.concat([g.sample(400, replace=True, random_state=0) for _, g in frame.groupby("ward")], ignore_index=True)
    request = SampleSpec(mix="balanced", balance=("ward",))
    asked = good.with_set(even, tmp_path / "a", request).measured("mode_census")
    unasked = good.with_set(even, tmp_path / "b").measured("mode_census")
    words = [{g.label: g.census for g in r.groups} for r in (asked, unasked)]
    assert words[0]["ward = surgery"] == "represented"
    assert words[1]["ward = surgery"] == "thin"
