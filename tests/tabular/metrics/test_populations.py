from dataclasses import replace

import numpy as np
import pandas as pd
from scenes import hospital

from synthgen.contracts import Status
from synthgen.runtime import RunContext
from synthgen.spec import AttackPlan, RunSpec, SampleSpec
from synthgen.tabular import inference, io, modes, splitting
from synthgen.tabular.metrics.attacks.populations import MINORITY, populations


def found(scene, plan=None, request=None, seed=7):
    return populations(scene.groups, scene.split, scene.schema, plan, RunContext(seed=seed), request)


def test_everybody_comes_first_and_pools_hold_minorities_only(good):
    whole, *pools = found(good)
    assert (whole.label, whole.kind, whole.groups) == ("whole", "whole", ())
    assert sorted(whole.train) == list(range(len(good.split.train)))
    assert {p.kind for p in pools} == {"pool"}
    assert "tails" in [p.label for p in pools]
    for pool in pools:
        union = np.logical_or.reduce([g.mask(good.split.train) for g in pool.groups])
        assert sorted(pool.train) == list(np.flatnonzero(union))
        assert sorted(pool.holdout) == list(np.flatnonzero(pool.mask(good.split.holdout)))
        assert all(g.mask(good.split.train).mean() <= MINORITY for g in pool.groups)


def test_no_label_of_a_pool_holds_a_cell_value(good):
    values = {str(v) for c in ("ward", "outcome", "smoker") for v in good.split.train[c].dropna().unique()}
    for pool in found(good)[1:]:
        assert not values & set(pool.label.split())


def test_too_few_people_have_a_reason_and_are_never_a_pass(good):
    small = replace(good.split, holdout=good.split.holdout.iloc[:60])
    whole = populations(good.groups, small, good.schema, None, RunContext(seed=1))[0]
    assert "60 in the hold-out" in whole.reason
    assert whole.line(value=0.1).status is Status.INSUFFICIENT
    assert whole.line(value=0.1).value is None


def test_the_full_plan_adds_every_group_that_is_large_enough(good):
    alone = [p for p in found(good, AttackPlan(size="full")) if p.kind not in ("whole", "pool")]
    assert alone
    large = [
        g for g in good.groups if g.mask(good.split.train).sum() >= 200 and g.mask(good.split.holdout).sum() >= 100
    ]
    assert [p.label for p in alone] == [g.name for g in large]


def test_the_first_of_a_pool_are_among_the_first_of_all(good):
    whole, pool, *_ = found(good)
    place = {row: i for i, row in enumerate(whole.train)}
    places = [place[row] for row in pool.train]
    assert places == sorted(places)
    assert list(found(good)[0].train) == list(whole.train)
    assert list(found(good, seed=8)[0].train) != list(whole.train)


def test_a_request_for_a_part_attacks_that_part_only(good):
    whole = found(good, request=SampleSpec(fixed={"ward": "surgery"}))[0]
    assert set(good.split.train["ward"].iloc[whole.train]) == {"surgery"}
    assert len(whole.train) == (good.split.train["ward"] == "surgery").sum()


def test_a_person_with_several_rows_is_attacked_once():
    frame = pd.concat([hospital(700, s).assign(patient=[f"P{i}" for i in range(700)]) for s in (1, 2, 3)])
    spec = RunSpec(target="outcome", columns={"patient": {"kind": "person"}})
    source = io.from_memory(frame.reset_index(drop=True))
    schema = inference.infer(source, spec)
    split = splitting.split(source, schema, spec, RunContext(seed=1))
    all_groups = modes.census(split, schema, spec)
    whole, *pools = populations(all_groups, split, schema, None, RunContext(seed=1))
    assert len(whole.train) == len(np.unique(split.train_people))
    for pool in pools:
        assert len(pool.train) == modes.people_in(pool.mask(split.train), split.train_people)
        assert pool.mask(split.train)[pool.train].all()
