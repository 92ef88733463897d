"""What cannot be modelled is said before training: to the listener, to Python, on the command line; never a value."""

import io as memory

import numpy as np
import pandas as pd
import pytest
from prepared import TINY

from synthgen.cli.terminal import Progress
from synthgen.spec import ColumnOverride, RunSpec
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import cautions, inference, io

N = 200
SETTINGS = TINY.model_dump(exclude={"time_budget"})


def bad_table(target):
    """One column of every kind that is not modelled as it stands."""
    rng = np.random.default_rng(0)
    endless = rng.normal(size=N).round(2)
    endless[::20] = np.inf
    return pd.DataFrame(
        {
            "age": rng.integers(20, 90, N),
            "gone": [None] * N,
            "huge": 10.0 ** rng.uniform(-5, 300, N),
            "mixed": pd.Series([1, "two", 3.5, None, True] * (N // 5), dtype=object),
            "endless": endless,
            "few": [*map(str, rng.integers(0, 50, N - 3)), "about 5", ">9", "x"],
            "remark": [f"a long remark about visit {i} of somebody" for i in range(N)],
            "key": [f"P{i:04d}" for i in rng.permutation(N)],
            "death": target,
        }
    )


@pytest.fixture(scope="module")
def told():
    """A model, and the events of its training."""
    events = []
    target = ["secret class", *["yes"] * 60, *["no"] * (N - 61)]
    made = TabularSynthesizer(params=SETTINGS, time_budget=5, target="death", listener=events.append)
    return made.fit(bad_table(target)), events


def said_of(lines, column):
    (line,) = [line for line in lines if line.startswith(f"Column {column!r}")]
    return line


def test_each_column_that_is_not_modelled_as_it_stands_is_told_once_before_training(told):
    model, events = told
    lines = [e.payload["text"] for e in events if e.kind == "log" and e.payload.get("warning")]
    assert "no cell is filled" in said_of(lines, "gone")
    assert "not modelled" in said_of(lines, "huge")
    assert "of the filled cells are numbers and the others are not" in said_of(lines, "mixed")
    assert "10 infinite entries are read as missing" in said_of(lines, "endless")
    assert "3 different entries are no numbers" in said_of(lines, "few")
    assert "placeholder" in said_of(lines, "remark")
    assert "fresh keys" in said_of(lines, "key")
    assert len(lines) == 8
    assert events.index(next(e for e in events if e.kind == "log")) < events.index(
        next(e for e in events if e.kind == "progress")
    )
    assert model.warnings == tuple(lines)


def test_the_target_s_small_classes_are_counted_and_never_named(told):
    model, _ = told
    line = said_of(model.warnings, "death")
    assert "become the commonest one" in line
    assert "1 of its 3 classes has fewer than 10 people to learn from: too small to be modelled" in line
    assert "secret" not in "".join(model.warnings)


@pytest.mark.parametrize("loaded", [False, True])
def test_a_balanced_sample_says_what_gets_no_share(told, loaded, tmp_path):
    model, heard = told[0], []
    if loaded:
        model.save(tmp_path / "model")
        model = TabularSynthesizer.load(tmp_path / "model")
        assert "no cell is filled" in said_of(model.warnings, "gone")
    model.listener = heard.append
    assert set(model.sample(40, balance=["death"])["death"]) == {"yes", "no"}
    lines = [e.payload["text"] for e in heard if e.payload.get("warning")]
    assert lines == [
        "Column 'death': 1 of its values is held by fewer than 10 people and gets no share of the balanced sample."
    ]
    heard.clear()
    model.sample(20)
    assert not [e for e in heard if e.payload.get("warning")]


def test_classes_written_as_numbers_are_classes_too():
    rng = np.random.default_rng(0)
    frame = bad_table([7, *[1] * 60, *[0] * (N - 61)])[["age", "endless", "death"]].assign(
        sex=rng.choice(["f", "m"], N)
    )
    model = TabularSynthesizer("independent", target="death").fit(frame)
    assert "1 of its 3 classes" in said_of(model.warnings, "death")
    assert len(TabularSynthesizer("independent", target="sex").fit(frame[["age", "sex"]]).warnings) == 0


def test_what_is_merged_is_said_to_become_other_only_where_it_does():
    schema = inference.infer(io.from_memory(pd.DataFrame({"a": [*"bcdefghijklm", *"z" * 50]})), RunSpec())
    assert "become 'other'" in said_of(cautions.of_schema(schema), "a")
    public = RunSpec(columns={"a": ColumnOverride(public=True)})
    assert not cautions.of_schema(inference.infer(io.from_memory(pd.DataFrame({"a": [*"bc", *"z" * 50]})), public))


def test_the_command_line_says_them(told):
    out = memory.StringIO()
    for event in told[1]:
        Progress(out).listen(event)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("Note: Column 'gone': not modelled")
    assert sum(line.startswith("Note: ") for line in lines) == 8
