import re

import numpy as np
import pandas as pd
import pytest

from synthgen.errors import SchemaError, TrainingError
from synthgen.runtime import RunContext
from synthgen.spec import GroupTarget, RunSpec, SampleSpec
from synthgen.tabular import conversion, inference, io, keys
from synthgen.tabular.fresh_keys import PLACEHOLDER
from synthgen.tabular.splitting import split

ROWS = 3000


class Resampler:
    """A generator whose law is known: it draws training rows, given values by drawing among the rows that hold them."""

    name = "resampler"
    capabilities = frozenset({"condition", "balance"})

    def fit(self, data, made, groups, ctx):
        self.columns = [c.name for c in made.modelled]
        self.rows = data.train[self.columns]
        return self

    def sample(self, spec, rows, ctx):
        pool = self.rows
        for name, value in spec.fixed.items():
            pool = pool[pool[name] == value]
        weights = None
        for name in spec.balance:
            weights = 1.0 / pool[name].map(pool[name].value_counts())
        for start in range(0, rows, 700):
            count = min(700, rows - start)
            yield pool.sample(count, replace=True, weights=weights, random_state=ctx.seed_for(f"chunk{start}") % 2**32)

    def sample_given(self, frame, ctx):
        rng = ctx.rng("given")
        groups = self.rows.groupby(list(frame.columns), dropna=False, sort=False).indices
        asked = [tuple(row) if len(frame.columns) > 1 else row[0] for row in frame.to_numpy(object)]
        return self.rows.iloc[[rng.choice(groups[values]) for values in asked]].reset_index(drop=True)


class Unconditional(Resampler):
    capabilities = frozenset()
    sample_given = None


def visits(people=900, seed=0):
    """A table of visits: rows per person from 1 to 6, sex and town constant within a person, weight drifting."""
    rng = np.random.default_rng(seed)
    count = rng.choice([1, 2, 3, 6], people, p=[0.6, 0.25, 0.1, 0.05])
    who = np.repeat(np.arange(people), count)
    frame = pd.DataFrame(
        {
            "visit_id": [f"V{i:05d}" for i in rng.permutation(len(who))],
            "patient_nbr": 400_000 + who * 13,
            "sex": np.where(rng.random(people) < 0.3, "F", "M")[who],
            "often": np.where(count > 2, "yes", "no")[who],
            "town": rng.choice(["Bern", "Chur", "Genf"], people)[who],
            "weight": rng.integers(40, 110, len(who)),
            "clinic": "central",
            "remark": None,
        }
    )
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)


def scene(frame, kind=Resampler, seed=0, **spec):
    source, said, ctx = io.from_memory(frame), RunSpec(**spec), RunContext(seed=seed)
    made = inference.infer(source, said)
    parts = split(source, made, said, ctx)
    data, wider, model = keys.prepare(parts.fitting, made)
    return parts, made, wider, model, kind().fit(data, wider, (), ctx)


def completed(made, model, generator, rows, seed=0, **request):
    chunks = list(keys.complete(generator, made, model, rows, SampleSpec(**request), RunContext(seed=seed)))
    return pd.concat(chunks, ignore_index=True)


def test_the_generator_sees_the_rows_per_person():
    parts, made, wider, model, _ = scene(visits())
    data, *_ = keys.prepare(parts.fitting, made)
    counts = parts.train.groupby("patient_nbr")["patient_nbr"].transform("size")
    assert data.train[model.rows_column].tolist() == counts.tolist()
    assert wider.names == [*made.names, model.rows_column]
    assert set(model.constant) == {"sex", "often", "town"}
    assert model.rows_column not in parts.train.columns


def test_the_longest_histories_are_capped():
    frame = visits()
    long = pd.concat([frame, frame.iloc[[0] * 50].assign(visit_id=[f"W{i}" for i in range(50)])], ignore_index=True)
    for seed in range(8):  # the person may land in the hold-out
        parts, _made, _, model, _ = scene(long, seed=seed)
        if parts.train["patient_nbr"].value_counts().max() > 50:
            assert model.most_rows == 6
            return
    raise AssertionError("the frequent person never was in the training part")


