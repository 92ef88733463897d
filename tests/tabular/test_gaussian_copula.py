"""The copula keeps margins, the correlation between columns, and what a condition says about the other columns."""

import numpy as np
import pandas as pd
import pytest
from prepared import prepared
from scipy.stats import spearmanr

from synthgen.runtime import RunContext
from synthgen.spec import Inequality, SampleSpec
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular.gaussian_copula import GaussianCopula, line_of
from synthgen.training.checkpoint import State


def numbers(rows=3000, seed=0):
    """Two correlated numbers, a class that follows the first, and a lone column."""
    rng = np.random.default_rng(seed)
    height = rng.normal(170, 10, rows).round(1)
    weight = (0.9 * (height - 170) + rng.normal(70, 6, rows)).round(1)
    tall = np.where(height + rng.normal(0, 3, rows) > 178, "yes", "no")
    return pd.DataFrame({"height": height, "weight": weight, "tall": tall, "ward": rng.choice(["a", "b", "c"], rows)})


@pytest.fixture(scope="module")
def fitted():
    scene = prepared(numbers(), target="tall")
    return GaussianCopula().fit(scene.data, scene.schema, scene.groups, RunContext(seed=1))


def drawn(fitted, rows=3000, **spec):
    return pd.concat([*fitted.sample(SampleSpec(**spec), rows, RunContext(seed=2))], ignore_index=True)


def test_margins_and_rank_correlation_are_the_datas(fitted):
    real, made = numbers(), drawn(fitted)
    assert abs(spearmanr(made.height, made.weight)[0] - spearmanr(real.height, real.weight)[0]) < 0.05
    assert abs((made.tall == "yes").mean() - (real.tall == "yes").mean()) < 0.03
    assert np.allclose(made.height.quantile([0.1, 0.5, 0.9]), real.height.quantile([0.1, 0.5, 0.9]), atol=1.5)
    assert made.groupby("tall").height.mean().loc["yes"] > made.groupby("tall").height.mean().loc["no"] + 8


def test_a_fixed_value_moves_what_hangs_on_it_and_nothing_else(fitted):
    heavy, light = drawn(fitted, fixed={"weight": 85.0}), drawn(fitted, fixed={"weight": 55.0})
    real = numbers(20_000, 5)
    for made, weight in ((heavy, 85.0), (light, 55.0)):
        near = real[(real.weight - weight).abs() < 1]
        assert abs(made.height.mean() - near.height.mean()) < 1.5
        assert abs(made.height.std() - near.height.std()) < 1.5
        assert np.allclose(made.ward.value_counts(normalize=True), 1 / 3, atol=0.06)


def test_two_fixed_values_are_both_honoured_and_both_count(fitted):
    made = drawn(fitted, 1500, fixed={"weight": 70.0, "tall": "yes"})
    assert (made.weight == 70.0).all()
    assert (made.tall == "yes").all()
    assert made.height.mean() > drawn(fitted, 1500, fixed={"weight": 70.0}).height.mean() + 3


def test_the_probabilities_of_a_column_are_those_it_is_drawn_with(fitted):
    column = fitted.encoding.names.index("tall")
    codes = np.full((1, 4), -1)
    codes[0, 0] = fitted.encoding.columns[0].encode(pd.Series([180.0]))[0]
    told = fitted._factor(column, codes)[0]
    made = fitted._draw(np.repeat(codes, 4000, 0), np.random.default_rng(0))[:, column]
    assert told.sum() == pytest.approx(1)
    assert np.allclose(told, np.bincount(made, minlength=len(told)) / 4000, atol=0.05)


def test_rules_are_kept_and_gaps_are_filled_from_the_other_cells():
    rules = (Inequality(low_column="weight", high_column="height"),)
    model = TabularSynthesizer("gaussian_copula", constraints=rules).fit(numbers(800))
    made = model.sample(600)
    assert (made.weight <= made.height).all()
    holed = numbers(300, 7).assign(height=lambda f: f.height.where(f.index % 2 == 0))
    filled = model.impute(holed)
    gap = holed.height.isna()
    assert filled.height.notna().all()
    assert np.corrcoef(filled.height[gap], filled.weight[gap])[0, 1] > 0.6


PRICES = np.random.default_rng(9).permutation(np.arange(12) * 20.0 + 10)  # of each code


def stays(rows=600):
    """A code, its price, which is looked up from it, and days that go with the price; a code of one person."""
    rng = np.random.default_rng(0)
    code = rng.choice(12, rows)
    frame = pd.DataFrame(
        {"code": [f"D{c:02d}" for c in code], "price": PRICES[code], "days": rng.poisson(1 + PRICES[code] / 25)}
    )
    frame.loc[0, "code"] = "lone"
    return frame


@pytest.fixture(scope="module")
def priced():
    return TabularSynthesizer("gaussian_copula").fit(stays())


def test_a_looked_up_number_keeps_its_correlation_with_a_third_column(priced):
    made, frame = priced.sample(2000), stays()
    known = made[made["code"].str.fullmatch(r"D\d\d")]
    assert len(known) > 1900
    assert (known["price"] == known["code"].str[1:].astype(int).map(pd.Series(PRICES))).all()
    real = frame["price"].corr(frame["days"], "spearman")
    assert real > 0.7
    assert abs(made["price"].corr(made["days"], "spearman") - real) < 0.1


def test_levels_stand_in_the_order_of_what_they_determine_those_without_in_the_middle(priced):
    encoding = priced.model_.generator.encoding
    line, values = line_of(encoding, 0), encoding.columns[0].values
    assert sorted(line) == list(range(encoding.sizes[0]))
    prices = [PRICES[int(values[level][1:])] for level in line if level < len(values)]
    assert len(prices) == 12
    assert (np.diff(prices) > 0).all()
    assert (line_of(encoding, 2) == np.arange(encoding.sizes[2])).all()


def test_what_is_asked_of_a_code_and_what_goes_with_it_are_both_kept(priced):
    fixed = priced.sample(300, where={"code": "D03"})
    assert set(fixed["code"]) == {"D03"}
    assert set(fixed["price"]) == {PRICES[3]}
    dear, cheap = (priced.sample(400, where={"price": price})["days"].mean() for price in (230.0, 10.0))
    assert dear > cheap + 4
    holed = stays().assign(code=lambda f: f["code"].where(f.index % 2 == 0))
    filled, gap = priced.impute(holed), holed["code"].isna()
    assert (filled["price"] == stays()["price"]).all()
    assert (filled["code"][gap] == stays()["code"][gap]).mean() > 0.9


def test_a_saved_copula_keeps_its_lines_and_one_from_before_them_its_order(priced, tmp_path):
    priced.save(tmp_path / "model")
    again = TabularSynthesizer.load(tmp_path / "model")
    pd.testing.assert_frame_equal(again.sample(50), priced.sample(50))
    state = priced.model_.generator._state()
    old = {name: tensor for name, tensor in state.tensors.items() if not name.startswith("lines")}
    again.model_.generator._restore(State(old), "cpu")
    assert all((line == np.arange(len(line))).all() for line in again.model_.generator._lines)
