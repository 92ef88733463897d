"""The library front: five lines from a frame to a scored synthetic frame."""

import numpy as np
import pandas as pd
import pytest

from synthgen.errors import InputError, SpecError
from synthgen.spec import GroupTarget, OneOf, Range
from synthgen.synthesizer import ImageSynthesizer, TabularSynthesizer, score_files
from synthgen.tabular.gaussian_copula import GaussianCopula
from tests.test_pipeline import patients

SMALL = {"epochs": 8, "hidden": 32, "critic_epochs": 1, "critic_rounds": 1}


@pytest.fixture(scope="module")
def fitted():
    return TabularSynthesizer(target="outcome", params=SMALL, time_budget=20).fit(patients())


def test_sample_returns_the_source_s_dtypes_and_order(fitted):
    made = fitted.sample(300)
    source = patients()
    assert len(made) == 300
    assert list(made.columns) == list(source.columns)
    assert made.dtypes.astype(str).to_dict() == source.dtypes.astype(str).to_dict()


def test_the_same_seed_gives_the_same_sample(fitted):
    pd.testing.assert_frame_equal(fitted.sample(100, seed=4), fitted.sample(100, seed=4))
    assert not fitted.sample(100, seed=4).equals(fitted.sample(100, seed=5))


def test_fixed_values_balance_and_targets_are_met(fitted):
    assert set(fitted.sample(80, where={"ward": "C"})["ward"]) == {"C"}
    share = (fitted.sample(600, balance=["outcome"])["outcome"] == "ill").mean()
    assert 0.4 < share < 0.6
    wish = [GroupTarget(where={"ward": "C", "outcome": "well"}, rows=30), GroupTarget(where={"ward": "A"}, rows=20)]
    assert fitted.sample(targets=wish)["ward"].value_counts().to_dict() == {"C": 30, "A": 20}


def test_what_too_few_people_meet_is_refused(fitted):
    with pytest.raises(SpecError):
        fitted.sample(10, where={"ward": "Z"})
    with pytest.raises(SpecError):
        fitted.sample(10, where={"no such column": 1})


def test_a_saved_model_gives_the_same_rows(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = TabularSynthesizer.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.sample(50, seed=2), fitted.sample(50, seed=2))
    with pytest.raises(SpecError):
        loaded.score(patients(200, seed=9))


def test_a_loaded_model_knows_which_pairs_of_values_enough_people_share(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = TabularSynthesizer.load(tmp_path / "model")
    both = {"ward": "C", "outcome": "well"}
    for asked in (
        {"rows": 5, "where": both},
        {"targets": [GroupTarget(where=both, rows=5)]},
        {"where": {"ward": "C"}, "targets": [GroupTarget(where={"outcome": "well"}, rows=5)]},
    ):
        made = loaded.sample(**asked)
        assert (set(made["ward"]), set(made["outcome"])) == ({"C"}, {"well"})
    even = loaded.sample(600, balance=["ward"], where={"outcome": "well"})
    assert even["ward"].value_counts(normalize=True).between(0.28, 0.38).all()
    with pytest.raises(SpecError, match="share every combination"):
        loaded.sample(600, balance=["outcome"], within="ward")  # few are ill in ward C
    for three in (
        {"where": {**both, "dose": None}},
        {"where": {"dose": None}, "balance": ["ward"], "within": "outcome"},
    ):
        with pytest.raises(SpecError, match="pairs of columns only"):
            loaded.sample(5, **three)
    with pytest.raises(SpecError):
        loaded.sample(5, where={"ward": "Z"})
    (tmp_path / "model" / "combinations.json").unlink()
    with pytest.raises(SpecError, match="no joint counts"):
        TabularSynthesizer.load(tmp_path / "model").sample(5, where=both)


def test_ranges_sets_and_missing_values_may_be_asked_for(fitted):
    made = fitted.sample(90, where={"age": Range(low=40, high=60), "ward": OneOf(values=("A", "C")), "dose": None})
    assert made["age"].between(40, 60).all()
    assert set(made["ward"]) == {"A", "C"}
    assert made["dose"].isna().all()
    made = fitted.sample(90, where={"arrived": Range(low="2024-03-01", high="2024-03-31"), "age": Range(high="50")})
    assert made["arrived"].between("2024-03-01", "2024-03-31").all()
    assert (made["age"] <= 50).all()


def test_a_loaded_model_takes_ranges_and_no_number_that_few_people_may_have(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = TabularSynthesizer.load(tmp_path / "model")
    assert loaded.sample(20, where={"age": Range(low=40, high=60)})["age"].between(40, 60).all()
    assert loaded.sample(20, where={"dose": None})["dose"].isna().all()
    for few in ({"dose": 7.3}, {"dose": Range(low=7.3, high=7.4)}, {"arrived": "2024-03-01"}):
        with pytest.raises(SpecError, match="cannot tell that enough people"):
            loaded.sample(5, where=few)


def test_wishes_out_of_range_raise_our_error():
    for wrong in (lambda: GroupTarget(where={}, rows=0), lambda: Range(low=2, high=1), lambda: OneOf(values=())):
        with pytest.raises(SpecError):
            wrong()


def test_a_model_loaded_with_its_source_is_asked_and_scored_as_before_saving(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = TabularSynthesizer.load(tmp_path / "model", source=patients())
    asked = {"where": {"ward": "C", "outcome": "well", "age": Range(low=30, high=70)}, "seed": 4}
    pd.testing.assert_frame_equal(loaded.sample(20, **asked), fitted.sample(20, **asked))
    assert loaded.warnings == fitted.warnings
    assert loaded.score(patients(200, seed=9)).results
    with pytest.raises(SpecError, match="not the table that the model was fitted on"):
        TabularSynthesizer.load(tmp_path / "model", source=patients().drop(columns="ward"))


def test_a_directory_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError):
        TabularSynthesizer.load(tmp_path)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_write_streams_to_a_file(fitted, tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    assert fitted.write(path, rows=150) == 150
    made = pd.read_csv(path) if ending == "csv" else pd.read_parquet(path)
    assert len(made) == 150


def test_an_ending_that_is_no_format_is_refused(fitted, tmp_path):
    with pytest.raises(SpecError):
        fitted.write(tmp_path / "out.docx", rows=10)


def test_score_compares_with_the_holdout(fitted):
    card = fitted.score(patients(300, seed=9))
    assert card.holdout_rows == 300
    assert card.result("pair").holdout is not None
    assert card.result("surprise").value is not None


def test_files_of_any_generator_can_be_scored(tmp_path):
    for name, seed in (("real", 0), ("made", 1), ("held", 2)):
        patients(400, seed).to_csv(tmp_path / f"{name}.csv", index=False)
    card, _ = score_files(tmp_path / "real.csv", tmp_path / "made.csv", tmp_path / "held.csv", target="outcome")
    found = card.result("pair")
    assert found.value == pytest.approx(found.holdout, abs=0.05)
    card, _ = score_files(tmp_path / "real.csv", tmp_path / "made.csv", target="outcome")
    assert any("hold-out" in note for note in card.notes)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"rows": 0}, "rows must be more than 0 and at most 100000000"),
        ({"rows": 200_000_000}, "rows must be"),
        ({"resample": "9x"}, "resample must be 'off', '2x' or '4x'"),
        ({"where": {"ward": ["A"]}}, "where takes"),
    ],
)
def test_a_sample_out_of_range_is_told_in_words(fitted, wrong, told):
    with pytest.raises(SpecError) as problem:
        fitted.sample(**wrong)
    assert told in str(problem.value)
    assert "9x" not in str(problem.value)


