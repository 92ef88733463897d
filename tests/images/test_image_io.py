import csv
import os
import stat
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from image_files import class_folders, encoded, foldered, zipped
from image_scenes import SHAPES, shapes
from PIL import Image

from synthgen.errors import InputError, LimitError
from synthgen.images import archives, arrays, detect, io, label_tables, labelling
from synthgen.images.inference import infer
from synthgen.spec import ImageOptions, RunSpec

SPEC = RunSpec(modality="images", k_floor=5)


def told(source) -> dict[str, int]:
    """Counts of the findings by reason."""
    return {finding.reason: finding.count for finding in source.data.findings}


def test_folder_zip_and_wrapped_zip_are_the_same_set(tmp_path):
    files = class_folders()
    folder = io.read(foldered(tmp_path / "set", files))
    packed = io.read(zipped(tmp_path / "a.zip", files))
    wrapped = io.read(zipped(tmp_path / "b.zip", {f"top/inner/{n}": d for n, d in files.items()}))
    for source in (folder, packed, wrapped):
        assert source.data.columns[source.data.label] == tuple(name.split("/")[0] for name in sorted(files))
        assert infer(source, SPEC).counts == (24, 12, 16)
        assert infer(source, SPEC).classes == ("circle", "cross", "square")
    for one, other in zip(folder.data.images, packed.data.images, strict=True):
        np.testing.assert_array_equal(one, other)


def test_train_and_test_folders_are_joined_and_inner_folders_are_sources(tmp_path):
    files = {}
    for place, (name, data) in enumerate(class_folders().items()):
        shape, file = name.split("/")
        files[f"{'train' if place % 2 else 'test'}/{shape}/p{place // 4}/{file}"] = data
    source = io.read(zipped(tmp_path / "a.zip", files))
    schema = infer(source, SPEC)
    assert schema.classes == ("circle", "cross", "square")
    assert schema.person == "inner folder"
    assert schema.sources == 13
    assert infer(source, SPEC.model_copy(update={"images": ImageOptions(grouped=False)})).person is None


def test_labels_from_a_table_with_sources(tmp_path):
    files = {f"all/{place}.png": data for place, data in enumerate(class_folders().values())}
    names = [name.split("/")[0] for name in class_folders()]
    rows = [f"{place}.png;{name};{place // 3};{place}" for place, name in enumerate(names)]
    table = "\n".join(["image_id;diagnosis;patient_id;width", *rows, "absent.png;circle;0;0"])
    source = io.read(zipped(tmp_path / "a.zip", {**files, "all/meta.csv": table.encode()}))
    assert (source.data.label, source.data.person) == ("diagnosis", "patient_id")
    assert source.data.columns["diagnosis"] == tuple(names[int(f.split("/")[1][:-4])] for f in source.data.files)
    assert any("1 rows" in note for note in source.notes)
    corrected = infer(source, SPEC.model_copy(update={"images": ImageOptions(label="patient_id"), "k_floor": 2}))
    assert corrected.classes[:3] == ("0", "1", "2")
    assert corrected.person is None
    assert corrected.columns == ("diagnosis", "patient_id", "width")
    assert infer(source, SPEC.model_copy(update={"images": ImageOptions(person="width")})).person == "width"


def test_a_table_may_name_files_without_ending_or_by_path(tmp_path):
    files = class_folders()
    by_stem = "\n".join(["name,label", *(f"{n.split('/')[1][:-4]},{n[:2]}" for n in files)])
    by_path = "\n".join(["path,label", *(f"C:\\data\\{n.replace('/', chr(92))},{n[:2]}" for n in files)])
    for number, table in enumerate((by_stem, by_path)):
        source = io.read(zipped(tmp_path / f"{number}.zip", {**files, "labels.csv": table.encode()}))
        assert source.data.label == "label"
        assert set(source.data.columns["label"]) == {"ci", "sq", "cr"}


