"""The written-out gradients are those that automatic differentiation finds for the plain formulas."""

import numpy as np
import pytest
import torch

from synthgen.tabular import kernels

COLUMNS, ROWS, HIDDEN, LEVELS = 4, 6, 5, 11
ORDER = [2, 0, 3, 1]


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def agree(made, plain, inputs):
    assert torch.allclose(made, plain)
    grad = numbers(*made.shape, seed=9).detach()
    for a, b in zip(torch.autograd.grad(made, inputs, grad), torch.autograd.grad(plain, inputs, grad), strict=True):
        assert a.dtype == b.dtype
        assert torch.allclose(a, b)


def test_contexts_are_sums_over_what_comes_before():
    table, places = numbers(LEVELS, HIDDEN), torch.randint(LEVELS, (COLUMNS, ROWS))
    before = torch.tensor([[ORDER.index(j) < ORDER.index(i) for j in range(COLUMNS)] for i in range(COLUMNS)])
    plain = torch.einsum("ij,jrh->irh", before.double(), table[places])
    agree(kernels.contexts(table, places, ORDER, torch.float64), plain, [table])


@pytest.mark.parametrize("dropped", [False, True])
def test_units_are_a_residual_network_per_column(dropped):
    x, bias, other_bias = (numbers(COLUMNS, n, HIDDEN, seed=n) for n in (ROWS, 1, 1))
    first, second = numbers(COLUMNS, HIDDEN, HIDDEN, seed=3), numbers(COLUMNS, HIDDEN, HIDDEN, seed=4)
    kept = (numbers(COLUMNS, ROWS, HIDDEN, seed=5) > 0).double() * 2 if dropped else None
    inner = torch.relu(x @ first + bias)
    plain = (inner + torch.relu(inner @ second + other_bias)) * (1 if kept is None else kept)
    made = kernels.units(x, first, bias, second, other_bias, kept)
    agree(made, plain, [x, first, bias, second, other_bias])


def test_surprise_is_the_cross_entropy_of_each_code():
    h, weight, bias = (numbers(COLUMNS, n, m, seed=n) for n, m in ((ROWS, HIDDEN), (HIDDEN, LEVELS), (1, LEVELS)))
    codes = torch.randint(LEVELS, (COLUMNS, ROWS))
    plain = -torch.log_softmax(h @ weight + bias, -1).gather(-1, codes[..., None]).squeeze(-1)
    agree(kernels.surprise(h, weight, bias, codes), plain, [h, weight, bias])


def test_in_half_precision_gradients_come_back_in_full():
    table, places = numbers(LEVELS, HIDDEN).detach().float().requires_grad_(), torch.randint(LEVELS, (COLUMNS, ROWS))
    made = kernels.contexts(table, places, ORDER, torch.bfloat16)
    (grad,) = torch.autograd.grad(made.float().sum(), [table])
    assert (made.dtype, grad.dtype) == (torch.bfloat16, torch.float32)
    after = sum((COLUMNS - 1 - ORDER.index(c)) * (places[c] == places[0, 0]).sum() for c in range(COLUMNS))
    assert torch.allclose(grad[places[0, 0]], after.float().expand(HIDDEN))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_keeps_its_share_and_the_mean(dtype):
    kept = kernels.dropout((10, 50, 100), 0.25, np.random.default_rng(0), dtype, torch.device("cpu"))
    assert kept.dtype == dtype
    assert set(kept.unique().tolist()) == {0.0, torch.tensor(4 / 3).to(dtype).item()}
    assert float((kept > 0).float().mean()) == pytest.approx(0.75, abs=0.01)
    again = kernels.dropout((10, 50, 100), 0.25, np.random.default_rng(0), dtype, torch.device("cpu"))
    assert torch.equal(kept, again)
