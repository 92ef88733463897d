"""The protocol as a state machine: random walks over the real use cases on a real database; what must always hold.

Walks are seeded: the same ones every time, and a step that breaks something is told with the steps before it. Every
step is one of submit, claim, heartbeat, expire and reap, checkpoint, commit, a commit whose answer is lost, fail,
cancel, give back and retry, by any of several workers, of which some act on claims they lost long ago.
"""

import random
import shutil
from collections import Counter

import pytest
from committing import SUMMARY, ready_dataset
from sqlalchemy import func, select

from synthgen.errors import Conflict, Unavailable
from synthgen.service import bootstrap, execution, jobs
from synthgen.service.artifacts.base import Stored
from synthgen.service.db.tables import Artifact, Job, JobEvent, OutboxMessage, Person, SyntheticSetRow
from synthgen.service.execution import Failure, LeaseLost
from synthgen.service.read_models import Actor
from synthgen.service.settings import Settings
from synthgen.service.states import may_follow, overall_progress, remaining_seconds
from synthgen.spec import RunSpec

MOST_JOBS = 6
PASSING = Failure.of(Unavailable("The store did not answer."))
LASTING = Failure("bad_spec", "No.", "Yes.", False)
WORKERS = ("one", "two", "three")
OVER = {"succeeded", "failed", "cancelled"}


class Protocol:
    """The service in a home of its own; `claims` holds every claim ever made, also those that were lost."""

    def __init__(self, home, migrated, seed):
        self.draw = random.Random(seed)
        chosen = Settings(home=home, lease_seconds=600.0, max_attempts=3)
        chosen.root.mkdir(parents=True)
        shutil.copy(migrated, chosen.root / "synthgen.db")
        self.app = bootstrap.build(chosen)
        with self.app.unit() as unit:
            person = unit.add(Person, name="eva", role="admin", password_hash="none")
            self.actor = Actor(user_id=person.id, name=person.name, project_id=person.project_id)
        self.dataset = ready_dataset(self.app, self.actor).id
        self.ids, self.claims, self.repeated = [], [], False
        self.fences, self.states = Counter(), {}

    def step(self):
        """One step, drawn from those that make sense; what holds is looked at after it. Returns its name."""
        name = self.draw.choice(self.open_steps())
        getattr(self, name)()
        self.nothing_is_broken()
        return name

    def open_steps(self):
        at_it = sum(state != "succeeded" for state in self.states.values())
        fresh = ["submit", "submit"] if at_it < MOST_JOBS else [] if self.repeated else ["submit_the_same_again"]
        of_jobs = ["claim"] * 4 + ["expire", "expire", "cancel", "retry", "retry"]
        of_claims = ["heartbeat", "checkpoint", "report", "commit", "commit_whose_answer_is_lost", "fail", "fail"]
        of_claims += ["give_back", "stop_as_asked", "stop_as_asked"]
        return [*fresh, *(of_jobs if self.ids else []), *(of_claims if self.claims else [])]

    def a_job(self):
        return self.draw.choice(self.ids[-2 * MOST_JOBS :] if self.draw.random() < 0.9 else self.ids)

    def a_claim(self):
        """A claim that may still hold, or any that was ever made."""
        return self.draw.choice(self.claims[-MOST_JOBS:] if self.draw.random() < 0.7 else self.claims)

    # -- what clients do

    def submit(self):
        key = f"key-{len(self.ids)}"
        self.ids.append(jobs.submit_fit(self.app, self.actor, self.dataset, RunSpec(), idempotency_key=key).id)

    def submit_the_same_again(self):
        self.repeated = True
        again = jobs.submit_fit(self.app, self.actor, self.dataset, RunSpec(), idempotency_key="key-0")
        assert again.id == self.ids[0]

    def cancel(self):
        self.asked(jobs.cancel, {"queued", "running"})

    def retry(self):
        self.asked(jobs.retry, {"failed", "cancelled"})

    def asked(self, use_case, allowed):
        """A use case succeeds in the allowed states and is refused in all others."""
        one = self.a_job()
        before = jobs.get(self.app, self.actor, one).state
        if before in allowed:
            use_case(self.app, self.actor, one)
            return
        with pytest.raises(Conflict):
            use_case(self.app, self.actor, one)

    # -- what workers do

    def claim(self):
        one = self.a_job()
        waits = jobs.get(self.app, self.actor, one).state == "queued"
        held = execution.claim(self.app, one, self.draw.choice(WORKERS))
        assert (held is not None) == waits
        if held is not None:
            self.claims.append(held)

    def heartbeat(self):
        self.by_holder(lambda held: execution.heartbeat(self.app, held))

    def checkpoint(self):
        files = [{"name": "state", "key": f"checkpoint-{self.draw.random()}"}]
        self.by_holder(lambda held: execution.keep_checkpoint(self.app, held, files))

    def report(self):
        told = [("progress", {"stage": "mean", "done": 1, "total": 2}), ("curve", {"step": 1})]
        self.by_holder(lambda held: execution.record(self.app, held, told))

    def commit(self):
        self.by_holder(lambda held: execution.succeed(self.app, held, SUMMARY, self.files(held)))

    def commit_whose_answer_is_lost(self):
        """The first try was made and not answered: the second is refused, and the row says what the first did."""
        held = self.a_claim()
        if self.by_holder(lambda held: execution.succeed(self.app, held, SUMMARY, self.files(held)), held):
            with pytest.raises(LeaseLost):
                execution.succeed(self.app, held, SUMMARY, self.files(held))
            assert execution.ended_as(self.app, held) in {"succeeded", "cancelled"}

    def fail(self):
        failure = self.draw.choice([PASSING, LASTING])
        self.by_holder(lambda held: execution.fail(self.app, held, failure))

    def give_back(self):
        self.by_holder(lambda held: execution.give_back(self.app, held))

    def stop_as_asked(self):
        held = self.a_claim()
        with self.app.unit(read_only=True) as unit:
            asked = unit.get(Job, held.job_id).cancel_requested
        if asked:
            self.by_holder(lambda held: execution.cancelled(self.app, held), held)

    def expire(self):
        """A worker falls silent, and somebody sweeps."""
        one = self.a_job()
        with self.app.unit() as unit:
            job = unit.get(Job, one)
            running = job.state == "running"
            if running:
                job.lease_until = unit.after(-1)
        assert execution.reap(self.app) == int(running)

    def files(self, held):
        return {"result": Stored(f"{held.job_id}/{held.fence}/result", 1, "0" * 64)}

    def by_holder(self, action, held=None):
        """Whoever holds the job may act; everybody else is refused and changes nothing."""
        held = held or self.a_claim()
        with self.app.unit(read_only=True) as unit:
            before = unit.get(Job, held.job_id)
            holds = before.state == "running" and before.fence == held.fence
        if holds:
            action(held)
            return True
        seen = self.rows(held.job_id)
        with pytest.raises(LeaseLost):
            action(held)
        assert self.rows(held.job_id) == seen
        return False

    def rows(self, one):
        with self.app.unit(read_only=True) as unit:
            job = unit.get(Job, one)
            return {column.name: getattr(job, column.name) for column in Job.__table__.columns}

    # -- what holds at every moment

    def nothing_is_broken(self):
        with self.app.unit(read_only=True) as unit:
            found = list(unit.session.scalars(select(Job).where(Job.id.in_(self.ids))))
            self.messages, self.sets = counts(unit, OutboxMessage), counts(unit, SyntheticSetRow)
            self.files_kept, self.lines = counts(unit, Artifact), counts(unit, JobEvent)
        for job in found:
            self.one_is_whole(job)

    def one_is_whole(self, job):
        assert job.fence >= self.fences[job.id], "a fence never falls"
        assert 0 <= job.attempts <= 3
        assert (job.lease_until is not None) == (job.state == "running"), "who runs has a lease, and nobody else"
        assert (job.finished_at is not None) == (job.state in OVER)
        assert (job.error_code is not None) == (job.state == "failed")
        before = self.states.get(job.id, "queued")
        assert job.state == before or may_follow(before, job.state), f"{before} to {job.state}"
        if job.state == "queued":
            assert self.messages[job.id] >= 1, "a job to be claimed is announced"
        if job.state in {"running", "succeeded"}:
            assert self.messages[job.id] == 0
        once = 1 if job.state == "succeeded" else 0
        assert (self.sets[job.id], self.files_kept[job.id]) == (once, once), "one committed result, or none"
        assert self.lines[job.id] == job.event_seq, "a history without gaps"
        self.fences[job.id], self.states[job.id] = job.fence, job.state