def test_tables_of_parts_are_joined_and_need_no_header_and_classes_may_have_a_column_each(tmp_path):
    files = {f"{p}.png": d for p, d in enumerate(class_folders().values())}
    kinds = [name.split("/")[0] for name in class_folders()]
    lines = [f"{p}.png,{kind}" for p, kind in enumerate(kinds)]
    halves = [lines[:30], lines[30:]]
    parts = {f"{n}.csv": "\n".join(["file,label", *half]).encode() for n, half in zip("ab", halves, strict=True)}
    bare = {"labels.csv": "\n".join(lines).encode()}
    columns = [f"{p},60,{int(k == 'circle')},{float(k == 'square')},{int(k == 'cross')}" for p, k in enumerate(kinds)]
    hot = {"labels.csv": "\n".join(["image,age,circle,square,cross", *columns]).encode()}
    for number, tables in enumerate((parts, bare, hot)):
        source = io.read(zipped(tmp_path / f"{number}.zip", {**files, **tables}))
        expected = tuple(kinds[int(file[:-4])] for file in source.data.files)
        assert source.data.columns[source.data.label] == expected


def test_folders_of_patients_that_hold_the_same_classes_are_sources(tmp_path):
    files = {}
    for place, (name, data) in enumerate(class_folders().items()):
        shape, file = name.split("/")
        files[f"p{place % 7}/{shape}/{file}"] = data
    schema = infer(io.read(zipped(tmp_path / "a.zip", files)), SPEC)
    assert schema.classes == ("circle", "cross", "square")
    assert (schema.person, schema.sources) == ("inner folder", 7)


def test_tables_beyond_the_limit_are_told_and_not_held(tmp_path, monkeypatch):
    pictures = class_folders()
    rows = [f"{name},{name.split('/')[0]}x" for name in pictures]
    table = "\n".join(["file,class", *rows]).encode()
    monkeypatch.setattr(labelling, "MOST_TABLE_BYTES", len(table) + 10)
    source = io.read(zipped(tmp_path / "a.zip", {**pictures, "a.csv": table, "b.txt": b"x" * 11, "c.txt": b"x" * 10}))
    assert set(source.data.columns["class"]) == {f"{shape}x" for shape in SHAPES}
    assert [(f.count, f.files) for f in source.data.findings if "tables" in f.reason] == [(1, ("b.txt",))]


def test_rows_beyond_the_limit_are_never_parsed(monkeypatch):
    monkeypatch.setattr(label_tables, "MOST_ROWS", 4)
    files = [f"{place}.png" for place in range(4)]
    good = "file,class\n" + "".join(f"{file},a\n" for file in files)
    bad = good + "\n" + "x" * (csv.field_size_limit() + 1)
    found = label_tables.best([bad.encode()], files)
    assert set(found.rows) == set(files)


def test_long_paths_cost_little_and_are_found_by_their_ends():
    files = [f"{'d/' * 400}{part}/{place}.png" for part in "ab" for place in range(40)]
    tracemalloc.start()
    finder = label_tables._Finder(files)
    assert tracemalloc.get_traced_memory()[1] < 3 << 20  # every end of every path takes 50 MB
    tracemalloc.stop()
    assert finder.find(files[3]) == finder.find("a/3.png") == finder.find("x/" * 9000 + "a/3") == files[3]
    assert finder.find("3.png") is None


def test_paths_that_are_too_long_are_refused(tmp_path):
    source = io.read(_with_entry(tmp_path / "a.zip", "circle/" + "d/" * 600 + "a.png"))
    assert told(source)["its path has over 1024 characters"] == 1


def test_files_that_a_table_names_twice_with_different_labels_are_left_out(tmp_path):
    files = {f"{p}.png": d for p, d in enumerate(class_folders().values())}
    rows = [f"{p}.png,{'a' if p % 2 else 'b'}" for p in range(len(files))]
    table = "\n".join(["file,label", *rows, "0.png,a", "1.png,a"])
    schema = infer(io.read(zipped(tmp_path / "a.zip", {**files, "labels.csv": table.encode()})), SPEC)
    reasons = {f.reason: f.count for f in schema.findings}
    assert reasons["two rows of the table give it different labels"] == 1
    assert schema.counts == (26, 25)


