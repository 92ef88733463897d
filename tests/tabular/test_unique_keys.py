"""Unique keys and what is unique to a person: granted by fresh keys, or drawn so; always kept, never endless."""

import numpy as np
import pandas as pd
import pytest
from prepared import prepared

from synthgen.errors import SpecError
from synthgen.spec import ColumnOverride, RunSpec, Unique
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import constraints


def visits(people=150, most=6, seed=0):
    """Rows of people with visits numbered from 1: (patient, visit) comes once; `visit_id` is a key of its own."""
    rng = np.random.default_rng(seed)
    count = rng.choice([1, 2, most], people, p=[0.3, 0.4, 0.3])
    who = np.repeat(np.arange(people), count)
    visit = np.concatenate([1 + np.arange(n) for n in count])
    return pd.DataFrame(
        {
            "patient": [f"P{i:05d}" for i in 3 * who],
            "visit_id": rng.permutation(len(who)) + 5000,
            "visit": visit,
            "sex": np.where(rng.random(people) < 0.5, "f", "m")[who],
            "weight": np.round(rng.normal(70, 12, people)[who] + rng.normal(0, 1, len(who)), 1),
        }
    )


def fitted(frame, *rules, generator="independent", **said):
    return TabularSynthesizer(generator, time_budget=20, constraints=rules, **said).fit(frame)


@pytest.mark.parametrize("generator", ["gaussian_copula", "independent"])
def test_what_is_unique_to_a_person_is_so_in_every_sample(generator):
    frame = visits()
    free = fitted(frame, generator=generator).sample(300)
    assert free.duplicated(["patient", "visit"]).sum() > 20
    model = fitted(frame, Unique(columns=("patient", "visit")), generator=generator)
    made = model.sample(300)
    assert len(made) == 300
    assert not made.duplicated(["patient", "visit"]).any()
    assert made.patient.duplicated().sum() > 60
    assert set(made.visit) <= set(range(1, 7))
    assert (made.groupby("patient")["sex"].nunique() == 1).all()
    assert not set(made.patient) & set(frame.patient)


def test_where_nothing_else_comes_out_rows_become_people_of_their_own(tmp_path):
    frame = visits().assign(visit=lambda f: np.where(f.visit > 1, "again", "first"))
    frame = frame[~frame.duplicated(["patient", "visit"])]
    more = pd.concat([frame, frame.assign(visit="again", weight=70.0)], ignore_index=True)
    rule = Unique(columns=("patient", "visit"), source_may_break=True)
    made = fitted(more, rule).sample(300)
    assert len(made) == 300
    assert not made.duplicated(["patient", "visit"]).any()
    assert made.patient.value_counts().max() <= 2


def test_a_fresh_key_is_unique_by_construction():
    frame = visits()
    made = fitted(frame, Unique(columns=("visit_id",)), Unique(columns=("visit_id", "sex"))).sample(400)
    assert made.visit_id.is_unique
    alone = frame.drop_duplicates("patient").rename(columns={"patient": "pid"})
    assert fitted(alone, Unique(columns=("pid",))).sample(200).pid.is_unique


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (Unique(columns=("patient",)), "rows of the source break it"),
        (Unique(columns=("patient",), source_may_break=True), "person key, which comes once for each row"),
        (Unique(columns=("patient", "sex")), "rows of the source break it"),
        (Unique(columns=("visit_id", "nothing")), "'nothing' is not modelled"),
        (Unique(columns=("note",)), "'note' is not modelled"),
    ],
)
def test_what_cannot_be_unique_is_told(rule, problem):
    frame = visits().assign(note=[f"long words of a patient, number {i}" for i in range(len(visits()))])
    made = prepared(frame, columns={"note": ColumnOverride(kind="text")})
    with pytest.raises(SpecError, match=problem):
        constraints.check(made.split, made.schema, RunSpec(constraints=(rule,)))
