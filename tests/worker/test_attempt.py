"""One attempt of a job with children that behave in every way a child can."""

import json
import threading
import time

import psutil
import pytest
import torch

from synthgen.errors import NotFound, Unavailable
from synthgen.service import audit, datasets, execution, jobs
from synthgen.service.artifacts import keys
from synthgen.service.db.tables import Job
from synthgen.service.read_models import Actor
from synthgen.spec import RunSpec
from worker import leftovers, trainer
from worker.child import TRAINER

EVA = Actor(user_id="1", name="eva", project_id="default")

GOOD = """
for done in range(3):
    say("progress", stage="read", done=done, total=2)
(directory / "outputs" / "schema.json").write_text('{"columns": []}')
(directory / "outputs" / "preview.json").write_text('{}')
(directory / "outputs" / "summary.json").write_text('{"rows": 2, "columns": 2, "score": NaN}')
"""


def run(app, made):
    made.run()
    assert not made.directory.exists()
    return jobs.get(app, EVA, made.held.job_id)


def stored(app, view):
    return [key for key in app.store.keys(keys.dataset_folder("default", view.dataset_id)) if "/jobs/" in key]


def test_the_outputs_of_a_good_child_are_committed(app, attempt, program):
    view = run(app, attempt(program(GOOD)))
    assert (view.state, view.progress) == ("succeeded", 1.0)
    assert datasets.schema(app, EVA, view.dataset_id) == {"columns": []}
    assert "progress" in {event.kind for event in jobs.events(app, EVA, view.id)}


def test_the_child_sees_no_credential(app, attempt, program, monkeypatch):
    monkeypatch.setenv("SYNTHGEN_DATABASE_URL", "postgresql://secret@db/x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    body = 'say("log", text=" ".join(f"{k}={v}" for k, v in os.environ.items()))\n' + GOOD
    view = run(app, attempt(program(body)))
    text = next(event.payload["text"] for event in jobs.events(app, EVA, view.id) if event.kind == "log")
    assert "PATH=" in text
    assert "secret" not in text
    assert "SYNTHGEN" not in text


def test_a_child_that_explains_its_failure_is_quoted(app, attempt, program):
    left = '{"code": "bad_input", "message": "The file has no rows.", "hint": "Add some.", "retryable": false}'
    view = run(app, attempt(program(f"(directory / 'error.json').write_text('{left}')\nsys.exit(1)")))
    assert (view.state, view.error_code, view.error) == ("failed", "bad_input", "The file has no rows.")
    assert stored(app, view) == []


@pytest.mark.parametrize("crash", ["os.abort()", "os.kill(os.getpid(), 11)", "os._exit(3)", "1 / 0"])
def test_a_child_that_crashes_gives_one_clear_sentence(app, attempt, program, crash):
    view = run(app, attempt(program(crash)))
    assert view.state == "failed"
    assert view.error.startswith("The file could not be read")
    assert "reference" in view.error


@pytest.mark.parametrize("way", ["crashes", "explains"])
def test_what_a_child_says_on_its_way_out_is_not_logged(app, attempt, program, caplog, way):
    left = '{"code": "internal", "message": "m", "hint": "", "retryable": false, "trail": "KeyError at a.py:1"}'
    body = f"(directory / 'error.json').write_text('{left}')\n" if way == "explains" else ""
    run(app, attempt(program(body + "raise ValueError('patient 4711')")))
    assert ("KeyError at a.py:1" if way == "explains" else "child ended with 1") in caplog.text
    assert "4711" not in caplog.text


def test_the_trainer_leaves_the_place_of_an_error_without_its_message(tmp_path, capfd):
    trainer._leave_error(tmp_path, KeyError("patient 4711"))
    left = json.loads((tmp_path / "error.json").read_text())
    assert left["trail"].startswith("KeyError")
    assert "4711" not in str(left) + str(capfd.readouterr())


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "limit_exceeded", False),
        (torch.AcceleratorError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), "limit_exceeded", False),
        (torch.AcceleratorError("CUDA error: an uncorrectable ECC error"), "unavailable", True),
        (RuntimeError("shapes cannot be multiplied"), "internal", False),
    ],
)
def test_a_gpu_that_is_full_or_fails_is_told(tmp_path, error, code, retryable):
    trainer._leave_error(tmp_path, error)
    left = json.loads((tmp_path / "error.json").read_text())
    assert (left["code"], left["retryable"]) == (code, retryable)
    assert ("GPU" in left["message"]) == (code != "internal")


