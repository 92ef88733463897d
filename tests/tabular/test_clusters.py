"""Clusters are found by the empty stretches between them, and nothing is found where there are none."""

import numpy as np
import pandas as pd
import pytest
from prepared import prepared

from synthgen.tabular import clusters


def islands(sizes, seed=0, spread=0.1):
    """Round islands in two columns, one after the other along a diagonal, and the island of each row."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(sizes)), sizes)
    xy = rng.normal(0, spread, (len(label), 2)) + 3.0 * np.stack([label, label % 2], axis=1)
    return pd.DataFrame(xy, columns=["x", "y"]), label


def inside(frame, bounds):
    return np.logical_and.reduce([(frame[c] >= low) & (frame[c] < high) for c, (low, high) in bounds.items()])


def test_each_island_of_k_people_is_found_the_smallest_first():
    frame, label = islands([2000, 500, 40, 15])
    found = clusters.find(frame, ["x", "y"], None, 10)
    assert [sorted(set(label[inside(frame, b)])) for b in found] == [[3], [2], [1], [0]]


def test_an_island_of_fewer_than_k_people_is_not_told_apart():
    frame, label = islands([2000, 500, 9])
    found = clusters.find(frame, ["x", "y"], None, 10)
    assert not any(set(label[inside(frame, b)]) == {2} for b in found)


def test_ten_rows_of_one_person_are_no_island():
    frame, label = islands([2000, 500, 60])
    people = np.where(label == 2, 5000, np.arange(len(frame)))
    found = clusters.find(frame, ["x", "y"], people, 10)
    assert not any(set(label[inside(frame, b)]) == {2} for b in found)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("draw", ["normal", "uniform", "standard_cauchy", "lognormal"])
def test_even_and_heavy_tailed_columns_are_not_cut(seed, draw):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({c: getattr(rng, draw)(size=3000) for c in ("x", "y")})
    assert clusters.find(frame, ["x", "y"], None, 10) == []


def test_whole_numbers_that_many_share_are_not_cut():
    frame = pd.DataFrame({"x": np.random.default_rng(0).integers(18, 90, 5000).astype(float)})
    assert clusters.find(frame, ["x"], None, 10) == []


def test_missing_cells_and_empty_columns_do_no_harm():
    frame, _ = islands([800, 200])
    frame.loc[::7, "x"] = np.nan
    found = clusters.find(frame.assign(empty=np.nan), ["x", "y", "empty"], None, 10)
    assert len(found) == 2


def test_no_bound_is_anybodys_value():
    frame, _ = islands([2000, 500, 40])
    bounds = {v for b in clusters.find(frame, ["x", "y"], None, 10) for ends in b.values() for v in ends}
    assert bounds
    assert not frame.isin(bounds).any().any()


def test_the_census_names_them():
    frame, _ = islands([1500, 400, 60])
    scene = prepared(frame)
    found = [m for m in scene.groups if m.kind == "cluster"]
    assert len(found) == 3
    assert all(set(m.columns) <= {"x", "y"} for m in found)
    counts = sorted(int(m.mask(frame).sum()) for m in found)
    assert counts == [60, 400, 1500]
