import csv
import io
import json
import os
import time
import zipfile

import numpy as np
import pytest
from image_scenes import SHAPES, shapes
from PIL import Image

from synthgen.errors import InputError, SchemaError, SpecError
from synthgen.images import io as reading
from synthgen.images import preview, sets, writing
from synthgen.images.inference import infer
from synthgen.images.requests import check_request
from synthgen.images.schema import ImageSchema, load
from synthgen.images.splitting import split
from synthgen.images.stack import ImageStack
from synthgen.runtime import RunContext
from synthgen.spec import GroupTarget, OneOf, Range, RunSpec, SampleSpec

SPEC = RunSpec(modality="images")
STACK = shapes((50, 30, 20))
SCHEMA = ImageSchema(height=28, width=28, channels=3, classes=SHAPES, counts=(50, 30, 20))


@pytest.fixture
def written(tmp_path):
    chunks = (STACK.take(slice(start, start + 30)) for start in range(0, 100, 30))
    return sets.write(chunks, SCHEMA, tmp_path / "set", SampleSpec(seed=4), "conditional_gan", ["a note"])


def test_a_set_is_read_back_as_it_was_written(written):
    again = sets.open_set(written.directory)
    assert again == written
    assert (again.rows, again.generator, again.notes, again.spec.seed) == (100, "conditional_gan", ("a note",), 4)
    whole = ImageStack.joined(list(again.chunks()))
    np.testing.assert_array_equal(whole.pixels, STACK.pixels)
    np.testing.assert_array_equal(whole.labels, STACK.labels)


def test_chunks_are_bounded_and_samples_are_taken_from_all_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "CHUNK_BYTES", 28 * 28 * 3 * 16)
    made = sets.write([STACK], SCHEMA, tmp_path, SampleSpec(), "x")
    assert [len(chunk) for chunk in made.chunks()] == [16] * 6 + [4]
    taken, same, other = made.take(40, 1), made.take(40, 1), made.take(40, 2)
    np.testing.assert_array_equal(taken.pixels, same.pixels)
    assert (taken.pixels != other.pixels).any()
    known = [image.tobytes() for image in STACK.pixels]
    places = [known.index(image.tobytes()) for image in taken.pixels]
    assert places == sorted(set(places))
    assert STACK.labels[places].tolist() == taken.labels.tolist()
    assert len(made.take(1000)) == 100


def test_an_empty_set_can_be_written(tmp_path):
    made = sets.write([], SCHEMA, tmp_path, SampleSpec(), "x")
    assert (made.rows, list(made.chunks())) == (0, [])
    assert made.take(5).pixels.shape == (0, 28, 28, 3)


def test_a_changed_or_unfinished_set_is_refused(written):
    chunk = written.directory / "chunk-00000.npz"
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="changed"):
        list(sets.open_set(written.directory).chunks())
    os.remove(written.directory / "manifest.json")
    with pytest.raises(InputError, match="no finished"):
        sets.open_set(written.directory)


@pytest.mark.parametrize(
    "chunk",
    [
        ImageStack(STACK.pixels[:, :20], STACK.labels),
        ImageStack(STACK.pixels[..., :1], STACK.labels),
        ImageStack(STACK.pixels.astype(float), STACK.labels),
        ImageStack(STACK.pixels, STACK.labels + 1),
    ],
)
def test_images_of_another_form_are_refused(tmp_path, chunk):
    with pytest.raises(SchemaError):
        sets.write([chunk], SCHEMA, tmp_path, SampleSpec(), "x")


def test_an_export_holds_every_image_and_gives_the_same_bytes_again(written, tmp_path):
    first = sets.export(written, SCHEMA, tmp_path / "one")
    time.sleep(2.1)  # a zip keeps times in steps of two seconds
    second = sets.export(written, SCHEMA, tmp_path / "two")
    assert [path.name for path in first] == ["images.zip", "images.npz"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert sorted(os.listdir(tmp_path / "one")) == ["images.npz", "images.zip"]
    with zipfile.ZipFile(first[0]) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode())))
        for row, pixels, label in zip(rows, STACK.pixels, STACK.labels, strict=True):
            assert (row["class"], row["seed"]) == (SHAPES[label], "4")
            assert row["file"].startswith(SHAPES[label] + "/")
            np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(archive.read(row["file"])))), pixels)
    with np.load(first[1], allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["images"], STACK.pixels)
        np.testing.assert_array_equal(arrays["labels"], STACK.labels)
        assert arrays["class_names"].tolist() == list(SHAPES)


def test_what_was_exported_can_be_read_as_a_source(written, tmp_path):
    for path in sets.export(written, SCHEMA, tmp_path):
        schema = infer(reading.read(path), SPEC)
        assert dict(zip(schema.classes, schema.counts, strict=True)) == {"circle": 50, "square": 30, "cross": 20}


def test_a_grey_set_is_written_too(tmp_path):
    grey = shapes((30, 20), channels=1)
    schema = SCHEMA.model_copy(update={"channels": 1, "classes": SHAPES[:2], "counts": (30, 20)})
    made = sets.write([grey], schema, tmp_path / "set", SampleSpec(), "x")
    for path in sets.export(made, schema, tmp_path):
        again = reading.read(path)
        assert infer(again, SPEC).channels == 1
        assert len(again.data) == 50


