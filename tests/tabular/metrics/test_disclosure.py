from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scenes import hospital, scene

from synthgen.contracts import Status
from synthgen.spec import AttackPlan
from synthgen.tabular.metrics.attacks.disclosure import BINS, ROWS
from synthgen.tabular.metrics.attacks.populations import populations
from synthgen.tabular.metrics.tables import coded, plain, sample, tables


def planned(found, **plan):
    return replace(found, ctx=replace(found.ctx, attacks=AttackPlan(**plan)))


def test_it_is_what_sdmetrics_says(good):
    from sdmetrics.single_table.privacy import DisclosureProtection

    found = planned(good, known=("sex", "ward", "age"))
    ctx = found.ctx.at("disclosure_protection")
    people = populations((), good.split, good.schema, ctx.attacks, ctx.at("people"))[0]
    t = tables(good.split, good.synthetic, good.schema, ctx, mixed=False)
    real = plain(good.split.train.iloc[people.train[:ROWS]], t.discrete, t.numeric)
    codes = coded(t, (real, sample(t.synthetic, ROWS, ctx.rng("synthetic"))), BINS)
    frames = [pd.DataFrame(part, columns=list(codes.columns)) for part in codes.frames]
    expected = DisclosureProtection.compute(*frames, ["sex", "ward", "age"], ["outcome"])
    assert found.measured("disclosure_protection").value == pytest.approx(expected)


def test_a_copy_protects_its_people_less_than_others(tmp_path):
    rng = np.random.default_rng(0)
    real = hospital(3000, 1).assign(secret=rng.integers(0, 5, 3000).astype(str))
    columns = ["age", "sex", "ward", "smoker", "secret"]
    found = scene(real[columns], real[columns], tmp_path, target=None, positive=None)
    train = found.split.train.iloc[:ROWS]
    copied = planned(found.with_set(train, tmp_path / "copied"), secrets=("secret",), known=("age", "sex", "ward"))
    result = copied.measured("disclosure_protection")
    assert result.value < result.holdout - 0.02
    assert result.holdout > 0.9
    assert [g.label for g in result.groups] == ["secret"]


def test_the_least_protected_of_several_secrets_counts(good):
    result = planned(good, secrets=("outcome", "ward")).measured("disclosure_protection")
    assert [g.label for g in result.groups] == ["outcome", "ward"]
    assert result.value == min(g.value for g in result.groups)


@pytest.mark.parametrize("plan", [{"secrets": ("no such column",)}, {"known": ("no such column",)}])
def test_without_a_secret_or_anything_known_it_does_not_apply(good, plan):
    result = planned(good, **plan).measured("disclosure_protection")
    assert result.status is Status.NOT_APPLICABLE
    assert result.reason
