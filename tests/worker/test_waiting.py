"""An attempt whose database, store, disk or child does not answer."""

import errno
import threading
import time

import pytest

from synthgen.errors import Unavailable
from synthgen.service import execution, jobs
from synthgen.service.db.tables import Job
from synthgen.service.read_models import Actor
from worker import full_disk, patience, staging, supervise, trainer
from worker.lease import Lease
from worker.reaper import Reaper

EVA = Actor(user_id="1", name="eva", project_id="default")
GOOD = """
(directory / "outputs" / "schema.json").write_text('{"columns": []}')
(directory / "outputs" / "preview.json").write_text('{}')
(directory / "outputs" / "summary.json").write_text('{"rows": 2, "columns": 2}')
"""


class Silent:
    """A use case whose database does not answer the first few times."""

    def __init__(self, monkeypatch, where, name, times):
        self.real, self.left = getattr(where, name), times
        monkeypatch.setattr(where, name, self)

    def __call__(self, *given):
        if self.left > 0:
            self.left -= 1
            raise Unavailable("The database did not answer.")
        return self.real(*given)


def view(app, made):
    return jobs.get(app, EVA, made.held.job_id)


def test_a_job_outlives_a_database_that_is_away_for_longer_than_the_lease(app, attempt, program, monkeypatch):
    made = attempt(program(GOOD))
    beats = Silent(monkeypatch, execution, "heartbeat", 1000)
    commits = Silent(monkeypatch, execution, "succeed", 6)  # half a second each: three, where the lease is two
    made.run()
    assert (view(app, made).state, view(app, made).attempts) == ("succeeded", 1)
    assert commits.left == 0
    assert beats.left < 1000


@pytest.mark.parametrize("what", ["stage", "upload_outputs"])
def test_a_store_that_is_away_for_a_moment_costs_no_attempt(app, attempt, program, monkeypatch, what):
    made = attempt(program(GOOD))
    Silent(monkeypatch, staging, what, 2)
    made.run()
    assert (view(app, made).state, view(app, made).attempts) == ("succeeded", 1)


def test_the_reason_of_a_failure_waits_for_the_database(app, attempt, program, monkeypatch):
    left = '{"code": "bad_input", "message": "The file has no rows.", "hint": "Add some.", "retryable": false}'
    made = attempt(program(f"(directory / 'error.json').write_text('{left}')\nsys.exit(1)"))
    Silent(monkeypatch, execution, "fail", 2)
    made.run()
    assert (view(app, made).state, view(app, made).error) == ("failed", "The file has no rows.")


def test_a_store_that_stays_away_fails_the_attempt_with_its_reason(app, attempt, program, monkeypatch):
    short = app.settings.model_copy(update={"outage_seconds": 0.5})
    made = attempt(program(GOOD))
    object.__setattr__(made, "app", type(app)(short, app.engine, app.store))
    Silent(monkeypatch, staging, "upload_outputs", 1000)
    made.run()
    told = [event.payload["error"] for event in jobs.events(app, EVA, made.held.job_id) if event.kind == "error"]
    assert (view(app, made).state, told) == ("queued", ["The database did not answer."])


def test_a_lease_is_lost_to_another_worker_only(app, attempt, program, monkeypatch):
    made = attempt(program(GOOD))
    with Lease(app, made.held) as lease:
        Silent(monkeypatch, execution, "heartbeat", 10)  # three seconds of a lease of two
        time.sleep(3.5)
        lease.check()
        with app.unit() as unit:
            unit.get(Job, made.held.job_id).fence += 1
        assert lease.lost.wait(20)
    with pytest.raises(execution.LeaseLost):
        patience.conclude(app, made.held, lambda: execution.give_back(app, made.held))


