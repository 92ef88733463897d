"""An augmentation set holds no real row: what leaves is what was drawn, and real rows among it stop at the gate."""

import io as streams
import zipfile

import numpy as np
import pandas as pd
import pytest
from scenes import hospital, scene

from synthgen import pipeline
from synthgen.contracts import Release
from synthgen.errors import GateError
from synthgen.release import gate, policies
from synthgen.runtime import RunContext
from synthgen.spec import GatePolicy, GateRule, GroupTarget, RunSpec, SampleSpec
from synthgen.tabular import TABULAR, io

RELEASE = Release(purpose="augment", recipient="the ward", released_by="Vera", released_at="2026-01-01T00:00:00+00:00")
OWN = ["age", "visits", "sodium", "charge", "admitted"]  # together nobody's twice


def test_a_bundle_of_rows_of_the_rare_class_holds_none_of_the_table(tmp_path):
    asked = SampleSpec(targets=(GroupTarget(where={"outcome": "died"}, rows=150),))
    policy = GatePolicy(name="any", rules=(GateRule(metric="pair", at_least=0.0, required=False),))
    spec = RunSpec(generator="gaussian_copula", target="outcome", positive="died", sample=asked, policy=policy)
    real, ctx = hospital(1500, 1), RunContext(seed=1)
    ready = pipeline.prepare(io.from_memory(real), spec, ctx)
    pipeline.publish(pipeline.fit(ready, spec, ctx), ready, spec, ctx, tmp_path)
    bundle = pipeline.export(tmp_path, RELEASE, tmp_path / "out")
    with zipfile.ZipFile(bundle) as archive:
        made = pd.read_csv(streams.BytesIO(archive.read("data.csv")), parse_dates=["admitted"])
    assert len(made) == 150
    assert (made["outcome"] == "died").all()
    assert len(made[OWN].merge(real[OWN].assign(age=real["age"].astype(made["age"].dtype)))) == 0


@pytest.mark.parametrize("policy", sorted(policies.POLICIES))
def test_real_rows_among_synthetic_ones_stop_at_the_gate(policy, tmp_path):
    base = scene(hospital(3000, 1), hospital(50, 2), tmp_path / "base", policy=policy)
    fresh = base.with_set(base.split.train, tmp_path / "x").split.train
    rare = fresh[fresh["outcome"] == "died"]
    mixed = base.with_set(pd.concat([rare, rare.sample(len(rare), random_state=0)], ignore_index=True), tmp_path / "y")
    card = mixed.scored(("copied_rows", "near_copies", "closest_record", "lone_numbers", "augmentation"))
    verdict = gate.decide(card, policies.named(policy))
    assert verdict.outcome == "blocked"
    assert np.isclose(card.result("copied_rows").value, 1)
    with pytest.raises(GateError, match="blocked"):
        gate.release(mixed.synthetic, mixed.schema, card, verdict, RELEASE, mixed.spec, TABULAR)
