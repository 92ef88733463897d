"""Weights of classes and clusters: they go where made images are missing, within bounds, and rest when told to."""

from __future__ import annotations

import numpy as np
import pytest

from synthgen.images.emphasis import Emphasis
from synthgen.images.params import ConditionalGanParams

LABELS = np.repeat([0, 1], [90, 10])
CLUSTER = np.concatenate([np.repeat([2, 3, 4], 30), np.full(10, -1)])
INSIDE = np.stack([LABELS == 0, LABELS == 1, *(c == CLUSTER for c in (2, 3, 4))], axis=1)
KINDS, PLACES = ("class", "class", "cluster", "cluster", "cluster"), (0, 1, 0, 0, 0)
NO_REST = np.zeros(5, bool)


def _emphasis(**params):
    return Emphasis(INSIDE, LABELS, 2, KINDS, PLACES, ConditionalGanParams(**params))


def _shares(emphasis, rows=20_000):
    drawn = emphasis.draw(np.random.default_rng(0), rows)
    return INSIDE[drawn].mean(0)


def test_classes_are_drawn_equally_often_or_as_often_as_they_are():
    assert _shares(_emphasis())[:2] == pytest.approx([0.5, 0.5], abs=0.02)
    assert _shares(_emphasis(sampling="frequency"))[:2] == pytest.approx([0.9, 0.1], abs=0.02)


@pytest.mark.parametrize("reducer", ["log_sum_exp", "cvar", "top_k"])
def test_weight_moves_to_the_cluster_that_is_missing(reducer):
    emphasis = _emphasis(reducer=reducer)
    for _ in range(30):
        emphasis.renew(np.array([0.5, 0.5, 2.0, 0.1, 0.1]), NO_REST)
    assert emphasis.weights[2] > 1.3
    assert _shares(emphasis)[2] > 1.2 / 6
    assert _shares(emphasis)[:2] == pytest.approx([0.5, 0.5], abs=0.02)


def test_a_weight_says_by_how_many_nats_a_cluster_exceeds_the_others_and_no_more():
    """Groups that differ by little are weighted by little, however long it lasts; what is mended is forgotten."""
    excess = np.array([0.5, 0.5, 0.2, 0.1, 0.1])
    emphasis = _emphasis()
    for _ in range(500):
        emphasis.renew(excess, NO_REST)
    ratio = emphasis.weights[2] / emphasis.weights[3]
    assert ratio == pytest.approx((0.8 * np.exp(0.1) + 0.2) / 1.0, abs=0.03)
    worse = np.array([0.5, 0.5, 2.0, 0.1, 0.1])
    for _ in range(50):
        emphasis.renew(worse, NO_REST)
    raised = emphasis.weights[2]
    for _ in range(50):
        emphasis.renew(excess, NO_REST)
    assert emphasis.weights[2] < 1.15 < 1.5 < raised


def test_classes_are_weighted_by_their_surprise_where_they_are_not_drawn_equally_often():
    worse = np.array([0.1, 2.0, 0.0, 0.0, 0.0])
    balanced, frequency = _emphasis(), _emphasis(sampling="frequency")
    for _ in range(50):
        balanced.renew(worse, NO_REST)
        frequency.renew(worse, NO_REST)
    assert _shares(balanced)[:2] == pytest.approx([0.5, 0.5], abs=0.02)
    assert _shares(frequency)[1] > 0.18
    balanced.raise_lost([1])
    assert _shares(balanced)[1] > 0.6
    for _ in range(100):
        balanced.renew(worse, NO_REST)
    assert _shares(balanced)[:2] == pytest.approx([0.5, 0.5], abs=0.02)


def test_no_weight_leaves_its_bounds():
    emphasis = _emphasis(emphasis=1000.0)
    for _ in range(200):
        emphasis.renew(np.array([0.0, 9.0, 9.0, -9.0, -9.0]), NO_REST)
    assert emphasis.weights.max() <= 2.5 + 1e-9
    assert emphasis.weights.min() >= 0.2 - 1e-9


@pytest.mark.parametrize("params", [{"reducer": "mean"}, {"reducer": "literal"}, {"emphasis": 0.0}])
def test_without_emphasis_nothing_is_weighted(params):
    emphasis = _emphasis(**params)
    emphasis.renew(np.array([0.0, 9.0, 9.0, -9.0, -9.0]), NO_REST)
    emphasis.raise_lost([2])
    assert (emphasis.weights == 1).all()


def test_groups_that_rest_are_not_emphasised():
    emphasis = _emphasis()
    for _ in range(50):
        emphasis.renew(np.array([0.5, 0.5, 2.0, 0.1, 0.1]), np.array([False, False, True, False, False]))
    assert emphasis.weights[2] <= 1


def test_the_tilt_of_a_cluster_is_what_its_images_are_drawn_more_often_by():
    """A critic that sees tilted data says log(w p / q); where q = p, taking out the tilt leaves nothing."""
    emphasis = _emphasis()
    for _ in range(30):
        emphasis.renew(np.array([0.5, 0.5, 2.0, 0.1, 0.1]), NO_REST)
    drawn = _shares(emphasis, 200_000)[2:] / (0.5 / 3)
    assert np.exp(emphasis.tilt[2:]) == pytest.approx(drawn, rel=0.03)
    assert (emphasis.tilt[:2] == 0).all()


def test_unknown_excess_changes_nothing_and_a_class_without_images_is_never_drawn():
    emphasis = _emphasis()
    emphasis.renew(np.full(5, np.nan), NO_REST)
    assert emphasis.weights == pytest.approx(np.ones(5))
    alone = Emphasis(INSIDE[:90], LABELS[:90], 2, KINDS, PLACES, ConditionalGanParams())
    assert (LABELS[alone.draw(np.random.default_rng(0), 500)] == 0).all()
