"""SMOTE-NC keeps the classes, lies between neighbours, and is stopped by the standard policy."""

import json

import numpy as np
import pandas as pd
import pytest
from scenes import hospital, scene

from synthgen import pipeline
from synthgen.errors import SpecError
from synthgen.release import gate, policies
from synthgen.runtime import RunContext
from synthgen.spec import RunSpec, SampleSpec
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import io
from synthgen.tabular.smote import SmoteNC, between


def test_rows_lie_on_the_line_between_two_of_the_class():
    rng = np.random.default_rng(0)
    records = np.c_[np.r_[rng.normal(0, 1, 20), rng.normal(50, 1, 200)], np.r_[np.ones(20), np.zeros(200)]]
    records = np.c_[records, records[:, 0] * 2]
    made = between(records, np.arange(220) < 20, 500, [1], 5, rng)
    assert made.shape == (500, 3)
    assert (made[:, 1] == 1).all()
    assert np.allclose(made[:, 2], made[:, 0] * 2)
    assert made[:, 0].max() <= records[:20, 0].max()


@pytest.mark.parametrize("discrete", [[], [0, 1, 2]])
def test_tables_of_one_kind_of_column_are_served_too(discrete):
    records = np.random.default_rng(1).integers(0, 4, (60, 3)).astype(float)
    assert between(records, np.arange(60) < 30, 11, discrete, 5, np.random.default_rng(0)).shape == (11, 3)
    assert between(records, np.ones(60, bool), 11, discrete, 5, np.random.default_rng(0)).shape == (11, 3)


def test_a_class_of_one_row_is_repeated():
    records = np.arange(12.0).reshape(4, 3)
    made = between(records, np.arange(4) == 2, 3, [], 5, np.random.default_rng(0))
    assert (made == records[2]).all()


def test_its_model_is_records_and_is_not_saved(tmp_path):
    synthesizer = TabularSynthesizer(generator="smote_nc", target="outcome")
    with pytest.raises(SpecError, match="training rows"):
        synthesizer.must_be_savable()
    with pytest.raises(SpecError, match="training rows"):
        synthesizer.fit(hospital(200)).save(tmp_path / "model")
    assert not (tmp_path / "model").exists()
    assert len(synthesizer.sample(20)) == 20


def test_a_job_marks_its_model_as_holding_records(tmp_path):
    for generator, holds in (("smote_nc", True), ("independent", False)):
        spec, ctx = RunSpec(generator=generator, target="outcome"), RunContext()
        ready = pipeline.prepare(io.from_memory(hospital(200)), spec, ctx)
        pipeline.save_model(pipeline.fit(ready, spec, ctx), ready.schema, spec, 200, tmp_path / generator)
        assert json.loads((tmp_path / generator / "model.json").read_text())["holds_records"] is holds


def test_its_sets_keep_the_classes_and_are_blocked_as_copies(tmp_path):
    real = hospital(3000, 1)
    base = scene(real, real.head(50), tmp_path / "base")
    model = SmoteNC().fit(base.split.fitting, base.schema, base.groups, RunContext(seed=3))
    made = pd.concat([*model.sample(SampleSpec(), 2400, RunContext(seed=3))], ignore_index=True)
    shares = base.split.train.outcome.value_counts(normalize=True)
    assert abs((made.outcome == "died").mean() - shares["died"]) < 1e-3
    rules = ("copied_rows", "near_copies", "closest_record", "lone_numbers")
    card = base.with_set(made, tmp_path / "made").scored(rules)
    failed = {r.rule for r in gate.decide(card, policies.named("standard")).failed}
    assert failed & {"near_copies", "closest_record"}