def test_a_reaper_rests_after_the_database_was_away_and_then_goes_on(app, attempt, program, monkeypatch):
    made = attempt(program(GOOD))
    with app.unit() as unit:
        unit.get(Job, made.held.job_id).lease_until = unit.after(-1)
    reaper = Reaper(lease=2.0)
    Silent(monkeypatch, execution, "reap", 1)
    with pytest.raises(Unavailable):
        reaper.reap(app)
    assert reaper.reap(app) == 0
    assert view(app, made).state == "running"
    until = time.monotonic() + 60
    while (taken := reaper.reap(app)) == 0 and time.monotonic() < until:
        time.sleep(0.1)
    assert taken == 1


def test_a_machine_that_slept_gives_everybody_the_time_of_a_lease(app, attempt, program):
    made = attempt(program(GOOD))
    with app.unit() as unit:
        unit.get(Job, made.held.job_id).lease_until = unit.after(-1)
    reaper = Reaper(lease=3600.0)
    reaper.looked -= 7200
    assert reaper.reap(app) == 0
    assert Reaper(lease=3600.0).reap(app) == 1


def test_a_child_that_says_nothing_is_ended_and_may_try_again(app, attempt, program):
    short = app.settings.model_copy(update={"stall_seconds": 1.0, "inspect_seconds": 60.0})
    made = attempt(program('say("log", text="begins")\ntime.sleep(60)'))
    object.__setattr__(made, "app", type(app)(short, app.engine, app.store))
    made.run()
    told = [event.payload for event in jobs.events(app, EVA, made.held.job_id) if event.kind == "error"]
    assert (view(app, made).state, told[0]["error_code"]) == ("queued", "stalled")
    assert "no progress" in told[0]["error"]


def test_the_log_of_a_job_at_work_can_be_read_and_goes_when_it_succeeds(app, attempt, program):
    made = attempt(program("print('line one', file=sys.stderr, flush=True)\nsys.stdin.readline()\n" + GOOD))
    seen = []

    def look():
        until = time.monotonic() + 20
        while not seen and time.monotonic() < until:
            try:
                seen.append(jobs.log(app, EVA, made.held.job_id))
            except Exception:
                time.sleep(0.1)
        made.draining.set()

    thread = threading.Thread(target=look)
    thread.start()
    made.run()
    thread.join()
    assert seen == ["line one"]
    assert not [key for key in app.store.keys("projects") if "/log/" in key]


def test_a_damaged_checkpoint_is_left_out_and_a_damaged_table_refused(app, attempt, program):
    made = attempt(program("assert not list((directory / 'checkpoint').iterdir())\n" + GOOD))
    stored = app.store.put("checkpoint/state.json", [b"what was written"])
    app.store.put("checkpoint/state.json", [b"what is there now"])
    kept = {"name": "state.json", "key": stored.key, "size": stored.size, "sha256": stored.sha256}
    execution.keep_checkpoint(app, made.held, [kept])
    made.run()
    assert view(app, made).state == "succeeded"

    made = attempt(program(GOOD))
    app.store.put(f"projects/default/datasets/{made.held.dataset_id}/source", [b"a,b\n9,9\n"])
    made.run()
    assert (view(app, made).state, view(app, made).error_code) == ("failed", "damaged")


@pytest.mark.parametrize("where", ["parent", "child", "crash"])
def test_a_full_disk_is_called_by_its_name(app, attempt, program, monkeypatch, tmp_path, where):
    full = OSError(errno.ENOSPC, "No space left on device")
    if where == "child":
        trainer._leave_error(tmp_path, full)
        assert full_disk.MESSAGE in (tmp_path / "error.json").read_text()
        return
    made = attempt(program("raise OSError(28, 'No space left on device')"))
    if where == "parent":
        monkeypatch.setattr(supervise.staging, "stage", lambda *given: (_ for _ in ()).throw(full))
    made.run()
    told = [event.payload for event in jobs.events(app, EVA, made.held.job_id) if event.kind == "error"]
    assert (view(app, made).state, told[0]["error"]) == ("queued", full_disk.MESSAGE)
