"""Rows that are near copies or outliers are dropped and drawn again: counts, targets and rules stay, and it is told."""

import json

import numpy as np
import pandas as pd
import pytest
from prepared import prepared
from scenes import hospital

from synthgen import catalog, pipeline
from synthgen.contracts import FitData
from synthgen.errors import SpecError
from synthgen.runtime import RunContext
from synthgen.spec import DifferentialPrivacy, GroupTarget, RunSpec, SampleSpec, Unique, Within
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import conversion, io, keys
from synthgen.tabular.constraints import Rules, breaks
from synthgen.tabular.filtering import FEWEST, learn, nearest_few

BOTH = ("near_copies", "outliers")


class Copier:
    """A generator that gives back training rows, far rows and fresh rows, a third each."""

    name = "copier"
    capabilities = frozenset()

    def __init__(self, train, schema):
        self.train, self.schema = train, schema

    def sample(self, spec, rows, ctx):
        rng = ctx.rng(f"sample/{spec.seed}")
        frame = conversion.typed(hospital(rows, int(rng.integers(10**6))), self.schema)
        kind = rng.integers(0, 3, rows)
        copies = self.train.sample(rows, replace=True, random_state=int(rng.integers(10**6))).reset_index(drop=True)
        frame[kind == 0] = copies[kind == 0]
        frame.loc[kind == 1, ["charge", "age", "visits", "sodium"]] = 1e6
        yield frame

    def report(self):
        return {}


@pytest.fixture(scope="module")
def scene():
    return prepared(hospital(3000, 1), target="outcome")


@pytest.fixture(scope="module")
def copier(scene):
    return Copier(scene.split.train, scene.schema)


def drawn(generator, scene, rows, spec, **more):
    chunks = keys.complete(generator, scene.schema, keys.KeyModel(), rows, spec, RunContext(seed=1), **more)
    return pd.concat(list(chunks), ignore_index=True)


def test_copies_and_far_rows_go_and_the_count_stays(scene, copier):
    sieve = learn(scene.data, scene.schema, BOTH, RunContext())
    notes = []
    frame = drawn(copier, scene, 900, SampleSpec(drop=BOTH), sieve=sieve, notes=notes)
    assert len(frame) == 900
    assert sieve.rows == 900
    assert 600 < sieve.dropped["near_copies"] < 1200  # a third of every draw
    assert 600 < sieve.dropped["outliers"] < 1200
    assert not any(sieve.left.values())
    assert not any(rows.any() for rows in sieve.catches(frame).values())
    real = scene.split.train[["charge", "sodium", "age"]]
    assert len(frame[["charge", "sodium", "age"]].merge(real)) == 0
    assert any("near copies leaves holes" in note for note in notes)
    assert any(note.startswith(f"{sieve.dropped['outliers']:,} rows were dropped") for note in notes)


def test_the_same_seed_gives_the_same_rows(scene, copier):
    first, second = (
        drawn(copier, scene, 300, SampleSpec(drop=BOTH), sieve=learn(scene.data, scene.schema, BOTH, RunContext()))
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, second)


def test_what_cannot_be_replaced_stays_and_is_told(scene):
    class OnlyCopies(Copier):
        def sample(self, spec, rows, ctx):
            yield self.train.sample(rows, replace=True, random_state=1).reset_index(drop=True)

    sieve = learn(scene.data, scene.schema, ("near_copies",), RunContext())
    frame = drawn(OnlyCopies(scene.split.train, scene.schema), scene, 100, SampleSpec(), sieve=sieve)
    assert len(frame) == 100
    assert sieve.left["near_copies"] > 90
    assert any(note.startswith(f"{sieve.left['near_copies']} rows stay") for note in sieve.notes)


def test_rules_are_kept_by_the_rows_drawn_again(scene, copier):
    rules = Rules(
        constraints=(Within(column="age", low=30, high=80), Unique(columns=("charge",))), combinations=((), ())
    )
    sieve = learn(scene.data, scene.schema, ("near_copies",), RunContext())
    frame = drawn(copier, scene, 200, SampleSpec(), sieve=sieve, rules=rules)
    known = {c.name: c for c in scene.schema.modelled}
    assert sieve.dropped["near_copies"] > 40
    assert not any(breaks(rule, frame, known).any() for rule in rules.constraints)


