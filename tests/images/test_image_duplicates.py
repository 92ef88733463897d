import io
import tracemalloc

import numpy as np
import pytest
from image_scenes import shapes
from PIL import Image

from synthgen.images import duplicates
from synthgen.images import io as reading


def saved_again(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=75)
    return np.asarray(Image.open(out))


def resized(pixels):
    return np.asarray(Image.fromarray(pixels).resize((44, 44), Image.Resampling.BICUBIC))


def brighter(pixels):
    return np.clip(pixels.astype(int) + 12, 0, 255).astype(np.uint8)


def noisy(pixels):
    return np.clip(pixels + np.random.default_rng(5).normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("change", [np.copy, saved_again, resized, brighter, noisy])
@pytest.mark.parametrize("count", [20, 60, 330])
def test_a_changed_copy_is_found_and_nothing_else(change, count):
    images = list(shapes(size=32).pixels[:count])
    copies = [change(images[place]) for place in range(0, count, 10)]
    numbers = duplicates.clusters(images + copies)
    assert numbers[count:].tolist() == numbers[0:count:10].tolist()
    assert len(np.unique(numbers)) == count


def test_copies_of_copies_are_one_cluster():
    images = list(shapes(size=32).pixels[:80])
    family = [saved_again(images[0]), brighter(images[0]), noisy(images[0]), images[0].copy()]
    numbers = duplicates.clusters(images + family)
    assert set(numbers[80:]) == {numbers[0]}
    assert int(duplicates.repeated(numbers).sum()) == 4


def test_lookalikes_are_not_duplicates(shared_data):
    digits = reading.read(shared_data / "images" / "mnist_5k.npz").data
    ones = [image for image, label in zip(digits.images, digits.columns["class"], strict=True) if label == "1"]
    assert not duplicates.repeated(digits.clusters).any()
    assert not duplicates.repeated(duplicates.clusters(ones)).any()


def test_noisy_blank_frames_are_not_duplicates_and_black_ones_are():
    rng = np.random.default_rng(0)
    blank = [np.clip(rng.normal(200, 3, (40, 40, 3)), 0, 255).astype(np.uint8) for _ in range(120)]
    assert not duplicates.repeated(duplicates.clusters(blank)).any()
    black = [np.zeros((40, 40, 1), np.uint8)] * 30
    numbers = duplicates.clusters(blank + black)
    assert len(set(numbers[120:])) == 1
    assert len(set(numbers)) == 121


def test_few_images_are_only_equal_or_not():
    images = list(shapes((4, 2, 1)).pixels)
    assert duplicates.clusters([*images, images[2]]).tolist() == [0, 1, 2, 3, 4, 5, 6, 2]


def test_many_nearly_flat_images_are_one_cluster_and_take_little_memory():
    flat = np.full((3000, 64, 64, 1), 120, np.uint8)
    for place, image in enumerate(flat):  # one darker spot, elsewhere in each: gone when the image is made small
        image[place // 64, place % 64] -= 1
    others = list(shapes(size=64, channels=1).pixels[:100])
    tracemalloc.start()
    numbers = duplicates.clusters([*flat, *others])
    assert tracemalloc.get_traced_memory()[1] < 60 << 20  # the places of all pairs are 140 MB
    tracemalloc.stop()
    assert len(set(numbers[:3000])) == 1
    assert len(set(numbers)) == 101


def test_where_hardly_any_description_differs_equal_ones_are_joined():
    images = [np.full((32, 32, 1), value, np.uint8) for value in range(100, 130)] + list(shapes((3, 2, 0)).pixels)
    assert len(set(duplicates.clusters(images))) == 6


def test_many_images_take_little_memory():
    images = list(np.random.default_rng(0).integers(0, 255, (5000, 16, 16, 1), dtype=np.uint8))
    tracemalloc.start()
    assert not duplicates.repeated(duplicates.clusters(images)).any()
    assert tracemalloc.get_traced_memory()[1] < 100 << 20  # all distances at once are 100 MB
    tracemalloc.stop()
