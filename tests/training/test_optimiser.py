"""AdamW does what torch's does, resumes exactly, and does not load torch's compiler."""

import subprocess
import sys

import torch

from synthgen.training.optimiser import AdamW


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 1))


def run(net, optimiser, steps, rate=0.01):
    for step in range(steps):
        optimiser.clear()
        net(torch.arange(5.0) * (step + 1)).sum().backward()
        optimiser.step(rate)


def test_it_moves_the_weights_as_torch_does():
    ours, theirs = network(), network()
    run(ours, AdamW(ours.parameters(), (0.9, 0.99), 0.1), 5)
    reference = torch.optim.AdamW(theirs.parameters(), lr=0.01, betas=(0.9, 0.99), weight_decay=0.1)
    for step in range(5):
        reference.zero_grad()
        theirs(torch.arange(5.0) * (step + 1)).sum().backward()
        reference.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_restored_it_goes_on_to_the_same_bits():
    one, other = network(), network()
    first = AdamW(one.parameters(), (0.9, 0.999), 1e-4)
    run(one, first, 3)
    second = AdamW(other.parameters(), (0.9, 0.999), 1e-4)
    second.restore(first.tensors())
    other.load_state_dict(one.state_dict())
    run(one, first, 2)
    run(other, second, 2)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_forgetting_it_starts_as_new():
    net = network()
    optimiser = AdamW(net.parameters(), (0.9, 0.999), 0.0)
    run(net, optimiser, 2)
    optimiser.forget()
    assert all(float(value.abs().sum()) == 0 for value in optimiser.tensors().values())


def test_a_step_loads_no_compiler():
    code = (
        "import sys, torch; from synthgen.training.optimiser import AdamW; p = torch.ones(2, requires_grad=True); "
        "p.sum().backward(); AdamW([p], (0.9, 0.99), 0.1).step(0.1); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
