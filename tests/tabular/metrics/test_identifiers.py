"""Keys of real people in a synthetic set are seen, fresh ones are not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from synthgen import catalog, pipeline, scoring
from synthgen.contracts import MetricResult, Status
from synthgen.runtime import RunContext
from synthgen.spec import RunSpec, SampleSpec

ROWS = 400


def _scored(frame: pd.DataFrame, made: pd.DataFrame, folder: Path) -> MetricResult:
    spec, ctx, modality = RunSpec(seed=3), RunContext(seed=3), catalog.modality("tabular")
    prepared = pipeline.prepare(modality.call("from_memory", frame), spec, ctx)
    drawn = modality.call(
        "write", iter([modality.call("typed", made, prepared.schema)]), prepared.schema, folder, SampleSpec(), "given"
    )
    entries = {"copied_keys": modality.metrics["copied_keys"]}
    return scoring.score(entries, prepared.split, drawn, prepared.schema, prepared.groups, ctx).results[0]


@pytest.fixture
def table() -> pd.DataFrame:
    rng = RunContext(seed=1).rng("table")
    keys = [f"P{n:06d}" for n in rng.choice(10**6, ROWS, replace=False)]
    return pd.DataFrame({"case_id": keys, "age": rng.integers(20, 90, ROWS), "sex": rng.choice(["f", "m"], ROWS)})


def test_real_keys_are_seen(table, tmp_path):
    found = _scored(table, table.sample(200, random_state=0), tmp_path)
    assert found.value is not None
    assert found.value > 0.5
    assert found.holdout == 0
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_fresh_keys_are_clean(table, tmp_path):
    fresh = table.assign(case_id=[f"Q{n:06d}" for n in range(ROWS)])
    found = _scored(table, fresh, tmp_path)
    assert found.status is Status.OK
    assert found.value == 0
    assert found.p_value == 1


def test_a_table_without_keys_has_nothing_to_hand_on(table, tmp_path):
    plain = table.drop(columns="case_id")
    assert _scored(plain, plain, tmp_path).status is Status.NOT_APPLICABLE
