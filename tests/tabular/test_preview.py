import json

import numpy as np
import pandas as pd
import pytest

from synthgen.runtime import RunContext
from synthgen.spec import RunSpec, SampleSpec
from synthgen.tabular import inference, io, preview, sets
from synthgen.tabular.splitting import split


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    rng = np.random.default_rng(0)
    rows = 2000
    frame = pd.DataFrame(
        {
            "id": [f"K{i:05d}" for i in range(rows)],
            "age": rng.normal(50, 15, rows).round(1).astype(str),
            "visits": rng.integers(0, 6, rows).astype(str),
            "ward": rng.choice(["north", "south", "rarely", ""], rows, p=[0.6, 0.29, 0.003, 0.107]),
            "day": np.datetime_as_string(np.datetime64("2020-01-01") + rng.integers(0, 700, rows)),
            "same": "x",
        },
        dtype=object,
    )
    source, spec = io.from_memory(frame), RunSpec()
    made = inference.infer(source, spec)
    parts = split(source, made, spec, RunContext())
    synthetic = sets.write([parts.holdout], made, tmp_path_factory.mktemp("set"), SampleSpec(), "x")
    return source, made, spec, parts, synthetic


def test_the_preview_is_json_with_rows_reasons_and_shapes(scene):
    source, made, *_ = scene
    shown = json.loads(json.dumps(preview.preview(source, made, rows=7)))
    assert len(shown["rows"]) == 7
    assert shown["row_count"] == 2000
    assert [c["name"] for c in shown["columns"]] == made.names
    by_name = {c["name"]: c for c in shown["columns"]}
    assert by_name["ward"]["missing"] == int((source.data["ward"] == "").sum())
    assert by_name["ward"]["reason"].startswith("read as category")
    assert by_name["id"]["histogram"] == {}
    for column in ("age", "visits", "ward", "day"):
        histogram = by_name[column]["histogram"]
        assert sum(histogram["counts"]) == 2000
        assert len(histogram["labels"]) == len(histogram["counts"]) > 2


def test_plots_compare_the_same_bins(scene):
    _, made, spec, parts, synthetic = scene
    drawn = {plot.column: plot for plot in preview.plots(parts, synthetic, made, spec)}
    assert list(drawn) == ["age", "visits", "ward", "day"]
    for plot in drawn.values():
        assert sum(plot.real) == pytest.approx(1)
        assert sum(plot.synthetic) == pytest.approx(1)
        assert sum(plot.real_counts) == len(parts.train)
        assert max(abs(np.subtract(plot.real, plot.synthetic))) < 0.1
    assert [drawn[c].kind for c in drawn] == ["number", "category", "category", "date"]


def test_bins_of_few_people_are_marked(scene):
    _, made, spec, parts, synthetic = scene
    ward = next(plot for plot in preview.plots(parts, synthetic, made, spec) if plot.column == "ward")
    hidden = dict(zip(ward.bins, ward.suppressed, strict=True))
    assert hidden["rarely"]
    assert not hidden["north"]


def test_people_are_counted_not_rows(tmp_path):
    frame = pd.DataFrame({"patient_id": np.repeat(np.arange(100, 160), 5), "word": np.tile(list("aabbb"), 60)})
    source, spec = io.from_memory(frame), RunSpec()
    made = inference.infer(source, spec)
    parts = split(source, made, spec, RunContext())
    synthetic = sets.write([parts.train], made, tmp_path / "set", SampleSpec(), "x")
    (plot,) = preview.plots(parts, synthetic, made, spec)
    people = parts.train["patient_id"].nunique()
    assert plot.real_counts == (people, people)
    assert plot.real == pytest.approx((0.6, 0.4))


def test_bin_edges_are_round_and_hide_the_extremes(scene):
    source, made, spec, parts, synthetic = scene
    age = next(plot for plot in preview.plots(parts, synthetic, made, spec) if plot.column == "age")
    ages = source.data["age"].astype(float)
    assert age.bins[0].startswith("below")
    assert all(str(extreme) not in " ".join(age.bins).split() for extreme in (ages.min(), ages.max()))


def test_a_set_is_shown_as_it_will_be_written(scene):
    source, made, _, parts, synthetic = scene
    shown = preview.set_preview(synthetic, made, rows=3)
    assert shown["rows"] == source.data[source.data["id"].isin(parts.holdout["id"].iloc[:3])].to_numpy().tolist()
