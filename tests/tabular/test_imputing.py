"""Missing cells drawn given what a row holds: the right law, and nothing observed is touched."""

import json

import numpy as np
import pandas as pd
import pytest

from synthgen import catalog, pipeline
from synthgen.errors import SpecError
from synthgen.runtime import RunContext
from synthgen.spec import Inequality, RunSpec
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import io

QUICK = {"epochs": 25, "hidden": 48, "critic_epochs": 1, "critic_rounds": 1}
CAUSE = np.array([[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.05, 0.05, 0.9]])  # sign given cause
PRIOR = np.array([0.6, 0.3, 0.1])
MEANS = np.array([20.0, 50.0, 80.0])


def table(rows, seed):
    """Cause decides sign and level; low is at most high; ids, flags, dates and whole numbers beside them."""
    rng = np.random.default_rng(seed)
    cause = rng.choice(3, rows, p=PRIOR)
    sign = (rng.random(rows)[:, None] > np.cumsum(CAUSE[cause], axis=1)).sum(axis=1)
    low = np.round(rng.gamma(4, 5, rows), 1)
    return pd.DataFrame(
        {
            "case": [f"c{i:05d}" for i in range(rows)],
            "cause": np.array(["a", "b", "c"], dtype=object)[cause],
            "sign": pd.Categorical(np.array(["p", "q", "r"])[sign]),
            "level": np.round(rng.normal(MEANS[cause], 6), 1),
            "count": rng.integers(0, 400, rows),
            "flag": rng.random(rows) < 0.3,
            "when": pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 500, rows), unit="D"),
            "low": low,
            "high": np.round(low + rng.exponential(6, rows), 1),
        }
    )


def holes(frame, seed=5, columns=("cause", "sign", "level", "when", "low", "high")):
    rng = np.random.default_rng(seed)
    out = frame.copy()
    for name in columns:
        out.loc[rng.random(len(frame)) < 0.25, name] = None
    return out


@pytest.fixture(scope="module")
def fitted():
    rules = [Inequality(low_column="low", high_column="high")]
    train = holes(table(2500, 0), seed=1)
    return TabularSynthesizer(params=QUICK, time_budget=200, constraints=rules).fit(train)


@pytest.fixture(scope="module")
def filled(fitted):
    frame = holes(table(1500, 9)).set_index(pd.RangeIndex(7, 1507))
    return frame, fitted.impute(frame, seed=3)


def test_everything_observed_stays_and_every_gap_is_filled(filled):
    frame, made = filled
    assert made.dtypes.to_dict() == frame.dtypes.to_dict()
    assert made.index.equals(frame.index)
    assert list(made.columns) == list(frame.columns)
    assert not made.isna().any().any()
    for name in frame.columns:
        seen = frame[name].notna()
        pd.testing.assert_series_equal(made.loc[seen, name], frame.loc[seen, name])


def test_the_drawn_cells_keep_the_rules_with_the_observed_ones(filled):
    frame, made = filled
    out = made["low"] > made["high"]
    seen = made["low"].where(frame["low"].notna(), made["high"])[out]  # beyond what the model may generate
    assert out.mean() < 0.01
    assert ((seen > table(2500, 0)["high"].quantile(0.99)) | (seen < table(2500, 0)["high"].quantile(0.01))).all()


def posterior(frame):
    """The true law of the cause given sign and level, where these are known."""
    weights = np.tile(PRIOR, (len(frame), 1))
    for j, sign in enumerate("pqr"):
        weights = np.where((frame["sign"] == sign).to_numpy()[:, None], weights * CAUSE[:, j], weights)
    z = (frame["level"].to_numpy()[:, None] - MEANS) / 6
    weights = np.where(np.isnan(z), weights, weights * np.exp(-0.5 * z**2))
    return weights / weights.sum(axis=1, keepdims=True)


