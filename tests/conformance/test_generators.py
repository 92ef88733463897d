"""Every generator of the catalog keeps the contract, at settings that train in seconds."""

import json

import numpy as np
import pandas as pd
import pytest
from prepared import TINY, prepared
from scenes import hospital

from synthgen import catalog
from synthgen.errors import SpecError, Stopped, SynthgenError
from synthgen.runtime import RunContext
from synthgen.spec import GroupTarget, OneOf, Range, RunSpec, SampleSpec, Within
from synthgen.tabular.constraints import Rules
from synthgen.tabular.keys import KeyModel, complete
from synthgen.tabular.params import (
    CriticGanParams,
    CtganParams,
    GaussianCopulaParams,
    IndependentParams,
    SmoteParams,
    TvaeParams,
)

SMALL = {
    "autoregressive_gan": TINY,
    "critic_gan": CriticGanParams(steps=60, hidden=16, batch=64, bins=12, critic_epochs=1, critic_rounds=2),
    "ctgan": CtganParams(epochs=1, batch=100),
    "tvae": TvaeParams(epochs=1, batch=100),
    "gaussian_copula": GaussianCopulaParams(),
    "smote_nc": SmoteParams(),
    "independent": IndependentParams(),
}
NAMES = sorted(catalog.generators("tabular"))
COLUMNS = ["age", "sex", "ward", "smoker", "visits", "sodium", "charge", "admitted", "outcome"]


@pytest.fixture(scope="module")
def scene():
    return prepared(hospital(600), target="outcome")


def build(name):
    entry = catalog.generators("tabular")[name]
    return entry.load()(SMALL[name]) if name in SMALL else entry.load()()


def fit(name, scene, **ctx):
    return build(name).fit(scene.data, scene.schema, scene.groups, RunContext(seed=4, **ctx))


def sample(generator, rows=200, seed=0, **spec):
    ctx = RunContext(seed=4)
    return pd.concat([*generator.sample(SampleSpec(seed=seed, **spec), rows, ctx)], ignore_index=True)


@pytest.fixture(scope="module")
def fitted(scene):
    made = {}

    def one(name):
        if name not in made:
            made[name] = fit(name, scene)
        return made[name]

    return one


def able(name, what):
    if what not in catalog.generators("tabular")[name].load().capabilities:
        pytest.skip(f"{name} does not claim to {what}")


def test_the_small_settings_cover_the_catalog():
    assert set(SMALL) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_catalog_tells_what_the_class_can_do(name):
    entry = catalog.generators("tabular")[name]
    assert entry.capabilities == entry.load().capabilities
    assert all(hasattr(entry.load(), what) for what in entry.capabilities & {"impute", "log_prob"})


@pytest.mark.parametrize("name", NAMES)
def test_what_a_generator_cannot_do_is_refused_before_training(name):
    able = catalog.generators("tabular")[name].capabilities
    for what, request in {
        "condition": [SampleSpec(fixed={"age": 40}), SampleSpec(targets=(GroupTarget(where={"age": 40}, rows=1),))],
        "balance": [SampleSpec(balance=("sex",)), SampleSpec(mix="balanced")],
    }.items():
        for sample in request:
            spec = RunSpec(generator=name, sample=sample)
            if what in able:
                catalog.check(spec)
                continue
            with pytest.raises(SpecError, match=f"'{name}' cannot") as refused:
                catalog.check(spec)
            assert "autoregressive_gan" in refused.value.hint


@pytest.mark.parametrize("name", NAMES)
def test_constraints_are_kept_by_every_generator(name, scene, fitted):
    rules = Rules(constraints=(Within(column="age", low=30, high=70),), combinations=((),))
    drawn = complete(fitted(name), scene.schema, KeyModel(), 300, SampleSpec(), RunContext(seed=4), rules)
    made = pd.concat([*drawn], ignore_index=True)
    assert len(made) == 300
    assert made["age"].dropna().between(30, 70).all()


@pytest.mark.parametrize("name", NAMES)
def test_fit_returns_self_and_the_name_is_the_catalogs(name, scene):
    generator = build(name)
    assert generator.fit(scene.data, scene.schema, scene.groups, RunContext()) is generator
    assert generator.name == name
    assert catalog.params_class("tabular", name) is type(SMALL[name])


@pytest.mark.parametrize("name", NAMES)
def test_constructing_only_stores(name):
    assert set(vars(build(name))) == {"params"}


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_typed_complete_and_in_bounded_chunks(name, scene, fitted):
    chunks = [*fitted(name).sample(SampleSpec(), 9000, RunContext())]
    assert sum(map(len, chunks)) == 9000
    assert max(map(len, chunks)) <= 8192
    for chunk in chunks:
        assert list(chunk.columns) == [c.name for c in scene.schema.modelled]
        assert (chunk.dtypes == scene.split.train.dtypes[chunk.columns]).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_sample_and_another_does_not(name, scene, fitted):
    first = sample(fitted(name))
    pd.testing.assert_frame_equal(first, sample(fitted(name)))
    pd.testing.assert_frame_equal(first, sample(fit(name, scene)))
    assert not first.equals(sample(fitted(name), seed=1))


