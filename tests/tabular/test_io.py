import gzip
import zipfile

import numpy as np
import pandas as pd
import pytest

from synthgen.errors import InputError, LimitError
from synthgen.tabular import archives, io

PLAIN = "age,name\n41,Ann\n23,Bo\n"


def read(tmp_path, content, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return io.read(path)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found(tmp_path, separator):
    source = read(tmp_path, PLAIN.replace(",", separator))
    assert source.data.to_dict("list") == {"age": ["41", "23"], "name": ["Ann", "Bo"]}
    assert source.layout["separator"] == separator


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings_are_found(tmp_path, encoding):
    text = "town;street\n" + "Zürich;Bäckergasse\nGenève;Rue de l'Évêché\n" * 20
    source = read(tmp_path, text.encode(encoding))
    assert list(source.data["town"][:2]) == ["Zürich", "Genève"]
    assert list(source.data.columns) == ["town", "street"]
    assert source.layout["encoding"] == encoding


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_are_found(tmp_path, line_end):
    source = read(tmp_path, PLAIN.replace("\n", line_end))
    assert source.data.shape == (2, 2)
    assert source.layout["line_end"] == line_end


def test_every_cell_is_text_as_written(tmp_path):
    source = read(tmp_path, 'a,b,c,d\n007,NA,,1e5\n1.50,None," x ","q ""r"""\n')
    assert source.data.to_numpy().tolist() == [["007", "NA", "", "1e5"], ["1.50", "None", " x ", 'q "r"']]
    assert set(source.data.dtypes) == {np.dtype(object)}


def test_gz_and_zip_hold_the_same_table(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(PLAIN.encode()))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("__MACOSX/._a.csv", "junk")
        archive.writestr("folder/a.csv", PLAIN)
    plain = read(tmp_path, PLAIN).data
    pd.testing.assert_frame_equal(io.read(tmp_path / "a.csv.gz").data, plain)
    pd.testing.assert_frame_equal(io.read(tmp_path / "a.zip").data, plain)


def test_archives_over_the_limit_are_refused(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 100_000))
    with pytest.raises(LimitError, match="unpacks to more"):
        archives.unpack(tmp_path / "a.csv.gz", tmp_path, limit=100_000)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no byte"),
        (b"  \n\n \n", "nothing but blanks"),
        (b"a,b,c\n", "header but no rows"),
        (b"%PDF-1.4 etc", "PDF"),
        (bytes(range(256)) * 40, "binary"),
        (gzip.compress(b"a,b\n1,2\n" * 500)[:40], "cut off"),
        (b"PAR1" + bytes(500), "Parquet file is damaged"),
    ],
)
def test_what_is_no_table_gets_a_clear_error(tmp_path, content, says):
    with pytest.raises(InputError, match=says) as caught:
        read(tmp_path, content)
    assert caught.value.hint