def broken_fit(app, attempt, program, body):
    """A training job on a dataset that was read, whose child ends as `body` says; returned as it was left."""
    made = attempt(program(GOOD))
    dataset_id = run(app, made).dataset_id
    made.held = execution.claim(app, jobs.submit_fit(app, EVA, dataset_id, RunSpec()).id, "test")
    made.directory, made.program = made.directory.with_name("fit"), program(body)
    return run(app, made)


@pytest.mark.parametrize(
    ("body", "state", "said"),
    [
        ("os.kill(os.getpid(), 11)", "queued", "crashed inside a library (SIGSEGV)"),
        ("os.kill(os.getpid(), 15)", "queued", "was ended from outside (SIGTERM)"),
        ("os.kill(os.getpid(), 9)", "queued", "perhaps because the machine ran out of memory"),
        ("os._exit(3)", "failed", "stopped with code 3 before"),
        ("raise KeyError('patient 4711')", "failed", "stopped with code 1, KeyError, before"),
        ("raise MemoryError", "failed", "ran out of memory"),
        ("print('terminate called: std::bad_alloc', file=sys.stderr); os.abort()", "failed", "ran out of memory"),
        ("import not_there", "failed", "a part of the installation is missing (ModuleNotFoundError)"),
    ],
)
def test_a_training_that_ends_without_a_word_says_in_words_how(app, attempt, program, body, state, said):
    view = broken_fit(app, attempt, program, body)
    assert view.state == state
    told = view.error or next(e.payload["error"] for e in jobs.events(app, EVA, view.id) if e.kind == "error")
    assert said in told
    assert told.count(".") == 1
    assert "4711" not in str(view) + str(jobs.events(app, EVA, view.id))


def test_the_last_lines_of_a_failed_attempt_are_kept_with_the_job_and_nowhere_else(app, attempt, program, caplog):
    body = "print('\\n'.join(f'line {i}' for i in range(1000)), file=sys.stderr)\nraise KeyError('patient 4711')"
    view = broken_fit(app, attempt, program, body)
    lines = jobs.log(app, EVA, view.id).splitlines()
    assert lines[-1] == "KeyError: 'patient 4711'"
    assert "line 999" in lines
    assert len(lines) <= 200
    assert "4711" not in caplog.text
    assert any(line["action"] == "job.log.seen" for line in audit.trail(app, EVA))
    with pytest.raises(NotFound):
        jobs.log(app, EVA.model_copy(update={"project_id": "another"}), view.id)
    jobs.retry(app, EVA, view.id)
    held = execution.claim(app, view.id, "next")
    leftovers.after_commit(app, held)
    with pytest.raises(NotFound, match="no log"):
        jobs.log(app, EVA, view.id)


CRASH = "print('attempt {}', file=sys.stderr, flush=True)\nos.kill(os.getpid(), 11)"


def failed_twice(app, attempt, program):
    """A training job whose first two attempts crashed; the claims of both."""
    first = broken_fit(app, attempt, program, CRASH.format(1))
    with app.unit(read_only=True) as unit:
        fence = unit.get(Job, first.id).fence
    old = execution.Claim(first.id, first.dataset_id, "fit", fence, 1)
    made = attempt(program(CRASH.format(2)))
    made.held = execution.claim(app, first.id, "second")
    made.directory = made.directory.with_name("second")
    run(app, made)
    return old, made.held


def logs(app, dataset_id):
    return [key for key in app.store.keys(keys.dataset_folder("default", dataset_id)) if "/log/" in key]


def test_a_late_attempt_does_not_touch_the_log_of_a_newer_one(app, attempt, program):
    old, new = failed_twice(app, attempt, program)
    assert jobs.log(app, EVA, new.job_id) == "attempt 2"
    assert len(logs(app, new.dataset_id)) == 1  # only the last failed attempt's
    leftovers.keep_log(app, old, "what the late one has to say")
    leftovers.after_failure(app, old)
    assert jobs.log(app, EVA, new.job_id) == "attempt 2"
    assert len(logs(app, new.dataset_id)) == 1