def test_a_missing_cause_follows_its_law_given_what_is_known(filled):
    frame, made = filled
    gone = frame["cause"].isna()
    p = posterior(frame)[gone]
    drawn = made.loc[gone, "cause"].map({"a": 0, "b": 1, "c": 2}).to_numpy()
    hit, wanted = p[np.arange(len(p)), drawn].mean(), (p**2).sum(axis=1).mean()
    blind = (p @ PRIOR).mean()  # what independent columns would get
    assert wanted > blind + 0.25
    assert hit > wanted - 0.08
    for cause, share in zip("abc", p.mean(axis=0), strict=True):
        assert (made.loc[gone, "cause"] == cause).mean() == pytest.approx(share, abs=0.07)


def test_a_missing_level_is_nearer_than_the_mean_and_as_spread_as_it_should_be(filled):
    frame, made = filled
    gone = (frame["level"].isna() & frame["cause"].notna()).to_numpy()
    centre = made.loc[gone, "cause"].map(dict(zip("abc", MEANS, strict=True)))
    error = made.loc[gone, "level"] - centre
    assert abs(error.mean()) < 2.5
    assert 3 < error.abs().median() < 6  # the truth is 4; filling in the column's mean would be off by 15
    assert made.loc[gone, "level"].nunique() > 100


def test_imputations_differ_where_cells_were_missing_only(fitted):
    frame = holes(table(300, 4))
    first, second = fitted.imputations(frame, 2, seed=1)
    pd.testing.assert_frame_equal(first, fitted.impute(frame, seed=1))
    for name in ("cause", "level", "when"):
        same = (first[name] == second[name]).to_numpy()
        assert same[frame[name].notna()].all()
        assert not same[frame[name].isna()].all()
    with pytest.raises(SpecError, match="at least one"):
        fitted.imputations(frame, 0)


