"""Membership as bits reads like the boolean array it stands for."""

import numpy as np
import pytest
from prepared import prepared
from scenes import hospital

from synthgen.losses import surprise
from synthgen.tabular import membership, modes
from synthgen.tabular.membership import Membership


@pytest.fixture(scope="module")
def scene():
    return prepared(hospital(700), target="outcome")


@pytest.fixture(scope="module")
def dense(scene):
    return modes.membership(scene.groups, scene.split.train).T


@pytest.fixture(scope="module")
def packed(scene):
    return Membership.of(scene.groups, scene.split.train)


def test_rows_and_columns_read_the_same(dense, packed):
    assert packed.shape == dense.shape
    assert len(packed) == len(dense)
    chosen = np.arange(dense.shape[1]) % 3 == 1
    for rows in (slice(5, 90), np.array([3, 3, 0]), dense[:, 0]):
        assert (packed[rows] == dense[rows]).all()
    for groups in (0, 7, -1, np.array([2, 9]), chosen):
        assert (packed[:, groups] == dense[:, groups]).all()
    assert (packed.sum() == dense.sum(0)).all()


def test_it_takes_a_bit_per_row_and_group(dense, packed):
    assert packed.bits.nbytes == len(dense) * -(-dense.shape[1] // 8)


def test_parts_of_the_rows_are_put_together(scene, dense, monkeypatch):
    monkeypatch.setattr(membership, "PART", 64)
    made = Membership.of(scene.groups, scene.split.train)
    assert (made[:] == dense).all()
    assert (made.sum() == dense.sum(0)).all()


def test_means_over_groups_are_the_same(dense, packed):
    values = np.random.default_rng(0).standard_normal(len(dense))
    for ours, plain in zip(surprise.per_group(values, packed), surprise.per_group(values, dense), strict=True):
        assert np.allclose(ours, plain, equal_nan=True)


def test_no_groups_and_no_rows_are_fine(scene):
    assert Membership.of((), scene.split.train)[:].shape == (len(scene.split.train), 0)
    assert Membership.of(scene.groups, scene.split.train.head(0)).sum().tolist() == [0] * len(scene.groups)
