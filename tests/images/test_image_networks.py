"""Networks and augmentation of the image generator: any size, one backward pass for both sides, changes that learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from synthgen.images.augment import Changes
from synthgen.images.networks import Canvas, Encoder, ImageCritic, ImageGenerator, slerp
from synthgen.images.pictures import from_canvas, to_canvas
from synthgen.images.task import Mirror


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (33, 20), (64, 64), (128, 128)])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_network_takes_every_size(size, channels):
    canvas = Canvas(*size, channels)
    assert canvas.full[0] >= size[0]
    assert canvas.full[1] >= size[1]
    labels, noise = torch.tensor([0, 1]), torch.randn(2, 6)
    made = ImageGenerator(canvas, 2, 6, 4)(noise, labels)
    assert made.shape == (2, channels, *canvas.full)
    assert ImageCritic(canvas, 2, 4)(made, labels).shape == (2,)
    assert Encoder(canvas, 2, 6, 4)(made, labels)[0].shape == (2, 6)


@pytest.mark.parametrize(("size", "reduced"), [((64, 64), (32, 32)), ((60, 57), (30, 29)), ((128, 40), (32, 10))])
def test_large_images_begin_as_those_of_reduced_size(size, reduced):
    """Layers for the details begin silent: what was learnt at the reduced size is not lost when images grow."""
    canvas, labels, noise = Canvas(*size, 3), torch.tensor([0, 1, 0]), torch.randn(3, 6)
    small = canvas.reduced
    assert (small.height, small.width) == reduced
    assert small.bottom == canvas.bottom
    generator, critic = ImageGenerator(canvas, 2, 6, 4), ImageCritic(canvas, 2, 4)
    made = generator(noise, labels)
    shown = functional.avg_pool2d(made, canvas.full[0] // small.full[0])
    kept = functional.cosine_similarity(shown.flatten(1), generator.reduced(noise, labels).flatten(1))
    assert kept.min() > 0.9, "but for the blur of making it larger and smaller again"
    images = torch.randn(3, 3, *canvas.full) / 4
    pooled = functional.avg_pool2d(images, canvas.full[0] // small.full[0])
    torch.testing.assert_close(critic(images, labels), critic.reduced(pooled, labels))
    joins = [trunk.join.weight for trunk in critic.trunk.modules() if hasattr(trunk, "join")]
    slopes = torch.autograd.grad(critic(made, labels).sum(), [generator.last.weight, joins[-1]])
    assert all(slope.abs().sum() > 0 for slope in slopes), "silent layers have to learn to speak"


def test_small_images_are_learnt_whole():
    canvas = Canvas(56, 28, 1)
    assert canvas.half is None
    assert canvas.reduced is canvas
    generator, critic = ImageGenerator(canvas, 2, 6, 4), ImageCritic(canvas, 2, 4)
    assert generator.reduced is generator
    assert critic.reduced is critic


@pytest.mark.parametrize("size", [(28, 28), (33, 20)])
def test_images_come_back_from_the_canvas_as_they_went(size):
    pixels = np.random.default_rng(0).integers(0, 256, (3, *size, 3), np.uint8)
    canvas = Canvas(*size, 3)
    assert (from_canvas(to_canvas(pixels, canvas).float() / 127.5 - 1, canvas) == pixels).all()


def test_one_backward_pass_is_the_critics_and_the_generators():
    """`Mirror` gives the critic the slope of its own loss and the generator that of the non-saturating one."""
    torch.manual_seed(0)
    canvas, labels = Canvas(8, 8, 1), torch.tensor([0, 1, 0, 1])
    generator, critic = ImageGenerator(canvas, 2, 6, 4), ImageCritic(canvas, 2, 4)
    noise, real = torch.randn(4, 6), torch.randn(4, 1, *canvas.full)

    def slopes(loss, network):
        return torch.autograd.grad(loss, list(network.parameters()), retain_graph=True, allow_unused=True)

    made = generator(noise, labels)
    apart = [
        slopes(functional.softplus(critic(made.detach(), labels)).mean() + critic(real, labels).mean(), critic),
        slopes(functional.softplus(-critic(made, labels)).mean(), generator),
    ]
    seen: list[torch.Tensor] = []
    logits = critic(Mirror.apply(generator(noise, labels), seen), labels)
    seen.append(logits.detach())
    loss = functional.softplus(logits).mean() + critic(real, labels).mean()
    for network, expected in zip((critic, generator), apart, strict=True):
        for ours, theirs in zip(slopes(loss, network), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_slerp_keeps_the_length_of_noise_and_meets_both_ends():
    first, last = torch.randn(2, 5, 40)
    ends = [slerp(first, last, torch.full((5,), share)) for share in (0.0, 1.0)]
    torch.testing.assert_close(ends[0], first, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(ends[1], last, rtol=1e-3, atol=1e-4)
    middle = slerp(first, last, torch.full((5,), 0.5)).norm(dim=1)
    assert (middle > 0.85 * torch.minimum(first.norm(dim=1), last.norm(dim=1))).all()
    torch.testing.assert_close(slerp(first, first, torch.full((5,), 0.3)), first, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_changes_are_differentiable_and_none_are_made_at_chance_zero(channels):
    rng, images = np.random.default_rng(0), torch.rand(64, channels, 16, 16, requires_grad=True)
    still = Changes.drawn(np.zeros(64), (channels, 16, 16), rng).apply(images)
    torch.testing.assert_close(still, images)
    changed = Changes.drawn(np.full(64, 0.8), (channels, 16, 16), rng).apply(images)
    assert float((changed != images).float().mean()) > 0.3
    changed.sum().backward()
    assert images.grad is not None
    assert float(images.grad.abs().sum()) > 0


def test_rarer_classes_can_be_changed_more_often():
    rng, images = np.random.default_rng(0), torch.rand(400, 1, 16, 16)
    chance = np.repeat([0.1, 0.8], 200)
    changed = (Changes.drawn(chance, (1, 16, 16), rng).apply(images) != images).flatten(1).any(1)
    assert changed[:200].float().mean() + 0.3 < changed[200:].float().mean()
