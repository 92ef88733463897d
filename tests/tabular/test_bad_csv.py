"""Every one of 98 broken CSV files loads as a sensible table or gets a clear error, in the limited child."""

import csv
import json
import random
import sys
import time
import zipfile
from pathlib import Path

import pytest

from synthgen.errors import LimitError, SynthgenError
from synthgen.isolation import run_limited
from synthgen.spec import RunSpec
from synthgen.tabular import conversion, inference, io, preview

HERE = "test_bad_csv"
UNREADABLE = {"no_payload", "locations_1998", "organogram_junior", "w44out", "quotation_char_0x27"}


def load_all(paths):
    """What becomes of each file: its shape, or the error's code and message; anything else ends the child."""
    return {path: load(path) for path in paths}


def load(path):
    try:
        source = io.read(Path(path))
        made = inference.infer(source, RunSpec())
        conversion.presented(conversion.typed(source.data, made), made)
        json.dumps(preview.preview(source, made))
    except SynthgenError as error:
        return {"code": error.code, "message": str(error), "hint": error.hint}
    return {"shape": list(source.data.shape), "names": list(source.data.columns)}


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture(scope="module")
def outcomes(shared_data):
    folder = shared_data / "bad_csv"
    paths = sorted(str(path) for path in folder.glob("*/*.csv"))
    assert len(paths) == 98
    sys.path.insert(0, str(Path(__file__).parent))
    found = run_limited(f"{HERE}:load_all", paths, seconds=120)
    sys.path.remove(str(Path(__file__).parent))
    return {str(Path(path).relative_to(folder)): outcome for path, outcome in found.items()}


def test_every_file_loads_or_is_refused_clearly(outcomes):
    refused = {name: outcome for name, outcome in outcomes.items() if "code" in outcome}
    assert all(any(part in name for part in UNREADABLE) for name in refused), refused
    assert len(refused) == len(UNREADABLE)
    for outcome in refused.values():
        assert outcome["code"] in ("bad_input", "limit_exceeded")
        assert outcome["hint"]


def test_files_that_pandas_reads_have_the_same_width(shared_data, outcomes):
    """Where a plain reader copes and nothing stands above the header, the table has the columns that it finds."""
    known = {"real_world/" + name for name in ("1pct_nano_20pct_micro.csv", "1pct_sio2_003.csv")}
    wrong_separator = {"kokad", "erionite", "mordenite", "vissim", "resultsor"}
    for row in csv.DictReader((shared_data / "bad_csv" / "MANIFEST.csv").open()):
        said, name = row["pandas_read_csv_default"], row["file"]
        if not said.startswith("ok") or name in known or any(part in name for part in wrong_separator):
            continue
        if "shape" in outcomes[name]:
            assert outcomes[name]["shape"][1] == int(said.split("x")[1]), name


def test_csv_spectrum_is_read_as_its_authors_say(shared_data):
    for path in sorted((shared_data / "bad_csv" / "csv_spectrum").glob("*.csv")):
        if path.stem == "location_coordinates":  # its degree signs were lost before it came here
            continue
        expected = json.loads(path.with_suffix(".json").read_text())
        expected = expected if isinstance(expected, list) else [expected]
        found = io.read(path).data.to_dict("records")
        tidy = [{key: value.replace("\r\n", "\n") for key, value in row.items()} for row in found]
        assert tidy == [{key: value.replace("\r\n", "\n") for key, value in row.items()} for row in expected], path.name


def test_polluted_files_keep_their_83_rows(outcomes):
    for name, outcome in outcomes.items():
        if (
            name.startswith("pollock")
            and "shape" in outcome
            and "multitable" not in name
            and "one_data_row" not in name
        ):
            assert outcome["shape"] == [83, 9], name
            assert outcome["names"][:4] == ["DATE", "TIME", "Qty", "PRODUCTID"], name


def test_ids_that_crash_pandas(tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text("Crime ID,x\n" + "8e2569614270,1\n1e99999999999,2\n9e2147483648,3\n" * 40)
    assert run_limited(f"{HERE}:load", str(path))["shape"] == [120, 2]


def test_ten_thousand_columns_fit_the_limits(tmp_path):
    path = tmp_path / "wide.csv"
    row = ",".join(str(i % 10) for i in range(10_000))
    path.write_text(",".join(f"c{i}" for i in range(10_000)) + "\n" + f"{row}\n" * 8)
    assert run_limited(f"{HERE}:load", str(path), seconds=120)["shape"] == [8, 10_000]


def test_an_archive_bomb_is_refused(tmp_path):
    path = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.csv", "w", force_zip64=True) as file,
    ):
        for _ in range(200):
            file.write(b"1,2\n" * (1 << 18))
    with pytest.raises(LimitError, match="unpacks to"):
        io.read(path)


MARKS = "\" ' , ; | \\ 8e2569614270 1e309 NaN -inf 31/02/2020 9999-12-31 24:00 None 1,000 $5 - é"
PIECES = [
    *(mark.encode() for mark in MARKS.split()),
    *(b"\t", b"\r", b"\n", b" ", b"\x00", b"\xe9", b"\xff\xfe", b"\xef\xbb\xbf", b"9" * 30, b"\x1f\x8b", b"PK\x03\x04"),
]


@pytest.mark.parametrize("seed", range(60))
def test_damaged_files_never_raise_anything_else(tmp_path, seed):
    """Bytes put in, taken out and doubled at random places: a table or one of our errors, nothing else."""
    rng = random.Random(seed)
    rows = [
        f'{i},{"MF"[i % 2]},{i * 0.37:.2f},"a, {i % 7}",2020-01-{1 + i % 28:02d},{["yes", "no", ""][i % 3]}'
        for i in range(60)
    ]
    content = bytearray(("id,sex,dose,word,day,ill\n" + "\n".join(rows)).encode())
    for _ in range(rng.randint(1, 12)):
        place = rng.randrange(len(content))
        act = rng.random()
        if act < 0.5:
            content[place:place] = rng.choice(PIECES) * rng.choice([1, 1, 3, 50])
        elif act < 0.8:
            del content[place : place + rng.randint(0, 300)]
        else:
            content[place:place] = content[place : place + 400]
        content = content or bytearray(b"x")
    path = tmp_path / "damaged.csv"
    path.write_bytes(bytes(content))
    outcome = load(str(path))
    assert "shape" in outcome or outcome["hint"]


LONG = {
    "blanks": b"a,b\n1" + b" " * 120_000 + b"x,2\n3,4\n",
    "separators": b"a,b\n'" + b"," * 250_000 + b"\n1,2\n",
    "quotes": b"a,b\n" + b"\"'," * 60_000 + b"\n1,2\n",
}


@pytest.mark.parametrize("content", LONG.values(), ids=LONG)
def test_long_cells_take_no_time(tmp_path, content):
    path = tmp_path / "long.csv"
    path.write_bytes(content)
    started = time.process_time()
    load(str(path))
    assert time.process_time() - started < 10