def test_zip_must_hold_one_table(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", PLAIN)
        archive.writestr("b.csv", PLAIN)
    with pytest.raises(InputError, match="2 tables"):
        io.read(tmp_path / "a.zip")


def test_workbooks_are_refused_by_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
    with pytest.raises(InputError, match="Excel"):
        io.read(tmp_path / "a.xlsx")


def test_repeated_and_blank_headers_get_names(tmp_path):
    source = read(tmp_path, "a,a,,a_2\n1,2,3,4\n5,6,7,8\n")
    assert list(source.data.columns) == ["a", "a_3", "column_3", "a_2"]
    assert source.layout["header"] == ("a", "a", "", "a_2")
    assert len(source.notes) == 2


def test_a_file_without_header_gets_numbered_columns(tmp_path):
    source = read(tmp_path, "1.5,2\n1.7,3\n1.9,8\n")
    assert list(source.data.columns) == ["column_1", "column_2"]
    assert len(source.data) == 3


def test_years_as_column_names_are_a_header(tmp_path):
    source = read(tmp_path, "land,2001,2002,2003\nA,5.1,6.2,7.3\nB,1.0,2.5,3.5\n")
    assert list(source.data.columns) == ["land", "2001", "2002", "2003"]


def test_lines_above_the_header_are_skipped(tmp_path):
    source = read(tmp_path, "Report of May,,\n,,\nage,sex,town\n41,F,Bern\n23,M,Chur\n18,F,Genf\n")
    assert list(source.data.columns) == ["age", "sex", "town"]
    assert source.notes == ("skipped 2 lines above the header",)


def test_ragged_rows_are_mended_and_counted(tmp_path):
    rows = "".join(f"{i},{i + 1},{i + 2}\n" for i in range(40))
    source = read(tmp_path, f"a,b,c\n{rows}7,8\n1,2,3,\n1,2,3,4\na,b,c\n")
    assert len(source.data) == 42
    assert source.data["c"].iloc[40] is None
    assert {note.split(" ", 1)[0] for note in source.notes} == {"1"}
    assert len(source.notes) == 4


def test_a_file_of_several_tables_is_refused(tmp_path):
    with pytest.raises(InputError, match="several tables"):
        read(tmp_path, "a,b\n" + "1,2\n" * 50 + "1,2,3,4\n" * 20)


def test_a_quote_that_never_ends_does_not_swallow_the_table(tmp_path):
    source = read(tmp_path, 'a,b\n1,2\n"x,y\n' + "1,2\n" * 60_000)
    assert len(source.data) == 60_002
    assert any("quotes do not pair up" in note for note in source.notes)


def test_one_column_keeps_its_rows(tmp_path):
    source = read(tmp_path, "word\nx\ny\nz\n")
    assert source.data["word"].tolist() == ["x", "y", "z"]


def test_ten_thousand_columns(tmp_path):
    head = ",".join(f"c{i}" for i in range(10_000))
    row = ",".join("1" for _ in range(10_000))
    source = read(tmp_path, f"{head}\n{row}\n{row}\n")
    assert source.data.shape == (2, 10_000)


def test_too_many_columns_are_refused(tmp_path):
    with pytest.raises(LimitError, match="columns"):
        read(tmp_path, ",".join(["x"] * 30_000) + "\n" + ",".join(["1"] * 30_000) + "\n")


def test_the_fast_and_the_careful_reader_agree(tmp_path):
    rows = [f'{i},"a, {i % 7}",{i / 3:.3f},,"line\nbreak"' for i in range(5_000)]
    fast = read(tmp_path, "i,t,x,e,l\n" + "\n".join(rows) + "\n", "fast.csv")
    careful = read(tmp_path, "i,t,x,e,l\n" + "\n".join(rows) + "\n,,,,\n", "careful.csv")  # a blank row: not for Arrow
    pd.testing.assert_frame_equal(fast.data, careful.data)


def test_parquet_keeps_its_dtypes(tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", None], "d": pd.to_datetime(["2020-01-01", None])})
    frame["e"] = pd.array([1, None], dtype="Int64")
    frame["f"] = pd.Categorical(["u", "v"])
    frame.to_parquet(tmp_path / "t.parquet")
    source = io.read(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(source.data, frame)
    assert source.layout["format"] == "parquet"


def test_nested_parquet_is_refused_by_column_name(tmp_path):
    pd.DataFrame({"a": [1, 2], "deep": [[1], [2]]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="deep"):
        io.read(tmp_path / "t.parquet")


def test_a_frame_with_odd_labels_gets_plain_ones():
    frame = pd.DataFrame([[1, 2, 3]] * 3, columns=[0, "x", "x"], index=[5, 5, 9])
    source = io.from_memory(frame)
    assert list(source.data.columns) == ["0", "x", "x_2"]
    assert list(source.data.index) == [0, 1, 2]
    assert list(frame.columns) == [0, "x", "x"]


def test_frames_of_lists_are_refused():
    with pytest.raises(InputError, match="nested"):
        io.from_memory(pd.DataFrame({"a": [[1], [2]]}))


def test_the_checksum_tells_files_apart(tmp_path):
    first, second = read(tmp_path, PLAIN, "a.csv"), read(tmp_path, PLAIN + "1,C\n", "b.csv")
    assert first.sha256 != second.sha256
    assert len(first.sha256) == 64


@pytest.mark.parametrize("frame", [pd.DataFrame(index=range(50)), pd.DataFrame(columns=["a"]), pd.DataFrame()])
def test_a_frame_without_cells_is_refused_in_words(frame):
    with pytest.raises(InputError, match=f"{len(frame)} rows and {frame.shape[1]} columns") as refused:
        io.from_memory(frame)
    assert refused.value.hint


HALF = "secret\ud83d"


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (pd.DataFrame({"n": [1, 2], "a": ["b", HALF]}), "A text of column 2"),
        (pd.DataFrame({"a": pd.Categorical([HALF, "b"])}), "A text of column 1"),
        (pd.DataFrame({"a": pd.Series([1, HALF], dtype=object)}), "A text of column 1"),
        (pd.DataFrame([["b", HALF]] * 3, columns=["a", "a"]), "A text of column 2"),
        (pd.DataFrame({HALF: [1, 2]}), "The name of column 1"),
    ],
)
def test_half_a_character_is_refused_in_words_and_without_the_text(frame, told):
    with pytest.raises(InputError, match=told) as refused:
        io.from_memory(frame)
    assert "secret" not in str(refused.value)
    assert "encode" in refused.value.hint
