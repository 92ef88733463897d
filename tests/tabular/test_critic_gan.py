"""The critic-only GAN as a whole, at settings that train in seconds."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from prepared import prepared
from scenes import WARDS, hospital

from synthgen.errors import InputError, Stopped, TrainingError
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.tabular.critic_gan import CriticGAN
from synthgen.tabular.critic_gan_networks import RecordCritic, SpanGenerator
from synthgen.tabular.critic_gan_sampling import Emphasised, FirstColumn, Middle, draw
from synthgen.tabular.critic_gan_task import masks
from synthgen.tabular.networks import Layout
from synthgen.tabular.params import CriticGanParams

TINY = CriticGanParams(steps=40, hidden=16, blocks=1, noise=8, bins=12, batch=64, critic_epochs=1, critic_rounds=2)


@pytest.fixture(scope="module")
def scene():
    return prepared(hospital(900), target="outcome")


@pytest.fixture(scope="module")
def fitted(scene):
    return fit(scene)


def fit(scene, params=TINY, **ctx):
    return CriticGAN(params).fit(scene.data, scene.schema, scene.groups, RunContext(seed=5, **ctx))


def sample(generator, rows=300, **spec):
    return pd.concat([*generator.sample(SampleSpec(**spec), rows, RunContext(seed=1))], ignore_index=True)


def weights(generator):
    return torch.cat([v.detach().flatten() for _, v in sorted(generator.network.named_parameters())])


def stop_after(looks):
    left = iter([False] * looks)
    return lambda: next(left, True)


def test_the_same_seed_gives_the_same_weights_and_sample_and_another_does_not(scene, fitted):
    again = fit(scene)
    assert torch.equal(weights(fitted), weights(again))
    pd.testing.assert_frame_equal(sample(fitted), sample(again))
    assert not sample(fitted).equals(sample(fitted, seed=1))


@pytest.mark.parametrize("looks", [5, 13])
def test_stopped_and_resumed_it_ends_with_the_same_weights(scene, fitted, tmp_path, looks):
    """Stopped before the weights were renewed, and after."""
    with pytest.raises(Stopped):
        fit(scene, checkpoints=tmp_path, stop=stop_after(looks))
    again = fit(scene, checkpoints=tmp_path)
    assert torch.equal(weights(fitted), weights(again))
    assert again.report() == fitted.report()
    pd.testing.assert_frame_equal(sample(fitted), sample(again))


def test_save_and_load_keep_what_sampling_needs(fitted, tmp_path):
    fitted.emphasised = Emphasised(fitted._members, fitted.columns, np.array([2, 0]))
    fitted.emphasised.ratios = np.array([5.0, 3.0, 1.0])
    before = sample(fitted)
    fitted.save(tmp_path / "m")
    again = CriticGAN.load(tmp_path / "m")
    pd.testing.assert_frame_equal(before, sample(again))
    assert [g.name for g in again.groups] == [fitted.groups[2].name, fitted.groups[0].name]
    assert again.report() == fitted.report()


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match="no model"):
        CriticGAN.load(tmp_path)


def test_no_validation_rows_is_a_clear_error(scene):
    data = type(scene.data)(scene.split.train, scene.split.train.head(0))
    with pytest.raises(TrainingError, match="validation"):
        CriticGAN(TINY).fit(data, scene.schema, scene.groups, RunContext())


def test_a_row_may_fix_its_own_columns(fitted, scene):
    fixed = scene.split.validation[["age", "sodium", "ward"]].reset_index(drop=True)
    made = fitted.sample_given(fixed, RunContext(seed=2))
    pd.testing.assert_frame_equal(made[list(fixed.columns)], fixed)


def test_the_report_tells_how_training_ended_and_holds_no_cell_value(fitted):
    text = json.dumps(fitted.report(), allow_nan=False)
    assert fitted.report()["stages"][0]["stopped"]
    assert 1 <= len(fitted.report()["renewals"]) <= TINY.critic_rounds
    assert not any(ward in text for ward in WARDS)


@pytest.mark.parametrize("change", [{"reducer": r} for r in ("mean", "cvar", "top_k", "literal")] + [{"pac": 4}])
def test_every_reducer_and_packing_train(scene, change):
    generator = fit(scene, TINY.model_copy(update={"steps": 12, **change}))
    assert len(sample(generator, 50)) == 50
    if change.get("reducer") in ("mean", "literal"):
        assert not generator.report()["renewals"]


def test_the_worst_scored_record_of_a_condition_may_be_dropped(scene, fitted):
    generator = fit(scene, TINY.model_copy(update={"fakes_per_condition": 4}))
    assert not torch.equal(weights(generator), weights(fitted))
    assert len(sample(generator, 50)) == 50


# --- parts -----------------------------------------------------------------------------------------------------------

LAYOUT = Layout((4, 3, 2), (0, 0, 0))
SHARES = [np.array([0.6, 0.2, 0.15, 0.05]), np.array([0.5, 0.3, 0.2]), np.array([0.5, 0.5])]


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = SpanGenerator(LAYOUT, 16, 8, 1)
    made.start_from(SHARES)
    return made


def free(rows):
    return np.full((rows, 3), -1, dtype=np.int64)


def test_an_untrained_generator_starts_near_the_marginals(network):
    torch.nn.init.zeros_(network.spans.own)
    made = draw(network, free(20_000), FirstColumn(SHARES), None, rng(0))
    for column, share in enumerate(SHARES):
        assert np.abs(np.bincount(made[:, column]) / len(made) - share).max() < 0.015


def rng(seed):
    return np.random.default_rng(seed)


def members(codes):
    """Groups: the last level of the first column; two levels together."""
    return np.stack([codes[:, 0] == 3, (codes[:, 0] == 0) & (codes[:, 1] == 1)], axis=1)


def emphasised(*ratios):
    out = Emphasised(members, [[0], [0, 1]], np.array([0, 1]))
    out.ratios = np.array(ratios)
    return out


def test_sampling_takes_out_what_emphasis_made_too_often(network):
    """The law of what is kept is the generator's own, divided by the ratios."""
    given = free(40_000)
    given[:, 2] = 1  # so that no first column is filled in
    plain, kept = (draw(network, given, FirstColumn(SHARES), e, rng(1)) for e in (None, emphasised(4.0, 8.0, 1.0)))
    share = members(plain).mean(0)
    assert (share > 0.04).all()
    due = share / [4, 8]
    due = due / (due.sum() + 1 - share.sum())
    assert members(kept).mean(0) == pytest.approx(due, abs=5 * np.sqrt(due.max() / len(kept)))


