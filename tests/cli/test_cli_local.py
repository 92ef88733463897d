"""fit, sample and score without any service, and what they say when something is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from synthgen import pipeline
from synthgen.cli import app
from synthgen.release.rendering import Rendering


def run(*arguments):
    command = [sys.executable, "-m", "synthgen.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=280)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """400 people with a rare outcome."""
    rng = np.random.default_rng(1)
    age = rng.integers(20, 90, 400)
    frame = pd.DataFrame(
        {
            "age": age,
            "sex": rng.choice(["F", "M"], 400),
            "dose": np.round(rng.gamma(2.0, 3.0, 400), 1),
            "outcome": np.where(rng.random(400) < (age - 20) / 300, "yes", "no"),
        }
    )
    path = tmp_path_factory.mktemp("table") / "people.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def fitted(table, tmp_path_factory):
    """A model and what was shown while it was trained."""
    out = tmp_path_factory.mktemp("model") / "model"
    done = run("fit", table, "--target", "outcome", "--time-budget", "5", "--set", "emphasis=1.0", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "%" in done.stderr, "progress is shown"
    return out, done.stderr


@pytest.fixture(scope="module")
def model(fitted):
    return fitted[0]


def test_fit_tells_what_was_chosen_and_what_it_will_take_before_it_trains(fitted, table, tmp_path):
    """A line each on stderr; a table too small for a network does not get the copula in silence."""
    lines = fitted[1].splitlines()
    chosen = lines.index(
        'Generator autoregressive_gan. "auto" chose it: parameters of the autoregressive GAN were given.'
    )
    estimates = [
        i for i, line in enumerate(lines) if re.match(r"Expected: about .* GiB of memory and \d+ seconds", line)
    ]
    trained = next(i for i, line in enumerate(lines) if line.endswith(("  worst", "  mean")) or "worst  " in line)
    assert [chosen < estimate < trained for estimate in estimates] == [True]
    pd.read_csv(table).head(150).to_csv(tmp_path / "few.csv", index=False)
    done = run("fit", tmp_path / "few.csv", "--out", tmp_path / "m")
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("Generator ")]
    assert len(told) == 1
    assert 'gaussian_copula. "auto" chose it: fewer than 200 people' in told[0]
    done = run("fit", tmp_path / "few.csv", "--generator", "independent", "--out", tmp_path / "m")
    assert "Generator" not in done.stderr, "it was named"


def test_sample_csv_and_parquet(model, table, tmp_path):
    real = pd.read_csv(table)
    for name, read in (("s.csv", pd.read_csv), ("s.parquet", pd.read_parquet)):
        done = run("sample", model, "--rows", "200", "--seed", "3", "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        frame = read(tmp_path / name)
        assert list(frame.columns) == list(real.columns)
        assert len(frame) == 200


def test_sample_takes_the_critic_s_dial(model, tmp_path, monkeypatch):
    drawn, asked = pipeline.draw, []

    def draw(model, schema, request, *rest, **more):
        asked.append(request.resample)
        return drawn(model, schema, request, *rest, **more)

    monkeypatch.setattr(pipeline, "draw", draw)
    for dial in ((), ("--resample", "off"), ("--resample", "4x")):
        command = ("sample", str(model), "--rows", "20", *dial, "--out", str(tmp_path / "s.csv"))
        assert CliRunner().invoke(app, command).exit_code == 0
    assert asked == ["2x", "off", "4x"]
    assert run("sample", model, "--rows", "20", "--resample", "3x", "--out", tmp_path / "s.csv").returncode == 2
    assert "Needs --source" in " ".join(run("sample", "--help").stdout.split())


def test_the_same_seed_gives_the_same_rows(model, tmp_path):
    for name in ("a.csv", "b.csv"):
        assert run("sample", model, "--rows", "50", "--seed", "3", "--out", tmp_path / name).returncode == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_conditions_and_balance(model, tmp_path):
    fixed, balanced = tmp_path / "fixed.csv", tmp_path / "balanced.csv"
    assert run("sample", model, "--rows", "60", "--where", "sex=F", "--out", fixed).returncode == 0
    assert set(pd.read_csv(fixed)["sex"]) == {"F"}
    assert run("sample", model, "--rows", "200", "--balance", "outcome", "--out", balanced).returncode == 0
    assert 0.4 < (pd.read_csv(balanced)["outcome"] == "yes").mean() < 0.6


def test_equal_shares_within_each_value_of_the_target_and_counts_of_groups(model, tmp_path):
    """The preset of the dashboard from a saved model: it knows that enough people share each combination."""
    even, groups, three = (tmp_path / f"{name}.csv" for name in ("even", "groups", "three"))
    done = run("sample", model, "--rows", "300", "--balance", "sex", "--within", "outcome", "--out", even)
    assert done.returncode == 0, done.stderr
    frame = pd.read_csv(even)
    assert (frame["sex"] == "F").groupby(frame["outcome"]).mean().between(0.45, 0.55).all()
    counts = ("--group", "30:outcome=yes,sex=F", "--group", "20:outcome=no")
    done = run("sample", model, *counts, "--out", groups)
    assert done.returncode == 0, done.stderr
    assert "50 rows" in done.stdout
    assert pd.read_csv(groups)["outcome"].value_counts().to_dict() == {"yes": 30, "no": 20}
    done = run(
        "sample", model, "--rows", "9", "--where", "outcome=yes", "--balance", "sex", "--within", "age", "--out", three
    )
    assert done.returncode == 1
    assert "several columns together" in done.stderr
    assert "--rows" in run("sample", model, *counts, "--rows", "9", "--out", three).stderr
    assert not three.exists()


def test_with_its_source_a_saved_model_takes_what_it_cannot_tell_alone(model, table, tmp_path):
    out = tmp_path / "asked.csv"
    asked = ("--rows", "60", "--where", "outcome=yes", "--where", "age=40..89", "--where", "sex=F")
    alone = run("sample", model, *asked, "--out", out)
    assert alone.returncode == 1
    assert "--source" in alone.stderr
    done = run("sample", model, *asked, "--source", table, "--drop", "near-copies", "--out", out)
    assert done.returncode == 0, done.stderr
    made = pd.read_csv(out)
    assert (len(made), set(made["outcome"]), set(made["sex"])) == (60, {"yes"}, {"F"})
    assert made["age"].between(40, 89).all()
    few = run(
        "sample", model, "--rows", "9", "--where", "dose=7.3", "--where", "age=44", "--source", table, "--out", out
    )
    assert few.returncode == 1
    assert "people" in few.stderr
    pd.read_csv(table).head(300).to_csv(tmp_path / "other.csv", index=False)
    other = run("sample", model, "--rows", "9", "--source", tmp_path / "other.csv", "--out", out)
    assert other.returncode == 1
    assert "rows number 300, and not 400" in other.stderr


def test_fit_takes_what_the_owner_says_of_columns_and_of_rules_the_table_breaks(table, tmp_path):
    """A number read as a category whose code decides its name, and a range that the table's own rows break."""
    frame = pd.read_csv(table).assign(code=lambda f: 1 + f.index % 3, visits=lambda f: f.index // 2)
    frame["name"] = frame["code"].map({1: "burns", 2: "heart", 3: "lung"})
    frame.to_csv(tmp_path / "t.csv", index=False)
    fit = ("fit", tmp_path / "t.csv", "--out", tmp_path / "m", "--generator", "independent")
    done = run(*fit, "--keep", "age=30..80")
    assert done.returncode == 1
    assert "--keep may-break:" in done.stderr
    said = ("--column", "code=category", "--column", "name=by:code", "--column", "visits=person")
    done = run(*fit, *said, "--keep", "may-break:age=30..80")
    assert done.returncode == 0, done.stderr
    columns = {c["name"]: c for c in json.loads((tmp_path / "m" / "schema.json").read_text())["columns"]}
    assert (columns["code"]["kind"], columns["visits"]["kind"]) == ("category", "person")
    assert columns["name"]["determined_by"] == "code"
    done = run("sample", tmp_path / "m", "--rows", "100", "--out", tmp_path / "s.csv")
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(tmp_path / "s.csv")["age"].between(30, 80).all()
    done = run(*fit, "--column", "height=category")
    assert done.returncode == 1
    assert "'height'" in done.stderr


@pytest.mark.slow
def test_score_writes_the_published_form_and_says_what_a_hold_out_is_for(model, table, tmp_path):
    made, out = tmp_path / "s.csv", tmp_path / "new" / "card.json"
    run("sample", model, "--rows", "300", "--out", made)
    done = run("score", table, made, "--target", "outcome", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "No hold-out was given" in done.stdout
    assert "%" in done.stderr, "progress is shown"
    assert "pair" in {score.metric for score in Rendering.model_validate_json(out.read_text()).scores}


@pytest.mark.slow
def test_score_takes_a_policy_attacks_and_a_person_and_blocks_copies(table, tmp_path):
    real = pd.read_csv(table)
    real.insert(0, "patient", [f"P{i // 2:04d}" for i in range(len(real))])
    unseen = real.sample(200, random_state=0).assign(patient=[f"Q{i // 2:04d}" for i in range(200)])
    unseen = unseen.assign(age=unseen["age"] + 1, dose=unseen["dose"] + 0.3)
    for name, frame in (("real", real), ("unseen", unseen), ("copies", real.drop(columns="patient"))):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    files = [tmp_path / f"{name}.csv" for name in ("real", "copies")]
    known = ["--person", "patient", "--holdout", tmp_path / "unseen.csv", "--target", "outcome", "--positive", "yes"]
    attacks = ["--attacks", "standard", "--secrets", "outcome", "--known", "age", "--known", "sex"]
    policy = ["--policy", "standard", "--fail-on-block", "--out", tmp_path / "card.html"]
    done = run("score", *files, *known, *attacks, *policy)
    assert done.returncode == 3, done.stderr
    assert "Verdict: blocked" in done.stdout
    assert "copied_rows" in done.stdout
    page = (tmp_path / "card.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html")
    assert "Blocked by the gate" in page


def test_a_policy_is_checked_before_anything_is_measured(table, tmp_path):
    (tmp_path / "house.json").write_text('{"rules": [{"metric": "beauty", "at_least": 0.5, "required": false}]}')
    for options, said in (
        (("--policy", tmp_path / "house.json"), "'beauty'"),
        (("--policy", tmp_path / "none.json"), "none.json"),
        (("--policy", "lax"), "lax"),
        (("--fail-on-block",), "--policy"),
        (("--secrets", "height"), "height"),
        (("--person", "height"), "height"),
    ):
        done = run("score", table, table, "--out", tmp_path / "card.html", *options)
        assert done.returncode == 1, done.stdout
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "card.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fit", "nothing.csv", "--out", "m"), "no file"),
        (("sample", "nothing", "--rows", "5", "--out", "x.csv"), "no model"),
        (("score", "nothing.csv", "nothing.csv", "--out", "x.json"), "no file"),
    ],
)
def test_what_is_missing_is_named(arguments, said):
    done = run(*arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_ending_a_wrong_condition_and_a_wrong_target_are_explained(model, table, tmp_path):
    for arguments, said in (
        (("sample", model, "--rows", "5", "--out", tmp_path / "x.xls"), "format"),
        (("sample", model, "--rows", "5", "--where", "sex", "--out", tmp_path / "x.csv"), "--where"),
        (("fit", table, "--target", "height", "--out", tmp_path / "m"), "height"),
        (("fit", table, "--generator", "magic", "--out", tmp_path / "m"), "magic"),
        (("fit", table, "--generator", "smote_nc", "--out", tmp_path / "m"), "training rows"),
    ):
        done = run(*arguments)
        assert done.returncode == 1, arguments
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_usage_errors_exit_with_two():
    assert run("sample").returncode == 2
    assert run("bogus").returncode == 2
