"""Alarms during training: made faults are seen and acted upon, sound runs are left alone, the picture is written."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from image_scenes import prepared_images
from PIL import Image

from synthgen.images.emphasis import Emphasis
from synthgen.images.modes import census
from synthgen.images.networks import Canvas, ImageCritic, ImageGenerator
from synthgen.images.params import ConditionalGanParams
from synthgen.images.pictures import Pictures
from synthgen.images.stack import ImageStack
from synthgen.images.task import GanTask
from synthgen.runtime import RunContext
from synthgen.spec import RunSpec
from synthgen.training.health import State

PARAMS = ConditionalGanParams(width=4, noise=8, batch=8)


@pytest.fixture(scope="module")
def pictures():
    schema, split = prepared_images((420, 400, 60), size=16)
    groups = census(split, schema, RunSpec(modality="images"))
    return Pictures.of(split.fitting, 3, groups, Canvas(16, 16, 3), "cpu"), split.holdout


@pytest.fixture
def told():
    return []


@pytest.fixture
def task(pictures, told, tmp_path):
    data, canvas = pictures[0], Canvas(16, 16, 3)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = ImageGenerator(canvas, 3, 8, 4), ImageCritic(canvas, 3, 4)
    emphasis = Emphasis(data.train.groups, data.train.stack.labels, 3, data.kinds, data.places, PARAMS)
    ctx = RunContext(seed=1, listener=told.append, live=tmp_path / "live")
    return GanTask(*networks, data, emphasis, PARAMS, 100, ctx)


def _making(task, stack):
    """The task's generator makes these images, equally many of each class."""

    def made(rows, rng):
        found = [rng.choice(np.flatnonzero(stack.labels == c), rows // 3) for c in range(3)]
        return stack.take(np.concatenate(found))

    task.sample_balanced = made
    return task.watch


def test_unseen_real_images_raise_no_alarm(task, pictures):
    seen = _making(task, pictures[1]).look("look")
    assert not {State.COLLAPSING, State.COPYING, State.GROUP_LOST, State.TOO_STRONG} & {*seen.states}


def test_copies_of_training_images_raise_the_alarm_and_slow_training(task, pictures, told):
    watch = _making(task, pictures[0].train.stack)
    watch.examine(1)
    assert "copying" in told[-1].payload["states"]
    assert watch.rate < 1
    assert task.chance.min() == pytest.approx(0.8)


def test_one_image_over_and_over_is_a_collapse_and_the_best_weights_come_back(task, pictures, told):
    watch = _making(task, pictures[1])
    watch.examine(1)
    best = task.made_weights.copied()
    task.keep()
    with torch.no_grad():
        next(task.generator.parameters()).zero_()
    one = pictures[1].take(np.concatenate([np.flatnonzero(pictures[1].labels == c)[:1] for c in range(3)]))
    watch = _making(task, one)
    watch.examine(2)
    assert told[-1].payload["state"] == "collapsing"
    assert all(torch.equal(value, best[name]) for name, value in task.made_weights.copied().items())
    assert watch.rate < 1


def test_a_class_that_comes_out_as_another_is_lost(task, pictures):
    hold = pictures[1]
    squares = hold.pixels[hold.labels == 1]
    pixels = hold.pixels.copy()
    pixels[hold.labels == 0] = squares[np.arange((hold.labels == 0).sum()) % len(squares)]
    seen = _making(task, ImageStack(pixels, hold.labels)).look("look")
    assert State.GROUP_LOST in seen.states
    assert 0 in seen.lost


def test_classes_that_the_critic_knows_by_heart_are_changed_more_often(task):
    before = task.chance.copy()
    for _ in range(5):
        task.watch.follow_overfitting(np.array([0.9, 0.1, 0.1]))
    assert task.chance[0] > before[0]
    assert (task.chance[1:] == before[1:]).all()


def test_health_names_no_class(task, pictures, told):
    _making(task, pictures[1]).examine(1)
    assert not any(name in str(told[-1].payload) for name in ("circle", "square", "cross"))


def test_the_picture_has_a_row_for_each_class_and_does_not_move_training(task, tmp_path):
    before = task.made_weights.copied()
    task.watch.glance(0)
    with Image.open(tmp_path / "live" / "samples.png") as picture:
        assert picture.width > picture.height
    assert [path.name for path in (tmp_path / "live").iterdir()] == ["samples.png"]
    assert all(torch.equal(value, before[name]) for name, value in task.made_weights.copied().items())


def test_weights_move_to_a_cluster_that_the_critic_finds_missing(task):
    """Logits of one cluster stand high on unseen images: training draws it more often, but within the cap."""
    data, ledger = task.data, task.ledger
    cluster = next(g for g, kind in enumerate(data.kinds) if kind == "cluster")
    ledger.made[:] = 0.0
    for values, part in ((ledger.train, data.train), (ledger.validation, data.validation)):
        values[:] = 1.0 + 2.0 * part.groups[:, cluster]
    for _ in range(20):
        overfitting = ledger.overfitting()
        task.emphasis.renew(ledger.excess(task.emphasis.tilt), ledger.resting(overfitting))
    assert task.emphasis.weights[cluster] == task.emphasis.weights.max()
    assert 1.2 < task.emphasis.weights[cluster] <= PARAMS.weight_cap


def test_a_critic_that_knows_its_training_images_by_heart_emphasises_nothing(task):
    ledger = task.ledger
    ledger.made[:], ledger.train[:], ledger.validation[:] = -3.0, 3.0, -2.5
    assert ledger.resting(ledger.overfitting()).all()


def test_a_dead_critic_emphasises_nothing(task):
    ledger = task.ledger
    ledger.made[:], ledger.train[:], ledger.validation[:] = 0.0, 0.01, 0.01
    assert ledger.resting(ledger.overfitting()).all()
