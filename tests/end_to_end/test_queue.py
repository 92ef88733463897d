"""Through real Valkey, real Celery workers and real trainer children; workers are killed, frozen and stopped."""

import io
import random
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pandas as pd
import psutil
import pytest

from synthgen.service import bootstrap, broker, datasets, exports, gate_overrides, jobs, operations, reviews
from synthgen.service.artifacts import keys
from synthgen.service.db.tables import Job, Person
from synthgen.service.processes import Part
from synthgen.service.read_models import Actor
from synthgen.service.settings import Settings
from synthgen.spec import GatePolicy, GateRule, Predicate, RunSpec, SampleSpec

pytestmark = [pytest.mark.valkey, pytest.mark.timeout(300)]

EVA = Actor(user_id="1", name="eva", project_id="default")
ROWS = 3000
UNMEETABLE = GatePolicy(name="unmeetable", rules=(GateRule(metric="detection", at_most=0.0),))
WARDS = ["zqnorth", "zqsouth", "zqeast", "zqwest"]
PATIENCE = 120.0  # seconds; a bound, not a plan: on a quiet machine nothing here waits longer than twenty


def patients(rows, seed=1):
    """A small table with something to learn: the charge follows age and ward."""
    draw = random.Random(seed)
    lines = ["age,ward,charge,smoker"]
    for row in range(rows):
        age, ward = draw.randint(18, 90), draw.choices(WARDS, [50, 30, 15, 5])[0]
        smoker = draw.random() < (0.6 if ward == WARDS[3] else 0.2)
        charge = 100 + 20 * age + 500 * smoker + dict(zip(WARDS, (0, 300, 900, 2000), strict=True))[ward]
        said = "" if row % 50 == 7 else "yes" if smoker else "no"
        lines.append(f"{age},{ward},{charge + draw.gauss(0, 50):.2f},{said}")
    return ("\n".join(lines) + "\n").encode()


