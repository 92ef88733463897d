"""The critic's loss, its penalty, and what its logit means."""

import numpy as np
import pytest
import torch

from synthgen.losses import adversarial


def test_a_critic_at_chance_pays_two_log_two():
    zero = torch.zeros(3)
    assert adversarial.logistic(zero, zero).tolist() == pytest.approx([2 * np.log(2)] * 3)


def test_the_best_critic_reads_the_log_ratio():
    """Minimising the logistic loss over a table of logits gives log p - log q for every outcome."""
    p, q = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.3, 0.3, 0.4])
    logits = torch.zeros(3, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=100)

    def closure():
        optimiser.zero_grad()
        loss = (p * torch.nn.functional.softplus(-logits) + q * torch.nn.functional.softplus(logits)).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    assert logits.detach().tolist() == pytest.approx((p.log() - q.log()).tolist(), abs=1e-3)


def test_r1_is_the_squared_slope_per_record():
    inputs = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    real = (inputs * torch.tensor([2.0, -1.0])).sum(1)
    assert adversarial.r1(real, inputs).tolist() == [5.0, 5.0]


@pytest.mark.parametrize("t", [0.01, 1.0, 4.0, 200.0])
def test_the_smooth_maximum_of_rows_and_its_gradient_are_the_formulas(t):
    """`(1/t) log mean exp(t loss)`; its gradient is the softmax of `t loss`. Losses of a hundred must not overflow."""
    for values in ([0.3, -1.0, 2.0, 1.9], [100.0, 99.0, 0.0]):
        losses = torch.tensor(values, dtype=torch.float64, requires_grad=True)
        found = adversarial.smooth_maximum(losses, t)
        (slope,) = torch.autograd.grad(found, losses)
        scaled = t * np.array(values)
        due = (np.logaddexp.reduce(scaled) - np.log(len(values))) / t
        assert float(found.detach()) == pytest.approx(due, rel=1e-12)
        assert slope.tolist() == pytest.approx(np.exp(scaled - np.logaddexp.reduce(scaled)).tolist(), abs=1e-12)


def test_the_smooth_maximum_of_rows_runs_from_mean_to_maximum():
    losses = torch.tensor([0.3, -1.0, 2.0, 1.9], dtype=torch.float64)
    found = [float(adversarial.smooth_maximum(losses, t)) for t in (1e-6, 0.5, 5.0, 1e4)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(0.8, abs=1e-5)
    assert found[-1] == pytest.approx(2.0, abs=1e-3)


def test_excess_is_clipped_both_ways():
    assert adversarial.excess(torch.tensor([-9.0, 0.5, 9.0]), 3.0).tolist() == [-3.0, 0.5, 3.0]


def test_the_gap_of_a_critic_at_chance_is_zero():
    assert adversarial.gap(torch.ones(4), torch.ones(2)) == 0