def test_the_ending_chooses_the_format(written, tmp_path):
    assert sets.export_file(written, SCHEMA, tmp_path / "a.npz").is_file()
    with pytest.raises(SpecError, match=r"\.zip or \.npz"):
        sets.export_file(written, SCHEMA, tmp_path / "a.csv")


def test_folder_names_are_fit_for_any_file_system():
    names = ["a/b", "a\\b", "A_b", "..", "", "CON", "nul.x", "x" * 300, "é ü", "a:b*", "tail. "]
    made = writing.folder_names(names)
    assert len({name.casefold() for name in made}) == len(names)
    assert all(name and not set(name) & set('/\\:*?"<>|') and len(name) <= 70 for name in made)
    assert not any(name in ("..", "CON", ".") or name.endswith((".", " ")) for name in made)
    assert made[8] == "é ü"


@pytest.mark.parametrize(
    "request_",
    [
        SampleSpec(targets=tuple(GroupTarget(where={"class": name}, rows=3) for name in SHAPES[:2])),
        SampleSpec(rows=5, mix="balanced", balance=("class",)),
        SampleSpec(rows=5, fixed={"class": "square"}, truncation=0.5),
    ],
)
def test_requests_for_classes_are_taken(request_):
    check_request(request_, None, SCHEMA, SPEC)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (SampleSpec(fixed={"class": "secret-name"}), "no such class"),
        (SampleSpec(fixed={"colour": "red"}), "one column"),
        (SampleSpec(fixed={"class": "circle", "colour": "red"}), "one column"),
        (SampleSpec(fixed={"class": Range(low=1)}), "by its name"),
        (SampleSpec(fixed={"class": OneOf(values=("circle", "cross"))}), "by its name"),
        (SampleSpec(fixed={"class": None}), "by its name"),
        (SampleSpec(targets=(GroupTarget(where={"class": "circle"}, rows=1),) * 2), "in two targets"),
        (SampleSpec(targets=(GroupTarget(where={}, rows=1),)), "one column"),
        (SampleSpec(balance=("size",)), "only"),
        (SampleSpec(balance_within="class"), "only"),
        (SampleSpec(drop=("outliers",)), "not dropped"),
        (SampleSpec(fixed={"class": "circle"}, targets=(GroupTarget(where={"class": "cross"}, rows=1),)), "both"),
    ],
)
def test_other_requests_are_refused_and_name_no_value(request_, words):
    with pytest.raises(SpecError, match=words) as caught:
        check_request(request_, None, SCHEMA, SPEC)
    assert "secret" not in str(caught.value)


def test_numbers_name_classes_as_they_are_written():
    schema = SCHEMA.model_copy(update={"classes": ("0", "1", "2")})
    for wish in ("1", 1, 1.0):
        check_request(SampleSpec(fixed={"class": wish}), None, schema, SPEC)
    with pytest.raises(SpecError):
        check_request(SampleSpec(fixed={"class": 1.5}), None, schema, SPEC)


def test_previews_show_pictures_of_every_class_and_stay_small(written):
    stack = shapes((60, 30, 6), size=64)
    source = reading.from_memory(stack.pixels, [SHAPES[label] for label in stack.labels])
    schema = infer(source, SPEC)
    assert load(schema.model_dump_json()) == schema
    shown = preview.preview(source, schema)
    assert (shown["row_count"], shown["images"], shown["refused"]) == (96, 90, "")
    assert [(c["name"], c["count"], len(c["pictures"])) for c in shown["classes"]] == [
        ("circle", 60, 8),
        ("square", 30, 8),
    ]
    assert shown["left_out"] == [{"name": "cross", "count": 6}]
    assert shown["findings"][0]["count"] == 6
    made = preview.set_preview(written, SCHEMA, 50)
    assert [(c["name"], c["count"]) for c in made["classes"]] == list(zip(SHAPES, (50, 30, 20), strict=True))
    for one in (shown, made):
        assert len(json.dumps(one)) < 400_000
        assert one["classes"][0]["pictures"][0].startswith("data:image/png;base64,")


def test_a_preview_of_many_classes_stays_small():
    pixels = np.random.default_rng(0).integers(0, 255, (400, 64, 64, 3), dtype=np.uint8)
    source = reading.from_memory(pixels, np.arange(400) % 20)
    shown = preview.preview(source, infer(source, SPEC))
    assert len(json.dumps(shown)) < 400_000
    assert all(c["pictures"] for c in shown["classes"])


def test_one_plot_of_class_shares(written):
    source = reading.from_memory(STACK.pixels, [SHAPES[label] for label in STACK.labels])
    schema = infer(source, SPEC)
    found = split(source, schema, SPEC, RunContext())
    made = sets.write([found.train.of_class(0)], schema, written.directory / "other", SampleSpec(), "x")
    (plot,) = preview.plots(found, made, schema, SPEC)
    assert plot.bins == schema.classes
    assert plot.synthetic == (1, 0, 0)
    assert sum(plot.real) == pytest.approx(1)
    assert plot.real_counts == tuple(found.train.counts(3).tolist())
    assert plot.suppressed == (False, False, False)
