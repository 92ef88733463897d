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


def test_excess_is_clipped_both_ways():
    assert adversarial.excess(torch.tensor([-9.0, 0.5, 9.0]), 3.0).tolist() == [-3.0, 0.5, 3.0]


def test_the_gap_of_a_critic_at_chance_is_zero():
    assert adversarial.gap(torch.ones(4), torch.ones(2)) == 0
