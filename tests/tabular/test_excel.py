"""Excel workbooks in and out, with files written by another library and read back by it."""

import datetime as dt
import io as memory
import struct
import zipfile
import zlib

import numpy as np
import openpyxl
import pandas as pd
import pytest

from synthgen.errors import InputError, LimitError, SynthgenError
from synthgen.spec import RunSpec, SampleSpec
from synthgen.tabular import archives, conversion, excel_reading, excel_writing, inference, io, sets

HEADER = ["age", "name", "seen", "at", "paid", "smoker"]


def rows(count=60):
    rng = np.random.default_rng(0)
    start = dt.datetime(2021, 3, 1)
    return [
        [
            int(rng.integers(20, 90)),
            str(rng.choice(["Ann", "Bo", "Çelik"])),
            start + dt.timedelta(days=i),
            start + dt.timedelta(minutes=7 * i),
            round(float(rng.lognormal(5)), 2),
            bool(rng.random() < 0.3),
        ]
        for i in range(count)
    ]


def book(path, sheets):
    """A workbook of `sheets`: name to rows."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, content in sheets.items():
        sheet = made.create_sheet(name)
        for row in content:
            sheet.append(row)
    made.save(path)
    return path


def inferred(source):
    return inference.infer(source, RunSpec())


def test_cells_come_with_the_kinds_of_the_sheet(tmp_path):
    source = io.read(book(tmp_path / "a.xlsx", {"data": [HEADER, *rows()]}))
    assert list(source.data.columns) == HEADER
    assert {c.name: c.kind for c in inferred(source).columns} == {
        "age": "integer",
        "name": "category",
        "seen": "date",
        "at": "datetime",
        "paid": "number",
        "smoker": "boolean",
    }
    typed = conversion.typed(source.data, inferred(source))
    assert typed["paid"].tolist() == [row[4] for row in rows()]
    assert typed["at"].tolist() == [row[3] for row in rows()]


def test_title_rows_blank_rows_and_empty_columns_beside_the_table_are_left_out(tmp_path):
    content = [["Report of the ward"], [], ["made in May"], HEADER, *rows(), [], *rows(5)]
    path = book(tmp_path / "a.xlsx", {"data": content})
    opened = openpyxl.load_workbook(path)
    opened.active.merge_cells("A1:F1")
    opened.active["A1"].font = openpyxl.styles.Font(bold=True)
    opened.active["Z1000"].font = openpyxl.styles.Font(bold=True)  # formatted, not filled
    opened.save(path)
    source = io.read(path)
    assert source.data.shape == (65, 6)
    assert list(source.data.columns) == HEADER
    assert any("3 rows above the header" in note for note in source.notes)


def test_of_several_sheets_the_first_that_holds_a_table_is_read_and_said(tmp_path):
    path = book(tmp_path / "a.xlsx", {"about": [["made by Ann"], ["for Bo"]], "empty": [], "t": [HEADER, *rows()]})
    source = io.read(path)
    assert source.data.shape == (60, 6)
    assert any("sheet 3 of 3" in note for note in source.notes)
    assert "Ann" not in " ".join(source.notes)


def test_formulas_count_with_the_values_they_were_stored_with(tmp_path):
    content = [["a", "b", "twice"], *[[i, i % 7, 2 * i] for i in range(40)]]
    path = book(tmp_path / "a.xlsx", {"data": content})
    stored = tmp_path / "stored.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(stored, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name.endswith("sheet1.xml"):
                text = text.replace(b'<c r="C7" t="n"><v>10</v>', b'<c r="C7"><f>A7*2</f><v>10</v>')
                assert b"<f>A7*2</f>" in text
            new.writestr(name, text)
    assert io.read(stored).data["twice"].tolist() == [str(2 * i) for i in range(40)]


def test_error_cells_are_missing_and_long_numbers_whole(tmp_path):
    content = [["a", "b"], *[["#DIV/0!" if i == 3 else i, 10**14 + i] for i in range(30)]]
    source = io.read(book(tmp_path / "a.xlsx", {"data": content}))
    assert source.data["a"][3] is None
    assert source.data["b"][5] == str(10**14 + 5)
    assert any("1 cells hold an error" in note for note in source.notes)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old Excel"),
    ],
)
def test_locked_and_old_workbooks_are_refused_with_a_hint(tmp_path, content, told):
    path = tmp_path / "a.xls"
    path.write_bytes(content)
    with pytest.raises(InputError, match=told):
        io.read(path)


def test_damaged_workbooks_are_refused(tmp_path):
    whole = book(tmp_path / "a.xlsx", {"data": [HEADER, *rows()]})
    broken = tmp_path / "b.xlsx"
    for part, content in {
        "xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row><c",
        "xl/workbook.xml": b"no xml at all",
        "xl/_rels/workbook.xml.rels": None,
    }.items():
        with zipfile.ZipFile(whole) as old, zipfile.ZipFile(broken, "w") as new:
            for name in old.namelist():
                if name != part:
                    new.writestr(name, old.read(name))
                elif content is not None:
                    new.writestr(name, content)
        with pytest.raises(InputError):
            io.read(broken)
    broken.write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(InputError):
        io.read(broken)


def test_a_workbook_whose_packed_bytes_are_damaged_is_refused(tmp_path):
    """The zip's directory is whole, so only unpacking the sheet while it is read can tell (zlib's own error)."""
    path = book(tmp_path / "a.xlsx", {"data": [HEADER, *rows()]})
    with zipfile.ZipFile(path) as archive:
        part = archive.getinfo("xl/worksheets/sheet1.xml")
    content = bytearray(path.read_bytes())
    name, extra = struct.unpack_from("<HH", content, part.header_offset + 26)
    content[part.header_offset + 30 + name + extra] = 0xFF  # a kind of block that does not exist
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive, pytest.raises(zlib.error):
        archive.read(part.filename)
    with pytest.raises(InputError, match="damaged or cut off"):
        io.read(path)


def test_bombs_and_documents_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", bytes(30 << 20))
    with pytest.raises(LimitError):
        archives.unpack(bomb, tmp_path, limit=20 << 20)
    monkeypatch.setattr(excel_reading, "MOST_SHARED_BYTES", 1 << 20)
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", bytes(2 << 20))
    with pytest.raises(LimitError):
        archives.unpack(bomb, tmp_path)
    document = tmp_path / "a.docx"
    with zipfile.ZipFile(document, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<document/>")
    with pytest.raises(InputError, match="office document"):
        io.read(document)


def test_entities_that_multiply_do_not_fill_the_memory(tmp_path):
    """The billion laughs: expat stops it, and the refusal is ours."""
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    path = book(tmp_path / "a.xlsx", {"data": [HEADER, *rows()]})
    made = tmp_path / "b.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            if name.endswith("sheet1.xml"):
                text = f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]><worksheet><sheetData><row><c t="str"><v>&l11;</v></c>'
                text += "</row></sheetData></worksheet>"
            new.writestr(name, text)
    with pytest.raises(SynthgenError):
        io.read(made)


def test_a_workbook_without_a_filled_cell_is_refused(tmp_path):
    with pytest.raises(InputError, match="no filled cell"):
        io.read(book(tmp_path / "a.xlsx", {"one": [], "two": [[None, None]]}))
    with pytest.raises(InputError, match="no rows"):
        io.read(book(tmp_path / "b.xlsx", {"one": [HEADER]}))


def stored_set(source, directory):
    schema = inferred(source)
    return sets.write([conversion.typed(source.data, schema)], schema, directory, SampleSpec(), "x"), schema


def test_what_goes_out_as_excel_comes_back_the_same(tmp_path):
    source = io.read(book(tmp_path / "a.xlsx", {"data": [HEADER, *rows()]}))
    made, schema = stored_set(source, tmp_path / "set")
    path = sets.export_file(made, schema, tmp_path / "out.xlsx")
    pd.testing.assert_frame_equal(io.read(path).data, source.data)
    sheet = openpyxl.load_workbook(path).active
    assert [cell.value for cell in sheet[1]] == HEADER
    assert [cell.value for cell in sheet[5]] == rows()[3]
    assert [type(cell.value) for cell in sheet[5]] == [int, str, dt.datetime, dt.datetime, float, bool]
    assert path.read_bytes() == sets.export_file(made, schema, tmp_path / "again.xlsx").read_bytes()


def test_the_bundle_of_a_workbook_holds_a_workbook(tmp_path):
    source = io.read(book(tmp_path / "a.xlsx", {"data": [HEADER, *rows()]}))
    made, schema = stored_set(source, tmp_path / "set")
    assert {p.name for p in sets.export(made, schema, tmp_path / "out")} == {"data.csv", "data.parquet", "data.xlsx"}
    plain = io.from_memory(source.data)
    made, schema = stored_set(plain, tmp_path / "other")
    assert {p.name for p in sets.export(made, schema, tmp_path / "out2")} == {"data.csv", "data.parquet"}


def test_no_text_becomes_a_formula(tmp_path):
    texts = ["=1+1", "+49 30", "-x", "@SUM(A1)", '=HYPERLINK("a")', "plain", "tab\x02bed & <b>", "\ttab"]
    frame = pd.DataFrame({"text": np.repeat(texts, 12), "other": np.tile(["a", "b", "c"], 32)})
    made, schema = stored_set(io.from_memory(frame), tmp_path / "set")
    sheet = openpyxl.load_workbook(sets.export_file(made, schema, tmp_path / "out.xlsx")).active
    cells = [row[0] for row in sheet.iter_rows(min_row=2)]
    assert {cell.data_type for cell in cells} == {"s"}
    assert {cell.value for cell in cells} == {text.replace("\x02", "") for text in texts}
    assert all(cell.quotePrefix for cell in cells if cell.value[:1] in "=+-@\t")


def test_old_dates_and_long_numbers_survive_as_texts(tmp_path):
    days = pd.Series(np.datetime64("1850-01-01", "us") + np.arange(60) * np.timedelta64(700, "D"))
    frame = pd.DataFrame({"born": days, "big": np.arange(60) * 10**15 + 7})
    made, schema = stored_set(io.from_memory(frame), tmp_path / "set")
    sheet = openpyxl.load_workbook(sets.export_file(made, schema, tmp_path / "out.xlsx")).active
    assert sheet["A2"].value == "1850-01-01"
    assert sheet["A61"].value == days.iloc[-1].to_pydatetime()
    assert sheet["B61"].value == str(59 * 10**15 + 7)


def test_more_rows_than_a_sheet_holds_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(excel_writing, "MOST_ROWS", 50)
    source = io.read(book(tmp_path / "a.xlsx", {"data": [HEADER, *rows()]}))
    made, schema = stored_set(source, tmp_path / "set")
    with pytest.raises(LimitError, match="49 rows"):
        sets.export_file(made, schema, tmp_path / "out.xlsx")
    assert "data.xlsx" not in {p.name for p in sets.export(made, schema, tmp_path / "out")}


def test_memory_follows_the_chunk_not_the_table(tmp_path):
    """A sheet is streamed: what is held at once is a chunk of rows."""
    import tracemalloc

    chunk = pd.DataFrame({"a": np.arange(5000.0), "b": np.resize(["x", "y"], 5000).astype(object)})
    schema = inferred(io.from_memory(chunk.astype({"a": float})))
    peaks = []
    for count in (4, 24):
        tracemalloc.start()
        excel_writing.write_excel((chunk for _ in range(count)), schema, tmp_path / f"{count}.xlsx")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_pandas_reads_what_was_written(tmp_path):
    source = io.read(book(tmp_path / "a.xlsx", {"data": [HEADER, *rows()]}))
    made, schema = stored_set(source, tmp_path / "set")
    content = sets.export_file(made, schema, tmp_path / "out.xlsx").read_bytes()
    frame = pd.read_excel(memory.BytesIO(content))
    assert frame["seen"].dtype.kind == "M"
    assert frame["smoker"].dtype == bool
    assert frame["paid"].tolist() == [row[4] for row in rows()]


def test_the_library_fits_a_workbook_and_writes_one(tmp_path):
    from synthgen.synthesizer import TabularSynthesizer

    path = book(tmp_path / "a.xlsx", {"data": [HEADER, *rows(120)]})
    made = TabularSynthesizer(generator="independent").fit(path)
    assert made.write(tmp_path / "out.xlsx", 80) == 80
    frame = io.read(tmp_path / "out.xlsx").data
    assert frame.shape == (80, 6)
    assert set(frame["name"]) <= {"Ann", "Bo", "Çelik"}


def formatted(path, formats, count=60):
    """A workbook of one sheet whose columns hold these numbers in these formats: name to (numbers, format)."""
    made = openpyxl.Workbook()
    made.active.append(list(formats))
    for row in range(count):
        made.active.append([numbers[row % len(numbers)] for numbers, _ in formats.values()])
    for place, (_, shown) in enumerate(formats.values(), start=1):
        for row in range(2, count + 2):
            made.active.cell(row, place).number_format = shown
    made.save(path)
    return path


def test_numbers_in_a_format_of_zeros_are_the_codes_that_are_shown(tmp_path):
    zips = [1014, 90210, 501, 2139]
    path = formatted(
        tmp_path / "a.xlsx", {"zip": (zips, "00000"), "zone": (zips, "[$-409]00000"), "age": ([30, 41], "0")}
    )
    source = io.read(path)
    assert source.data["zip"].tolist() == ["01014", "90210", "00501", "02139"] * 15
    assert source.data["zone"].tolist() == source.data["zip"].tolist()
    schema = inferred(source)
    assert {c.name: c.kind for c in schema.columns} == {"zip": "category", "zone": "category", "age": "integer"}
    out = excel_writing.write_excel([conversion.typed(source.data, schema)], schema, tmp_path / "b.xlsx")
    assert io.read(out).data["zip"].tolist() == source.data["zip"].tolist()


def test_what_a_code_format_cannot_hold_stays_the_number_it_is(tmp_path):
    path = formatted(tmp_path / "a.xlsx", {"x": ([7, -7, 1.5], "000"), "y": ([1, 2, 3], "General")})
    assert io.read(path).data["x"].tolist()[:3] == ["007", "-7", "1.5"]


def test_percentages_stay_numbers_and_are_written_as_percentages(tmp_path):
    shares = [0.1, 0.255, 0.5]
    columns = {
        "whole": (shares, "0%"),
        "tenths": (shares, "0.0%"),
        "fine": (shares, "0.000%"),
        "plain": (shares, "0.00"),
    }
    source = io.read(formatted(tmp_path / "a.xlsx", columns))
    schema = inferred(source)
    typed = conversion.typed(source.data, schema)
    assert typed["whole"].tolist() == shares * 20
    sheet = openpyxl.load_workbook(excel_writing.write_excel([typed], schema, tmp_path / "b.xlsx")).active
    assert [cell.value for cell in sheet[3]] == [0.255] * 4
    assert [cell.number_format for cell in sheet[3]] == ["0%", "0.0%", "0.00%", "General"]