class Installation:
    """An embedded broker and a database in one home; workers come and go."""

    def __init__(self, app):
        self.app = app
        self.settings = app.settings
        self.parts = []

    def part(self, title, how, name, arguments=()):
        import os

        environment = {**os.environ, **self.settings.environment(), "OMP_NUM_THREADS": "1"}
        started = Part(title, how, name, arguments, environment, self.settings.root / "logs")
        started.start()
        self.parts.append(started)
        return started

    def worker(self):
        return self.part(f"worker-{len(self.parts)}", "module", "worker")

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if (found := condition()) not in (None, False):
                return found
            time.sleep(0.05)
        logs = "\n".join(part.log_tail(40) for part in self.parts)
        pytest.fail(f"waited in vain for {what}\n{logs}")

    def state(self, job_id, *states):
        return self.until(lambda: self._in(job_id, states), f"state {states}")

    def _in(self, job_id, states):
        view = jobs.get(self.app, EVA, job_id)
        return view if view.state in states else None

    def heard(self, job_id, kind, text=""):
        """Wait for an event of the job's history."""
        return self.until(
            lambda: any(e.kind == kind and text in str(e.payload) for e in jobs.events(self.app, EVA, job_id)),
            f"event {kind} {text}",
        )

    def checkpointed(self, job_id):
        with self.app.unit(read_only=True) as unit:
            return unit.get(Job, job_id).checkpoint or None

    def trainers(self):
        """Running trainer children of this installation."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or ())
            if "worker.trainer" in line and str(self.settings.scratch) in line:
                found.append(process)
        return [p for p in found if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    def close(self):
        for part in reversed(self.parts):
            if part.process is not None:
                part.process.kill()
                part.stop(5)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    settings = Settings(
        home=tmp_path_factory.mktemp("home"),
        lease_seconds=5.0,
        heartbeat_seconds=0.5,
        sweep_seconds=0.2,
        republish_seconds=2.0,
        checkpoint_seconds=0.5,
        stop_grace_seconds=20.0,
    )
    with bootstrap.running(settings) as app:
        made = Installation(app)
        path, arguments = broker.command(settings)
        made.part("broker", "exec", path, arguments)
        made.until(lambda: broker.answers(settings.broker_socket), "the broker")
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def workers(home):
    """Starts workers and ends them after the test."""
    before = len(home.parts)
    yield home.worker
    for part in home.parts[before:]:
        part.process.kill()
        part.stop(5)


@pytest.fixture(scope="module")
def dataset(home):
    """A table that a worker read."""
    worker = home.worker()
    view = datasets.add(home.app, EVA, name="patients", filename="patients.csv", chunks=[patients(ROWS)])
    home.state(view.inspect_job_id, "succeeded")
    assert [w.pid for w in operations.workers(home.app, EVA)] == [worker.process.pid]
    assert operations.health(home.app)["ok"]
    worker.stop(10)
    assert operations.workers(home.app, EVA) == []
    return datasets.get(home.app, EVA, view.id)


def test_a_table_was_read_through_the_queue(home, dataset):
    assert (dataset.rows, dataset.columns) == (ROWS, 4)
    kinds = {column["name"]: column["kind"] for column in datasets.schema(home.app, EVA, dataset.id)["columns"]}
    assert kinds["ward"] == "category"
    assert kinds["charge"] == "number"


def test_a_fit_survives_a_killed_worker_and_a_shutdown_and_gives_one_result(home, dataset, workers):
    first = workers()
    rule = Predicate(expression="charge > 900 OR smoker = 'no'", source_may_break=True)
    spec = RunSpec(time_budget=15, policy=UNMEETABLE, constraints=(rule,))
    job = jobs.submit_fit(home.app, EVA, dataset.id, spec, idempotency_key="fit")
    home.until(lambda: home.checkpointed(job.id), "a checkpoint")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    home.until(lambda: not home.trainers(), "the end of the orphaned trainer")
    assert jobs.get(home.app, EVA, job.id).state == "running"

    second = workers()
    home.heard(job.id, "state", "stopped answering")
    home.heard(job.id, "log", "Resumed")
    second.process.send_signal(signal.SIGTERM)
    given_back = home.state(job.id, "queued")
    assert given_back.attempts == 1
    assert second.process.wait(timeout=30) == 0

    workers()
    done = home.state(job.id, "succeeded", "failed")
    assert (done.state, done.attempts) == ("succeeded", 2), done.error
    made = [found for found in reviews.list_sets(home.app, EVA) if found.job_id == job.id]
    assert [found.rows for found in made] == [ROWS]
    assert done.set_id == made[0].id

    folder = f"{keys.dataset_folder('default', dataset.id)}/jobs/{job.id}"
    attempts = {key.removeprefix(f"{folder}/").split("/")[0] for key in home.app.store.keys(folder)}
    assert attempts == {"3", keys.SPEC_FILE}
    assert jobs.submit_fit(home.app, EVA, dataset.id, spec, idempotency_key="fit").id == job.id

    again = jobs.submit_sample(home.app, EVA, job.id, SampleSpec(rows=40, resample="off"), policy="open")
    sampled = home.state(again.id, "succeeded", "failed")
    assert sampled.state == "succeeded", sampled.error
    assert reviews.get_set(home.app, EVA, sampled.set_id).rows == 40

    filling = jobs.submit_imputation(home.app, EVA, job.id)
    assert home.state(filling.id, "succeeded", "failed").state == "succeeded"
    filled = jobs.filled(home.app, EVA, filling.id)
    given, back = (text.decode().splitlines() for text in (patients(ROWS), b"".join(filled.pieces)))
    assert [b if a.endswith(",") else a for a, b in zip(given, back, strict=True)] == back
    assert {b.removeprefix(a) for a, b in zip(given, back, strict=True) if a.endswith(",")} <= {"yes", "no"}
    assert filling.id not in {found.job_id for found in reviews.list_sets(home.app, EVA)}

    assert "detection" in [r.rule for r in reviews.verdict(home.app, EVA, done.set_id).failed]
    gate_overrides.request(home.app, EVA, done.set_id, "the rule is one that nothing meets")
    gate_overrides.confirm(home.app, somebody_else(home.app), done.set_id)
    release = reviews.release(home.app, EVA, done.set_id, purpose="a test", recipient="nobody")
    assert home.state(release.export_job_id, "succeeded", "failed").state == "succeeded"
    _, size, frames = exports.open_bundle(home.app, EVA, release.id)
    bundle = b"".join(frames)
    assert (len(bundle), bundle[:2]) == (size, b"PK")
    made = rows_of(bundle)
    assert ((made["charge"] > 900) | (made["smoker"] != "yes")).all()
    no_cell_value_is_in_the_database_the_broker_or_a_log(home.settings)


def rows_of(bundle):
    """The synthetic rows of a bundle."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as files:
        (name,) = (each for each in files.namelist() if each.endswith(".csv"))
        return pd.read_csv(files.open(name))


