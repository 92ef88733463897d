"""How much more often the rows of small and of badly fitted groups are drawn."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from synthgen.tabular.weights import GroupWeights, an_epoch


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


ROWS = 1000
FRAME = pd.DataFrame({"a": [1] * 10 + [0] * 990, "b": [0, 1] * 500, "c": [5] * ROWS})
RARE, PAIR = Equals((("a", 1),)), Equals((("a", 0), ("b", 1)))
NOBODY_SPARED = np.zeros(2, dtype=bool)


@pytest.fixture
def weights():
    return GroupWeights([RARE, PAIR, Equals((("z", 1),))], ["a", "b", "c"])


def odds(weights, t=1.0, spared=NOBODY_SPARED, cap=50.0):
    found = weights.row_odds(weights.membership(FRAME), spared, t, cap)
    assert found.sum() == pytest.approx(1)
    assert found.max() <= cap / ROWS + 1e-12
    return found


def share_of(group, found):
    return found[group.mask(FRAME)].sum()


def test_groups_of_columns_that_are_not_modelled_are_left_out(weights):
    assert len(weights.groups) == 2


def test_at_the_mean_end_every_row_is_drawn_equally_often(weights):
    assert odds(weights, t=0.0) == pytest.approx(1 / ROWS)


@pytest.mark.parametrize("t", [1.0, 2.0, 9.0])
def test_a_groups_share_is_its_share_of_rows_to_the_power_of_the_dial(weights, t):
    small, large = 10 ** (1 / (1 + t)), 990 ** (1 / (1 + t))
    assert share_of(RARE, odds(weights, t)) == pytest.approx(small / (small + large))


def test_the_cap_holds(weights):
    found = odds(weights, t=9.0, cap=4.0)
    assert share_of(RARE, found) == pytest.approx(0.04)


def test_what_the_critics_find_tilts_the_odds_and_at_most_doubles_them(weights):
    before = odds(weights)
    weights.weights = np.array([1.5, 1.0])
    tilted = odds(weights)
    assert share_of(RARE, tilted) > 1.2 * share_of(RARE, before)
    weights.weights = np.array([1.0, 40.0])
    joint = odds(weights)
    ratio = joint[11] / joint[10]  # row 11 is in the pair, row 10 has the same rare value or none
    assert ratio == pytest.approx(2.0)


def test_a_light_group_does_not_lighten_its_records(weights):
    before = odds(weights)
    weights.weights = np.array([0.2, 0.1])
    assert odds(weights) == pytest.approx(before)


def test_a_memorised_group_stays_at_its_frequency(weights):
    weights.weights = np.array([3.0, 1.0])
    assert odds(weights, spared=np.array([True, False])) == pytest.approx(1 / ROWS)


def test_a_memorised_group_among_others_is_drawn_as_often_as_the_data_have_it():
    """Not emphasised as part of the rows in no group: its share stays, and the others share what is left."""
    frame = pd.DataFrame({"ward": [1] * 10 + [2] * 60 + [3] * 200 + [0] * 730})
    wards = GroupWeights([Equals((("ward", w),)) for w in (1, 2, 3)], ["ward"])
    inside, spared = wards.membership(frame), np.array([False, True, False])
    before = wards.row_odds(inside, np.zeros(3, dtype=bool), 1.0, 50.0)
    found = wards.row_odds(inside, spared, 1.0, 50.0)
    share = {w: found[frame["ward"] == w].sum() for w in (0, 1, 2, 3)}
    assert before[frame["ward"] == 2].sum() > 0.12
    assert share[2] == pytest.approx(0.06)
    assert share[1] / share[3] == pytest.approx((10 / 200) ** 0.5)
    assert share[1] / share[0] == pytest.approx((10 / 730) ** 0.5)
    assert wards.row_odds(inside, np.ones(3, dtype=bool), 1.0, 50.0) == pytest.approx(1 / 1000)


def test_without_groups_every_row_counts_the_same():
    none = GroupWeights([], ["a"])
    assert none.row_odds(none.membership(FRAME), np.zeros(0, dtype=bool), 2.0, 8.0) == pytest.approx(1 / ROWS)


def test_an_epoch_holds_every_row_as_often_as_its_odds_say_and_once_a_batch():
    rng = np.random.default_rng(0)
    odds = rng.exponential(1.0, 1000)
    odds /= odds.sum()
    rows = an_epoch(odds, 20, 48, np.random.default_rng(1))
    counts = np.bincount(rows, minlength=1000)
    assert np.all(np.abs(counts - 960 * odds) <= 1)
    assert counts.max() > 3
    for batch in rows.reshape(20, 48):
        assert len(np.unique(batch)) == 48


def test_an_epoch_of_equal_odds_is_an_epoch():
    """Drawn with replacement, a third of the rows would be left out: the mean is learnt more slowly from those."""
    rows = an_epoch(np.full(960, 1 / 960), 20, 48, np.random.default_rng(1))
    assert len(np.unique(rows)) == 960
    assert not np.array_equal(rows, np.sort(rows))
