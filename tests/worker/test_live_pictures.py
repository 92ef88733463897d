"""The picture a job at work draws: on its way to the store while it works, gone when it ends."""

import threading
import time

import pytest
from test_attempt import EVA, GOOD, run, stored

from synthgen.errors import NotFound
from synthgen.service import datasets, execution, jobs
from synthgen.service.artifacts import keys
from worker import live

DRAWS = """
def picture(mark):
    path = directory / "live" / "samples.png"
    path.with_suffix(".new").write_bytes(b"\\x89PNG\\r\\n\\x1a\\n" + mark + b"IEND\\xaeB`\\x82")
    path.with_suffix(".new").replace(path)
"""
WAITS = """
while not (directory / "go").exists():
    time.sleep(0.05)
"""


def until(look, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            return look()
        except NotFound:
            time.sleep(0.05)
    return look()


@pytest.fixture
def working(attempt, program, monkeypatch):
    """Starts an attempt in a thread, whose child draws what `body` says; ends it at the end of the test."""
    monkeypatch.setattr(live, "EVERY", 0.2)
    started = []

    def start(body):
        made = attempt(program(DRAWS + body))
        thread = threading.Thread(target=made.run)
        thread.start()
        started.append((made, thread))
        return made

    yield start
    for made, thread in started:
        if made.directory.exists():
            (made.directory / "go").touch()
        thread.join(timeout=20)


def test_pictures_are_shown_while_the_job_works_and_gone_when_it_is_done(app, working):
    made = working("picture(b'one')\n" + WAITS + GOOD)
    first = until(lambda: jobs.picture(app, EVA, made.held.job_id))
    assert b"one" in first
    (made.directory / "go").touch()
    deadline = time.monotonic() + 10
    while jobs.get(app, EVA, made.held.job_id).state == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert jobs.get(app, EVA, made.held.job_id).state == "succeeded"
    with pytest.raises(NotFound):
        jobs.picture(app, EVA, made.held.job_id)
    time.sleep(0.3)  # what is left is deleted after the commit
    assert not [key for key in stored(app, jobs.get(app, EVA, made.held.job_id)) if "/live/" in key]


def test_a_newer_picture_takes_the_place_of_the_one_before(app, working):
    body = "picture(b'one')\nwhile not (directory / 'next').exists(): time.sleep(0.05)\npicture(b'two')\n"
    made = working(body + WAITS + GOOD)
    until(lambda: jobs.picture(app, EVA, made.held.job_id))
    (made.directory / "next").touch()
    deadline = time.monotonic() + 10
    while b"two" not in jobs.picture(app, EVA, made.held.job_id) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert b"two" in jobs.picture(app, EVA, made.held.job_id)
    assert len([key for key in stored(app, jobs.get(app, EVA, made.held.job_id)) if "/live/" in key]) == 1


@pytest.mark.parametrize("ending", ["sys.exit(1)", "os.abort()"])
def test_a_job_that_fails_leaves_no_picture(app, attempt, program, ending):
    view = run(app, attempt(program(DRAWS + f"picture(b'one')\ntime.sleep(1.5)\n{ending}")))
    assert view.state == "failed"
    assert not [key for key in stored(app, view) if "/live/" in key]


def test_what_is_no_whole_picture_is_not_shown(app, attempt, program, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"\x89PNG\r\n\x1a\n patient 4711 IEND\xaeB`\x82")
    made = attempt(program(GOOD))
    pictures, path = live.Pictures(app, made.held, tmp_path / "job"), tmp_path / "job" / "live" / "samples.png"
    path.parent.mkdir(parents=True)
    for make in (
        lambda: path.write_bytes(b"\x89PNG\r\n\x1a\n half"),
        lambda: path.write_bytes(b"patient;4711\n"),
        lambda: (path.unlink(), path.symlink_to(secret)),
    ):
        make()
        pictures.show_if_due()
        with pytest.raises(NotFound):
            jobs.picture(app, EVA, made.held.job_id)


def test_a_worker_too_late_shows_no_picture(app, attempt, program, tmp_path):
    made = attempt(program(GOOD))
    pictures, path = live.Pictures(app, made.held, tmp_path / "job"), tmp_path / "job" / "live" / "samples.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n old IEND\xaeB`\x82")
    datasets.erase(app, EVA, made.held.dataset_id)
    pictures.show_if_due()
    folder = keys.dataset_folder("default", made.held.dataset_id)
    assert not [key for key in app.store.keys(folder) if "/live/" in key]
    execution.cancelled(app, made.held)