def test_images_without_labels_are_refused_with_what_to_do(tmp_path):
    files = {f"{p}.png": d for p, d in enumerate(class_folders().values())}
    with pytest.raises(InputError, match="subfolder per class"):
        io.read(zipped(tmp_path / "a.zip", files))
    source = io.read(zipped(tmp_path / "b.zip", {f"cells/{n}": d for n, d in files.items()}))
    assert infer(source, SPEC).classes == ("cells",)
    assert any("only class" in note for note in source.notes)


def test_bccd_is_read_with_its_source_images(shared_data):
    source = io.read(shared_data / "images" / "bccd_cells")
    schema = infer(source, RunSpec(modality="images"))
    assert schema.person == "source_image"
    assert schema.sources == 364
    assert dict(zip(schema.classes, schema.counts, strict=True)) == {"platelets": 361, "rbc": 4153, "wbc": 372}
    assert (schema.height, schema.channels, schema.duplicates) == (48, 3, 0)


def test_medmnist_keys_are_read(shared_data):
    source = io.read(shared_data / "images" / "pneumoniamnist_9to1.npz")
    schema = infer(source, RunSpec(modality="images"))
    assert len(source.data) == 3882 + 524 + 624
    assert schema.classes == ("0", "1")
    assert (schema.height, schema.channels, schema.duplicates) == (28, 1, 28)


@pytest.mark.parametrize("keys", [("images", "labels"), ("X", "y"), ("x_train", "y_train")])
def test_the_usual_keys_of_arrays_are_read(tmp_path, keys):
    stack = shapes((9, 9))
    np.savez(tmp_path / "a.npz", **{keys[0]: stack.pixels, keys[1]: stack.labels[:, None]})
    source = io.read(tmp_path / "a.npz")
    assert source.data.columns["class"] == tuple(map(str, stack.labels))
    np.testing.assert_array_equal(source.data.images[3], stack.pixels[3])


def test_arrays_of_objects_and_lying_headers_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.array([{}] * 3, dtype=object), labels=np.arange(3))
    with pytest.raises(InputError):
        io.read(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        for name, shape in (("images", (10**6, 10**6)), ("labels", (10**6,))):
            with archive.open(f"{name}.npy", "w") as out:
                np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": shape})
                out.write(b"0" * 100)
    with pytest.raises(InputError):
        io.read(tmp_path / "b.npz")


def test_hidden_files_other_files_and_wrong_endings(tmp_path):
    files = class_folders()
    first = next(iter(files))
    extra = {
        "__MACOSX/circle/._0000.png": b"x",
        ".DS_Store": b"x",
        "circle/.hidden.png": b"x",
        "README.md": b"# hello",
        "circle/broken.png": b"\x89PNG\r\n\x1a\nnothing",
        "circle/notes.jpg": b"just text",
        "circle/empty.png": b"",
        "circle/inner.zip": b"PK\x03\x04",
        "square/really_a_png.jpg": encoded(np.full((32, 32, 3), 50, np.uint8)),
    }
    source = io.read(zipped(tmp_path / "a.zip", {**files, **extra}))
    assert len(source.data) == len(files) + 1
    found = told(source)
    assert found["its name has another ending than its content"] == 1
    assert found["not an image that can be read, or its header is damaged"] == 2
    assert found["an empty file"] == 1
    assert found["an archive inside the folder or zip"] == 1
    assert found["no image"] == 1
    assert first in source.data.files


def _with_entry(path, name, data=b"", mode=0o644, files=None):
    zipped(path, files or class_folders())
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, data)
    return path


