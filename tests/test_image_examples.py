"""The executed examples do what their page says: each runs in a child process and leaves its picture."""

import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter

import pytest
from PIL import Image

from synthgen.images import io
from tests.conftest import REPOSITORY

LIMIT = 280  # seconds; a minute on a core that nobody else uses


def run(name: str, out, by_path: bool = False) -> str:
    """What an example prints; its picture must lie in `out`."""
    how = [f"examples/{name}.py"] if by_path else ["-m", f"examples.{name}"]
    done = subprocess.run(
        [sys.executable, *how, "--out", str(out)],
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    with Image.open(out / f"{name}.png") as picture:
        assert picture.width > 300
    return done.stdout


def figures(text: str, words: str) -> list[float]:
    """The numbers that follow `words` in what was printed."""
    return [float(found) for found in re.findall(rf"{words}\s+(-?[\d.]+\d)", text)]


@pytest.mark.slow
def test_the_critic_s_logit_is_log_p_over_q(tmp_path):
    told = run("gaussian_2d", tmp_path)
    early, late = (figures(told, words) for words in ("correlation", "covariance by"))
    assert early[0] > 0.9  # of logit and log p/q, while there is something to see
    assert late[1] < late[0]
    logit, truth = figures(told, "logit")[0], figures(told, "log p/q")[0]
    assert logit == pytest.approx(truth, abs=0.15)
    assert abs(figures(told, "points: logit")[1]) < 0.1


@pytest.mark.slow
def test_collapse_is_seen_and_cured(tmp_path):
    told = run("mode_collapse", tmp_path, by_path=True)
    made, penalised, cured, nearer = re.split(r"^(?=no gradient|the same|cured)", told, flags=re.MULTILINE)[1:]
    for collapsed in (made, penalised):
        assert collapsed.count(": collapsing, group lost") == 3
    for well in (cured, nearer):
        assert "collapsing" not in well
        assert re.findall(r"lost: (\d) of 8", well)[-1] == "0"


@pytest.mark.slow
def test_digits_are_made_of_every_class(tmp_path):
    told = run("digits", tmp_path)
    assert "20 of the rarest (8)" in told
    assert "made: 80 images, 8 of each digit" in told
    assert "collapsing" not in told


@pytest.mark.slow
def test_a_classifier_learns_from_made_digits(tmp_path):
    told = run("train_on_synthetic", tmp_path)
    real, made, both = (
        [float(x) for x in re.search(rf"^{re.escape(name)}\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)$", told, re.M).groups()]
        for name in ("real", "synthetic alone", "real + synthetic 8s")
    )
    assert made[0] > 0.6  # ten classes: chance is .1
    assert real[0] > 0.85
    assert both[0] > real[0] - 0.02
    assert both[2] > real[2]  # made images of the rare digit help with it
    assert all(4 < figures(told, words)[0] < 10 for words in ("made", "real, unseen"))


@pytest.mark.slow
def test_the_worst_enlarged_images_gain_by_the_worst_case(tmp_path):
    told = run("super_resolution", tmp_path)
    arms = {
        name: [
            float(x) for x in re.search(rf"^{name}\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)$", told, re.M).groups()
        ]
        for name in ("bicubic", "mean", "worst case")
    }
    assert arms["mean"][0] > arms["bicubic"][0]
    assert arms["worst case"][1] > arms["bicubic"][1] + 0.1  # decibels, the worst 1 %
    assert arms["worst case"][1] > arms["mean"][1] - 0.03
    assert arms["worst case"][0] > arms["mean"][0] - 0.1


def test_the_shipped_cells_are_read_with_their_sources():
    found = io.read(REPOSITORY / "examples" / "data" / "cells.zip").data
    assert (found.label, found.person) == ("cell", "source_image")
    assert Counter(found.columns["cell"]) == {"rbc": 413, "platelets": 94, "wbc": 77}
    assert len(set(found.columns["source_image"])) == 75
    assert not [finding for finding in found.findings if finding.what == "refused"]


def test_the_shipped_cells_carry_their_licence():
    path = REPOSITORY / "examples" / "data" / "cells.zip"
    assert path.stat().st_size < 1_000_000
    with zipfile.ZipFile(path) as archive:
        assert "Permission is hereby granted" in archive.read("LICENSE").decode()


@pytest.mark.parametrize("name", ["demo", "demo_images"])
def test_both_demonstrations_say_what_may_be_set(name):
    done = subprocess.run(
        [sys.executable, f"examples/{name}.py", "--help"], cwd=REPOSITORY, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "--time-budget" in done.stdout


def test_every_example_has_its_picture_and_is_explained():
    page = (REPOSITORY / "docs" / "examples" / "README.md").read_text()
    for name in re.findall(r"\((\w+)\.png\)", page):
        assert (REPOSITORY / "docs" / "examples" / f"{name}.png").exists()
        assert importlib.util.find_spec(f"examples.{name}") is not None