def somebody_else(app):
    """A second person of the project."""
    with app.unit() as unit:
        person = unit.add(Person, name="otto", role="member", password_hash="none")
        return Actor(user_id=person.id, name=person.name, project_id=person.project_id, role="member")


def no_cell_value_is_in_the_database_the_broker_or_a_log(settings):
    """Reading, training, scoring, sampling and export have all left their rows by now.

    A worker empties a job's own folder right after the commit that the test has just seen.
    """
    until = time.monotonic() + 20
    while any(path.is_file() for path in (settings.root / "work").glob("**/*")) and time.monotonic() < until:
        time.sleep(0.1)
    assert not [ward for ward in WARDS if files_with(ward, settings.root)]
    kept = {settings.root / name for name in ("synthgen.db", "synthgen.db-wal")}  # in one of them, as SQLite pleases
    assert kept & set(files_with("patients", settings.root))


def files_with(word, root):
    """The files of a state folder that hold `word`, but for the store.

    Looked for in a process of its own: closing a file of an SQLite database gives up every lock that this process
    holds on it, and a worker that then finds itself alone cuts the index that is mapped here (a bus error).
    """
    found = subprocess.run(["grep", "-rlF", "--exclude-dir=store", "-e", word, str(root)], capture_output=True)
    assert found.returncode in (0, 1), found.stderr  # 1: nothing found
    return [Path(line) for line in found.stdout.decode().splitlines()]


def test_a_frozen_worker_that_thaws_after_its_lease_makes_no_second_result(home, workers):
    frozen = workers()
    view = datasets.add(home.app, EVA, name="frozen", filename="frozen.csv", chunks=[patients(200, seed=2)])
    home.state(view.inspect_job_id, "running")
    frozen.process.send_signal(signal.SIGSTOP)
    assert jobs.get(home.app, EVA, view.inspect_job_id).state == "running"

    workers()
    done = home.state(view.inspect_job_id, "succeeded", "failed")
    assert (done.state, done.attempts) == ("succeeded", 2)
    history = jobs.events(home.app, EVA, view.inspect_job_id)

    frozen.process.send_signal(signal.SIGCONT)
    home.until(lambda: "lost its lease" in frozen.log_tail(40), "the thawed worker to notice")
    assert jobs.events(home.app, EVA, view.inspect_job_id) == history
    assert [e.payload["state"] for e in history if e.kind == "state"].count("succeeded") == 1
    folder = f"{keys.dataset_folder('default', view.id)}/jobs/{view.inspect_job_id}"
    home.until(lambda: all(f"{folder}/2/" in key for key in home.app.store.keys(folder)), "its outputs to be dropped")


def test_cancel_reaches_a_training_child(home, dataset, workers):
    workers()
    job = jobs.submit_fit(home.app, EVA, dataset.id, RunSpec(time_budget=60, seed=5))
    home.heard(job.id, "curve")
    jobs.cancel(home.app, EVA, job.id)
    asked = time.monotonic()
    assert home.state(job.id, "cancelled", "succeeded").state == "cancelled"
    assert time.monotonic() - asked < 20
    home.until(lambda: not home.trainers(), "the end of the trainer")


def test_jobs_wait_out_a_broker_that_dies(home, workers):
    worker = workers()
    home.until(lambda: operations.workers(home.app, EVA), "the worker")
    home.parts[0].process.kill()
    home.parts[0].process.wait()
    view = datasets.add(home.app, EVA, name="dark", filename="dark.csv", chunks=[patients(100, seed=3)])
    time.sleep(1.0)
    assert jobs.get(home.app, EVA, view.inspect_job_id).state == "queued"
    assert home.parts[0].start_again_if_dead() or home.parts[0].alive()
    home.until(lambda: home.parts[0].start_again_if_dead() or home.parts[0].alive(), "the broker again")
    assert home.state(view.inspect_job_id, "succeeded", "failed").state == "succeeded"
    assert worker.alive()


def test_erasing_leaves_no_file_of_the_dataset(home, workers):
    workers()
    view = datasets.add(home.app, EVA, name="gone", filename="gone.csv", chunks=[patients(100, seed=4)])
    home.state(view.inspect_job_id, "succeeded")
    erasing = datasets.erase(home.app, EVA, view.id)
    assert home.state(erasing.id, "succeeded", "failed").state == "succeeded"
    assert datasets.get(home.app, EVA, view.id).state == "erased"
    store = Path(home.settings.store)
    assert not any(view.id in str(path) for path in store.rglob("*"))
    assert not any(home.settings.scratch.glob("*/*"))
