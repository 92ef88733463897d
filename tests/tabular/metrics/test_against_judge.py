"""Our scores agree with a judge that shares no code with them."""

import numpy as np
import pandas as pd
import pytest
from scenes import scene

from benchmarks import judging
from synthgen.tabular import conversion

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def judged(judge, shared_data, tmp_path_factory):
    """Adult, a part of each cell shuffled away: (our scene, the judge's figures)."""
    module = judging.module(judge)
    model = module.model
    module.model = lambda kind="LGBMClassifier": model(kind).set_params(n_jobs=1)  # threads that wait for each other
    table = pd.read_csv(shared_data / "tabular" / "adult_train.csv", skipinitialspace=True).sample(9000, random_state=0)
    real = table.iloc[:6000].reset_index(drop=True)
    other, rng = table.iloc[6000:].reset_index(drop=True), np.random.default_rng(0)
    for column in other:
        moved = np.flatnonzero(rng.random(len(other)) < 0.15)
        values = other[column].to_numpy().copy()
        values[moved] = values[rng.permutation(moved)]
        other[column] = values
    directory = tmp_path_factory.mktemp("judged")
    found = scene(real, other, directory, target="income", positive=">50K")
    parts = [conversion.presented(f, found.schema) for f in (found.split.train, found.split.holdout)]
    return found, module.judge(*parts, other, target="income", positive=">50K")


@pytest.mark.parametrize(
    ("ours", "theirs", "within"),
    [
        ("marginal", "marginal", 0.01),
        ("pair", "pair", 0.01),
        ("detection", "detection_auc", 0.04),
        ("worst_group/mean", "mean_group", 0.03),
        ("utility/auc", "tstr_auc", 0.03),
        ("utility/ap", "tstr_ap", 0.05),
        ("utility/worst_recall", "tstr_worst_recall", 0.06),
        ("closest_record", "dcr_share", 0.03),
        ("near_copies", "near_copies", 0.015),
        ("lone_numbers", "copied_numbers", 0.02),
    ],
)
def test_scores_agree(judged, ours, theirs, within):
    found, figures = judged
    metric, _, figure = ours.partition("/")
    result = found.measured(metric)
    value = next(f for f in result.figures if f.name == figure) if figure else result
    assert value.value == pytest.approx(figures[theirs], abs=within)
    if f"{theirs}_holdout" in figures:
        assert value.holdout == pytest.approx(figures[f"{theirs}_holdout"], abs=within)


def test_copied_rows_agree(judged):
    found, figures = judged
    assert found.measured("copied_rows").value * 1e4 == pytest.approx(figures["copied_per_10k"], abs=5)