def test_what_the_given_columns_decide_costs_nothing():
    codes = np.array([[3, 0, 0], [0, 1, 0], [1, 1, 1]])
    none, first, both = np.zeros((3, 3), bool), np.zeros((3, 3), bool), np.zeros((3, 3), bool)
    first[:, 0], both[:, :2] = True, True
    of = emphasised(5.0, 2.0, 1.0)
    assert of.kept(codes, none).tolist() == [0.2, 0.5, 1.0]
    assert of.kept(codes, first).tolist() == [1.0, 0.5, 1.0]
    assert of.kept(codes, both).tolist() == [1.0, 1.0, 1.0]


def test_ratios_are_measured_on_what_the_generator_makes():
    real, made = np.zeros((1000, 3), int), np.zeros((1000, 3), int)
    real[:, 1], made[:, 1] = 2, 2
    real[:50, 0], made[:250, 0] = 3, 3
    of = emphasised(1.0, 1.0, 1.0)
    of.calibrate(made, np.zeros(made.shape, bool), members(real))
    assert of.ratios[0] == pytest.approx(5 * 0.95 / 0.75, rel=0.05)
    assert of.ratios[2] == 1
    given = np.zeros(made.shape, bool)
    given[:250, 0] = True  # these were asked for: they do not count
    of.calibrate(made, given, members(real))
    assert of.ratios[0] < 0.1


def test_masks_give_nothing_one_or_some_columns_and_never_all():
    given = masks(rng(0), 20_000, 5).sum(1)
    share = np.bincount(given, minlength=6) / len(given)
    assert share[5] == 0
    assert share[0] == pytest.approx(0.2, abs=0.02)
    assert share[1] > 0.5
    assert (share[2:5] > 0.05).all()
    assert not masks(rng(0), 50, 1).any()


def test_soft_picks_are_one_level_per_column_and_carry_a_gradient(network):
    logits = torch.randn(30, 9, requires_grad=True)
    gumbel = torch.zeros(30, 9)
    made = network.soft(logits, gumbel, 0.2)
    codes = network.pick(logits.detach(), gumbel)
    spans = made.detach().split([4, 3, 2], 1)
    assert all(torch.equal(span.argmax(1), codes[:, i]) for i, span in enumerate(spans))
    assert all(torch.allclose(span.sum(1), torch.ones(30)) for span in spans)
    (made[:, 0] * torch.arange(30.0)).sum().backward()
    assert logits.grad[:, :4].abs().sum() > 0
    assert logits.grad[:, 4:].abs().sum() == 0


def test_the_critic_scores_codes_and_ones_alike():
    critic = RecordCritic(LAYOUT, 16, 1)
    codes, given = torch.tensor([[0, 2, 1], [3, 0, 0]]), torch.tensor([[True, False, False], [False, False, False]])
    ones = torch.zeros(2, 9).scatter_(1, codes + torch.tensor([0, 4, 7]), 1.0)
    assert torch.allclose(critic(codes, given), critic(codes, given, ones), atol=1e-6)


def test_per_record_gradients_can_be_seen(network):
    """No record's output hangs on another's: what differential privacy needs of a forward pass."""
    codes, given, noise = torch.zeros(6, 3, dtype=torch.long), torch.zeros(6, 3, dtype=torch.bool), torch.randn(6, 8)
    whole = network(codes, given, noise)
    alone = torch.cat([network(codes[i : i + 1], given[i : i + 1], noise[i : i + 1]) for i in range(6)])
    assert torch.allclose(whole, alone, atol=1e-5)
    critic = RecordCritic(LAYOUT, 16, 1)
    one_by_one = torch.cat([critic(codes[i : i + 1], given[i : i + 1]) for i in range(6)])
    assert torch.allclose(critic(codes, given), one_by_one, atol=1e-5)


def test_the_middle_of_every_bin_is_always_the_same(fitted, scene):
    codes = fitted.encoding.encode(scene.split.train.head(50))
    first, second = (fitted.encoding.decode(codes, Middle()) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    assert (fitted.encoding.encode(first) == codes).all()