@pytest.mark.parametrize("kind", [Resampler, Unconditional])
def test_people_come_back(kind):
    parts, made, _, model, generator = scene(visits(), kind)
    out = completed(made, model, generator, ROWS)
    assert len(out) == ROWS
    assert list(out.columns) == made.names
    real = parts.train["patient_nbr"].value_counts().value_counts(normalize=True)
    fresh = out["patient_nbr"].value_counts().value_counts(normalize=True)
    for count in (1, 2, 3, 6):
        assert fresh[count] == pytest.approx(real[count], abs=0.045)
    for name in ("sex", "often", "town"):
        assert out.groupby("patient_nbr")[name].nunique(dropna=False).max() == 1
    assert out["sex"].eq("F").mean() == pytest.approx(parts.train["sex"].eq("F").mean(), abs=0.05)


def test_further_rows_are_drawn_given_the_person():
    _parts, made, _, model, generator = scene(visits())
    out = completed(made, model, generator, ROWS)
    per_person = out.groupby("patient_nbr").agg(rows=("sex", "size"), often=("often", "first")).iloc[:-1]
    assert ((per_person["rows"] > 2) == (per_person["often"] == "yes")).all()
    assert out.groupby("patient_nbr")["weight"].nunique().max() > 1


def test_what_seldom_changes_is_kept_for_as_many_people():
    rng = np.random.default_rng(3)
    frame = visits()
    frame["race"] = np.where(frame["patient_nbr"] % 3 == 0, "north", "south")
    moved = rng.random(len(frame)) < 0.05
    frame.loc[moved, "race"] = "west"
    frame["rare"] = np.where(rng.random(len(frame)) < 0.02, "yes", "no")  # steady by chance only
    parts, made, _, model, generator = scene(frame)
    assert list(model.steady) == ["race"]

    def kept(table):
        several = table[table.groupby("patient_nbr")["race"].transform("size") > 1]
        return several.groupby("patient_nbr")["race"].nunique().eq(1).mean()

    out = completed(made, model, generator, ROWS)
    assert kept(parts.train) < 0.95
    assert kept(out) == pytest.approx(kept(parts.train), abs=0.06)
    assert out["race"].eq("west").mean() == pytest.approx(parts.train["race"].eq("west").mean(), abs=0.03)


def test_keys_are_fresh_and_look_alike():
    frame = visits()
    _, made, _, model, generator = scene(frame)
    out = completed(made, model, generator, ROWS)
    assert not set(out["patient_nbr"]) & set(frame["patient_nbr"].astype(str))
    assert not set(out["visit_id"]) & set(frame["visit_id"])
    assert out["visit_id"].is_unique
    assert out["visit_id"].str.fullmatch(r"V\d{5}").all()
    assert out["patient_nbr"].str.fullmatch(r"\d{6}").all()


def test_constants_and_empty_columns_come_back():
    _, made, _, model, generator = scene(visits())
    out = completed(made, model, generator, 300)
    assert set(out["clinic"]) == {"central"}
    shown = conversion.presented(out, made)
    assert shown["remark"].isna().all()
    assert shown["patient_nbr"].dtype == "int64"


@pytest.mark.parametrize("rows", [1, 2, 701, 1500])
def test_the_number_of_rows_is_exact(rows):
    _, made, _, model, generator = scene(visits())
    assert len(completed(made, model, generator, rows)) == rows


