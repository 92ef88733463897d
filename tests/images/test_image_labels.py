"""Tables of labels: what is told of them, and what may be chosen in the place of what was found."""

import pytest
from image_files import class_folders, zipped

from synthgen.errors import SchemaError
from synthgen.images import io
from synthgen.images.inference import infer
from synthgen.spec import ImageOptions, RunSpec

FILES = {f"{place:02d}.png": data for place, data in enumerate(class_folders().values())}
SHAPES = [name.split("/")[0] for name in class_folders()]


def spec(**options):
    return RunSpec(modality="images", k_floor=5, images=ImageOptions(**options))


def table(header, row):
    return "\n".join([header, *(row(place, shape) for place, shape in enumerate(SHAPES))])


def read(tmp_path, text, files=FILES, encoding="utf-8"):
    """The set of `files` with a table of labels."""
    return io.read(zipped(tmp_path / "a.zip", {**files, "labels.csv": text.encode(encoding)}))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_a_table_may_be_what_a_spreadsheet_calls_unicode_text(tmp_path, encoding):
    text = table("datei\tart", lambda place, shape: f"{place:02d}.png\tgröße {shape}")
    assert infer(read(tmp_path, text, encoding=encoding), spec()).classes[0] == "größe circle"


def test_a_table_that_is_of_no_use_is_told(tmp_path):
    text = "file,label\nelsewhere.png,good\n"
    source = read(tmp_path, text, {f"all/{name}": data for name, data in FILES.items()})
    assert [(f.what, f.files) for f in source.data.findings if "table" in f.reason] == [("left out", ("labels.csv",))]


def test_folders_may_be_chosen_where_a_table_was_taken(tmp_path):
    rows = [f"{name.split('/')[1]},{'ab'[place % 2]}" for place, name in enumerate(class_folders())]
    unique = {name.replace("/", f"/{place}-"): data for place, (name, data) in enumerate(class_folders().items())}
    text = "\n".join(["file,type", *(f"{place}-{row}" for place, row in enumerate(rows))])
    source = read(tmp_path, text, unique)
    assert infer(source, spec()).classes == ("a", "b")
    assert infer(source, spec(label="folder")).classes == ("circle", "cross", "square")


def test_one_folder_of_images_is_no_choice(tmp_path):
    text = table("file,label", lambda place, shape: f"{place:02d}.png,{shape}")
    source = read(tmp_path, text, {f"all/{name}": data for name, data in FILES.items()})
    with pytest.raises(SchemaError, match="no column 'folder'"):
        infer(source, spec(label="folder"))


def test_the_notes_name_the_columns_that_were_taken(tmp_path):
    text = table("datei,seite,art,kranker", lambda place, shape: f"{place:02d}.png,{place % 2},{shape},{place // 2}")
    source = read(tmp_path, text)
    found, chosen = infer(source, spec()), infer(source, spec(label="seite", person="kranker"))
    assert found.notes[:2] == ("classes from column 'art'", "no column of sources")
    assert chosen.notes[:2] == ("classes from column 'seite'", "sources from column 'kranker'")


def test_images_of_one_lesion_stay_together(tmp_path):
    text = table("lesion_id,image_id,dx", lambda place, shape: f"HAM_{place // 2},{place:02d},{shape}")
    assert infer(read(tmp_path, text), spec()).person == "lesion_id"


def test_images_that_are_made_smaller_are_told(tmp_path):
    source = read(tmp_path, table("file,label", lambda place, shape: f"{place:02d}.png,{shape}"))
    side = source.data.sizes.max()
    told = {finding.reason: finding.count for finding in infer(source, spec(size=16)).findings}
    assert side > 16
    assert told["reduced to 16 pixels"] == len(SHAPES)
