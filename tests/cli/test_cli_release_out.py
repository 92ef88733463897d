"""The score command writes both renderings, each for its own readers, and says which table it cannot use."""

import json

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from synthgen.cli import local
from synthgen.errors import InputError, SpecError
from synthgen.tabular.metrics import METRICS

RARE = "leprosy"


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The command in this process with two metrics, and its tables: a category of three people is in the real one."""
    for name in set(METRICS) - {"merged", "diagnostic"}:
        monkeypatch.delitem(METRICS, name)
    rng = np.random.default_rng(0)
    for name, rows in (("real", 300), ("made", 200), ("unseen", 150)):
        frame = pd.DataFrame({"age": rng.integers(20, 90, rows), "why": rng.choice(["flu", "gout"], rows)})
        frame.loc[: 2 * (name == "real"), "why"] = RARE if name == "real" else "flu"
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    app = typer.Typer()
    local.register(app)
    tables = ["score", tmp_path / "real.csv", tmp_path / "made.csv", "--holdout", tmp_path / "unseen.csv"]

    def run(*options):
        return CliRunner().invoke(app, [str(part) for part in (*tables, "--out", tmp_path / "review.json", *options)])

    return run, tmp_path


def test_what_may_leave_is_written_beside_the_review(asked):
    run, folder = asked
    for name in ("release.json", "release.html"):
        done = run("--policy", "standard", "--release-out", folder / "new" / name)
        assert done.exit_code == 0, done.output
        assert RARE not in (folder / "new" / name).read_text()
        assert f"written to {folder / 'new' / name}" in done.output.replace("\n", "")
    assert json.loads((folder / "new" / "release.json").read_text())["rendering"] == "release"
    review = (folder / "review.json").read_text()
    assert json.loads(review)["rendering"] == "review"
    assert RARE in review


def test_what_may_leave_needs_a_policy_and_an_ending(asked):
    run, folder = asked
    assert isinstance(run("--release-out", folder / "release.json").exception, SpecError)
    assert isinstance(run("--policy", "open", "--release-out", folder / "release.pdf").exception, InputError)
    assert not (folder / "review.json").exists(), "nothing was measured"


def test_the_table_that_cannot_be_used_is_said(asked):
    run, folder = asked
    (folder / "unseen.csv").write_text("age,why\n")
    problem = run().exception
    assert isinstance(problem, InputError)
    assert problem.message.startswith("The hold-out cannot be used: ")
