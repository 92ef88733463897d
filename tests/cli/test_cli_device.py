"""--device and SYNTHGEN_DEVICE: what was asked for reaches the generator, and a device that is not there is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from synthgen.cli import app
from synthgen.errors import SpecError
from synthgen.tabular.gaussian_copula import GaussianCopula


@pytest.fixture
def called(monkeypatch):
    """The devices that a generator was trained on and loaded to."""
    seen, trained, loaded = [], GaussianCopula.fit, GaussianCopula.load

    def fit(self, data, schema, groups, ctx):
        seen.append(("fit", ctx.device))
        return trained(self, data, schema, groups, ctx)

    def load(directory, device="cpu"):
        seen.append(("load", device))
        return loaded(directory, device)

    monkeypatch.setattr(GaussianCopula, "fit", fit)
    monkeypatch.setattr(GaussianCopula, "load", staticmethod(load))
    return seen


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    score = np.where(rng.random(300) < 0.1, np.nan, rng.integers(0, 90, 300))
    pd.DataFrame({"score": score, "sex": rng.choice(["F", "M"], 300)}).to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def run(*arguments, **environment):
    return CliRunner().invoke(app, [str(a) for a in arguments], env=environment)


def commands(table):
    model, out = table.parent / "m", table.parent / "s.csv"
    return (
        ("fit", table, "--generator", "gaussian_copula", "--out", model),
        ("sample", model, "--rows", "20", "--out", out),
        ("impute", model, table, "--out", out),
    )


def test_the_device_that_was_asked_for_reaches_the_generator(table, called):
    for asked, variables, device in (
        ((), {}, "cpu"),
        (("--device", "meta"), {}, "meta"),
        ((), {"SYNTHGEN_DEVICE": "meta"}, "meta"),
        (("--device", "cpu"), {"SYNTHGEN_DEVICE": "meta"}, "cpu"),
    ):
        called.clear()
        for command in commands(table):
            done = run(*command, *asked, **variables)
            assert done.exit_code == 0, done.exception
        assert called == [("fit", device), ("load", device), ("load", device)]


def test_a_device_that_is_not_there_is_refused_in_words(table, called):
    fit, *others = commands(table)
    assert run(*fit).exit_code == 0
    called.clear()
    for command in (fit, *others):
        error = run(*command, "--device", "cuda:99").exception
        assert isinstance(error, SpecError)
        assert "'cuda:99' was asked for" in str(error)
    assert not called