def test_no_log_outlives_its_dataset(app, attempt, program):
    _, last = failed_twice(app, attempt, program)
    assert logs(app, last.dataset_id)
    erasing = datasets.erase(app, EVA, last.dataset_id)
    leftovers.keep_log(app, last, "a worker that comes while the data are being erased")
    assert logs(app, last.dataset_id) == []
    made = attempt(program(GOOD))
    made.held = execution.claim(app, erasing.id, "third")
    assert run(app, made).state == "succeeded"
    leftovers.keep_log(app, last, "a worker that comes after")
    assert logs(app, last.dataset_id) == []


def test_an_attempt_over_its_limits_keeps_its_log_too(app, attempt, program):
    view = run(app, attempt(program("print('still here', file=sys.stderr, flush=True)\ntime.sleep(30)")))
    assert view.error_code == "limit_exceeded"
    assert jobs.log(app, EVA, view.id) == "still here"


def test_a_child_killed_from_outside_is_tried_again(app, attempt, program):
    view = run(app, attempt(program("os.kill(os.getpid(), 9)")))
    assert (view.state, view.attempts) == ("queued", 1)


def test_a_child_that_takes_too_much_memory_is_ended(app, attempt, program):
    view = run(app, attempt(program("hog = [bytearray(20_000_000) for _ in range(40)]\ntime.sleep(30)")))
    assert (view.state, view.error_code) == ("failed", "limit_exceeded")
    assert "memory" in view.error


def test_a_child_that_takes_too_long_is_ended_with_all_it_started(app, attempt, program):
    body = """
    import subprocess
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    say("log", text=str(other.pid))
    time.sleep(60)
    """
    began = time.monotonic()
    view = run(app, attempt(program(body)))
    assert (view.state, view.error_code) == ("failed", "limit_exceeded")
    assert "seconds" in view.error
    assert time.monotonic() - began < 20
    pid = int(next(event.payload["text"] for event in jobs.events(app, EVA, view.id) if event.kind == "log"))
    assert gone(pid)


