"""A network from a local file takes the place of those that scores train."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from image_scene import scene, shapes
from torch import nn

from synthgen.contracts import Status
from synthgen.errors import InputError
from synthgen.images.metrics import METRICS
from synthgen.images.metrics.given import COMPONENTS, GivenLook, features, load
from synthgen.scoring import score


class Switched(nn.Module):
    """As published Inception files are called: class logits, or features where a switch says so."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 24, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(96, 7)

    def forward(self, images: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        found = self.body(images.float() / 255)
        return found if return_features else self.head(found)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("given") / "network.pt"
    torch.jit.script(Switched().eval()).save(str(path))
    return path


def shown(file, s, names=("frechet", "coverage", "inception_score", "mode_census")):
    chosen = {name: METRICS[name] for name in names}
    return score(chosen, s.split, s.synthetic, s.schema, s.groups, replace(s.ctx, features=file), None)


def test_features_are_asked_for_where_there_is_a_switch(file):
    stack = shapes((3, 3, 3), 1)
    assert features(load(file, "cpu"), stack.pixels, "cpu").shape == (9, 96)


def test_its_head_tells_the_classes(file):
    learnt, other = shapes((150, 150, 150), 1), shapes((50, 50, 50), 2)
    look = GivenLook(load(file, "cpu"), learnt, 3, 0, "cpu")
    found, chances = look(other.pixels)
    assert found.shape == (150, COMPONENTS)
    assert np.allclose(chances.sum(1), 1, atol=1e-5)
    assert (chances.argmax(1) == other.labels).mean() > 0.6


def test_a_good_set_is_told_from_a_bad_one_through_it(file):
    train, held = shapes((150, 90, 60), 1), shapes((90, 60, 40), 2)
    good = shown(file, scene(train, held, shapes((150, 90, 60), 3)))
    noise = shapes((150, 90, 60), 3)
    noise = replace(noise, pixels=np.random.default_rng(0).integers(0, 256, noise.pixels.shape, dtype=np.uint8))
    bad = shown(file, scene(train, held, noise))
    assert all(result.status is Status.OK for result in good.results)
    found = {r.metric: (r.value, b.value) for r, b in zip(good.results, bad.results, strict=True)}
    assert found["frechet"][1] > 5 * found["frechet"][0]
    assert found["coverage"][1] < 0.2 < 0.6 < found["coverage"][0]
    assert any("operator configured" in note for note in good.notes)


def test_what_is_no_network_is_refused(tmp_path):
    path = tmp_path / "network.pt"
    path.write_bytes(b"not a network")
    with pytest.raises(InputError, match="cannot be read"):
        load(path, "cpu")


def test_a_full_gpu_is_not_blamed_on_the_file(tmp_path, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.jit, "load", full)
    with pytest.raises(torch.OutOfMemoryError):
        load(tmp_path / "inception.pt", "cpu")


def test_a_network_that_gives_no_features_is_refused(tmp_path):
    class Odd(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.float().mean(0)

    torch.jit.script(Odd()).save(str(tmp_path / "odd.pt"))
    with pytest.raises(InputError, match="does not give features"):
        features(load(tmp_path / "odd.pt", "cpu"), shapes((2, 2, 2), 1).pixels, "cpu")
