"""Every one of 98 broken CSV files loads as a sensible table or gets a clear error, in the limited child."""

import csv
import json
import sys
import zipfile
from pathlib import Path

import pytest

from synthgen.errors import LimitError, SynthgenError
from synthgen.isolation import run_limited
from synthgen.spec import RunSpec
from synthgen.tabular import io, preview, schema

HERE = "test_bad_csv"
UNREADABLE = {"no_payload", "locations_1998", "organogram_junior", "w44out", "quotation_char_0x27"}


def load_all(paths):
    """What becomes of each file: its shape, or the error's code and message; anything else ends the child."""
    return {path: load(path) for path in paths}


def load(path):
    try:
        source = io.read(Path(path))
        made = schema.infer(source, RunSpec())
        made.presented(made.typed(source.data))
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
