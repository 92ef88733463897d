"""Images on the command line: what is typed, what is refused, and submitting them to a service."""

from __future__ import annotations

import json
import threading

import httpx
import played_images
import pytest
from test_cli_remote import logged_in, run, web  # noqa: F401 - fixtures
from typer.testing import CliRunner

from synthgen import catalog
from synthgen.cli import local, pictures, scores
from synthgen.client import Client
from synthgen.contracts import MetricResult, Status
from synthgen.errors import InputError, SpecError
from synthgen.service import bootstrap
from synthgen.spec import DifferentialPrivacy, RunSpec


@pytest.fixture(scope="module")
def zipped(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "shapes.zip"
    path.write_bytes(played_images.archive({"round": 14, "square": 12}))
    return path


def test_counts_of_classes_are_read_and_names_may_hold_the_sign():
    assert pictures.counts(["platelet=500", "a=b=20"]) == {"platelet": 500, "a=b": 20}
    assert pictures.targets(["rbc=3"]) == [{"where": {"class": "rbc"}, "rows": 3}]


def test_what_is_no_count_is_told_all_at_once_and_without_the_name():
    with pytest.raises(SpecError) as caught:
        pictures.counts(["secret", "wbc=0", "=5", "rbc=x", "a=1", "a=2"])
    told = str(caught.value)
    assert "4 " in told or "item 4" in told
    assert "the same class 2 times" in told
    assert "secret" not in told


def test_the_form_of_images_holds_what_was_said():
    assert pictures.options(32, None, pictures.FitBy.crop) == {"size": 32, "fit": "crop"}
    assert pictures.options(None, None, None) == {}
    assert pictures.options(None, None, None, "ward") == {"person": "ward"}
    with pytest.raises(SpecError, match="neither 1 nor 3"):
        pictures.options(None, 2, None)


def call(*arguments):
    """A local command in this process: the error it ends with."""
    import typer

    app = typer.Typer()
    local.register(app)
    return CliRunner().invoke(app, [str(a) for a in arguments]).exception


def test_options_for_tables_are_refused_where_there_are_images(zipped, tmp_path):
    error = call("fit", zipped, "--out", tmp_path / "m", "--positive", "yes", "--epsilon", "1")
    assert "--positive is for tables" in str(error)
    assert "--epsilon is for tables" in str(error)


def test_options_for_images_are_refused_where_there_is_a_table(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,b\n1,2\n3,4\n")
    error = call("fit", table, "--out", tmp_path / "m", "--size", "32", "--person", "a")
    assert "--size is for images" in str(error)
    assert "--person is for images" in str(error)


def test_images_are_scored_by_the_columns_that_were_named(zipped, tmp_path, monkeypatch):
    import synthgen.scored

    asked = []
    monkeypatch.setattr(
        synthgen.scored, "score", lambda *paths, **said: asked.append((paths, said)) or played_images.scorecard()
    )
    named = ("--target", "folder", "--person", "ward")
    error = call("score", zipped, zipped, "--holdout", zipped, *named, "--out", tmp_path / "card.json")
    assert error is None
    paths, said = asked[0]
    assert paths == (zipped, zipped, zipped)
    assert (said["target"], said["person"]) == ("folder", "ward")
    assert json.loads((tmp_path / "card.json").read_text())["modality"] == "images"


def test_which_images_cannot_be_scored_is_told(zipped, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,b\n1,2\n3,4\n")
    told = str(call("score", zipped, table, "--out", tmp_path / "card.json"))
    assert told.startswith("The synthetic images cannot be used")


def model(folder, modality):
    folder.mkdir()
    (folder / "spec.json").write_text(json.dumps({"modality": modality}))
    return folder


def test_a_model_of_images_wants_an_ending_for_images_and_classes_or_rows(tmp_path):
    images = model(tmp_path / "m", "images")
    assert "does not say which format" in str(call("sample", images, "--rows", "5", "--out", tmp_path / "a.csv"))
    both = call("sample", images, "--rows", "5", "--class", "a=3", "--out", tmp_path / "a.zip")
    assert "--class and --rows" in str(both)
    ward = call("sample", images, "--rows", "5", "--balance", "ward", "--out", tmp_path / "a.zip")
    assert "over their class only" in str(ward)


def test_a_model_of_a_table_wants_rows(tmp_path):
    table = model(tmp_path / "m", "tabular")
    assert "--rows is missing" in str(call("sample", table, "--out", tmp_path / "a.csv"))
    error = call("sample", table, "--rows", "5", "--class", "a=3", "--out", tmp_path / "a.csv")
    assert "--class is for images" in str(error)


def test_a_set_of_images_is_read_in_a_limited_child_first(zipped, tmp_path):
    assert pictures.read_first(zipped) == 26
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    error = call("fit", folder, "--out", tmp_path / "m")
    assert error is not None
    assert "x.png" not in str(error)


@pytest.fixture(scope="module")
def reader(web):  # noqa: F811
    """Plays the worker on images until the tests are over."""
    over = threading.Event()

    def play():
        with bootstrap.running(web.settings) as app:
            while not over.wait(0.2):
                played_images.work(app)

    thread = threading.Thread(target=play)
    thread.start()
    yield
    over.set()
    thread.join()


def test_images_are_submitted_with_counts_by_class(web, logged_in, reader, zipped):  # noqa: F811
    asked = ("--size", "32", "--fit-by", "crop", "--class", "round=30", "--class", "square=50", "--truncation", "0.8")
    done = logged_in("submit", str(zipped), *asked, "--follow")
    assert done.returncode == 0, done.stderr
    assert "26 images, 2 classes" in done.stdout
    assert "Verdict: awaiting review" in done.stdout
    job = logged_in("jobs", "--limit", "1").stdout.splitlines()[-1].split()[0]
    login = json.loads((logged_in.config / "synthgen" / "login.json").read_text())
    with Client(web.url, login["token"]) as client:
        found = client.job(job)
        assert found.spec["modality"] == "images"
        assert found.spec["images"]["size"] == 32
        assert found.spec["time_budget"] == pictures.BUDGET
        assert [target["rows"] for target in found.spec["sample"]["targets"]] == [30, 50]
        assert client.dataset(found.dataset_id).modality == "images"
        assert client.gallery(found.set_id or "")["classes"]
    again = logged_in("draw", job, "--class", "round=10", "--follow")
    assert again.returncode == 0, again.stderr
    refused = logged_in("draw", job, "--class", "round=10", "--resample", "4x")
    assert refused.returncode == 1
    assert "--resample is for tables" in refused.stderr


def test_what_to_do_about_a_set_that_cannot_be_read_is_told():
    when = "2026-01-01T00:00:00Z"
    dataset = {"id": "d", "name": "a", "filename": "a.zip", "state": "failed", "error": "No labels.", "size": 1}
    ended = {"kind": "inspect", "state": "failed", "created_at": when}
    jobs = [{"id": "1", "dataset_id": "e", "hint": "Other."}, {"id": "2", "dataset_id": "d", "hint": "Give folders."}]

    def answer(request):
        return httpx.Response(
            200, json=[j | ended for j in jobs] if request.url.path.endswith("/jobs") else dataset | ended
        )

    with Client("http://service", "token", httpx.MockTransport(answer)) as client:
        with pytest.raises(InputError, match="No labels") as caught:
            client.await_dataset("d")
        assert caught.value.hint == "Give folders."
        jobs.clear()
        with pytest.raises(InputError, match="Correct the file"):
            client.await_dataset("d")


def test_images_have_no_differential_privacy_to_choose():
    with pytest.raises(SpecError, match="leave it out"):
        catalog.check_private(RunSpec(modality="images", privacy=DifferentialPrivacy(epsilon=1)))


def test_a_table_takes_no_options_for_images(logged_in, reader, tmp_path):  # noqa: F811
    table = tmp_path / "ward.csv"
    table.write_text("age,sex\n" + "41,F\n52,M\n" * 20)
    done = logged_in("submit", str(table), "--size", "32")
    assert done.returncode == 1
    assert "--size is for images" in done.stderr


def test_a_folder_is_to_be_packed_first(logged_in, tmp_path):  # noqa: F811
    done = logged_in("submit", str(tmp_path))
    assert done.returncode == 1
    assert "Pack the folder into a zip" in done.stderr


def test_advice_stands_beside_its_score():
    found = MetricResult(
        metric="augmentation", title="Would adding this set help?", family="utility", better="higher", low=-1, high=1,
        best=1, value=0.04, verdict="use +50 %",
    )  # fmt: skip
    assert scores.row(found)[-1] == "use +50 %"
    assert scores.row(found.model_copy(update={"status": Status.ERROR, "reason": "none"}))[-1] == "error: none"
