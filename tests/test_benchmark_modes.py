"""The measures of the benchmark of rare modes give the known answer where there is one."""

import numpy as np
import pytest

from benchmarks import modes, report


def test_shares_are_geometric_down_to_one_in_a_thousand():
    share = modes.shares()
    assert len(share) == 25
    assert share.sum() == pytest.approx(1)
    assert share[-1] == pytest.approx(0.001)
    assert np.allclose(share[1:] / share[:-1], share[1] / share[0])


def test_fresh_points_find_every_mode():
    table, centres, share = modes.points(0)
    found = modes.measure(table.to_numpy(), centres, share)
    assert len(table) == 50_000
    assert found["modes"] == 25
    assert found["high_quality"] == pytest.approx(1 - np.exp(-4.5), abs=0.003)
    assert found["kl"] < 1e-6


def test_a_lost_mode_and_a_noisy_set_are_told():
    table, centres, share = modes.points(1)
    xy = table.to_numpy()
    near = np.linalg.norm(xy - centres[20], axis=1) < 1
    assert modes.measure(xy[~near], centres, share)["modes"] == 24
    noisy = modes.measure(xy + np.random.default_rng(0).normal(0, 0.3, xy.shape), centres, share)
    assert noisy["high_quality"] < 0.3
    swapped = modes.measure(xy, centres[::-1], share)
    assert swapped["kl"] > 0.5


def test_the_interval_of_a_paired_difference_is_students():
    found = modes._paired([1.0, 2.0, 3.0, 2.0, 2.0])
    half = 2.776 * np.sqrt(0.5) / np.sqrt(5)
    assert (found["low"], found["high"]) == pytest.approx((2 - half, 2 + half))


def one_run(seed, arm, found, kl):
    made = {"modes": found, "high_quality": 0.95, "kl": kl}
    return {"seed": seed, "arm": arm, **made, "holdout": {"modes": 25, "high_quality": 0.997, "kl": 0.0}}


@pytest.mark.parametrize(
    ("worst", "outcomes"),
    [([25, 24, 25], ["floor", "floor", "floor", "goal"]), ([25, 20, 25], ["MISS", "floor", "MISS", "MISS"])],
)
def test_floors_of_modes_can_be_missed(worst, outcomes):
    runs = [one_run(i, "worst case", n, 0.05 if n > 20 else 0.5) for i, n in enumerate(worst)]
    runs += [one_run(i, "mean", 21, 0.2) for i in range(len(worst))]
    found = {"modes": "critic_gan", "table": "25 Gaussians", "seeds": 3, **modes.summary(runs, "critic_gan")}
    assert [bar["outcome"] for bar in found["bars"]] == outcomes
    text = "\n".join([*modes.lines(found), report.modes([found]), report.missed([found])])
    assert ("critic_gan: modes" in text) == ("MISS" in outcomes)
