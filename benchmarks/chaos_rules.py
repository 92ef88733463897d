"""Parts b, d, e and f of the chaos suite: what holds for one job, whatever happens to it."""

from __future__ import annotations

import random
import signal
import time

from sqlalchemy import select

from benchmarks.bars import Bar
from benchmarks.chaos_kills import holder, living
from benchmarks.chaos_site import Database, Site, outcome, site, unreferenced
from benchmarks.chaos_trainer import LONG, STEP_SECONDS
from benchmarks.chaos_worker import TALLY
from synthgen.errors import Conflict, NotFound
from synthgen.service import jobs
from synthgen.service.db.tables import Artifact

ROUNDS = 20
TAKEN_OVER = 45.0  # seconds; a worker frozen inside a transaction of SQLite holds everybody: that round is repeated
CHILD_GONE = 12.0
INTERVAL, KILLS = 2.0, 10  # seconds between checkpoints at the most, and how often work is cut off
REAL = {"generator": "autoregressive_gan", "time_budget": 600}
TINY = {"epochs": 12, "hidden": 16, "bins": 12, "critic_epochs": 1, "critic_rounds": 2}


def frozen(database: Database, seeds: int) -> list[Bar]:
    """Part b: the worker is stopped, loses its job to another, and goes on as if nothing had happened."""
    fenced, control = _thawed(database), _thawed(database, "unfenced")
    return [
        Bar("thawed: duplicated", fenced, "<=", 0, against=f"{ROUNDS} rounds"),
        Bar("without the fence", control, ">=", 18, against=f"duplicated of {ROUNDS}: the control"),
    ]


def _thawed(database: Database, *accidents: str) -> int:
    """How many of the rounds gave two committed results."""
    ids: list[str] = []
    with site(database) as here:
        here.broker()
        for title in ("worker-1", "worker-2"):
            here.worker(title, *accidents)
        dataset = here.dataset("twin")
        here.until(lambda: len(living(here)) == 2, "two workers")
        while len(ids) < ROUNDS:
            job = here.submit(dataset, len(ids))
            if freeze_and_thaw(here, job):
                ids.append(job)
        return outcome(here, ids).duplicated


def freeze_and_thaw(here: Site, job: str) -> bool:
    """One round; False where nobody could take the job over."""
    here.until(lambda: "curve" in kinds(here, job), "a job under way")
    process = here.parts[holder(here, job)].process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        here.until(lambda: here.job(job).state == "succeeded", "the other worker", TAKEN_OVER)
    except TimeoutError:
        return False
    finally:
        process.send_signal(signal.SIGCONT)
        here.until(lambda: not list(here.settings.scratch.glob(f"*/{job}-1")), "the thawed worker to conclude")
    return True


def kinds(here: Site, job: str) -> set[str]:
    """The kinds of events of a job."""
    return {event.kind for event in jobs.events(here.app, here.actor, job)}


def resumed(database: Database, seeds: int) -> list[Bar]:
    """Part d: how much work is done twice after a kill, and whether the weights are those of one run."""
    repeated = _repeated(database)
    against = f"s; one checkpoint interval, {len(repeated)} kills"
    differing = _weights(database)
    return [
        Bar("repeated at most", max(repeated), "<=", INTERVAL, against=against),
        Bar("weights that differ", differing, "<=", 0, against="files of the model, real training on a processor"),
    ]


def _repeated(database: Database) -> list[float]:
    """Seconds of work done again, by kill."""
    draw, found = random.Random(5), []
    with site(database, checkpoint_seconds=INTERVAL) as here:
        here.broker()
        here.worker("worker-1")
        dataset = here.dataset("long")
        for seed in range(KILLS):
            job = here.submit(dataset, seed)
            here.until(lambda job=job: "curve" in kinds(here, job), "a job under way")
            time.sleep(draw.uniform(0.3, 4.5))
            here.kill("worker-1")
            here.heal()
            here.in_state(job, "succeeded")
            found.append(_done_twice(here, job))
        return found


def _done_twice(here: Site, job: str) -> float:
    """Seconds of steps beyond those that one run takes, from what each attempt left in the tally."""
    done = sum(path.stat().st_size for path in (here.settings.root / TALLY).glob(f"{job}-*"))
    return (done - LONG) * STEP_SECONDS


def _weights(database: Database) -> int:
    """Files of the model that a killed and resumed training made otherwise than an undisturbed one."""
    made: list[dict[str, str]] = []
    with site(database) as here:
        here.broker()
        here.worker("worker-1", "real")
        dataset = here.dataset("table", table())
        for disturbed in (False, True):
            job = _real(here, dataset)
            if disturbed:
                here.until(lambda job=job: checkpointed(here, job), "a checkpoint")
                here.kill("worker-1")
                here.heal()
            view = here.in_state(job, "succeeded", "failed")
            assert view.state == "succeeded", view.error
            assert view.attempts == 1 + disturbed
            made.append(model(here, job))
    assert made[0], "a model was made"
    return sum(made[1].get(name) != digest for name, digest in made[0].items())