@pytest.mark.parametrize("name", NAMES)
def test_it_survives_save_and_load_without_a_pickle(name, fitted, tmp_path):
    fitted(name).save(tmp_path / "model")
    assert {p.suffix for p in (tmp_path / "model").rglob("*") if p.is_file()} <= {".json", ".safetensors"}
    again = type(fitted(name)).load(tmp_path / "model")
    pd.testing.assert_frame_equal(sample(fitted(name)), sample(again))


@pytest.mark.parametrize("name", NAMES)
def test_it_stops_when_asked(name, scene):
    with pytest.raises(Stopped):
        fit(name, scene, stop=lambda: True)


@pytest.mark.parametrize("name", NAMES)
def test_bad_input_is_refused_with_our_error(name, scene, tmp_path):
    data = type(scene.data)
    with pytest.raises(SynthgenError):
        build(name).fit(data(scene.split.train.head(3), scene.split.validation), scene.schema, (), RunContext())
    with pytest.raises(SynthgenError):
        type(build(name)).load(tmp_path / "nothing")


@pytest.mark.parametrize("name", NAMES)
def test_what_it_cannot_honour_is_refused(name, fitted):
    with pytest.raises(SynthgenError):
        sample(fitted(name), fixed={"no such column": 1})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("column", COLUMNS)
def test_conditions_are_honoured_for_every_column(name, column, scene, fitted):
    able(name, "condition")
    values = scene.split.train[column].dropna()
    value = values.mode()[0] if values.dtype == object else values.sort_values().iloc[len(values) // 2]
    plain = str(value) if isinstance(value, pd.Timestamp | str) else float(value)
    made = sample(fitted(name), 40, fixed={column: plain})
    assert (made[column] == value).all()
    assert len(made) == 40


@pytest.mark.parametrize("name", NAMES)
def test_balance_is_honoured(name, fitted):
    able(name, "balance")
    counts = sample(fitted(name), 600, mix="balanced", balance=("ward",))["ward"].value_counts()
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_log_probabilities_are_finite_and_prefer_real_records(name, scene, fitted):
    able(name, "log_prob")
    real = scene.split.train.head(200).reset_index(drop=True)
    shuffled = real.assign(**{c: real[c].sample(frac=1, random_state=i).to_numpy() for i, c in enumerate(COLUMNS)})
    found = fitted(name).log_prob(real)
    assert np.isfinite(found).all()
    assert found.mean() >= fitted(name).log_prob(shuffled).mean() - 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_the_report_is_json(name, fitted):
    json.dumps(fitted(name).report(), allow_nan=False)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_stay_on_the_grid_and_between_the_kth_extremes(name, scene, fitted):
    made, train, k = sample(fitted(name), 2000), scene.split.train, scene.schema.k_floor
    for column in ("age", "visits", "sodium", "charge"):
        ordered, cells = np.sort(train[column].dropna()), made[column].dropna()
        decimals = scene.schema.column(column).decimals or 0
        assert np.allclose(cells, cells.round(decimals))
        assert cells.min() >= ordered[k - 1]
        assert cells.max() <= ordered[-k]


@pytest.mark.parametrize("name", NAMES)
def test_ranges_sets_and_missing_values_are_honoured(name, fitted):
    able(name, "condition")
    made = sample(fitted(name), 60, fixed={"age": Range(low=40, high=60), "ward": OneOf(values=("eyes", "skin"))})
    assert made["age"].between(40, 60).all()
    assert set(made["ward"]) <= {"eyes", "skin"}
    made = sample(fitted(name), 60, fixed={"sodium": None, "admitted": Range(low="2021-01-01", high="2021-12-31")})
    assert made["sodium"].isna().all()
    assert made["admitted"].between("2021-01-01", "2021-12-31").all()


@pytest.mark.parametrize("name", NAMES)
def test_gaps_are_filled_beside_what_is_observed(name, scene, fitted):
    able(name, "impute")
    frame = scene.split.validation[[c.name for c in scene.schema.modelled]].reset_index(drop=True)
    gaps = frame.isna().to_numpy() | (np.random.default_rng(0).random(frame.shape) < 0.2)
    made = fitted(name).impute(frame.mask(gaps), gaps, RunContext(seed=1))
    assert not made.isna().any().any()
    for i, column in enumerate(frame.columns):
        assert made[column][~gaps[:, i]].equals(frame[column][~gaps[:, i]])
