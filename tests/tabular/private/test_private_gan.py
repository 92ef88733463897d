"""A whole run under differential privacy: what is learnt, what is refused, what the card tells."""

import json

import numpy as np
import pandas as pd
import pytest
from scenes import WARDS, hospital

from synthgen import catalog, pipeline
from synthgen.contracts import FitData, Scorecard
from synthgen.errors import SpecError
from synthgen.release import report
from synthgen.runtime import RunContext
from synthgen.spec import ColumnOverride, DifferentialPrivacy, FixedCombinations, RunSpec, SampleSpec, Within
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import inference, io, splitting
from synthgen.tabular.gan import AutoregressiveGAN
from synthgen.tabular.params import AutoregressiveParams
from synthgen.tabular.private import checking
from synthgen.tabular.private.gan import PrivateGAN, _capped

FEW = AutoregressiveParams(epochs=2, hidden=16, batch=200)
RARE = "leprosy"


def table(rows=2000):
    frame = hospital(rows)
    frame.loc[:11, "ward"] = RARE  # twelve people: above the k-floor, below any noisy threshold
    return frame


def ready(frame, **spec):
    """Schema and training data of a frame under differential privacy."""
    run = RunSpec(privacy=DifferentialPrivacy(epsilon=2.0), **spec)
    source = io.from_memory(frame)
    schema = checking.private_schema(inference.infer(source, run), run)
    return splitting.split(source, schema, run, RunContext(seed=1)).fitting, schema


def fitted(frame, epsilon=2.0, secret=3, params=FEW, **spec):
    data, schema = ready(frame, **spec)
    made = PrivateGAN(params, DifferentialPrivacy(epsilon=epsilon), secret=secret)
    return made.fit(data, schema, (), RunContext(seed=1))


@pytest.fixture(scope="module")
def generator():
    return fitted(table())


def drawn(generator, rows=1500):
    return pd.concat([*generator.sample(SampleSpec(), rows, RunContext(seed=2))], ignore_index=True)


def test_a_category_below_the_noisy_threshold_never_appears(generator):
    names = generator.encoding.columns[generator.encoding.names.index("ward")].values
    assert set(names) <= set(WARDS)
    assert {"surgery", "medicine"} <= set(names)
    assert RARE not in generator.encoding.model_dump_json()
    assert RARE not in set(drawn(generator)["ward"])


def test_its_rows_are_like_the_table(generator):
    made, real = drawn(generator, 4000), table()
    assert abs(made["age"].mean() - real["age"].mean()) < 6
    assert abs((made["ward"] == "surgery").mean() - (real["ward"] == "surgery").mean()) < 0.06
    assert abs((made["visits"] == 0).mean() - (real["visits"] == 0).mean()) < 0.08
    assert made["admitted"].notna().all()


def test_the_card_gets_a_receipt_without_a_loss_or_an_exact_count(generator):
    told = generator.report()
    receipt = told["privacy"]
    assert receipt["epsilon_spent"] <= receipt["epsilon"] == 2.0
    assert receipt["unit"] == "person"
    assert [m["steps"] for m in receipt["mechanisms"]] == [1, told["stages"][0]["steps"]]
    assert "scorecard" in receipt["limits"]
    assert not {"curve", "best_validation", "loss", "groups"} & {*told, *told["stages"][0], *receipt}


def test_noise_comes_from_a_secret_and_not_from_the_seed():
    one, other = (fitted(table(600), secret=None) for _ in range(2))
    counts = [g.encoding.model_dump_json() for g in (one, other)]
    assert counts[0] != counts[1]
    again = [fitted(table(600), secret=9).encoding.model_dump_json() for _ in range(2)]
    assert again[0] == again[1]


def test_validation_rows_and_groups_are_not_looked_at():
    data, schema = ready(table(600))
    nothing = data.validation.iloc[:0]
    blind = FitData(data.train, nothing, data.train_people, None)
    made = [
        PrivateGAN(FEW, DifferentialPrivacy(epsilon=2.0), secret=4).fit(d, schema, g, RunContext(seed=1))
        for d, g in ((data, (object(),)), (blind, ()))
    ]
    pd.testing.assert_frame_equal(drawn(made[0], 200), drawn(made[1], 200))


def test_saved_and_loaded_it_draws_the_same_without_a_critic(generator, tmp_path):
    generator.save(tmp_path)
    loaded = AutoregressiveGAN.load(tmp_path)
    pd.testing.assert_frame_equal(drawn(generator, 200), drawn(loaded, 200))
    assert loaded.critics.slope == 0
    assert loaded.report()["privacy"]["epsilon"] == 2.0


def test_people_with_many_rows_count_once_and_bring_so_many_rows_at_most():
    rng = np.random.default_rng(0)
    people = np.concatenate([np.repeat(np.arange(300), 3), np.full(400, 300)])
    frame = pd.DataFrame({"x": rng.integers(0, 5, len(people))})
    kept, owners = _capped(FitData(frame, frame, people, people), 4, rng)
    assert len(kept) == len(owners)
    assert np.bincount(owners).max() == 4
    assert len(np.unique(owners)) == 301


def test_a_table_with_several_rows_a_person_trains():
    frame = hospital(900)
    frame["patient"] = [f"p{i // 3}" for i in range(900)]
    made = fitted(frame, columns={"patient": ColumnOverride(kind="person")})
    assert made.report()["privacy"]["rows_per_person"] == 4
    assert made.report()["privacy"]["people"] < 301


