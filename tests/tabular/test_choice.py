"""What "auto" takes: the GAN where it can be trained, else the copula; said on the model, the set and the card."""

import json
import zipfile

import pandas as pd
import pytest
from prepared import prepared
from scenes import hospital

from synthgen import catalog, pipeline
from synthgen.contracts import Release
from synthgen.runtime import RunContext
from synthgen.spec import RunSpec
from synthgen.tabular import choice, io


def chosen(rows, **spec):
    scene = prepared(hospital(rows), target="outcome")
    return choice.choose(scene.data, scene.schema, RunSpec(target="outcome", **spec))


def test_the_gan_is_taken_where_it_can_be_trained():
    name, reason = chosen(600)
    assert name == "autoregressive_gan"
    assert "enough" in reason


def test_few_people_mean_the_copula():
    few = choice.FEWEST_PEOPLE
    assert chosen(few)[0] == "gaussian_copula"
    assert chosen(few * 2)[0] == "autoregressive_gan"
    people = hospital(600).assign(patient=[f"p{i // 12}" for i in range(600)])
    scene = prepared(people, target="outcome", columns={"patient": {"kind": "person"}})
    assert choice.choose(scene.data, scene.schema, RunSpec(target="outcome"))[0] == "gaussian_copula"


def test_a_budget_for_less_than_two_passes_means_the_copula():
    scene = prepared(hospital(600), target="outcome")
    many = type(scene.data)(pd.concat([scene.split.train] * 2000, ignore_index=True), scene.split.validation)
    name, reason = choice.choose(many, scene.schema, RunSpec(target="outcome", time_budget=5))
    assert name == "gaussian_copula"
    assert "5 seconds" in reason
    assert choice.choose(many, scene.schema, RunSpec(target="outcome", time_budget=7200))[0] == "autoregressive_gan"


def test_own_parameters_mean_the_gan_they_belong_to():
    assert chosen(60, params={"epochs": 2})[0] == "autoregressive_gan"


def test_a_named_generator_is_taken_as_named():
    scene = prepared(hospital(60), target="outcome")
    spec = RunSpec(target="outcome", generator="independent")
    assert catalog.choose(spec, scene.data, scene.schema)[0] == spec


@pytest.fixture(scope="module")
def model():
    spec, ctx = RunSpec(target="outcome"), RunContext()
    ready = pipeline.prepare(io.from_memory(hospital(90)), spec, ctx)
    return pipeline.fit(ready, spec, ctx), ready, spec


def test_the_model_and_the_card_say_what_was_chosen_and_why(model, tmp_path):
    fitted, ready, spec = model
    made = pipeline.publish(fitted, ready, spec, RunContext(), tmp_path / "out")
    evidence = json.loads((tmp_path / "out" / "evidence.json").read_text())
    assert made.scorecard.generator == made.synthetic.generator == "gaussian_copula"
    assert '"auto" chose it: fewer than' in evidence["choice"]
    settled = spec.model_copy(update={"generator": "gaussian_copula"})
    assert evidence["settled_spec_sha256"] == settled.digest() != spec.digest()


def test_the_bundle_bears_the_hash_of_what_was_asked_for_and_of_what_was_done(tmp_path):
    asked = RunSpec(target="outcome", policy="open", time_budget=5)  # what a job's row holds the hash of
    hospital(240).to_csv(tmp_path / "a.csv", index=False)
    pipeline.run(tmp_path / "a.csv", "a.csv", asked, RunContext(), tmp_path / "out")
    release = Release(purpose="p", recipient="r", released_by="me", released_at="2026-01-01T00:00:00Z")
    with zipfile.ZipFile(pipeline.export(tmp_path / "out", release, tmp_path)) as bundle:
        card = json.loads(bundle.read("card.json"))
    assert card["spec_sha256"] == asked.digest()
    assert card["generator"] == "gaussian_copula"
    settled = asked.model_copy(update={"generator": card["generator"]})
    assert card["evidence"]["settled_spec_sha256"] == settled.digest()


def test_a_saved_model_keeps_what_auto_chose(model, tmp_path):
    fitted, ready, spec = model
    pipeline.save_model(fitted, ready.schema, spec, 90, tmp_path)
    again, _, kept, _ = pipeline.load_model(tmp_path)
    assert (again.generator.name, kept.generator, again.choice) == ("gaussian_copula",) * 2 + (fitted.choice,)


def test_people_who_lie_together_do_not_hide_how_many_there_are():
    """A table sorted by patient, with hundreds of rows each: its first rows are of a handful of people."""
    rows = pd.concat([hospital(250).assign(patient=[f"p{i:03d}" for i in range(250)])] * 30, ignore_index=True)
    people = rows.sort_values("patient", kind="stable").loc[lambda f: f.index.repeat(4)]
    scene = prepared(people.reset_index(drop=True), target="outcome", columns={"patient": {"kind": "person"}})
    found = choice.choose(scene.data, scene.schema, RunSpec(target="outcome", k_floor=50, time_budget=7200))
    assert found[0] == "autoregressive_gan" or "people" in found[1]
