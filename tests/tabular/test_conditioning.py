"""Confined columns follow the known joint law given all that confines them."""

import itertools

import numpy as np
import pytest

from synthgen.errors import SpecError
from synthgen.tabular.allowed import Allowed, Link, without_missing
from synthgen.tabular.conditioning import conditioned, rejected, resampled

SIZES = (3, 4, 5)
ROWS = 30_000
FREE = np.full((ROWS, 3), -1)
ONE = np.zeros(ROWS, dtype=int)


@pytest.fixture(scope="module")
def law():
    """A joint law of three columns that depend strongly on each other."""
    weights = np.exp(np.random.default_rng(0).normal(0, 2.5, SIZES))
    return weights / weights.sum()


def factor_of(law):
    """q(column | levels that are known) by summing the joint law."""

    def factor(column, codes):
        rows, place = np.unique(codes, axis=0, return_inverse=True)
        out = np.empty((len(rows), SIZES[column]))
        for i, row in enumerate(rows):
            part = law[tuple(slice(None) if v < 0 or c == column else slice(v, v + 1) for c, v in enumerate(row))]
            out[i] = part.sum(axis=tuple(c for c in range(3) if c != column)).ravel()
        return (out / out.sum(axis=1, keepdims=True))[place.ravel()]

    return factor


def drawer_of(law):
    def draw(given, rng):
        codes = conditioned(given.copy(), ONE[: len(given)], _everything(), factor_of(law), rng)
        return codes

    return draw


def _everything():
    return Allowed({c: np.ones(n) for c, n in enumerate(SIZES)})


def expected(law, share):
    out = law * np.array([share(x) for x in itertools.product(*map(range, SIZES))]).reshape(SIZES)
    return out / out.sum()


def frequencies(codes):
    return np.bincount(np.ravel_multi_index(codes.T, SIZES), minlength=60).reshape(SIZES) / len(codes)


def finish(law, codes, rng):
    """The columns that are still free, each from its own factor."""
    return conditioned(codes, np.arange(len(codes)), Allowed({2: np.ones(SIZES[2])}), factor_of(law), rng)


A, B = np.array([1.0, 0.5, 0.4]), np.array([0.0, 1.0, 0.3, 0.0])


def test_two_confined_columns_follow_the_joint_law_given_both(law):
    rng = np.random.default_rng(1)
    codes = conditioned(FREE.copy(), ONE, Allowed({0: A, 1: B}), factor_of(law), rng)
    assert (codes[:, 2] == -1).all()
    found = frequencies(finish(law, codes, rng))
    wanted = expected(law, lambda x: A[x[0]] * B[x[1]])
    assert np.abs(found - wanted).sum() / 2 < 0.015


def test_masks_alone_would_be_biased(law):
    """What the resampling corrects is there to be corrected: one column after the other is another law."""
    p = law.sum(axis=(1, 2)) * A
    then = (law.sum(axis=2) / law.sum(axis=(1, 2))[:, None]) * B
    sequential = (p / p.sum())[:, None] * then / then.sum(axis=1, keepdims=True)
    wanted = expected(law, lambda x: A[x[0]] * B[x[1]]).sum(axis=2)
    assert np.abs(sequential - wanted).sum() / 2 > 0.05


def test_linked_columns_follow_the_joint_law_given_the_link(law):
    combos = np.array([[0, 1], [0, 2], [1, 3], [2, 4], [3, 0]])
    shares = np.array([1.0, 0.2, 1.0, 0.5, 1.0])
    link = Link((1, 2), combos, shares)
    rng = np.random.default_rng(2)
    codes = conditioned(FREE.copy(), ONE, Allowed({0: A}, links=(link,)), factor_of(law), rng)
    table = {tuple(c): s for c, s in zip(combos.tolist(), shares, strict=True)}
    wanted = expected(law, lambda x: A[x[0]] * table.get(x[1:], 0.0))
    assert np.abs(frequencies(codes) - wanted).sum() / 2 < 0.015


def test_each_group_follows_the_law_given_its_own_condition(law):
    group = np.arange(ROWS) % 3
    given = FREE.copy()
    given[:, 2] = group
    rng = np.random.default_rng(3)
    codes = conditioned(given, group, Allowed({0: A, 1: B}), factor_of(law), rng)
    assert (codes[:, 2] == group).all()
    for level in range(3):
        here = codes[group == level]
        wanted = expected(law, lambda x, level=level: A[x[0]] * B[x[1]] * (x[2] == level))
        assert np.abs(frequencies(here) - wanted).sum() / 2 < 0.02


def test_a_generator_without_factors_gets_the_same_law_by_drawing_again(law):
    rng = np.random.default_rng(4)
    codes = rejected(FREE[:20_000], Allowed({0: A, 1: B}), drawer_of(law), rng)
    wanted = expected(law, lambda x: A[x[0]] * B[x[1]])
    assert np.abs(frequencies(codes) - wanted).sum() / 2 < 0.02


def test_drawing_again_ends_with_a_count():
    never = Allowed({0: np.zeros(3)})
    with pytest.raises(SpecError, match="5 of 5 rows"):
        rejected(FREE[:5], never, lambda given, rng: np.zeros((len(given), 3), dtype=int), np.random.default_rng(0))


def test_resampling_keeps_each_group_s_rows_and_follows_the_weights():
    group = np.tile([0, 1, 1, 2], 1000)
    candidates = np.repeat(group, 8)
    weights = np.random.default_rng(0).normal(0, 1, len(candidates))
    chosen = resampled(weights, candidates, 8, np.random.default_rng(1))
    assert (candidates[chosen] == group).all()
    for g in range(3):
        inside = np.flatnonzero(candidates == g)
        w = np.exp(weights[inside])
        counts = np.bincount(chosen[group == g], minlength=len(candidates))[inside]
        assert np.abs(counts - w / w.sum() * (group == g).sum()).max() <= 1


def test_a_row_that_no_combination_fits_is_left_free(law):
    given = FREE[:50].copy()
    given[:, 1] = 3
    link = Link((1, 2), np.array([[0, 1]]), np.ones(1))
    codes = conditioned(given, ONE[:50], Allowed(links=(link,)), factor_of(law), np.random.default_rng(0))
    assert (codes[:, 2] >= 0).all()


def test_missing_is_the_level_that_is_left_out():
    allowed = without_missing([3, 2, 1], [True, False, True])
    assert {c: s.tolist() for c, s in allowed.shares.items()} == {0: [1, 1, 0]}
