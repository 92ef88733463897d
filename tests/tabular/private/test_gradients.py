"""Clipping one gradient a person is exact: against automatic differentiation, and as a property."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.tabular.networks import AutoregressiveNetwork, Layout
from synthgen.tabular.private.gradients import PersonGradients

LAYOUTS = [
    Layout((5, 2, 30, 3, 40), (4, 0, 30, 0, 39)),
    Layout((2, 3, 4), (0, 0, 0)),
    Layout((20, 20), (20, 19)),
]


def network(layout, seed):
    torch.manual_seed(seed)
    net = AutoregressiveNetwork(layout, 8)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return net


def people(layout, count, rows, seed):
    """Codes, which places hold a row, weights of factors and an order."""
    rng = np.random.default_rng(seed)
    codes = torch.from_numpy(np.stack([rng.integers(0, size, count * rows) for size in layout.sizes], 1))
    kept = torch.from_numpy((rng.random(count * rows) < 0.8).astype(np.float32))
    weights = torch.from_numpy(rng.random(codes.shape).astype(np.float32) * 3)
    return codes, kept, weights, rng.permutation(len(layout.sizes)).tolist()


def one_by_one(net, codes, kept, weights, order, rows):
    """The gradient of each person by automatic differentiation, as one vector."""
    names = [name for name, _ in net.named_parameters()]
    out = []
    for person in range(len(codes) // rows):
        part = slice(person * rows, (person + 1) * rows)
        paid = net.factors(codes[part], order) * weights[part] * kept[part, None]
        found = torch.autograd.grad(paid.sum(), list(net.parameters()), allow_unused=True)
        flat = [torch.zeros_like(p) if g is None else g for p, g in zip(net.parameters(), found, strict=True)]
        out.append(dict(zip(names, flat, strict=True)))
    return out


def length(gradient):
    return float(torch.sqrt(sum((g**2).sum() for g in gradient.values())))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rows", [1, 3])
def test_lengths_and_clipped_sum_are_those_of_gradients_taken_person_by_person(layout, rows):
    net = network(layout, rows)
    codes, kept, weights, order = people(layout, 11, rows, seed=rows)
    single = one_by_one(net, codes, kept, weights, order, rows)
    clip = float(np.median([length(g) for g in single]))
    summed, lengths = PersonGradients(net, rows).summed(codes, kept, weights, order, clip)
    np.testing.assert_allclose(lengths.numpy(), [length(g) for g in single], rtol=1e-3, atol=1e-4)
    for name, _ in net.named_parameters():
        expected = sum(g[name] * min(1.0, clip / max(length(g), 1e-12)) for g in single)
        torch.testing.assert_close(summed[name], expected, rtol=1e-3, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 4),
    clip=st.floats(1e-3, 50),
    which=st.integers(0, len(LAYOUTS) - 1),
    heavy=st.floats(0, 1000),
)
def test_one_person_never_moves_the_sum_by_more_than_the_clip(seed, rows, clip, which, heavy):
    layout = LAYOUTS[which]
    net = network(layout, seed)
    codes, kept, weights, order = people(layout, 6, rows, seed)
    weights[:rows] *= heavy
    gradients = PersonGradients(net, rows)
    whole, _ = gradients.summed(codes, kept, weights, order, clip)
    blanked = kept.clone()
    blanked[:rows] = 0
    without, lengths = gradients.summed(codes, blanked, weights, order, clip)
    moved = torch.sqrt(sum(((whole[n] - without[n]) ** 2).sum() for n in whole))
    assert float(moved) <= clip * (1 + 1e-3)
    assert float(lengths[0]) < 1e-3


def test_nobody_gives_nothing():
    net = network(LAYOUTS[0], 0)
    codes, kept, weights, order = people(LAYOUTS[0], 0, 1, seed=0)
    summed, lengths = PersonGradients(net, 1).summed(codes, kept, weights, order, 1.0)
    assert len(lengths) == 0
    assert all(float(g.abs().sum()) == 0 for g in summed.values())