def _real(here: Site, dataset: str) -> str:
    from synthgen.spec import AttackPlan, RunSpec

    spec = RunSpec(seed=3, params=TINY, attacks=AttackPlan(), **REAL)
    return jobs.submit_fit(here.app, here.actor, dataset, spec).id


def table(rows: int = 1500) -> bytes:
    """A small table with something to learn."""
    draw = random.Random(1)
    lines = ["age,ward,charge"]
    for _ in range(rows):
        age, ward = draw.randint(18, 90), draw.choice(("north", "south", "east"))
        lines.append(f"{age},{ward},{100 + 20 * age + draw.gauss(0, 50):.2f}")
    return ("\n".join(lines) + "\n").encode()


def checkpointed(here: Site, job: str) -> bool:
    """Whether a checkpoint of a job is in the store and in its row."""
    from synthgen.service.db.tables import Job

    with here.app.unit(read_only=True) as unit:
        return bool(unit.get(Job, job).checkpoint)


def model(here: Site, job: str) -> dict[str, str]:
    """Name and SHA-256 of the model's tensors."""
    with here.app.unit(read_only=True) as unit:
        files = unit.session.scalars(select(Artifact).where(Artifact.job_id == job))
        return {file.name: file.sha256 for file in files if file.name.endswith(".safetensors")}


def cancelled(database: Database, seeds: int) -> list[Bar]:
    """Part e: cancelled at random moments, one in four while it does not listen."""
    draw, gone, ids = random.Random(7), [], []
    with site(database, stop_grace_seconds=30.0) as here:
        here.broker()
        for title in ("worker-1", "worker-2"):
            here.worker(title)
        datasets = [here.dataset(name) for name in ("honest", "honest-2", "honest-3", "deaf")]
        while len(ids) < ROUNDS:
            job = here.submit(datasets[len(ids) % 4], len(ids))
            if (seconds := _cancel(here, job, draw)) is not None:
                ids.append(job)
                gone.append(seconds)
        here.until(lambda: not list(here.settings.scratch.glob("*/*")), "the private folders to be emptied")
        left = unreferenced(here, ids)
        with here.app.unit(read_only=True) as unit:
            made = unit.session.scalars(select(Artifact).where(Artifact.job_id.in_(ids))).all()
        print(f"  left: {left}")
        halves = list(here.settings.root.glob("store/**/*#*"))
    return [
        Bar("child gone after", max(gone), "<=", CHILD_GONE, against=f"s after cancel, {ROUNDS} points"),
        Bar("artifacts, orphans", len(made) + len(left), "<=", 0),
        Bar("temporary files", len(halves), "<=", 0),
    ]


def _cancel(here: Site, job: str, draw: random.Random) -> float | None:
    """Seconds until a job's child is gone; None where it was over already."""
    if draw.random() < 0.8:
        here.in_state(job, "running", "succeeded")
        time.sleep(draw.uniform(0.0, 1.4))
    try:
        jobs.cancel(here.app, here.actor, job)
    except Conflict:
        return None
    began = time.monotonic()
    if here.in_state(job, "cancelled", "succeeded").state != "cancelled":
        return None
    here.until(lambda: not [p for p in here.trainers() if job in " ".join(p.cmdline())], "the end of the child")
    return time.monotonic() - began


def harmful(database: Database, seeds: int) -> list[Bar]:
    """Part f: jobs that crash, kill, eat, spin or fall silent, beside others that must not notice."""
    limits = {"max_attempts": 3, "job_memory_bytes": 400 << 20, "job_seconds": 25.0, "stall_seconds": 6.0}
    with site(database, **limits) as here:
        here.broker()
        for title in ("worker-1", "worker-2"):
            here.worker(title)
        names = ("poison", "killer", "bomb", "loop", "hang")
        datasets = {name: here.dataset(name) for name in (*names, "honest")}
        good = [here.submit(datasets["honest"], seed) for seed in range(6)]
        bad = {name: here.submit(datasets[name], 1) for name in names}
        with here.healing():
            here.all_over([*good, *bad.values()], 600)
        alive = len(living(here))
        views = {name: here.job(one) for name, one in bad.items()}
        logs = sum("begins" in _log(here, bad[name]) for name in names)
        unharmed = outcome(here, good)
    said = {name: (view.error_code, view.attempts) for name, view in views.items()}
    return [
        Bar("poison: attempts", said["poison"][1], ">=", 3, against=f"{said['poison']}, exactly 3"),
        Bar("poison: at most", max(view.attempts for view in views.values()), "<=", 3, against=str(said)),
        Bar(
            "failed with a reason", sum(v.state == "failed" and bool(v.error) for v in views.values()), ">=", len(names)
        ),
        Bar("last lines kept", logs, ">=", len(names)),
        Bar("others lost", unharmed.lost + unharmed.duplicated, "<=", 0, against=f"of {len(good)}"),
        Bar("workers alive", alive, ">=", 2),
    ]


def _log(here: Site, job: str) -> str:
    try:
        return jobs.log(here.app, here.actor, job)
    except NotFound:
        return ""
