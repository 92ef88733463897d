"""Sets whose images are of several kinds: depths, pictures beside arrays, parts of an .npz, cameras held upright."""

from io import BytesIO

import numpy as np
import pytest
from image_scenes import shapes
from PIL import Image

from synthgen.errors import InputError
from synthgen.images import decoding, io

STACK = shapes((9, 9))
GREY = STACK.pixels[..., 0]
UPRIGHT = 0x0112, 6  # the camera was held so that its picture has to be turned


def opened(pixels, ending="JPEG", cut=None):
    """A picture as `PIL.Image.open` gives it, noted as to be turned; `cut`: only so many bytes of the file."""
    notes, data = Image.Exif(), BytesIO()
    notes[UPRIGHT[0]] = UPRIGHT[1]
    Image.fromarray(pixels).save(data, ending, exif=notes)
    return Image.open(BytesIO(data.getvalue()[:cut]))


@pytest.mark.parametrize("cropped", [False, True], ids=["one size", "two sizes"])
@pytest.mark.parametrize("deep", [GREY.astype(np.uint16) * 257, GREY / 255.0], ids=["16 bits", "fractions"])
def test_arrays_of_several_depths_keep_their_brightness(deep, cropped):
    rows = [slice(0, -2 if cropped and i % 3 else None) for i in range(len(GREY))]
    mixed = [deep[i][rows[i]] if i % 2 else GREY[i][rows[i]] for i in range(len(GREY))]
    source = io.from_memory(mixed, STACK.labels)
    for i, image in enumerate(source.data.images):
        np.testing.assert_array_equal(image[..., 0], GREY[i][rows[i]])
    converted = [finding.count for finding in source.data.findings if finding.what == "converted"]
    assert converted == [len(GREY) // 2]


def test_pictures_beside_arrays_are_read_as_pictures():
    mixed = [Image.fromarray(one).convert("P") if i % 2 else one for i, one in enumerate(STACK.pixels)]
    source = io.from_memory(mixed, STACK.labels)
    whole = [np.asarray(one.convert("RGB")) if isinstance(one, Image.Image) else one for one in mixed]
    np.testing.assert_array_equal(np.stack(source.data.images), np.stack(whole))


@pytest.mark.parametrize("ending", ["PNG", "TIFF"])
def test_pictures_are_turned_as_files_are(ending):
    tall = np.concatenate([STACK.pixels, 255 - STACK.pixels], axis=1)
    source = io.from_memory([opened(one, ending) for one in tall], STACK.labels)
    np.testing.assert_array_equal(np.stack(source.data.images), np.rot90(tall, -1, axes=(1, 2)))
    assert [f.count for f in source.data.findings if f.reason == decoding.TURNED] == [len(tall)]


@pytest.mark.parametrize(
    ("images", "labels", "told"),
    [
        ([Image.fromarray(STACK.pixels[0]), opened(STACK.pixels[1], "PNG", 400)], [0, 1], r"image 1.*cut off"),
        (["a.png", "b.png"], [0, 1], "Names of files"),
        (None, [0, 1], "neither an array nor a list"),
        (STACK.pixels[:2], [[0, 1], [0]], "more labels than others"),
    ],
    ids=["cut off", "paths", "nothing", "ragged labels"],
)
def test_what_cannot_be_taken_from_memory_is_told(images, labels, told):
    with pytest.raises(InputError, match=told):
        io.from_memory(images, labels)


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_parts_of_an_npz_are_scaled_by_one_rule(tmp_path, kind):
    dark, bright = GREY.astype(kind) * 12, GREY.astype(kind) * 240
    labels = STACK.labels
    np.savez(tmp_path / "a.npz", train_images=dark, train_labels=labels, test_images=bright, test_labels=labels)
    source = io.read(tmp_path / "a.npz")
    made = np.stack(source.data.images)[..., 0].astype(int)
    assert len([finding for finding in source.data.findings if finding.what == "converted"]) == 1
    assert made[: len(dark)].max() * 15 < made[len(dark) :].max()


@pytest.mark.parametrize("key", ["patients", "patient_ids", "Subject_ID", "source_id"])
def test_sources_of_an_npz_are_found_by_their_usual_keys(tmp_path, key):
    np.savez(tmp_path / "a.npz", images=GREY, labels=STACK.labels, **{key: np.arange(len(GREY)) // 3})
    source = io.read(tmp_path / "a.npz")
    assert source.data.person == "source"
    assert len(set(source.data.columns["source"])) == len(GREY) // 3


def test_a_part_without_labels_is_told(tmp_path):
    np.savez(tmp_path / "a.npz", train_images=GREY, train_labels=STACK.labels, test_images=GREY)
    source = io.read(tmp_path / "a.npz")
    assert len(source.data) == len(GREY)
    assert source.notes == ("the array 'test_images' has no labels and was left out",)
