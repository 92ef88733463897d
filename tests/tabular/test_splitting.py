import numpy as np
import pandas as pd
import pytest

from synthgen.errors import InputError, SchemaError
from synthgen.runtime import RunContext
from synthgen.spec import RunSpec
from synthgen.tabular import inference, io
from synthgen.tabular.splitting import split


def table(rows=1000, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "row": np.arange(rows) * 3 + 5,
            "ill": np.where(rng.random(rows) < 0.1, "yes", "no"),
            "age": rng.integers(0, 90, rows),
        }
    )


def parted(frame, seed=0, **spec):
    source, said = io.from_memory(frame), RunSpec(**spec)
    made = inference.infer(source, said)
    return split(source, made, said, RunContext(seed=seed)), made


def test_parts_are_disjoint_whole_and_of_the_size_asked_for():
    parts, _ = parted(table(), holdout_share=0.25, validation_share=0.15)
    sizes = [len(part) for part in (parts.train, parts.validation, parts.holdout)]
    assert sizes == pytest.approx([600, 150, 250], abs=2)
    together = pd.concat([parts.train, parts.validation, parts.holdout])["row"]
    assert together.is_unique
    assert len(together) == 1000
    assert parts.train_people is None


def test_the_seed_repeats_the_split():
    first, again, other = (parted(table(), seed=s)[0].holdout["row"].tolist() for s in (3, 3, 4))
    assert first == again
    assert first != other


def test_a_discrete_target_is_stratified():
    parts, _ = parted(table(), target="ill")
    shares = [float((part["ill"] == "yes").mean()) for part in (parts.train, parts.validation, parts.holdout)]
    assert max(shares) - min(shares) < 0.015


def people_table():
    rng = np.random.default_rng(1)
    rows = np.repeat(np.arange(300), rng.integers(1, 6, 300))
    return pd.DataFrame(
        {"patient_id": rows + 1000, "x": rng.integers(0, 50, len(rows)), "y": rng.integers(0, 2, len(rows))}
    )


def test_no_person_is_in_two_parts():
    parts, made = parted(people_table(), target="y")
    assert made.person == "patient_id"
    groups = [set(part["patient_id"]) for part in (parts.train, parts.validation, parts.holdout)]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
    assert sum(map(len, groups)) == 300
    for part, people in ((parts.train, parts.train_people), (parts.holdout, parts.holdout_people)):
        assert len(part) == len(people)
        assert part.groupby(people)["patient_id"].nunique().max() == 1
        assert part.groupby("patient_id").ngroups == len(np.unique(people))


def test_fitting_holds_nothing_of_the_holdout():
    parts, _ = parted(table())
    seen = set(parts.fitting.train["row"]) | set(parts.fitting.validation["row"])
    assert not seen & set(parts.holdout["row"])


def test_too_few_rows_or_people_are_refused():
    with pytest.raises(InputError, match="29 rows"):
        parted(table(29))
    frame = people_table()
    with pytest.raises(InputError, match="25 people"):
        parted(frame[frame["patient_id"] < 1025])


def test_a_table_without_anything_to_model_is_refused():
    with pytest.raises(SchemaError, match=r"None of the 2 columns.*constant, id"):
        parted(pd.DataFrame({"same": ["x"] * 50, "id": range(50)}))
