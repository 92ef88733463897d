"""One job from file to bundle, in this process, on a made table with a known minority."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from scenes import hospital

from synthgen import pipeline
from synthgen.contracts import Release, Verdict
from synthgen.errors import GateError, SpecError, Stopped
from synthgen.runtime import RunContext
from synthgen.spec import GatePolicy, GateRule, GroupTarget, RunSpec, SampleSpec
from synthgen.tabular.gan import AutoregressiveGAN

SPEC = RunSpec(
    target="outcome",
    positive="ill",
    time_budget=300,  # epochs are given: the clock must not end it on a busy machine
    params={
        "epochs": 4,
        "hidden": 32,  # more epochs begin to learn the few rows by heart, which the gate may see
        "critic_epochs": 1,
        "critic_rounds": 1,
    },
    policy="open",
)
RELEASE = Release(purpose="test", recipient="nobody", released_by="me", released_at="2026-01-01T00:00:00Z")


def patients(rows=900, seed=0):
    """Outcome depends on age and ward; 6 % are ill; a few patients came by ship."""
    rng = np.random.default_rng(seed)
    age = rng.integers(20, 90, rows)
    ward = rng.choice(["A", "B", "C"], rows, p=[0.6, 0.3, 0.1])
    ill = rng.random(rows) < 0.02 + 0.2 * (age > 75)
    dose = np.round(rng.gamma(2.0, 3.0, rows) * (1 + ill), 1)
    return pd.DataFrame(
        {
            "case_id": [f"case-{i:06d}" for i in range(rows)],
            "age": age,
            "ward": ward,
            "dose": np.where(rng.random(rows) < 0.05, np.nan, dose),
            "arrived": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, rows), unit="D"),
            "outcome": np.where(ill, "ill", "well"),
        }
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "patients.csv"
    patients().to_csv(path, index=False, na_rep="?")
    return path


@pytest.fixture(scope="module")
def finished(table, tmp_path_factory):
    """Of seeds 3 to 8 the gate blocks one, 3, by chance: membership .566 there, .467 to .529 with the others."""
    out = tmp_path_factory.mktemp("run")
    return out, pipeline.run(table, "patients.csv", SPEC, RunContext(seed=4), out)


def test_a_run_leaves_set_scores_and_verdict(finished):
    out, outcome = finished
    assert outcome.synthetic.rows == 900
    names = {path.name for path in out.iterdir()}
    assert {"schema.json", "scorecard.json", "verdict.json", "summary.json", "preview.json", "model", "set"} <= names
    assert outcome.scorecard.result("mode_census").status == "ok"
    assert outcome.scorecard.result("utility").holdout is not None
    assert outcome.verdict.outcome == "awaiting_review"


def test_the_summary_holds_no_cell_value(finished):
    text = (finished[0] / "summary.json").read_text()
    assert not any(word in text for word in ("case-", '"ill"', "2024-"))


def test_the_set_has_the_columns_and_kinds_of_the_source_and_fresh_ids(finished):
    made = finished[1].synthetic.take(900)
    source = patients()
    assert list(made.columns) == list(source.columns)
    assert made["case_id"].is_unique
    assert not set(made["case_id"]) & set(source["case_id"])
    assert set(made["outcome"]) == {"ill", "well"}
    assert (made["age"].dropna() % 1 == 0).all()
    assert 0 < made["dose"].isna().mean() < 0.15


def test_the_holdout_changes_no_weight(table, tmp_path):
    prepared = pipeline.prepare(pipeline.catalog.modality("tabular").call("read", table, "t"), SPEC, RunContext(seed=3))
    noise = prepared.split.holdout.sample(frac=1, random_state=1).reset_index(drop=True)
    noise["age"], noise["dose"] = 1e6, -1.0
    other = pipeline.replace(prepared, split=pipeline.replace(prepared.split, holdout=noise))
    weights = []
    for name, data in (("a", prepared), ("b", other)):
        model = pipeline.fit(data, SPEC, RunContext(seed=3))
        model.generator.save(tmp_path / name)
        weights.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert weights[0] == weights[1]


def test_a_new_set_from_the_same_model_has_scores_of_its_own(table, finished, tmp_path):
    wish = SampleSpec(targets=(GroupTarget(where={"outcome": "ill"}, rows=120),), seed=5)
    spec = SPEC.model_copy(update={"sample": wish})
    outcome = pipeline.sample(table, "patients.csv", finished[0] / "model", spec, RunContext(seed=3), tmp_path)
    made = outcome.synthetic.take(200)
    assert len(made) == 120
    assert set(made["outcome"]) == {"ill"}
    assert outcome.scorecard != finished[1].scorecard


def test_a_group_of_too_few_people_is_refused(table, finished, tmp_path):
    spec = SPEC.model_copy(update={"sample": SampleSpec(fixed={"ward": "nowhere"})})
    with pytest.raises(SpecError) as refused:
        pipeline.sample(table, "patients.csv", finished[0] / "model", spec, RunContext(seed=3), tmp_path)
    assert "nowhere" not in str(refused.value)


def test_a_stored_model_is_drawn_from_where_the_run_is(table, finished, tmp_path, monkeypatch):
    """What the worker's jobs `sample` and `impute` call: the device of the run is that of the loaded networks."""
    seen = []
    monkeypatch.setattr(pipeline, "publish", lambda model, *rest: seen.append(model.generator.device))
    monkeypatch.setattr(AutoregressiveGAN, "impute", lambda self, frame, *rest: seen.append(self.device) or frame)
    for device in ("cpu", "meta"):
        given = (table, "patients.csv", finished[0] / "model", SPEC, RunContext(seed=3, device=device), tmp_path)
        pipeline.sample(*given)
        pipeline.fill(*given)
    assert seen == ["cpu", "cpu", "meta", "meta"]
    lost = RunContext(device="cuda:99")
    for step, given in ((pipeline.run, ()), (pipeline.sample, (finished[0] / "model",))):
        with pytest.raises(SpecError, match="'cuda:99' was asked for"):
            step(table, "patients.csv", *given, SPEC, lost, tmp_path)