@pytest.mark.parametrize("name", ["../out.png", "/etc/out.png", "circle/../../out.png", "C:\\out.png", "..\\out.png"])
def test_paths_that_lead_out_are_refused_and_nothing_is_written(tmp_path, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    picture = encoded(np.full((32, 32, 3), 50, np.uint8))
    before = set(tmp_path.rglob("*"))
    path = _with_entry(inside / "a.zip", name, picture)
    source = io.read(path)
    assert told(source)["its path leads out of the zip"] == 1
    assert len(source.data) == 52
    assert set(tmp_path.rglob("*")) - before == {path}


def test_links_are_refused(tmp_path):
    source = io.read(_with_entry(tmp_path / "a.zip", "circle/l.png", b"/etc/passwd", stat.S_IFLNK | 0o777))
    assert told(source)["a link or a special file"] == 1
    folder = foldered(tmp_path / "set", class_folders())
    os.symlink("/etc/passwd", folder / "circle" / "link.png")
    os.symlink("/etc", folder / "linked")
    assert told(io.read(folder))["a link or a special file"] == 1


def test_members_that_unpack_to_far_too_much_are_refused(tmp_path):
    bomb = bytes(encoded(RGB)) + bytes(30 << 20)
    source = io.read(zipped(tmp_path / "a.zip", {**class_folders(), "circle/bomb.png": bomb}))
    assert told(source)["it unpacks to over 200 times its size"] == 1


RGB = np.zeros((4, 4, 3), np.uint8)


def test_lying_sizes_are_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", class_folders())
    data = bytearray(path.read_bytes())
    place = data.find(b"PK\x01\x02")
    size = struct.unpack("<L", data[place + 24 : place + 28])[0]
    data[place + 24 : place + 28] = struct.pack("<L", size + 5000)
    path.write_bytes(bytes(data))
    source = io.read(path)
    assert len(source.data) == 51
    data[place + 24 : place + 28] = struct.pack("<L", 10)
    path.write_bytes(bytes(data))
    assert len(io.read(path).data) == 51
    data[place + 20 : place + 24] = struct.pack("<L", 1 << 30)
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="headers claim"):
        io.read(path)


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_MEMBERS", 20)
    for path in (zipped(tmp_path / "a.zip", class_folders()), foldered(tmp_path / "set", class_folders())):
        with pytest.raises(LimitError, match="more than 20 files"):
            io.read(path)


def test_a_huge_table_of_contents_is_refused_before_it_is_read(tmp_path):
    path = zipped(tmp_path / "a.zip", class_folders())
    data = bytearray(path.read_bytes())
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<L", 1 << 30)
    path.write_bytes(bytes(data))
    with pytest.raises(LimitError, match="table of contents"):
        io.read(path)


def test_large_images_are_kept_small_and_too_many_are_refused(tmp_path, monkeypatch):
    files = {f"{'ab'[p % 2]}/{p}.png": encoded(np.random.default_rng(p).integers(0, 255, (300, 400, 3), dtype=np.uint8))
             for p in range(8)}  # fmt: skip
    path = zipped(tmp_path / "a.zip", files)
    assert {image.shape for image in io.read(path).data.images} == {(192, 256, 3)}
    monkeypatch.setattr(io, "KEPT_BYTES", 8 * 3 * 100 * 100)
    assert {image.shape for image in io.read(path).data.images} == {(75, 100, 3)}
    monkeypatch.setattr(io, "KEPT_BYTES", 20_000)
    with pytest.raises(LimitError, match="of 8 images"):
        io.read(path)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"PK\x03\x04 and then nothing", encoded(RGB), b"PK\x05\x06" + bytes(18)]
)
def test_what_is_no_set_is_refused(tmp_path, data):
    path = tmp_path / "a"
    path.write_bytes(data)
    with pytest.raises(InputError):
        io.read(path)


def test_content_tells_images_from_tables(tmp_path):
    images = zipped(tmp_path / "a.zip", {**class_folders(), "labels.csv": b"file,label\n"})
    table = zipped(tmp_path / "b.zip", {"data.csv": b"a,b\n1,2\n", "__MACOSX/data.png": b""})
    sheet = zipped(tmp_path / "c.xlsx", {"[Content_Types].xml": b"", "xl/media/image1.png": b""})
    (tmp_path / "d.csv").write_text("a,b\n1,2\n")
    np.savez(tmp_path / "e.npz", images=np.zeros((2, 8, 8), np.uint8), labels=[0, 1])
    (tmp_path / "f.png").write_bytes(encoded(RGB))
    paths = [images, table, sheet, *(tmp_path / name for name in ("d.csv", "e.npz", "f.png"))]
    assert [detect.is_images(path, path.name) for path in paths] == [True, False, False, False, True, True]
    assert detect.is_images(foldered(tmp_path / "set", class_folders()), "set")


