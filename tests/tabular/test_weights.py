"""A factor is weighted only by what it is conditioned on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch

from synthgen.tabular.weights import GroupWeights


@dataclass(frozen=True)
class Equals:
    """A group: every column has its value."""

    where: tuple[tuple[str, int], ...]
    kind: str = "test"

    @property
    def name(self):
        return str(self.where)

    @property
    def columns(self):
        return tuple(c for c, _ in self.where)

    def mask(self, data):
        return np.logical_and.reduce([(data[c] == v).to_numpy() for c, v in self.where])


@pytest.fixture
def weights():
    frame = pd.DataFrame({"a": [0, 1, 1, 0], "b": [0, 0, 1, 1], "c": [5, 5, 5, 5]})
    out = GroupWeights([Equals((("a", 1),)), Equals((("a", 1), ("b", 1))), Equals((("z", 1),))], ["a", "b", "c"])
    out.attach(out.membership(frame), "cpu")
    return out


def relative(weights, order):
    found = weights.of_factors(torch.arange(4), np.array(order)).numpy()
    assert found.mean() == pytest.approx(1)
    return (found / found.min()).round(4)


def test_groups_of_columns_that_are_not_modelled_are_left_out(weights):
    assert len(weights.groups) == 2


def test_without_emphasis_there_are_no_weights(weights):
    assert weights.of_factors(torch.arange(4), np.array([0, 1, 2])) is None


def test_only_factors_after_the_groups_columns_are_weighted(weights):
    weights.weights = np.array([2.0, 1.0])
    assert relative(weights, [0, 1, 2]).tolist() == [[1, 1, 1], [1, 2, 2], [1, 2, 2], [1, 1, 1]]
    assert relative(weights, [2, 0, 1]).tolist() == [[1, 1, 1], [1, 2, 1], [1, 2, 1], [1, 1, 1]]


def test_a_group_of_two_columns_counts_once_both_are_visible(weights):
    weights.weights = np.array([1.0, 3.0])
    assert relative(weights, [0, 2, 1]).tolist() == [[1, 1, 1]] * 4
    assert relative(weights, [1, 0, 2]).tolist() == [[1, 1, 1], [1, 1, 1], [1, 1, 3], [1, 1, 1]]


def test_a_record_in_several_groups_takes_the_largest_weight(weights):
    weights.weights = np.array([4.0, 3.0])
    assert relative(weights, [0, 1, 2])[2].tolist() == [1, 4, 4]


def test_a_light_group_does_not_lighten_its_records(weights):
    weights.weights = np.array([0.2, 3.0])
    assert relative(weights, [0, 1, 2])[1].tolist() == [1, 1, 1]
