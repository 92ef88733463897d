import numpy as np
import pytest
from sklearn.metrics import average_precision_score, r2_score, roc_auc_score

from synthgen.tabular.metrics import learners


@pytest.mark.parametrize("ties", [1, 3])
def test_weighted_scores_equal_those_of_scikit_learn(ties):
    rng = np.random.default_rng(0)
    truth = (rng.random(400) < 0.2).astype(float)
    scores = (rng.random(400) + 0.3 * truth).round(ties)
    w = learners.weights(400, rng, 20)
    auc, ap = learners.auc(truth, scores, w), learners.average_precision(truth, scores, w)
    for i in range(len(w)):
        assert auc[i] == pytest.approx(roc_auc_score(truth, scores, sample_weight=w[i]))
        assert ap[i] == pytest.approx(average_precision_score(truth, scores, sample_weight=w[i]))


def test_r_squared_equals_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=300)
    guess = truth + rng.normal(size=300)
    w = learners.weights(300, rng, 5)
    for value, weight in zip(learners.r_squared(truth, guess, w), w, strict=True):
        assert value == pytest.approx(r2_score(truth, guess, sample_weight=weight))


def test_a_class_without_weight_gives_no_number():
    w = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    assert np.isnan(learners.auc(np.array([0.0, 0.0, 1.0]), np.arange(3.0), w)).all()
