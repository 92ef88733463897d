"""Fresh keys fit the dtype of the source's and stay apart from them, however near its end those are."""

import numpy as np
import pandas as pd
import pytest

from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import io

ROWS = 300
SOURCES = {
    "upper half of int64": ("int64", 2**62, 2**63),
    "all of int64": ("int64", 1, 2**63),
    "upper half of uint64": ("uint64", 2**63, 2**64),
    "all of uint64": ("uint64", 1, 2**64),
    "upper end of int32": ("int32", 15 * 10**8, 2**31),
    "upper end of uint16": ("uint16", 40_000, 2**16),
    "far from the end": ("int64", 10_000, 90_000),
}


def table(case):
    """Keys spread over a stretch of a dtype, its last number among them."""
    dtype, low, high = SOURCES[case]
    rng = np.random.default_rng(0)
    keys = np.unique(rng.integers(low, high - 1, ROWS, dtype=dtype, endpoint=True))
    keys[-1] = high - 1
    keys = rng.permutation(keys)
    return pd.DataFrame({"record_id": keys, "x": rng.integers(0, 9, len(keys)), "y": rng.normal(size=len(keys))})


@pytest.mark.parametrize("how", ["frame", "csv"])
@pytest.mark.parametrize("case", SOURCES)
def test_fresh_keys_fit_and_stay_apart(case, how, tmp_path):
    frame = table(case)
    frame.to_csv(tmp_path / "table.csv", index=False)
    model = TabularSynthesizer("independent").fit(frame if how == "frame" else tmp_path / "table.csv")
    made = model.sample(2000)
    keys = made["record_id"].map(int)
    assert keys.is_unique
    assert not set(keys) & set(map(int, frame["record_id"]))
    if how == "frame":
        assert made["record_id"].dtype == frame["record_id"].dtype
    model.write(tmp_path / "made.parquet", 50)
    stored = io.read(tmp_path / "made.parquet").data["record_id"]
    assert stored.dtype.kind in "iu"
    assert set(map(int, stored)) <= set(keys)


def test_people_s_keys_too():
    frame = table("upper half of int64").rename(columns={"record_id": "patient_id"})
    twice = pd.concat([frame, frame.assign(y=0.5)], ignore_index=True)
    made = TabularSynthesizer("independent").fit(twice).sample(400)["patient_id"]
    assert made.dtype == "int64"
    assert made.duplicated().any()
    assert not set(made) & set(frame["patient_id"])


def test_keys_start_where_they_did_while_there_is_room():
    model = TabularSynthesizer("independent").fit(table("far from the end"))
    assert model.sample(3)["record_id"].tolist() == [90_001, 90_002, 90_003]
