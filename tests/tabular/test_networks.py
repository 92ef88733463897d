"""The networks: padding never leaks, order is respected, nothing depends on a column that is not visible."""

import numpy as np
import pytest
import torch

from synthgen.tabular.networks import AutoregressiveNetwork, Layout, smooth_basis
from synthgen.tabular.sampling import draw

LAYOUT = Layout((3, 120, 2, 100, 7), (0, 119, 0, 100, 6))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = AutoregressiveNetwork(LAYOUT, 16).eval()
    with torch.no_grad():
        for value in made.parameters():
            value.add_(torch.randn_like(value) * 0.3)
    return made


def codes(rows, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(np.stack([rng.integers(0, n, rows) for n in LAYOUT.sizes], axis=1))


def factors(network, rows, order):
    with torch.no_grad():
        return network.factors(rows, order)


def test_columns_of_like_size_share_a_bucket_and_none_is_padded_far():
    buckets = LAYOUT.buckets()
    assert sorted(c for b in buckets for c in b) == list(range(5))
    for bucket in buckets:
        sizes = [LAYOUT.sizes[c] for c in bucket]
        assert max(sizes) <= max(4 * min(sizes), 16)


def test_every_factor_is_a_distribution_over_its_own_levels(network):
    row = codes(1).repeat(120, 1)
    row[:, 1] = torch.arange(120)
    found = factors(network, row, [0, 4, 2, 1, 3])
    assert float(torch.exp(-found[:, 1]).sum()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [3, 1, 4, 0, 2]])
def test_a_factor_sees_only_what_comes_before_it(network, order):
    rows = codes(50)
    before = factors(network, rows, order)
    changed = rows.clone()
    changed[:, order[2]] = (changed[:, order[2]] + 1) % LAYOUT.sizes[order[2]]
    after = factors(network, changed, order)
    assert torch.allclose(before[:, order[:2]], after[:, order[:2]])
    assert not torch.allclose(before[:, order[3:]], after[:, order[3:]])


def test_the_sampler_and_the_surprise_agree(network):
    """Draws of the first column follow exp(-surprise) of its factor."""
    made = draw(network, np.full((40_000, 5), -1), np.random.default_rng(0))
    given = np.full((40_000, 5), -1)
    given[:, 1:] = made[0, 1:]
    drawn = draw(network, given, np.random.default_rng(1))
    assert (drawn[:, 1:] == made[0, 1:]).all()
    rows = torch.from_numpy(np.tile(made[0], (3, 1)))
    rows[:, 0] = torch.arange(3)
    expected = torch.exp(-factors(network, rows, [1, 2, 3, 4, 0])[:, 0]).numpy()
    assert np.bincount(drawn[:, 0], minlength=3) / len(drawn) == pytest.approx(expected, abs=0.015)


def test_training_starts_at_the_margins():
    made = AutoregressiveNetwork(LAYOUT, 16)
    shares = [np.random.default_rng(i).dirichlet(np.ones(n)) for i, n in enumerate(LAYOUT.sizes)]
    made.start_from(shares)
    rows = codes(20)
    expected = np.stack([-np.log(shares[i])[rows[:, i].numpy()] for i in range(5)], axis=1)
    assert factors(made, rows, [0, 1, 2, 3, 4]).numpy() == pytest.approx(expected, rel=1e-4)


def test_the_smooth_basis_covers_the_ordered_levels_only():
    basis = smooth_basis(20, 15)
    assert (basis[:15].sum(1) > 0).all()
    assert (basis[15:] == 0).all()
    assert (smooth_basis(20, 0) == 0).all()
