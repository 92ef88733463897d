from dataclasses import replace

import pytest
from scenes import hospital, scene

from synthgen.contracts import Status


def figures(result):
    return {f.name: f for f in result.figures}


def test_fresh_rows_teach_as_much_as_real_ones(good):
    result = good.measured("utility")
    found = figures(result)
    assert result.value == found["ap"].value
    assert found["ap_gap"].interval.low <= 0 <= found["ap_gap"].interval.high
    assert result.interval.low < result.value < result.interval.high
    assert found["auc"].value > 0.75
    assert found["r2"].status is Status.NOT_APPLICABLE


def test_shuffled_targets_teach_nothing(good, tmp_path):
    frame = good.split.train.copy()
    frame["outcome"] = frame["outcome"].sample(frac=1, random_state=0).to_numpy()
    found = figures(good.with_set(frame, tmp_path).measured("utility"))
    assert found["auc"].value < 0.65
    assert found["auc_gap"].interval.high < 0


def test_a_lost_class_scores_chance_not_an_error(good, tmp_path):
    frame = good.split.train
    result = good.with_set(frame[frame["outcome"] == "alive"], tmp_path).measured("utility")
    assert result.status is Status.OK
    assert figures(result)["auc"].value == 0.5
    assert figures(result)["worst_recall"].value == 0.0


def test_a_number_as_target_is_judged_by_explained_variance(tmp_path):
    found = scene(hospital(1500, 1), hospital(1500, 2), tmp_path, target="charge", positive=None).measured("utility")
    assert found.value == pytest.approx(found.holdout, abs=0.15)
    assert figures(found)["ap"].status is Status.NOT_APPLICABLE


def test_no_target_no_utility(good):
    result = replace(good, schema=good.schema.model_copy(update={"target": None})).measured("utility")
    assert result.status is Status.NOT_APPLICABLE


def test_several_classes_are_each_judged_against_the_rest(tmp_path):
    found = scene(hospital(2000, 1), hospital(2000, 2), tmp_path, target="ward", positive=None).measured("utility")
    assert found.status is Status.OK
    assert 0 < found.value < 1


def test_too_few_hold_out_rows_are_insufficient(tmp_path):
    assert scene(hospital(120, 1), hospital(500, 2), tmp_path).measured("utility").status is Status.INSUFFICIENT
