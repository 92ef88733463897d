"""The main job as a person does it: set up, upload, train, watch, review, release, download, in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.valkey, pytest.mark.timeout(900)]

READY = re.compile(r"http://\S+/account/setup\?token=\S+")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TRAINING = 400_000  # milliseconds a job may take on a busy machine
SOON = 60_000
CHART = "[data-testid=stVegaLiteChart]"
PEOPLE = 3000


@pytest.fixture
def table(tmp_path):
    """Patients with a rare outcome; on a few hundred the attacks find what a short training memorised."""
    rng = np.random.default_rng(7)
    age = rng.integers(20, 90, PEOPLE)
    frame = pd.DataFrame(
        {
            "patient": [f"P{i:05d}" for i in range(PEOPLE)],
            "age": age,
            "ward": rng.choice(["A", "B", "C", "D"], PEOPLE, p=[0.5, 0.3, 0.15, 0.05]),
            "pressure": np.round(110 + 0.4 * age + rng.normal(0, 9, PEOPLE), 1),
            "readmitted": np.where(rng.random(PEOPLE) < (age - 10) / 400, "yes", "no"),
        }
    )
    path = tmp_path / "ward-records.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def link(tmp_path):
    """A whole embedded service; its one-time set-up link."""
    home = tmp_path / "home"
    command = [sys.executable, "-m", "synthgen.cli", "up", "--port", "0", "--home", str(home)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        found = next((match for line in process.stdout if (match := READY.search(line))), None)
        assert found, "synthgen up ended before it was ready"
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(90)


@pytest.fixture
def page():
    """A page of Debian's chromium; says which addresses outside the service it asked for."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: scripts/install-chromium.sh")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1400, "height": 1000}, accept_downloads=True)
        page.set_default_timeout(SOON)
        yield page
        browser.close()


def test_from_the_set_up_link_to_the_bundle(page, link, table, tmp_path):
    home = link.split("/account/")[0]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    set_up(page, link)
    upload(page, table)
    submit(page)
    review(page)
    release(page)
    bundle = download(page, tmp_path)
    check(bundle, pd.read_csv(table))
    sign_out(page, home)
    outside = [url for url in asked if not url.startswith((home, "data:", "blob:"))]
    assert outside == [], "the dashboard asks nobody else for anything"


def set_up(page, link):
    """The one-time link makes the first account and signs it in."""
    page.goto(link)
    page.fill("[name=name]", "Vera")
    page.fill("[name=password]", "a few unrelated words")
    page.fill("[name=again]", "a few unrelated words")
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("heading", name="Overview").wait_for()


def upload(page, table):
    """The file goes to the API; the page of the dataset shows how every column was read."""
    page.get_by_role("button", name="Upload a dataset").click()
    page.locator("input[type=file]").set_input_files(table)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_role("heading", name="ward-records").wait_for()
    page.get_by_text("Start a job").wait_for()
    schema = page.locator(".sg-table").first
    for column in ("patient", "age", "ward", "pressure", "readmitted"):
        schema.get_by_role("cell", name=column, exact=True).wait_for()
    assert schema.get_by_role("row").filter(has_text="patient").filter(has_text="id").count() == 1


def submit(page):
    """A short job with a target, followed until it is done."""
    page.get_by_text("Start a job").click()
    page.get_by_role("heading", name="New job").wait_for()
    choose(page, "Target", "readmitted")
    choose(page, "Positive value", "yes")
    slider = page.get_by_role("slider", name="Time for training")
    slider.focus()
    for _ in range(3):
        slider.press("ArrowLeft")
    page.get_by_text("after about 15 s of training").wait_for()
    page.get_by_role(
        "radio", name="Open"
    ).click()  # the mildest: a training of 15 s is not what the standard policy is for
    page.get_by_role("button", name="Start the job").click()
    page.get_by_role("heading", name="Train and score: ward-records").wait_for()
    page.get_by_role("button", name="Review the synthetic set").wait_for(timeout=TRAINING)
    page.get_by_role("button", name="Review the synthetic set").click()


def choose(page, label, value):
    """Pick a value of a drop-down list."""
    box = page.get_by_role("combobox", name=re.compile(label))
    box.click()
    box.fill(value)
    page.get_by_role("option", name=value, exact=True).click()


def review(page):
    """Verdict, census, both ends of the dial, scores beside the hold-out, plots, rows and rules are there."""
    page.get_by_role("heading", name="Synthetic set of ward-records").wait_for()
    page.get_by_text("Passed the gate, awaiting your review.").wait_for()
    page.get_by_role("heading", name="What became of the minorities").wait_for()
    page.locator(".sg-stack").wait_for()
    page.get_by_role("heading", name="Both ends of the dial").wait_for()
    tab(page, "Privacy")
    page.get_by_role("heading", name="Attacks", exact=True).wait_for()
    page.get_by_role("heading", name="Privacy scores").wait_for()
    tab(page, "Scores")
    for family in ("Coverage of minorities", "Fidelity", "Usefulness"):
        page.get_by_role("heading", name=family).wait_for()
    tab(page, "Real against synthetic")
    page.locator(f"{CHART} canvas:visible, {CHART} svg:visible").first.wait_for()
    tab(page, "Rules")
    assert page.locator(".sg-badge", has_text="met").count() >= 3


def tab(page, name):
    """Open a tab of the review page."""
    page.get_by_role("tab", name=name, exact=True).click()


def release(page):
    """Purpose and recipient, then the list of releases."""
    tab(page, "Decide")
    page.get_by_label("Purpose").fill("Teaching")
    page.get_by_label("Recipient").fill("Medical school")
    page.get_by_role("button", name="Release this set").click()
    page.get_by_role("heading", name="Releases").wait_for()
    page.get_by_text("Medical school").first.wait_for()


def download(page, folder):
    """The link appears once the bundle has been written."""
    link = page.locator("a.sg-download")
    link.wait_for()
    with page.expect_download() as started:
        link.click()
    path = folder / "bundle.zip"
    started.value.save_as(path)
    return path


def check(path, real):
    """The bundle holds the data in both formats, with as many rows and the same columns, and its evidence."""
    with zipfile.ZipFile(path) as bundle:
        assert bundle.testzip() is None
        names = bundle.namelist()
        table = next(name for name in names if name.endswith("data.csv"))
        with bundle.open(table) as file:
            synthetic = pd.read_csv(file)
    assert list(synthetic.columns) == list(real.columns)
    assert len(synthetic) == len(real)
    assert not set(synthetic["patient"]) & set(real["patient"]), "keys are freshly made"
    for ending in (".parquet", ".html", ".json"):
        assert any(name.endswith(ending) for name in names), names


def sign_out(page, home):
    """Afterwards the dashboard asks for the password again."""
    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.goto(f"{home}/releases")
    page.get_by_role("heading", name="Sign in").wait_for()