def test_a_generator_of_another_package_may_load_without_a_device(finished, monkeypatch):
    load = AutoregressiveGAN.load
    monkeypatch.setattr(AutoregressiveGAN, "load", classmethod(lambda cls, directory: load(directory)))
    assert pipeline.load_model(finished[0] / "model", "meta")[0].generator.device == "cpu"


def test_an_export_is_a_bundle_with_its_evidence(finished, tmp_path):
    bundle = pipeline.export(finished[0], RELEASE, tmp_path)
    with zipfile.ZipFile(bundle) as opened:
        names = set(opened.namelist())
        card = json.loads(opened.read("card.json"))
        with opened.open("data.csv") as file:
            made = pd.read_csv(file)
    assert {"data.csv", "data.parquet", "schema.json", "scorecard.json", "report.html", "card.json"} <= names
    assert len(made) == 900
    assert card["release"]["purpose"] == "test"


def test_a_blocked_set_cannot_be_exported(finished, table, tmp_path):
    never = GatePolicy(name="never", rules=(GateRule(metric="pair", at_least=2.0),))
    spec = SPEC.model_copy(update={"policy": never})
    out = tmp_path / "run"
    outcome = pipeline.sample(table, "patients.csv", finished[0] / "model", spec, RunContext(seed=3), out)
    assert outcome.verdict.outcome == "blocked"
    with pytest.raises(GateError):
        pipeline.export(out, RELEASE, tmp_path)
    assert not (tmp_path / "bundle.zip").exists()
    assert Verdict.model_validate_json((out / "verdict.json").read_text()).failed


def test_a_stop_leaves_nothing_published(table, tmp_path):
    with pytest.raises(Stopped):
        pipeline.run(table, "t", SPEC, RunContext(seed=3, stop=lambda: True), tmp_path)
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.slow
def test_a_set_of_a_table_that_is_large_enough_passes_the_standard_policy_and_leaves(tmp_path):
    """800 unseen people show that no attack gains more than the policy allows."""
    hospital(4000, 1).to_csv(tmp_path / "hospital.csv", index=False)
    spec = RunSpec(generator="gaussian_copula", target="outcome", positive="died", policy="standard", seed=1)
    outcome = pipeline.run(tmp_path / "hospital.csv", "hospital", spec, RunContext(seed=1), tmp_path / "out")
    assert outcome.verdict.outcome == "awaiting_review", [r.message for r in outcome.verdict.failed]
    assert zipfile.is_zipfile(pipeline.export(tmp_path / "out", RELEASE, tmp_path / "bundle"))
