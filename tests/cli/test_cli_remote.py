"""The server commands against the real web process; a worker's part is played by hand."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
import zipfile

import played_worker
import pytest
from running_web import NAME, PASSWORD, running_web

from synthgen.client import Client
from synthgen.errors import NotSignedIn, SpecError, Unavailable
from synthgen.service import bootstrap


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    with running_web(tmp_path_factory.mktemp("home")) as running:
        with Client(running.url) as client:
            client.set_up(running.setup, NAME, PASSWORD)
        yield running


@pytest.fixture(scope="module")
def worker(web):
    """Plays the worker until the tests are over."""
    over = threading.Event()

    def play():
        with bootstrap.running(web.settings) as app:
            while not over.wait(0.2):
                played_worker.work(app)

    thread = threading.Thread(target=play)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture(scope="module")
def run(web, tmp_path_factory):
    """Runs the command line with a configuration folder of its own."""
    config = tmp_path_factory.mktemp("config")

    def run(*arguments, **variables):
        environment = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": str(config), "HOME": str(config), **variables}
        command = [sys.executable, "-m", "synthgen.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)

    run.config = config
    return run


@pytest.fixture(scope="module")
def logged_in(web, run):
    done = run("login", "--url", web.url, "--name", NAME, "--password", PASSWORD)
    assert done.returncode == 0, done.stderr
    return run


def test_login_keeps_the_token_for_its_owner_only(logged_in):
    path = logged_in.config / "synthgen" / "login.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_stored_token_is_not_sent_elsewhere(logged_in):
    done = logged_in("jobs", "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no token" in done.stderr


def test_submit_show_release_download(logged_in, worker, tmp_path):
    table = tmp_path / "ward.csv"
    table.write_text("age,sex\n41,F\n52,M\n")
    done = logged_in("submit", str(table), "--target", "sex", "--time-budget", "5", "--follow")
    assert done.returncode == 0, done.stderr
    assert "Verdict: awaiting review" in done.stdout
    assert "21 represented, 1 thin, 1 lost" in done.stdout
    assert "Training: 1 group comes out less than a quarter as often as in the data. 1 of 1" in done.stdout
    assert done.stderr.count("Note: Column 'remark': not modelled") == 1
    set_id = done.stdout.rsplit("synthgen release ", 1)[1].split()[0]
    listed = logged_in("jobs").stdout
    assert "succeeded" in listed
    assert "ward.csv" in listed
    done = logged_in("release", set_id, "--purpose", "study", "--recipient", "institute", "--expires", "2099-12-31")
    assert done.returncode == 0, done.stderr
    release_id = done.stdout.split("synthgen download ")[1].split()[0]
    out = tmp_path / "bundle.zip"
    out.with_name("bundle.zip.part").write_bytes(played_worker.bundle()[:100])
    done = logged_in("download", release_id, "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "data.csv" in zipfile.ZipFile(out).namelist()
    assert not out.with_name("bundle.zip.part").exists()


def test_a_part_of_something_else_is_not_taken_for_the_bundle(web, worker, logged_in, tmp_path):
    with Client(web.url) as client:
        client.sign_in(NAME, PASSWORD)
        release = client.releases()[0]
        out = tmp_path / "bundle.zip"
        out.with_name("bundle.zip.part").write_bytes(b"not the bundle")
        with pytest.raises(Exception, match="hash"):
            client.download(release.id, out)
        assert client.download(release.id, out).exists()


def submitted(logged_in, tmp_path, name):
    """The id of a set that a played worker made of a small table of that name."""
    table = tmp_path / name
    table.write_text("age,sex\n41,F\n52,M\n")
    done = logged_in("submit", str(table), "--time-budget", "5", "--follow")
    return done.stdout.rsplit("synthgen release ", 1)[1].split()[0]


def line_of(done, identity):
    """The one line of a listing that is about a thing."""
    assert done.returncode == 0, done.stderr
    return next(line for line in done.stdout.splitlines() if line.startswith(identity))


def test_sets_are_listed_with_their_groups_and_one_is_rejected(logged_in, worker, tmp_path):
    set_id = submitted(logged_in, tmp_path, "refused.csv")
    line = line_of(logged_in("sets", "--waiting"), set_id)
    assert "awaiting review" in line
    assert "refused.csv" in line
    assert "21 represented, 3 thin, 1 lost" in line
    assert logged_in("reject", set_id).returncode == 2  # a reason is needed
    done = logged_in("reject", set_id, "--reason", "too thin")
    assert done.returncode == 0, done.stderr
    assert "rejected" in line_of(logged_in("sets"), set_id)
    assert set_id not in logged_in("sets", "--waiting").stdout
    done = logged_in("release", set_id, "--purpose", "p", "--recipient", "r")
    assert done.returncode == 1
    assert "rejected" in done.stderr


def test_two_people_override_the_gate(web, logged_in, worker, tmp_path):
    table = tmp_path / "blocked.csv"
    table.write_text("age,sex\n41,F\n52,M\n")
    ordered = ("--policy", "strict", "--attacks", "full", "--secrets", "sex", "--known", "age")
    done = logged_in("submit", str(table), "--time-budget", "5", "--follow", *ordered)
    assert done.returncode == 0, done.stderr
    set_id = next(line.split()[0] for line in logged_in("sets").stdout.splitlines() if "blocked.csv" in line)
    assert "nobody asked" in logged_in("override", set_id).stderr.lower()
    assert logged_in("override", set_id, "--reason", "r", "--confirm").returncode == 1
    done = logged_in("override", set_id, "--reason", "stays in the house")
    assert done.returncode == 0, done.stderr
    assert "Not confirmed yet" in logged_in("override", set_id).stdout
    done = logged_in("override", set_id, "--confirm")
    assert done.returncode == 1
    assert "cannot confirm" in done.stderr
    invited = logged_in("invite").stdout.strip().split("token=")[1]
    with Client(web.url) as client:
        client.join(invited, "otto", PASSWORD)
        token = client.sign_in("otto", PASSWORD)
    done = logged_in("override", set_id, "--confirm", "--token", token)
    assert done.returncode == 0, done.stderr
    assert "worst_group" in done.stdout
    assert "Confirmed by otto" in logged_in("override", set_id).stdout
    assert "awaiting review" in line_of(logged_in("sets"), set_id)


def test_releases_are_listed_and_one_is_withdrawn(logged_in, worker, tmp_path):
    set_id = submitted(logged_in, tmp_path, "given.csv")
    done = logged_in("release", set_id, "--purpose", "teaching", "--recipient", "college", "--expires", "2099-12-31")
    release_id = done.stdout.split("synthgen download ")[1].split()[0]
    line = line_of(logged_in("releases"), release_id)
    for word in ("released", "college", "teaching", NAME, "2099-12-31"):
        assert word in line
    done = logged_in("withdraw", release_id, "--reason", "asked to")
    assert done.returncode == 0, done.stderr
    assert "withdrawn" in line_of(logged_in("releases"), release_id)
    done = logged_in("download", release_id, "--out", str(tmp_path / "late.zip"))
    assert done.returncode == 1
    assert "withdrawn" in done.stderr
    assert not (tmp_path / "late.zip").exists()


def test_corrections_stay_with_the_dataset_and_reach_later_jobs(web, logged_in, worker, tmp_path):
    table = tmp_path / "corrected.csv"
    table.write_text("age,sex\n41,F\n52,M\n")
    done = logged_in("submit", str(table), "--column", "age=category", "--column", "sex=drop")
    assert done.returncode == 0, done.stderr
    dataset = done.stdout.split("Dataset ")[1].split(":")[0]
    done = logged_in("submit", "--dataset", dataset, "--column", "sex=public")
    assert "Columns you corrected: age, sex." in done.stdout
    with Client(web.url) as client:
        client.sign_in(NAME, PASSWORD)
        assert client.overrides(dataset) == {"age": {"kind": "category"}, "sex": {"drop": True, "public": True}}
        told = next(job.spec["columns"] for job in client.jobs() if job.dataset_id == dataset)
    assert (told["age"]["kind"], told["sex"]["public"], told["sex"]["drop"]) == ("category", True, True)
    done = logged_in("submit", "--dataset", dataset, "--column", "age=secret-word")
    assert done.returncode == 1
    assert "age" in done.stderr
    assert "secret-word" not in done.stderr
    assert logged_in("submit").stderr.startswith("Error: Either a file")


def test_the_mix_and_the_rules_of_a_set_are_ordered_and_another_is_drawn(web, logged_in, worker, tmp_path):
    table = tmp_path / "ordered.csv"
    table.write_text("age,sex\n41,F\n52,M\n")
    mix = ("--balance", "sex", "--within", "stroke", "--where", "age=40..", "--group", "500:smoker=yes,age=")
    rules = ("--keep", "age=0..120", "--keep", "unique:age,sex", "--keep", "age<=sex")
    rules += ("--keep", "where:age > 1 OR sex = 'F'")
    done = logged_in("submit", str(table), *mix, *rules, "--follow")
    assert done.returncode == 0, done.stderr
    with Client(web.url) as client:
        client.sign_in(NAME, PASSWORD)
        job = next(job for job in client.jobs() if job.dataset_name == "ordered.csv" and job.kind == "fit")
        sample = job.spec["sample"]
        assert (sample["balance"], sample["balance_within"]) == (["sex"], "stroke")
        assert sample["fixed"] == {"age": "a range of values"}
        assert sample["targets"] == [{"where": {"smoker": "a fixed value", "age": "missing"}, "rows": 500}]
        assert [rule["kind"] for rule in job.spec["constraints"]] == ["range", "unique", "inequality", "predicate"]
        assert job.spec["constraints"][3]["columns"] == ["age", "sex"]
        done = logged_in("draw", job.id, "--rows", "70", "--where", "sex=F|M", "--follow")
        assert done.returncode == 0, done.stderr
        assert "Verdict" in done.stdout
        drawn = next(job for job in client.jobs() if job.kind == "sample")
        assert (drawn.spec["sample"]["rows"], drawn.spec["sample"]["fixed"]["sex"]) == (70, ["a fixed value"] * 2)
    done = logged_in("fill", job.id, "--out", str(tmp_path / "filled.csv"))
    assert done.returncode == 0, done.stderr
    assert "410 missing cells in 1 column were filled in a table of 5,110 rows." in done.stdout
    assert (tmp_path / "filled.csv").read_text() == "age,sex\n41,F\n"
    done = logged_in("fill", job.id, "--out", str(tmp_path / "nowhere" / "filled.csv"))
    assert (done.returncode, "no folder" in done.stderr) == (1, True)
    for wrong in (("--group", "sex=F"), ("--keep", "age"), ("--where", "age")):
        done = logged_in("submit", str(table), *wrong)
        assert done.returncode == 1, wrong
        assert done.stderr.startswith("Error: ")
        assert "went wrong inside" not in done.stderr


def test_shares_floor_and_the_critic_s_dial_are_ordered_as_the_service_takes_them(web, logged_in, worker, tmp_path):
    table = tmp_path / "shares.csv"
    table.write_text("age,sex\n41,F\n52,M\n")
    with Client(web.url) as client:
        client.sign_in(NAME, PASSWORD)

        def ordered(*options):
            done = logged_in("submit", str(table), *options)
            assert done.returncode == 0, done.stderr
            spec = client.job(done.stdout.split("Job ")[1].split()[0]).spec
            return spec["k_floor"], spec["holdout_share"], spec["sample"]["resample"]

        asked = ("--k-floor", "25", "--holdout-share", "0.3", "--resample", "4x")
        assert ordered(*asked) == (25, 0.3, "4x")
        assert ordered() == (10, 0.2, "2x")
        before = len(client.datasets())
        for option, value, said in (
            ("--k-floor", "1", "k_floor must be at least 2"),
            ("--holdout-share", "0.5", "holdout_share must be at least 0 and less than 0.5"),
        ):
            done = logged_in("submit", str(table), option, value)
            assert done.returncode == 1
            assert said in done.stderr
        assert logged_in("submit", str(table), "--resample", "3x").returncode == 2
        assert len(client.datasets()) == before, "refused before the upload"


def test_another_set_is_drawn_with_the_critic_s_dial(web, logged_in, worker, tmp_path):
    table = tmp_path / "dial.csv"
    table.write_text("age,sex\n41,F\n52,M\n")
    done = logged_in("submit", str(table), "--time-budget", "5", "--follow")
    job = done.stdout.split("Job ")[1].split()[0]
    done = logged_in("draw", job, "--rows", "7", "--resample", "off")
    assert done.returncode == 0, done.stderr
    with Client(web.url) as client:
        client.sign_in(NAME, PASSWORD)
        drawn = client.job(done.stdout.split("Job ")[1].split()[0])
        assert drawn.spec["sample"]["resample"] == "off"
    refused = logged_in("draw", job, "--rows", "7", "--truncation", "0.5")
    assert refused.returncode == 1
    assert "--truncation is for images" in refused.stderr


def test_a_token_is_listed_and_revoked(web, logged_in, run):
    with Client(web.url) as client:
        spare = client.sign_in(NAME, PASSWORD, label="spare")
    line = next(line for line in logged_in("tokens").stdout.splitlines() if "spare" in line)
    assert spare not in line
    assert "in use now" not in line
    assert "in use now" in logged_in("tokens").stdout
    done = logged_in("revoke", line.split()[0])
    assert done.returncode == 0, done.stderr
    assert "spare" not in logged_in("tokens").stdout
    assert "not valid" in run("jobs", "--url", web.url, "--token", spare).stderr


def test_cancel_of_a_finished_job_says_why_not(logged_in, worker):
    job = logged_in("jobs").stdout.splitlines()[1].split()[0]
    done = logged_in("cancel", job)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_errors_are_one_message_and_a_hint(web, run):
    done = run("jobs", "--url", web.url, "--token", "sg_wrong")
    assert done.returncode == 1
    assert done.stderr == "Error: This token is not valid.\nIssue a new one in the dashboard.\n"
    done = run("submit", "nothing.csv", SYNTHGEN_URL="http://127.0.0.1:9", SYNTHGEN_TOKEN="x")
    assert done.returncode == 1
    assert "no file" in done.stderr


def test_a_service_that_is_not_there_is_named(run):
    with pytest.raises(Unavailable, match="No synthgen service"):
        Client("http://127.0.0.1:9", "x").jobs()


def test_a_malformed_specification_reaches_the_caller_as_one_clear_error(web):
    with Client(web.url) as client:
        client.sign_in(NAME, PASSWORD)
        with pytest.raises(SpecError, match=r"spec\.sample\.targets\[0\]\.rows must be more than 0") as raised:
            client.submit("x", {"sample": {"targets": [{"where": {"ward": "Dr Zebra"}, "rows": 0}]}})
    assert "Zebra" not in str(raised.value)


def test_the_client_raises_the_error_the_service_raised(web):
    with pytest.raises(NotSignedIn):
        Client(web.url, "wrong").jobs()


def test_help_is_quick_and_heavy_imports_stay_out(run):
    started = time.monotonic()
    assert run("--help").returncode == 0
    assert time.monotonic() - started < 8  # seconds; one on an idle machine
    heavy = ("torch", "streamlit", "pandas", "sqlalchemy")
    script = f"import sys, synthgen.cli; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
