"""What columns say of each other is kept by every generator that can, also on small tables and beside wishes."""

import json

import numpy as np
import pandas as pd
import pytest
from prepared import prepared

from synthgen import pipeline
from synthgen.runtime import RunContext
from synthgen.spec import ColumnOverride, FixedCombinations, Inequality, Range, RunSpec, SampleSpec
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import encoding, io, part_drawing
from synthgen.tabular.gaussian_copula import GaussianCopula
from synthgen.training import checkpoint

TOWNS = np.array([[54.10, -3.20], [54.66, -2.75], [54.90, -2.93], [54.55, -3.59]])  # latitude, longitude
DECLARED = {"chapter": ColumnOverride(determined_by="code"), "lon": ColumnOverride(place_with="lat")}
SHORT = {"critic_gan": {"steps": 60, "hidden": 32}, "ctgan": {"epochs": 2}, "tvae": {"epochs": 2}}


def clinic(rows=150, seed=0):
    """Stays from a weekday to a weekday, in four towns; a code and its chapter; two costs and their total."""
    rng = np.random.default_rng(seed)
    days = np.datetime64("2021-01-01") + np.arange(700)
    admitted = rng.choice(days[np.is_busday(days)], rows)
    left = np.busday_offset(admitted, rng.geometric(0.3, rows) - 1)
    points = (TOWNS[rng.choice(4, rows, p=[0.4, 0.3, 0.2, 0.1])] + rng.normal(0, [0.01, 0.015], (rows, 2))).round(4)
    code = rng.choice(8, rows)
    drugs, ward = rng.gamma(2.0, 40.0, rows).round(2), rng.gamma(2.0, 300.0, rows).round(2)
    return pd.DataFrame(
        {
            "admitted": admitted.astype("datetime64[us]"), "discharged": left.astype("datetime64[us]"),
            "lat": points[:, 0], "lon": points[:, 1],
            "code": [f"D{c}" for c in code], "chapter": [f"chapter {c // 2}" for c in code],
            "drugs": drugs, "ward": ward, "total": (drugs + ward).round(2), "age": rng.integers(20, 90, rows),
        }
    )  # fmt: skip


def fit(generator, frame, **settings):
    given = {"params": SHORT.get(generator), "columns": DECLARED, **settings}
    return TabularSynthesizer(generator, **given).fit(frame)


