"""Classes and clusters of images: found by rule, each of enough people, and told of images never seen."""

from __future__ import annotations

import numpy as np
import pytest

from synthgen.contracts import Split
from synthgen.images.modes import ImageGroup, census, memberships
from synthgen.images.schema import ImageSchema
from synthgen.images.stack import ImageStack
from synthgen.spec import RunSpec


def _patches(places, per_place, rng, size=20, channels=1):
    """Noisy dark images with one bright square at each of `places`, `per_place` of each."""
    out = rng.integers(0, 40, (len(places) * per_place, size, size, channels))
    for i in range(len(out)):
        y, x = places[i // per_place]
        out[i, y : y + 6, x : x + 6] += 180
    return out.astype(np.uint8)


PLACES = ((0, 0), (0, 14), (14, 0), (14, 14))


@pytest.fixture
def scene():
    """Class a: four kinds of 40 images; class b: 15 images, too few to cut."""
    rng = np.random.default_rng(0)
    pixels = np.concatenate([_patches(PLACES, 40, rng), _patches([(7, 7)], 15, rng)])
    labels = np.repeat([0, 1], [160, 15])
    stack = ImageStack(pixels, labels)
    schema = ImageSchema(height=20, width=20, channels=1, classes=("a", "b"), counts=(160, 15))
    return stack, schema


def _census(stack, schema, people=None):
    return census(Split(stack, stack, stack, train_people=people), schema, RunSpec(modality="images"))


def test_classes_come_first_and_clusters_partition_their_class(scene):
    stack, schema = scene
    groups = _census(stack, schema)
    assert [(g.kind, g.place) for g in groups[:2]] == [("class", 0), ("class", 1)]
    assert {g.place for g in groups[2:]} == {0}
    inside = memberships(groups, stack)
    assert (inside[:, 2:].sum(1) == (stack.labels == 0)).all()
    assert inside[:, 2:].sum(0).min() >= schema.k_floor


def test_clusters_are_the_kinds_there_are(scene):
    """Made images of one kind fall into clusters that images of no other kind fall into."""
    stack, schema = scene
    groups = _census(stack, schema)
    fresh = ImageStack(_patches(PLACES, 30, np.random.default_rng(1)), np.zeros(120, np.int64))
    inside = memberships(groups[2:], fresh)
    kinds = inside.reshape(4, 30, -1).any(1).sum(0)
    assert (kinds <= 1).all()
    assert inside.sum() == 120


def test_people_and_not_images_count(scene):
    stack, schema = scene
    five = np.arange(len(stack)) % 5
    assert [g.kind for g in _census(stack, schema, five)] == ["class", "class"]


def test_a_small_kind_is_given_to_its_neighbours():
    rng = np.random.default_rng(2)
    pixels = np.concatenate([_patches([(0, 0)], 97, rng), _patches([(14, 14)], 3, rng)])
    stack = ImageStack(pixels, np.zeros(100, np.int64))
    schema = ImageSchema(height=20, width=20, channels=1, classes=("a",), counts=(100,))
    groups = _census(stack, schema)
    assert memberships(groups, stack).sum(0).min() >= schema.k_floor


def test_one_mask_says_what_all_of_them_say(scene):
    stack, schema = scene
    groups = _census(stack, schema)
    inside = memberships(groups, stack)
    assert all((g.mask(stack) == inside[:, i]).all() for i, g in enumerate(groups))
    assert memberships(groups, stack.take(slice(0, 0))).shape == (0, len(groups))


@pytest.mark.parametrize(("size", "channels"), [(8, 3), (33, 3), (64, 1)])
def test_any_size_and_colour_mode(size, channels):
    rng = np.random.default_rng(3)
    stack = ImageStack(rng.integers(0, 256, (90, size, size, channels), np.uint8), np.zeros(90, np.int64))
    schema = ImageSchema(height=size, width=size, channels=channels, classes=("a",), counts=(90,))
    assert len(_census(stack, schema)) >= 1


def test_nothing_kept_is_an_image(scene):
    """A cluster's mean is never nearer to one of its images than that image's neighbours are."""
    stack, schema = scene
    book = next(g.book for g in _census(stack, schema) if isinstance(g, ImageGroup) and g.book is not None)
    from synthgen.images.modes import features

    points = features(stack.pixels[stack.labels == 0])
    centres = book.mean + book.centroids @ book.basis.T
    assert np.sqrt(((points[:, None] - centres) ** 2).sum(2)).min() > 0.1


def test_all_black_images_do_not_crash():
    stack = ImageStack(np.zeros((60, 16, 16, 1), np.uint8), np.zeros(60, np.int64))
    schema = ImageSchema(height=16, width=16, channels=1, classes=("a",), counts=(60,))
    assert memberships(_census(stack, schema), stack).any(1).all()