def counts(unit, table):
    return Counter(dict(unit.session.execute(select(table.job_id, func.count()).group_by(table.job_id)).all()))


def walk(home, migrated, steps, seed):
    """One walk; a step that breaks something is told with those before it."""
    protocol, taken = Protocol(home, migrated, seed), []
    try:
        for _ in range(steps):
            taken.append("?")
            taken[-1] = protocol.step()
    except (Exception, pytest.fail.Exception) as error:
        raise AssertionError(f"seed {seed}, after {len(taken)} steps, the last {taken[-12:]}: {error}") from error
    finally:
        protocol.app.close()
    return taken, protocol


def test_the_protocol_holds_over_random_steps(tmp_path, migrated):
    taken, protocol = walk(tmp_path / "home", migrated, 250, seed=1)
    assert len(set(taken)) == 14, "every kind of step"
    assert set(protocol.states.values()) >= {"succeeded", "failed"}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(10))
def test_the_protocol_holds_over_a_thousand_random_steps_more(tmp_path, migrated, seed):
    """Ten thousand in all."""
    walk(tmp_path / "home", migrated, 1000, 100 + seed)


def test_training_that_goes_through_two_sizes_is_one_stage_of_the_job():
    def share(stage, done):
        return overall_progress("fit/images", stage, done, 100)

    assert share("reduced_size", 0) == share("conditional_gan", 0)
    assert share("reduced_size", 100) == share("full_size", 0)
    assert share("full_size", 100) == share("conditional_gan", 100)
    later = [remaining_seconds("fit/images", stage, 50, 100, 60) for stage in ("conditional_gan", "full_size")]
    assert later[0] == pytest.approx(60 * (1 + 0.25 / 0.3))
    assert later[1] == pytest.approx(60 * (1 + 0.25 / 0.12))
    assert remaining_seconds("fit/images", "reduced_size", 50, 100, 60) == pytest.approx(60 * (1 + 0.49 / 0.18))