def keeps_chapters(made):
    assert len(made)
    assert (made["chapter"] == "chapter " + (made["code"].str[1:].astype(int) // 2).astype(str)).all()


def keeps_totals(made):
    added = made["drugs"] + made["ward"]
    assert np.isclose(made["total"], added, atol=0.006).mean() > 0.6
    assert np.allclose(made["total"], added.clip(*made["total"].agg(["min", "max"])), atol=0.006)  # k people's extremes


def keeps_dates(made):
    assert (made["admitted"].dt.dayofweek < 5).all()
    assert (made["discharged"].dt.dayofweek < 5).all()
    assert (made["discharged"] >= made["admitted"]).all()
    assert (made["discharged"] - made["admitted"]).dt.days.max() < 40


def keeps_places(made):
    away = made[["lat", "lon"]].to_numpy(float)[:, None] - TOWNS[None]
    assert np.quantile(np.sqrt((away**2).sum(axis=2)).min(axis=1), 0.98) < 0.1


def keeps_all(made):
    keeps_chapters(made)
    keeps_totals(made)
    keeps_dates(made)
    keeps_places(made)


@pytest.fixture(scope="module")
def copula():
    return fit("gaussian_copula", clinic())


@pytest.mark.parametrize("generator", ["auto", "gaussian_copula", "critic_gan"])
def test_all_relations_of_a_small_table_are_kept(generator):
    told = []
    model = fit(generator, clinic(seed=1), listener=lambda event: told.append(event.payload))
    assert model.model_.generator.name == ("gaussian_copula" if generator == "auto" else generator)
    keeps_all(model.sample(1500))
    assert not [said for said in told if said.get("warning")]


@pytest.mark.parametrize("generator", ["independent", "smote_nc", "ctgan", "tvae"])
def test_look_ups_and_formulas_are_kept_without_a_joint_model_and_what_is_not_is_told(generator):
    told = []
    made = fit(generator, clinic(), listener=lambda event: told.append(event.payload)).sample(800)
    keeps_chapters(made)
    keeps_totals(made)
    lines = " ".join(said["text"] for said in told if said.get("warning"))
    assert "whose weekdays and order are lost" in lines
    assert "whose coordinates are drawn apart" in lines
    assert "follow from another" not in lines


def notes_of(generator, frame, columns, out):
    """What stands beside a set that was drawn and scored."""
    params = SHORT.get(generator, {})
    spec, ctx = RunSpec(generator=generator, params=params, columns=columns, policy="open"), RunContext(seed=1)
    ready = pipeline.prepare(io.from_memory(frame), spec, ctx)
    return pipeline.publish(pipeline.fit(ready, spec, ctx), ready, spec, ctx, out).synthetic.notes


def test_a_set_tells_which_relations_are_not_in_it(tmp_path):
    lost = notes_of("independent", clinic(), DECLARED, tmp_path / "lost")
    assert [note for note in lost if note.startswith("Columns that")] == [
        "Columns that are dates, whose weekdays and order are lost by 'independent': 'admitted', 'discharged'.",
        "Columns that are places, whose coordinates are drawn apart by 'independent': 'lat', 'lon'.",
    ]
    assert not [note for note in lost if "not kept" in note]
    assert not [n for n in notes_of("gaussian_copula", clinic(), DECLARED, tmp_path / "kept") if "Column" in n]


def test_a_set_tells_of_relations_that_too_few_people_bear_out(tmp_path):
    rng = np.random.default_rng(0)
    frame = clinic().assign(note=lambda f: f["code"] + rng.choice([*"abcdefgh"], len(f)))
    few = frame.index >= 4
    frame[["lat", "lon"]] = frame[["lat", "lon"]].mask(np.column_stack([few, few & (frame.index % 3 > 0)]))
    columns = {**DECLARED, "note": ColumnOverride(determined_by="code")}
    told = [note for note in notes_of("gaussian_copula", frame, columns, tmp_path) if note.startswith("Column")]
    assert [line.split(" is not kept")[0] for line in told] == [
        "Columns 'lat' and 'lon': that they are one place",
        "Column 'note': that 'code' determines it",
    ]


def test_wishes_for_columns_with_parts_are_met_and_what_hangs_on_them_follows(copula):
    spring = Range(low="2021-03-01", high="2021-05-31")
    for name in ("admitted", "discharged"):
        made = copula.sample(300, where={name: spring})
        assert made[name].between(pd.Timestamp("2021-03-01"), pd.Timestamp("2021-05-31")).all()
        keeps_all(made)
    north = copula.sample(200, where={"lat": Range(low=54.64)})
    assert (north["lat"] >= 54.64).all()
    keeps_places(north)
    made = copula.sample(200, where={"chapter": "chapter 2"})
    assert set(made["chapter"]) == {"chapter 2"}
    keeps_all(made)
    made = copula.sample(400, balance=["chapter"])
    assert made["chapter"].value_counts().tolist() == [100] * 4
    keeps_all(made)


def test_the_critic_gan_meets_a_wish_for_a_date_with_parts():
    made = fit("critic_gan", clinic()).sample(100, where={"admitted": Range(low="2021-06-01")})
    assert (made["admitted"] >= "2021-06-01").all()
    keeps_all(made)


def test_a_weekend_that_is_asked_for_stands(copula):
    table, saturday = copula.model_.generator.encoding, np.datetime64("2021-05-08")
    codes = np.tile(table.encode(clinic().assign(admitted=pd.Timestamp(saturday)))[:1], (20, 1))
    made = table.decode(codes, np.random.default_rng(0), {0: np.array([[saturday.astype(int)] * 2])}, wished={0})
    assert (made["admitted"] == saturday).all()
    assert (made["discharged"] >= saturday).all()
    assert (made["discharged"].dt.dayofweek < 5).all()


def test_rules_beside_relations_are_kept():
    rules = (
        FixedCombinations(columns=("code", "chapter")),
        Inequality(low_column="admitted", high_column="discharged"),
        Inequality(low_column="drugs", high_column="total"),
    )
    made = fit("gaussian_copula", clinic(), constraints=rules).sample(400)
    keeps_chapters(made)
    keeps_totals(made)
    assert (made["admitted"] <= made["discharged"]).all()
    assert (made["drugs"] <= made["total"]).all()


def test_gaps_are_filled_with_what_goes_with_the_other_cells(copula):
    whole = clinic(120, seed=5)
    holes = whole.copy()
    for i, name in enumerate(("admitted", "discharged", "lon", "code", "chapter", "total")):
        holes.loc[i::7, name] = None
    filled = copula.impute(holes)
    assert filled.notna().all().all()
    assert (filled["discharged"] >= filled["admitted"]).all()
    keeps_chapters(filled)
    gap = holes["total"].isna()
    assert np.isclose(filled["total"][gap], whole["total"][gap], atol=0.006).mean() > 0.7


def test_a_saved_copula_draws_the_same_and_one_from_before_its_relations_still_loads(copula, tmp_path):
    copula.save(tmp_path / "model")
    pd.testing.assert_frame_equal(TabularSynthesizer.load(tmp_path / "model").sample(50), copula.sample(50))
    scene = prepared(clinic()[["age", "code", "drugs"]])
    made = GaussianCopula().fit(scene.data, scene.schema, scene.groups, RunContext())
    made.save(tmp_path / "old")
    facts = tmp_path / "old" / checkpoint.FACTS
    old = json.loads(facts.read_text())
    for new in ("parts", "lookups", "formulas"):
        assert not old["encoding"].pop(new)
    facts.write_text(json.dumps(old))
    again = GaussianCopula.load(tmp_path / "old")
    (first,), (second,) = ([*g.sample(SampleSpec(), 50, RunContext(seed=2))] for g in (made, again))
    pd.testing.assert_frame_equal(first, second)


def of_chance(frame, rows=3000):
    """Rows that any model might make of the encoding of a frame: every level drawn by itself."""
    scene = prepared(frame)
    table = encoding.fit(frame, scene.schema.modelled, None, 5, 20, related=True)
    rng = np.random.default_rng(1)
    codes = np.stack([rng.integers(0, size, rows) for size in table.sizes], axis=1)
    return table, table.decode(codes, np.random.default_rng(2))


def test_no_date_falls_on_a_weekday_that_nobody_has_whatever_a_model_draws():
    frame = clinic(300)[["admitted", "discharged", "age"]]
    table, made = of_chance(frame)
    assert {"weekday", "interval"} <= {part.type for part in table.parts}
    for name in ("admitted", "discharged"):
        assert (made[name].dt.dayofweek < 5).all()
        assert made[name].between(frame[name].min(), frame[name].max()).all()
    assert (made["discharged"] >= made["admitted"]).all()


def test_times_of_day_stay_where_the_day_moves_and_gaps_stay_gaps():
    rng = np.random.default_rng(0)
    days = np.datetime64("2021-01-04") + 7 * rng.integers(0, 80, 400) + rng.integers(0, 5, 400)
    seen = pd.Series(days.astype("datetime64[us]") + rng.integers(8 * 60, 17 * 60, 400) * np.timedelta64(60, "s"))
    table, made = of_chance(pd.DataFrame({"seen": seen.where(rng.random(400) > 0.1), "age": rng.integers(20, 90, 400)}))
    assert {part.type for part in table.parts} >= {"weekday", "time"}
    assert 0 < made["seen"].isna().mean() < 0.5
    known = made["seen"].dropna()
    assert (known.dt.dayofweek < 5).all()
    assert known.dt.hour.between(8, 17).mean() > 0.8


def test_dates_of_a_column_with_all_weekdays_stand_as_they_were_drawn(monkeypatch):
    frame = clinic(300)[["admitted", "age"]]
    sunday = frame["admitted"].max() - pd.Timedelta(20, "D")
    frame.loc[:9, "admitted"] = pd.Timestamp("2021-05-08")  # Saturdays of ten people, and a Sunday of one
    frame.loc[10, "admitted"] = sunday - pd.Timedelta((sunday.dayofweek + 1) % 7, "D")
    table, made = of_chance(frame)
    assert [part.type for part in table.parts] == ["weekday"]
    assert (made["admitted"].dt.dayofweek == 6).any()
    monkeypatch.setattr(part_drawing, "_leave_strange_days", lambda *_: None)
    pd.testing.assert_frame_equal(of_chance(frame)[1], made)