@pytest.mark.parametrize("wrong", [{"k_floor": 1}, {"k_floor": 2000}, {"seed": -1}, {"time_budget": 9_999_999}])
def test_settings_out_of_range_are_told_in_words(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(SpecError, match=f"{name} must be at least") as problem:
        TabularSynthesizer(**wrong).fit(patients())
    assert str(value) not in str(problem.value).replace("1000", "")


def test_nothing_is_drawn_before_fit(tmp_path):
    for call in (
        lambda model: model.sample(5),
        lambda model: model.write(tmp_path / "out.csv"),
        lambda model: model.score(patients()),
        lambda model: model.save(tmp_path / "model"),
    ):
        with pytest.raises(SpecError, match="fit first"):
            call(TabularSynthesizer())


@pytest.mark.parametrize("wrong", [[1, 2], pd.Series([1, 2]), None])
def test_what_is_no_table_is_refused(wrong):
    with pytest.raises(InputError, match="A table is expected"):
        TabularSynthesizer().fit(wrong)


@pytest.mark.parametrize("labels", [[0, 1, 2], [None, "x", 1.5], ["a", "a", " b "], [("u", 1), ("u", 2), ("v", 1)]])
def test_labels_come_back_as_they_went_in(labels):
    frame = patients(400)[["age", "ward", "outcome"]]
    frame.columns = pd.Index(labels)
    model = TabularSynthesizer(params=SMALL | {"epochs": 1}, time_budget=20).fit(frame)
    made = model.sample(50)
    assert made.columns.equals(frame.columns)
    assert type(made.columns) is type(frame.columns)


def test_a_frame_with_numbers_as_labels_can_be_scored():
    frame = patients(400)
    frame.columns = range(frame.shape[1])
    model = TabularSynthesizer("independent", time_budget=20).fit(frame)
    assert model.score(frame.iloc[:100]).holdout_rows == 100


def test_complex_numbers_are_refused():
    with pytest.raises(InputError, match="complex numbers: wave"):
        TabularSynthesizer().fit(patients().assign(wave=1 + 2j))


# --- where networks run -----------------------------------------------------------------------------------------------


def test_a_loaded_model_is_placed_on_the_device_that_was_asked_for(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    for device in ("cpu", "meta"):
        loaded = TabularSynthesizer.load(tmp_path / "model", device=device)
        generator = loaded.model_.generator
        assert {value.device.type for value in generator.network.parameters()} == {device}
        assert loaded.device == generator.device == generator.critics.device == device


def test_the_device_reaches_the_generator_s_training(monkeypatch):
    trained = GaussianCopula.fit
    seen = []

    def fit(self, data, schema, groups, ctx):
        seen.append(ctx.device)
        return trained(self, data, schema, groups, ctx)

    monkeypatch.setattr(GaussianCopula, "fit", fit)
    for device in ("cpu", "meta"):
        model = TabularSynthesizer("gaussian_copula", device=device).fit(patients(300))
        assert len(model.sample(5)) == 5
    assert seen == ["cpu", "meta"]


@pytest.mark.parametrize("device", ["cuda:99", "warp", "Dr Zebra"])
def test_a_device_that_is_not_there_is_refused_in_words(fitted, tmp_path, device):
    fitted.save(tmp_path / "model")
    asked = (
        lambda: TabularSynthesizer(device=device).fit(patients(300)),
        lambda: TabularSynthesizer.load(tmp_path / "model", device=device),
        lambda: ImageSynthesizer(device=device).fit(np.zeros((40, 8, 8, 1), np.uint8), ["a", "b"] * 20),
    )
    for ask in asked:
        with pytest.raises(SpecError, match=f"{device}.* (GPU|CPUs|none of that name)"):
            ask()
