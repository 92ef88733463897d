import json

import numpy as np
import pandas as pd
import pytest

from synthgen.errors import InputError
from synthgen.spec import ColumnOverride, RunSpec, SampleSpec
from synthgen.tabular import conversion, inference, io, sets

CSV = (
    "id;born;dose;flag;word;when;gap\r\n"
    + "".join(
        f'{1000 + i};{1 + i % 28:02d}/{1 + i % 12:02d}/2019;{i % 40 / 4:.2f};{"tf"[i % 2]};'
        f'"a; {i % 5}";2011-03-{1 + i % 28:02d}T10:{i % 60:02d}:00Z;{["?", "1", "2.5"][i % 3]}\r\n'
        for i in range(500)
    )
)  # fmt: skip


def made(tmp_path, content=CSV, encoding="utf-8", **spec):
    path = tmp_path / "source.csv"
    path.write_bytes(content.encode(encoding))
    source = io.read(path)
    found = inference.infer(source, RunSpec(**spec))
    return source, found, conversion.typed(source.data, found)


def stored(tmp_path, chunks, found, **spec):
    return sets.write(chunks, found, tmp_path / "set", SampleSpec(**spec), "some_generator", ("a note",))


def test_what_is_written_is_read_again(tmp_path):
    _, found, typed = made(tmp_path)
    stored(tmp_path, [typed.iloc[:100], typed.iloc[100:]], found, seed=7)
    again = sets.open_set(tmp_path / "set")
    assert (again.rows, again.generator, again.notes, again.spec.seed) == (500, "some_generator", ("a note",), 7)
    pd.testing.assert_frame_equal(pd.concat(list(again.chunks()), ignore_index=True), typed)


def test_chunks_are_even_whatever_comes_in(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "CHUNK_ROWS", 128)
    _, found, typed = made(tmp_path)
    table = stored(tmp_path, [typed.iloc[:1], typed.iloc[1:400], typed.iloc[400:]], found)
    assert [len(chunk) for chunk in table.chunks()] == [128, 128, 128, 116]


def test_take_draws_over_the_whole_set_and_repeats(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "CHUNK_ROWS", 64)
    _, found, typed = made(tmp_path)
    table = stored(tmp_path, [typed], found)
    some = table.take(50, seed=1)
    assert len(some) == 50
    assert some["id"].is_unique
    assert some["id"].isin(typed["id"]).all()
    assert some["id"].astype(int).max() > 1400
    pd.testing.assert_frame_equal(some, table.take(50, seed=1))
    assert not some.equals(table.take(50, seed=2))
    pd.testing.assert_frame_equal(table.take(10_000), typed)


def test_a_changed_chunk_is_noticed(tmp_path):
    _, found, typed = made(tmp_path)
    table = stored(tmp_path, [typed], found)
    path = tmp_path / "set" / table.files[0][0]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="was changed"):
        list(sets.open_set(tmp_path / "set").chunks())


def test_a_set_without_manifest_was_never_finished(tmp_path):
    _, found, typed = made(tmp_path)
    stored(tmp_path, [typed], found)
    (tmp_path / "set" / "manifest.json").unlink()
    with pytest.raises(InputError, match="no finished"):
        sets.open_set(tmp_path / "set")


def test_the_manifest_holds_no_cell_value(tmp_path):
    _, found, typed = made(tmp_path)
    stored(tmp_path, [typed], found)
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert set(manifest) == {"version", "rows", "generator", "spec", "notes", "files"}


def test_csv_comes_back_byte_for_byte(tmp_path):
    _, found, typed = made(tmp_path)
    csv, parquet = sets.export(stored(tmp_path, [typed], found), found, tmp_path / "out")
    assert csv.read_bytes() == (tmp_path / "source.csv").read_bytes()
    assert parquet.name == "data.parquet"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_the_encoding_comes_back(tmp_path, encoding):
    content = "town\tstreet\n" + "Zürich\tBäckergasse\nGenève\tRue de l'Évêché\n" * 20
    _, found, typed = made(tmp_path, content, encoding)
    csv, _ = sets.export(stored(tmp_path, [typed], found), found, tmp_path / "out")
    assert csv.read_bytes() == content.encode(encoding)


def test_odd_headers_come_back_without_dropped_columns(tmp_path):
    content = "a,a,,b\n" + "".join(f"{i % 7},{i % 5},{i % 3},{i % 9}\n" for i in range(50))
    _, found, typed = made(tmp_path, content, columns={"a_2": ColumnOverride(drop=True)})
    csv, _ = sets.export(stored(tmp_path, [typed], found), found, tmp_path / "out")
    assert csv.read_text().splitlines()[:2] == ["a,,b", "0,0,0"]


def test_a_file_without_header_stays_without(tmp_path):
    content = "".join(f"{i % 7},{i % 5 / 2}\n" for i in range(60))
    _, found, typed = made(tmp_path, content)
    csv, _ = sets.export(stored(tmp_path, [typed], found), found, tmp_path / "out")
    assert csv.read_text().splitlines()[:2] == ["0,0.0", "1,0.5"]


def test_parquet_of_a_text_table_has_natural_types(tmp_path):
    _, found, typed = made(tmp_path)
    _, parquet = sets.export(stored(tmp_path, [typed], found), found, tmp_path / "out")
    kinds = {name: str(dtype) for name, dtype in pd.read_parquet(parquet).dtypes.items()}
    assert kinds == {
        "id": "int64", "born": "datetime64[us]", "dose": "float64", "flag": "object", "word": "object",
        "when": "datetime64[us]", "gap": "float64",
    }  # fmt: skip


def test_parquet_of_a_frame_has_its_dtypes(tmp_path):
    frame = pd.DataFrame(
        {
            "i": np.arange(80, dtype="int32") % 9,
            "n": pd.array([None, *range(79)], dtype="Int64"),
            "b": np.arange(80) % 2 == 0,
            "f": np.linspace(0, 1, 80).round(2),
            "c": pd.Categorical(["u", "v"] * 40),
            "d": pd.date_range("2020-01-01", periods=80),
        }
    )
    source = io.from_memory(frame)
    found = inference.infer(source, RunSpec())
    table = stored(tmp_path, [conversion.typed(source.data, found)], found)
    _, parquet = sets.export(table, found, tmp_path / "out")
    pd.testing.assert_frame_equal(pd.read_parquet(parquet), frame, check_freq=False)


def test_real_tables_come_back(tmp_path, shared_data):
    for name in ("diabetes130_sample.csv", "hypothyroid.csv", "heart_failure.csv", "uk_police_cumbria.csv"):
        path = shared_data / "tabular" / name
        source = io.read(path)
        found = inference.infer(source, RunSpec())
        table = sets.write([conversion.typed(source.data, found)], found, tmp_path / name / "set", SampleSpec(), "x")
        csv, _ = sets.export(table, found, tmp_path / name)
        assert csv.read_bytes() == path.read_bytes(), name
