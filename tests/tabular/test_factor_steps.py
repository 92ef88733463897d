"""What sampling walks through are the network's own factors, in half precision too and from shared contexts."""

import numpy as np
import pytest
import torch

from synthgen.tabular.factor_steps import Steps, rectified
from synthgen.tabular.networks import AutoregressiveNetwork, Layout
from synthgen.tabular.sampling import draw

LAYOUT = Layout((3, 40, 2, 7), (0, 39, 0, 6))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    made = AutoregressiveNetwork(LAYOUT, 16).eval()
    with torch.no_grad():
        for value in made.parameters():
            value.add_(torch.randn_like(value) * 0.3)
    return made


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cumulative_masses_are_those_of_the_logits(network, dtype):
    steps, context = Steps(network), torch.randn(200, 16)
    steps.dtype = dtype
    for column in range(4):
        reach = steps.cumulative(column, context)
        mass = torch.diff(reach / reach[:, -1:], prepend=torch.zeros(200, 1))
        expected = torch.softmax(network.logits_of(column, context), -1)
        assert torch.allclose(mass, expected, atol=1e-5 if dtype == torch.float32 else 0.05)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_fused_layer_is_the_plain_one(dtype):
    x, weight, bias = (torch.randn(*shape).to(dtype) for shape in ((50, 16), (16, 16), (16,)))
    plain = torch.relu(x.float() @ weight.float().t() + bias.float())
    assert torch.allclose(rectified(x, weight, bias).float(), plain, atol=1e-5 if dtype == torch.float32 else 0.1)


def test_rows_that_share_a_context_are_drawn_as_others_are(network):
    """With the same random numbers a block gives the same rows whether its first column is drawn or handed over."""
    rows = 4000
    for seed in range(100):
        rng = np.random.default_rng(seed)
        rng.random((4, rows), dtype=np.float32)
        if rng.permutation(4)[0] == 0:
            break
    free = draw(network, np.full((rows, 4), -1), np.random.default_rng(seed))
    given = np.full((rows, 4), -1)
    given[:, 0] = free[:, 0]
    after = draw(network, given, np.random.default_rng(seed))
    assert (free == after).mean() > 0.99, "but for roundings"
    assert len(np.unique(free, axis=0)) > 20


def test_a_step_and_a_walk_stay_on_the_networks_device():
    """A tensor made on another device than the network's fails here as it would on a graphics card."""
    network = AutoregressiveNetwork(LAYOUT, 16).to("meta")
    codes = torch.zeros(5, 4, dtype=torch.int16, device="meta")
    loss = network.factors(codes, np.array([2, 0, 1, 3]), dtype=torch.bfloat16).sum()
    loss.backward()
    assert all(p.grad.device.type == "meta" for p in network.parameters() if p.grad is not None)
    reach = Steps(network).cumulative(1, torch.zeros(5, 16, device="meta"))
    assert (reach.device.type, tuple(reach.shape)) == ("meta", (5, 40))