def test_the_worst_case_by_noisy_counts_learns_another_model_than_the_mean():
    made = [fitted(table(600), params=FEW.model_copy(update={"reducer": r})) for r in ("mean", "log_sum_exp")]
    assert made[0].encoding.model_dump_json() == made[1].encoding.model_dump_json()
    assert not np.allclose(*(g.surprise(table(600).pipe(lambda f: ready(f)[0].train)) for g in made), atol=1e-6)


def test_declared_ends_and_categories_are_known_without_looking():
    data, schema = ready(table(600), columns={"ward": ColumnOverride(codes=(*WARDS, "never seen"))})
    run = RunSpec(constraints=(Within(column="age", low=0, high=120),))
    ends = checking.declared_ends(schema, run)
    assert ends == {"age": (0, 120)}
    made = PrivateGAN(FEW, DifferentialPrivacy(epsilon=2.0), ends, secret=1).fit(data, schema, (), RunContext(seed=1))
    assert "never seen" in made.encoding.columns[made.encoding.names.index("ward")].values
    plain = PrivateGAN(FEW, DifferentialPrivacy(epsilon=2.0), secret=1).fit(data, schema, (), RunContext(seed=1))
    vectors = [g.report()["privacy"]["mechanisms"][0]["count_vectors"] for g in (made, plain)]
    assert vectors[0] == vectors[1] - 1


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"generator": "ctgan"}, "no differential privacy"),
        ({"generator": "critic_gan"}, "no differential privacy"),
        ({"params": {"reducer": "literal"}}, "couples people"),
        ({"params": {"reducer": "cvar"}}, "critics"),
        ({"columns": {"b": ColumnOverride(determined_by="a")}}, "'b'"),
        ({"columns": {"b": ColumnOverride(place_with="a")}}, "'b'"),
        ({"columns": {"b": ColumnOverride(public=True)}}, "'b' is public"),
        ({"constraints": (FixedCombinations(columns=("a", "b")),)}, "learnt from the rows"),
    ],
)
def test_what_has_no_accounting_is_refused_before_data_are_read(spec, words):
    asked = RunSpec(privacy=DifferentialPrivacy(epsilon=1.0), **spec)
    with pytest.raises(SpecError, match=words):
        catalog.check(asked)
    catalog.check(asked.model_copy(update={"privacy": None}))


def test_a_constant_and_undeclared_kinds_are_refused_with_the_column():
    frame = table(600).assign(site="north")
    with pytest.raises(SpecError, match="'site'"):
        ready(frame)
    ready(frame, columns={"site": ColumnOverride(kind="constant")})
    run = RunSpec(privacy=DifferentialPrivacy(epsilon=1.0, kinds_declared=True))
    with pytest.raises(SpecError, match="'age': its kind was read"):
        checking.private_schema(inference.infer(io.from_memory(table(600)), run), run)


def test_the_words_of_a_declared_flag_are_cells_and_refused():
    flag = {"flag": ColumnOverride(kind="boolean")}
    usual, own = (
        table(600).assign(flag=lambda f, w=w: np.where(f.index == 5, *w)) for w in (("yes", "no"), (RARE, "-"))
    )
    ready(usual, columns=flag)
    with pytest.raises(SpecError, match="two words") as told:
        ready(own, columns=flag)
    assert RARE not in str(told.value)


def test_the_split_of_others_does_not_hang_on_one_persons_target():
    frame = table(600)
    moved = frame.copy()
    moved.loc[5, "outcome"] = "died" if frame.loc[5, "outcome"] == "alive" else "alive"
    parts = [ready(f, target="outcome")[0].train["charge"].tolist() for f in (frame, moved)]
    assert parts[0] == parts[1]


def test_the_library_fits_and_samples_and_its_seed_stays_out_of_the_noise(tmp_path):
    model = TabularSynthesizer(epsilon=3.0, params={"epochs": 1, "hidden": 16, "batch": 150}, seed=1).fit(table(600))
    assert len(model.sample(50)) == 50
    assert len(model.sample(30, where={"sex": "f"})) == 30
    model.save(tmp_path)
    assert TabularSynthesizer.load(tmp_path).privacy == DifferentialPrivacy(epsilon=3.0)
    with pytest.raises(SpecError, match="no epsilon"):
        TabularSynthesizer(delta=1e-6).fit(table(600))


def test_auto_is_settled_without_the_rows():
    chosen, why = catalog.choose(RunSpec(privacy=DifferentialPrivacy(epsilon=1.0)), None, None)
    assert chosen.generator == "autoregressive_gan"
    assert "without looking" in why


def test_the_evidence_holds_the_receipt_and_no_hash_of_the_source(tmp_path):
    spec = RunSpec(
        privacy=DifferentialPrivacy(epsilon=2.0),
        params={"epochs": 1, "hidden": 16, "batch": 150},
        sample=SampleSpec(rows=100),
    )
    ctx = RunContext(seed=1)
    prepared = pipeline.prepare(io.from_memory(table(600)), spec, ctx)
    model = pipeline.fit(prepared, spec, ctx)
    assert all(c.formula is None and c.determined_by is None and c.sentinels == () for c in prepared.schema.columns)
    receipt = pipeline.evidence(prepared, model, spec)
    assert receipt["training"]["privacy"]["epsilon"] == 2.0
    few = Scorecard(results=(), rows=9, compared_rows=9, holdout_rows=9, train_rows=9, k_floor=5, generator="x")
    assert report.review(few, evidence=receipt)["differential_privacy"]["unit"] == "person"
    assert prepared.source.sha256 not in json.dumps(receipt)
    assert prepared.source.sha256 in json.dumps(
        pipeline.evidence(prepared, model, spec.model_copy(update={"privacy": None}))
    )