STACK = shapes((9, 9))


@pytest.mark.parametrize(
    "images",
    [
        STACK.pixels,
        STACK.pixels / 255.0,
        STACK.pixels.astype(np.float32),
        STACK.pixels.astype(np.int64),
        np.moveaxis(STACK.pixels, -1, 1),
        list(STACK.pixels),
        [Image.fromarray(one) for one in STACK.pixels],
    ],
    ids=["uint8", "0 to 1", "0 to 255", "int64", "channels first", "list", "PIL"],
)
def test_images_in_memory_of_any_form_are_the_same(images):
    source = io.from_memory(images, [SHAPES[label] for label in STACK.labels], name="mine")
    assert source.name == "mine"
    np.testing.assert_array_equal(np.stack(source.data.images), STACK.pixels)
    assert source.data.columns["class"][:2] == tuple(SHAPES[label] for label in STACK.labels[:2])


def test_tensors_bools_and_sixteen_bits_in_memory():
    import torch

    tensor = torch.from_numpy(np.moveaxis(STACK.pixels, -1, 1).copy()).float() / 127.5 - 1
    source = io.from_memory(tensor, torch.from_numpy(STACK.labels))
    assert np.abs(np.stack(source.data.images).astype(int) - STACK.pixels).max() <= 1
    mask = STACK.pixels[..., 0] > 100
    np.testing.assert_array_equal(np.stack(io.from_memory(mask, STACK.labels).data.images)[..., 0], mask * 255)
    deep = STACK.pixels[..., 0].astype(np.uint16) * 257
    np.testing.assert_array_equal(np.stack(io.from_memory(deep, STACK.labels).data.images)[..., 0], deep // 257)


def test_too_many_images_in_arrays_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(io, "MOST_IMAGES", 15)
    pixels, labels = STACK.pixels[:11], STACK.labels[:11]
    np.savez(tmp_path / "a.npz", train_images=pixels, train_labels=labels, test_images=pixels, test_labels=labels)
    with pytest.raises(LimitError, match="22 images, more than 15"):
        io.read(tmp_path / "a.npz")
    with pytest.raises(LimitError, match="16 images, more than 15"):
        io.from_memory(STACK.pixels[:16], STACK.labels[:16])
    assert len(io.from_memory(STACK.pixels[:15], STACK.labels[:15]).data) == 15


def test_numbers_are_rounded_without_a_copy_of_the_whole():
    images = np.random.default_rng(0).uniform(0, 255, (1500, 32, 32, 3)).astype(np.float32)
    tracemalloc.start()
    pixels, _ = arrays.eight_bits(images)
    assert tracemalloc.get_traced_memory()[1] < pixels.nbytes + images.nbytes // 2
    tracemalloc.stop()
    np.testing.assert_array_equal(pixels, np.rint(images))


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((4, 8)), [0] * 4),
        (np.zeros((4, 8, 8, 7)), [0] * 4),
        (np.zeros((4, 8, 8)), [0] * 3),
        (np.full((4, 8, 8), np.nan), [0] * 4),
        (np.zeros((4, 8, 8), complex), [0] * 4),
        (np.zeros((0, 8, 8)), []),
        (np.zeros((4, 0, 8)), [0] * 4),
        (np.zeros((4, 8, 8)), np.ones((4, 3))),
        ([], []),
        (["a", "b"], [0, 1]),
    ],
)
def test_what_is_no_set_in_memory_is_refused(images, labels):
    with pytest.raises(InputError):
        io.from_memory(images, labels)
