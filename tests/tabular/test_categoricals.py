"""Ordered categoricals of pandas: their order is the declared one, and they come back with the categories they had."""

import numpy as np
import pandas as pd
import pytest

from synthgen.errors import SpecError
from synthgen.spec import ColumnOverride, Range
from synthgen.synthesizer import TabularSynthesizer

GRADES = ["weak", "fair", "able", "superb", "unheard of"]  # neither the alphabet nor a scale tells this order


def table(ordered=True, rare=0):
    rng = np.random.default_rng(0)
    grades = rng.choice(GRADES[:4], 400, p=[0.4, 0.3, 0.2, 0.1])
    grades[:rare] = GRADES[4]
    made = pd.Categorical(grades, categories=GRADES, ordered=ordered)
    return pd.DataFrame({"grade": made, "x": rng.normal(size=400), "sex": rng.choice(["f", "m"], 400)})


def fitted(frame, **said):
    columns = {"grade": ColumnOverride(**said)} if said else {}
    return TabularSynthesizer("gaussian_copula", columns=columns).fit(frame)


def test_the_order_of_the_dtype_is_taken_and_given_back():
    model = fitted(table())
    made = model.sample(300)["grade"]
    assert model.schema_.column("grade").order == tuple(GRADES[:4])
    assert made.dtype == pd.CategoricalDtype(GRADES, ordered=True)
    assert set(model.sample(50, where={"grade": Range(low="able")})["grade"]) == {"able", "superb"}


def test_what_the_owner_says_wins():
    backwards = tuple(GRADES[::-1])
    assert fitted(table(), order=backwards).sample(50)["grade"].dtype == pd.CategoricalDtype(backwards, ordered=True)
    assert fitted(table(False), order=backwards).sample(50)["grade"].cat.ordered
    without = fitted(table(), order=())
    assert not without.sample(50)["grade"].cat.ordered
    with pytest.raises(SpecError, match="has no ranges"):
        without.sample(5, where={"grade": Range(low="able")})
    assert not fitted(table(False)).sample(50)["grade"].cat.ordered


def test_a_file_lists_no_category_of_few_people_and_keeps_the_order(tmp_path):
    model = fitted(table(rare=4))
    assert model.schema_.column("grade").order == tuple(GRADES[:4])
    model.write(tmp_path / "made.parquet", 300)
    stored = pd.read_parquet(tmp_path / "made.parquet")["grade"]
    assert stored.cat.ordered
    assert list(stored.cat.categories)[:4] == GRADES[:4]
    assert GRADES[4].encode() not in (tmp_path / "made.parquet").read_bytes()