def gone(pid, seconds=5):
    """Whether a process that was killed is away, or a zombie, within the time the kernel takes on a busy machine."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


STOPPABLE = """
(directory / "checkpoint" / "state.json").write_text('{"step": 1}')
say("log", text="started")
sys.stdin.readline()
(directory / "error.json").write_text('{"code": "stopped", "message": "Stopped.", "hint": "", "retryable": false}')
sys.exit(1)
"""


def later(condition, action, seconds=10):
    def wait():
        until = time.monotonic() + seconds
        while not condition() and time.monotonic() < until:
            time.sleep(0.05)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def started(app, made):
    return lambda: any(event.kind == "log" for event in jobs.events(app, EVA, made.held.job_id))


@pytest.mark.parametrize("body", [STOPPABLE, "say('log', text='deaf')\ntime.sleep(60)"])
def test_cancel_reaches_the_child_even_one_that_does_not_listen(app, attempt, program, body):
    made = attempt(program(body))
    thread = later(started(app, made), lambda: jobs.cancel(app, EVA, made.held.job_id))
    view = run(app, made)
    thread.join()
    assert view.state == "cancelled"


def test_a_worker_that_shuts_down_gives_the_job_back_with_its_checkpoint(app, attempt, program):
    draining = threading.Event()
    made = attempt(program(STOPPABLE), draining=draining)
    thread = later(started(app, made), draining.set)
    view = run(app, made)
    thread.join()
    assert (view.state, view.attempts) == ("queued", 0)
    again = execution.claim(app, view.id, "next")
    assert again.fence == made.held.fence + 1
    with app.unit(read_only=True) as unit:
        (kept,) = unit.get(Job, view.id).checkpoint
    assert (kept["name"], b"".join(app.store.open(kept["key"]))) == ("state.json", b'{"step": 1}')


def test_the_next_attempt_finds_the_checkpoint_and_cleans_up_when_done(app, attempt, program, tmp_path):
    made = attempt(program(STOPPABLE), draining=(draining := threading.Event()))
    thread = later(started(app, made), draining.set)
    run(app, made)
    thread.join()
    made.held = execution.claim(app, made.held.job_id, "next")
    made.draining = threading.Event()
    made.program = program("assert (directory / 'checkpoint' / 'state.json').exists()\n" + GOOD)
    view = run(app, made)
    assert view.state == "succeeded"
    assert all(f"/{made.held.fence}/outputs/" in key for key in stored(app, view))


def test_an_attempt_that_lost_its_lease_publishes_nothing_and_stops_its_child(app, attempt, program):
    made = attempt(program('say("log", text=str(os.getpid()))\ntime.sleep(2.5)\n' + GOOD))

    def steal():
        with app.unit() as unit:
            unit.get(Job, made.held.job_id).fence += 1

    thread = later(started(app, made), steal)
    view = run(app, made)
    thread.join()
    assert (view.state, view.stage) == ("running", "")
    assert stored(app, view) == []
    pid = int(next(event.payload["text"] for event in jobs.events(app, EVA, view.id) if event.kind == "log"))
    assert not psutil.pid_exists(pid)


class Away:
    """A database that does not answer for a while, then takes the result but loses the answer once."""

    def __init__(self, monkeypatch):
        self.real, self.calls = execution.succeed, 0
        monkeypatch.setattr(execution, "succeed", self)

    def __call__(self, *given):
        self.calls += 1
        if self.calls == 2:
            self.real(*given)
        if self.calls < 3:
            raise Unavailable("The database did not answer.")
        return self.real(*given)


def test_a_commit_waits_for_the_database_and_a_lost_answer_loses_no_result(app, attempt, program, monkeypatch):
    away = Away(monkeypatch)
    view = run(app, attempt(program(GOOD)))
    assert (view.state, away.calls) == ("succeeded", 3)
    assert datasets.schema(app, EVA, view.dataset_id) == {"columns": []}


def test_an_erasure_waits_for_running_jobs_then_deletes_everything(app, attempt, program):
    made = attempt(program(GOOD))
    other = run(app, made)
    fit = execution.claim(app, jobs.submit_fit(app, EVA, other.dataset_id, RunSpec()).id, "test")
    job = datasets.erase(app, EVA, other.dataset_id)
    made.held, made.program = execution.claim(app, job.id, "test"), program("sys.exit(9)")
    ended = []
    thread = threading.Timer(1.0, lambda: (ended.append(time.monotonic()), execution.cancelled(app, fit)))
    thread.start()
    assert run(app, made).state == "succeeded"
    assert time.monotonic() > ended[0]
    thread.join()
    assert list(app.store.keys(keys.dataset_folder("default", other.dataset_id))) == []
    assert datasets.get(app, EVA, other.dataset_id).state == "erased"


def test_the_real_trainer_reads_a_table_and_explains_a_bad_one(app, attempt):
    roomy = app.settings.model_copy(update={"inspect_memory_bytes": 1 << 30, "inspect_seconds": 60.0})
    for content, state in ((b"age,ward\n" + b"61,north\n47,south\n" * 30, "succeeded"), (b"\x00\x01" * 50, "failed")):
        made = attempt(TRAINER, content)
        object.__setattr__(made, "app", type(app)(roomy, app.engine, app.store))
        view = run(app, made)
        assert view.state == state, view.error
        if state == "failed":
            assert view.error_code in {"bad_input", "bad_schema"}
            assert view.error


def test_the_real_trainer_refuses_up_front_what_will_not_fit_into_the_memory_of_a_job(app, attempt, program):
    """The limit is more than the child holds before it trains, and less than training would take."""
    made = attempt(program(GOOD), b"age,ward\n" + b"61,north\n47,south\n" * 200)
    dataset_id = run(app, made).dataset_id
    small = app.settings.model_copy(update={"job_memory_bytes": 450 << 20})
    spec = RunSpec(generator="autoregressive_gan", time_budget=5)
    made.held = execution.claim(app, jobs.submit_fit(app, EVA, dataset_id, spec).id, "test")
    made.directory, made.program = made.directory.with_name("fit"), TRAINER
    object.__setattr__(made, "app", type(app)(small, app.engine, app.store))
    view = run(app, made)
    assert (view.state, view.error_code) == ("failed", "limit_exceeded")
    assert "Training would take about" in view.error