def test_edges_are_order_statistics_of_validation_rows_alone(scene):
    sieve = learn(scene.data, scene.schema, BOTH, RunContext())
    away = nearest_few(sieve.reference, sieve.vectors(scene.split.validation))
    assert 0 < (away[:, 0] < sieve.edges["near_copies"]).mean() + 1 / len(away) <= 0.02
    assert (away[:, -1] > sieve.edges["outliers"]).mean() <= 0.005
    assert sieve.edges["near_copies"] in away[:, 0]


def test_distances_are_exact():
    rng = np.random.default_rng(0)
    real, others = rng.normal(size=(300, 4)).astype("float32"), rng.normal(size=(50, 4)).astype("float32")
    others[0] = real[7]
    every = np.sort(((others[:, None] - real[None]) ** 2).sum(-1), axis=1)[:, :5]
    assert np.allclose(nearest_few(real, others), every, atol=1e-5)
    assert nearest_few(real, others)[0, 0] == 0


def test_too_few_validation_rows_are_refused(scene):
    data = FitData(scene.split.train, scene.split.validation.head(FEWEST - 1))
    with pytest.raises(SpecError, match=str(FEWEST - 1)):
        learn(data, scene.schema, BOTH, RunContext())


def test_where_unseen_rows_equal_real_ones_nothing_is_a_near_copy_and_it_is_said():
    frame = pd.DataFrame({"a": ["x", "y"] * 400, "b": ["u", "v", "u", "u"] * 200})
    found = prepared(frame)
    sieve = learn(found.data, found.schema, ("near_copies",), RunContext())
    assert not sieve.catches(found.split.train)["near_copies"].any()
    assert any("no row counts as a near copy" in note for note in sieve.notes)


def test_differential_privacy_and_dropping_do_not_go_together():
    private = RunSpec(privacy=DifferentialPrivacy(epsilon=2.0), sample=SampleSpec(drop=("outliers",)))
    with pytest.raises(SpecError, match="no privacy budget"):
        catalog.check(private)


def test_a_library_user_drops_with_targets_and_conditions(tmp_path):
    model = TabularSynthesizer(generator="gaussian_copula", target="outcome").fit(hospital(1500, 1))
    targets = [GroupTarget(where={"outcome": "died"}, rows=60), GroupTarget(where={"outcome": "alive"}, rows=90)]
    frame = model.sample(targets=targets, where={"sex": "f"}, drop=BOTH)
    assert frame["outcome"].value_counts().to_dict() == {"alive": 90, "died": 60}
    assert (frame["sex"] == "f").all()
    assert (model.sample(balance=["outcome"], rows=200, drop=BOTH)["outcome"] == "died").sum() == 100
    assert model.write(tmp_path / "out.csv", rows=50, drop=["outliers"]) == 50
    model.save(tmp_path / "model")
    with pytest.raises(SpecError, match="no training data"):
        TabularSynthesizer.load(tmp_path / "model").sample(10, drop=["near_copies"])
    with pytest.raises(SpecError, match="drop"):
        model.sample(10, drop=["everything"])


def test_a_person_keeps_its_constants_when_a_row_of_it_is_drawn_again():
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(500), 3)
    frame = pd.DataFrame({"patient": who, "sex": np.where(who % 2, "f", "m"), "value": rng.normal(size=1500).round(3)})
    model = TabularSynthesizer(generator="gaussian_copula").fit(frame)
    made = model.sample(600, drop=BOTH)
    assert len(made) == 600
    assert (made.groupby("patient")["sex"].nunique() == 1).all()


def test_the_scorecard_shows_what_was_dropped_and_what_it_did(tmp_path):
    spec = RunSpec(generator="gaussian_copula", target="outcome", sample=SampleSpec(drop=BOTH), policy="open")
    ctx = RunContext(seed=2)
    ready = pipeline.prepare(io.from_memory(hospital(1500, 1)), spec, ctx)
    model = pipeline.fit(ready, spec, ctx)
    outcome = pipeline.publish(model, ready, spec, ctx, tmp_path)
    told = outcome.scorecard.filters
    assert told["rows"] == outcome.synthetic.rows
    assert set(told["dropped"]) == set(BOTH)
    assert [line["metric"] for line in told["scores"]] == ["near_copies", "closest_record", "pair", "mode_census"]
    near = told["scores"][0]
    assert near["after"] <= near["before"]
    assert outcome.scorecard.result("near_copies").value == near["after"]
    assert any("dropped and drawn again" in note for note in outcome.synthetic.notes)
    assert json.loads((tmp_path / "scorecard.json").read_text())["filters"] == told
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["set"]