def test_a_file_comes_back_as_it_was_written_but_for_its_gaps(fitted, tmp_path):
    frame = holes(table(200, 6))
    frame.to_csv(tmp_path / "in.csv", index=False, na_rep="NA", sep=";")
    fitted.save(tmp_path / "model")
    rows = TabularSynthesizer.load(tmp_path / "model").impute_file(tmp_path / "in.csv", tmp_path / "out.csv")
    assert rows == 200
    before, after = (
        pd.read_csv(tmp_path / f, sep=";", dtype=str, keep_default_na=False) for f in ("in.csv", "out.csv")
    )
    gaps = before.eq("NA")
    assert gaps.to_numpy().any()
    assert not after.eq("NA").to_numpy().any()
    assert not after.eq("").to_numpy().any()
    assert (before.mask(gaps, "") == after.mask(gaps, "")).all().all()
    assert set(after["cause"]) == {"a", "b", "c"}
    assert after["when"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_a_source_comes_back_in_its_own_kind_of_file_and_its_gaps_are_counted(tmp_path, ending):
    frame = holes(table(300, 7))
    path = tmp_path / f"in.{ending}"
    write = {"csv": frame.to_csv, "parquet": frame.to_parquet, "xlsx": frame.to_excel}[ending]
    write(path, index=False)
    model = TabularSynthesizer("independent").fit(path)
    model.save(tmp_path / "model")
    told = pipeline.fill(path, path.name, tmp_path / "model", model.spec, RunContext(seed=1), tmp_path / "out")
    assert (told["file"], told["rows"]) == (f"filled.{ending}", 300)
    back = io.read(tmp_path / "out" / told["file"], "back").data
    missing = {c["name"]: c["missing"] for c in told["columns"]}
    assert missing == {name: count for name, count in frame.isna().sum().items() if count}
    assert not back[list(missing)].isna().to_numpy().any()
    assert not back[list(missing)].eq("").to_numpy().any()
    assert all(column["left"] == 0 for column in told["columns"])
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == told


@pytest.mark.parametrize("spec", [RunSpec(modality="images"), RunSpec(generator="tvae")])
def test_what_cannot_be_filled_is_refused_with_what_can(spec):
    with pytest.raises(SpecError, match="issing cells") as refused:
        catalog.check_imputes(spec)
    assert refused.value.hint
    catalog.check_imputes(RunSpec())


def test_an_excel_file_holds_the_cells_that_a_csv_does(tmp_path):
    frame = table(300, 7).assign(note=[f"seen on {i}, see letter of the day" for i in range(300)])
    frame.to_csv(tmp_path / "train.csv", index=False)
    holes(frame.head(120)).to_csv(tmp_path / "in.csv", index=False)
    model = TabularSynthesizer("independent").fit(tmp_path / "train.csv")
    for name in ("out.csv", "out.xlsx"):
        assert model.impute_file(tmp_path / "in.csv", tmp_path / name) == 120
    csv, excel = (io.read(tmp_path / name, name).data for name in ("out.csv", "out.xlsx"))
    assert list(csv) == list(excel) == list(frame)
    numbers = ["level", "count", "low", "high"]
    words = [name for name in frame if name not in numbers]
    pd.testing.assert_frame_equal(csv[numbers].astype(float), excel[numbers].astype(float))
    assert (csv[words].apply(lambda c: c.str.lower()) == excel[words].apply(lambda c: c.str.lower())).all().all()
    with pytest.raises(SpecError, match=r"\.txt"):
        model.impute_file(tmp_path / "in.csv", tmp_path / "out.txt")


def test_a_person_s_constant_is_the_same_in_all_rows_of_the_person():
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(500), rng.integers(1, 5, 500))
    frame = pd.DataFrame(
        {
            "patient_id": [f"p{w:04d}" for w in who],
            "sex": np.array(["f", "m"], dtype=object)[rng.integers(0, 2, 500)[who]],
            "dose": np.round(rng.gamma(2, 3, len(who)), 1),
        }
    )
    model = TabularSynthesizer("independent").fit(frame)
    assert model.schema_.person == "patient_id"
    broken = frame.copy()
    broken.loc[rng.random(len(frame)) < 0.4, "sex"] = None
    broken.loc[frame["patient_id"].isin(["p0003", "p0004"]), "sex"] = None
    made = model.impute(broken)
    assert made["patient_id"].equals(frame["patient_id"])
    assert made.groupby("patient_id")["sex"].nunique().max() == 1
    known = broken.groupby("patient_id")["sex"].transform("first").notna()
    assert (made["sex"] == frame["sex"])[known].all()


def test_a_generator_that_cannot_condition_refuses():
    from synthgen.tabular import imputing

    class Simple:
        name, capabilities = "simple", frozenset({"balance"})

    with pytest.raises(SpecError, match="cannot fill missing cells"):
        imputing.impute(table(5, 0), Simple(), None, None, None, None)


def test_rows_without_a_key_share_no_constants(tmp_path):
    """In a CSV an empty key is a text: rows without one are of different people."""
    rng = np.random.default_rng(0)
    born = pd.Timestamp("1930-01-01") + pd.to_timedelta(rng.integers(0, 20_000, 200), unit="D")
    visits = pd.DataFrame({"patient": [f"p{i:03d}" for i in range(200)], "born": born.strftime("%Y-%m-%d")})
    visits = visits.loc[visits.index.repeat(3)].assign(level=rng.normal(0, 1, 600).round(2)).reset_index(drop=True)
    visits.to_csv(tmp_path / "all.csv", index=False)
    model = TabularSynthesizer(params=QUICK | {"epochs": 2}).fit(tmp_path / "all.csv")
    assert model.schema_.person == "patient"
    holed = visits.iloc[:60].copy()
    holed.loc[0::12, "patient"] = ""
    holed.loc[12::12, "born"] = ""
    holed.to_csv(tmp_path / "holed.csv", index=False)
    model.impute_file(tmp_path / "holed.csv", tmp_path / "full.csv")
    full = pd.read_csv(tmp_path / "full.csv", dtype=str, keep_default_na=False)
    filled = full.loc[12::12, "born"]
    assert (filled != full["born"].iloc[0]).any()