def test_the_seed_repeats_the_rows():
    _, made, _, model, generator = scene(visits())
    first, again, other = (completed(made, model, generator, 500, seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.drop(columns="visit_id").equals(other.drop(columns="visit_id"))


def test_fixed_values_hold_in_every_row_of_a_person():
    _, made, _, model, generator = scene(visits())
    out = completed(made, model, generator, 400, fixed={"town": "Chur", "weight": 77.0})
    assert set(out["town"]) == {"Chur"}
    assert set(out["weight"]) == {77.0}


def test_target_groups_get_their_exact_counts():
    _, made, _, model, generator = scene(visits())
    targets = (GroupTarget(where={"sex": "F"}, rows=150), GroupTarget(where={"sex": "M", "town": "Genf"}, rows=70))
    out = completed(made, model, generator, 220, targets=targets)
    assert len(out) == 220
    assert int((out["sex"] == "F").sum()) == 150
    assert out["patient_nbr"].nunique() > 50
    assert out["visit_id"].is_unique


def test_balanced_values_stay_balanced():
    _, made, _, model, generator = scene(visits())
    out = completed(made, model, generator, ROWS, mix="balanced", balance=("sex",))
    assert out["sex"].eq("F").mean() == pytest.approx(0.5, abs=0.06)


def test_a_table_without_people_is_only_completed():
    frame = pd.DataFrame({"id": np.arange(500) + 1, "x": np.arange(500) % 17, "word": list("ab") * 250})
    _parts, made, wider, model, generator = scene(frame)
    assert wider == made
    assert model.rows_column is None
    out = completed(made, model, generator, 1234)
    assert len(out) == 1234
    assert out["id"].is_unique
    assert not set(out["id"].astype(int)) & set(frame["id"])


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        ([f"{i:08x}-aaaa-4bbb-8ccc-{i * 7919:012x}" for i in range(200)], r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ([f"{i * 2654435761:040X}" for i in range(200)], r"[0-9A-F]{40}"),
        ([f"PAT-{i:06d}/A" for i in range(200)], r"PAT-\d+/A"),
        ([10**17 + i * 9 for i in range(200)], r"\d{18,}"),
    ],
)
def test_styles_of_keys(values, pattern):
    frame = pd.DataFrame({"record_id": values, "x": np.arange(200) % 11})
    _, made, _, model, generator = scene(frame)
    assert made.column("record_id").kind == "id"
    out = completed(made, model, generator, 900)
    assert out["record_id"].is_unique
    assert out["record_id"].map(lambda key: re.fullmatch(pattern, key) is not None).all()
    assert not set(out["record_id"]) & set(map(str, values))


def test_missing_keys_and_texts_stay_missing_as_often():
    rows = 1000
    frame = pd.DataFrame(
        {
            "case_id": [f"C{i:05d}" if i % 4 else None for i in range(rows)],
            "remark": [f"the doctor wrote {i} long words about this" if i % 2 else None for i in range(rows)],
            "x": np.arange(rows) % 13,
        }
    )
    _, made, _, model, generator = scene(frame)
    assert made.column("remark").kind == "text"
    out = completed(made, model, generator, 2000)
    assert out["case_id"].isna().mean() == pytest.approx(0.25, abs=0.04)
    assert out["remark"].isna().mean() == pytest.approx(0.5, abs=0.05)
    assert set(out["remark"].dropna()) == {PLACEHOLDER}


def test_the_model_survives_the_disk_and_holds_no_key(tmp_path):
    frame = visits()
    _, _, _, model, _ = scene(frame)
    model.save(tmp_path)
    assert keys.KeyModel.load(tmp_path) == model
    text = (tmp_path / keys.FILE).read_text()
    assert not any(str(key) in text for key in frame["patient_nbr"])
    (tmp_path / keys.FILE).write_text("{}}")
    with pytest.raises(SchemaError, match="damaged"):
        keys.KeyModel.load(tmp_path)


def test_a_generator_that_stops_short_is_told():
    class Short(Resampler):
        def sample(self, spec, rows, ctx):
            yield next(super().sample(spec, rows, ctx)).iloc[:5]

    frame = pd.DataFrame({"id": np.arange(500) + 1, "x": np.arange(500) % 17})
    _, made, _, model, generator = scene(frame, Short)
    with pytest.raises(TrainingError, match="5 of the 100"):
        completed(made, model, generator, 100)


def test_notes_say_what_was_made():
    _, made, _, model, generator = scene(visits(), Unconditional)
    said = " ".join(keys.notes(made, generator, model))
    assert "visit_id, patient_nbr" in said
    assert "cannot be conditioned" in said
    assert "cannot be conditioned" not in " ".join(keys.notes(made, Resampler(), model))


def test_long_whole_keys_stay_apart():
    """A key of 17 digits is no exact float: two that follow each other must not become one."""
    frame = pd.DataFrame({"patient_id": 10**16 + np.arange(60) * 3, "x": np.tile([1, 2, 3], 20)})
    found = inference.infer(io.from_memory(frame), RunSpec())
    typed = conversion.typed(frame, found)
    assert conversion.presented(typed, found)["patient_id"].tolist() == frame["patient_id"].tolist()
    text = inference.infer(io.from_memory(frame.astype(str)), RunSpec())
    as_text = text.model_copy(update={"layout": text.layout.model_copy(update={"format": "csv"})})
    shown = conversion.presented(conversion.typed(frame.astype(str), as_text), as_text)
    assert shown["patient_id"].tolist() == frame["patient_id"].tolist()
