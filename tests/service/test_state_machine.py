"""The protocol as a state machine: random walks over the real use cases on a real database; what must always hold.

Every step is one of submit, claim, heartbeat, expire and reap, checkpoint, commit, a commit whose answer is lost, fail,
cancel, give back and retry, by any of several workers, of which some act on claims they lost long ago.
"""

import shutil
from collections import Counter

import pytest
from committing import SUMMARY, ready_dataset
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from synthgen.errors import Conflict, Unavailable
from synthgen.service import bootstrap, execution, jobs
from synthgen.service.artifacts.base import Stored
from synthgen.service.db.tables import Artifact, Job, JobEvent, OutboxMessage, Person, SyntheticSetRow
from synthgen.service.execution import Failure, LeaseLost
from synthgen.service.read_models import Actor
from synthgen.service.settings import Settings
from synthgen.service.states import may_follow
from synthgen.spec import RunSpec

MOST_JOBS = 6
PASSING = Failure.of(Unavailable("The store did not answer."))
LASTING = Failure("bad_spec", "No.", "Yes.", False)
WORKERS = ("one", "two", "three")
OVER = {"succeeded", "failed", "cancelled"}
places = st.integers(0, 10_000)


class Protocol(RuleBasedStateMachine):
    """The service in a home of its own; `claims` holds every claim ever made, also those that were lost."""

    folder = None  # set by the test: where homes may be made
    migrated = None
    made = 0
    steps = 0

    @initialize()
    def open(self):
        Protocol.made += 1
        chosen = Settings(home=self.folder / str(Protocol.made), lease_seconds=600.0, max_attempts=3)
        chosen.root.mkdir(parents=True)
        shutil.copy(self.migrated, chosen.root / "synthgen.db")
        self.app = bootstrap.build(chosen)
        with self.app.unit() as unit:
            person = unit.add(Person, name="eva", role="admin", password_hash="none")
            self.actor = Actor(user_id=person.id, name=person.name, project_id=person.project_id)
        self.dataset = ready_dataset(self.app, self.actor).id
        self.ids, self.claims, self.repeated = [], [], False
        self.fences, self.states = Counter(), {}

    def teardown(self):
        if hasattr(self, "app"):
            self.app.close()
            shutil.rmtree(self.app.settings.root, ignore_errors=True)

    # -- what clients do

    @precondition(lambda self: len(self.ids) < MOST_JOBS)
    @rule()
    def submit(self):
        key = f"key-{len(self.ids)}"
        self.ids.append(jobs.submit_fit(self.app, self.actor, self.dataset, RunSpec(), idempotency_key=key).id)

    @precondition(lambda self: len(self.ids) == MOST_JOBS and not self.repeated)
    @rule()
    def submit_the_same_again(self):
        self.repeated = True
        again = jobs.submit_fit(self.app, self.actor, self.dataset, RunSpec(), idempotency_key="key-0")
        assert again.id == self.ids[0]

    @precondition(lambda self: self.ids)
    @rule(which=places)
    def cancel(self, which):
        self.asked(jobs.cancel, which, {"queued", "running"})

    @precondition(lambda self: self.ids)
    @rule(which=places)
    def retry(self, which):
        self.asked(jobs.retry, which, {"failed", "cancelled"})

    def asked(self, use_case, which, allowed):
        """A use case succeeds in the allowed states and is refused in all others."""
        one = self.ids[which % len(self.ids)]
        before = jobs.get(self.app, self.actor, one).state
        if before in allowed:
            use_case(self.app, self.actor, one)
            return
        with pytest.raises(Conflict):
            use_case(self.app, self.actor, one)

    # -- what workers do

    @precondition(lambda self: self.ids)
    @rule(which=places, worker=st.sampled_from(WORKERS))
    def claim(self, which, worker):
        one = self.ids[which % len(self.ids)]
        waits = jobs.get(self.app, self.actor, one).state == "queued"
        held = execution.claim(self.app, one, worker)
        assert (held is not None) == waits
        if held is not None:
            self.claims.append(held)

    @precondition(lambda self: self.claims)
    @rule(which=places)
    def heartbeat(self, which):
        self.by_holder(which, lambda held: execution.heartbeat(self.app, held))

    @precondition(lambda self: self.claims)
    @rule(which=places)
    def checkpoint(self, which):
        files = [{"name": "state", "key": f"checkpoint-{which}"}]
        self.by_holder(which, lambda held: execution.keep_checkpoint(self.app, held, files))

    @precondition(lambda self: self.claims)
    @rule(which=places)
    def report(self, which):
        told = [("progress", {"stage": "mean", "done": 1, "total": 2}), ("curve", {"step": 1})]
        self.by_holder(which, lambda held: execution.record(self.app, held, told))

    @precondition(lambda self: self.claims)
    @rule(which=places)
    def commit(self, which):
        self.by_holder(which, lambda held: execution.succeed(self.app, held, SUMMARY, self.files(held)))

    @precondition(lambda self: self.claims)
    @rule(which=places)
    def commit_whose_answer_is_lost(self, which):
        """The first try was made and not answered: the second is refused, and the row says what the first did."""
        held = self.claims[which % len(self.claims)]
        if self.by_holder(which, lambda held: execution.succeed(self.app, held, SUMMARY, self.files(held))):
            with pytest.raises(LeaseLost):
                execution.succeed(self.app, held, SUMMARY, self.files(held))
            assert execution.ended_as(self.app, held) in {"succeeded", "cancelled"}

    @precondition(lambda self: self.claims)
    @rule(which=places, failure=st.sampled_from([PASSING, LASTING]))
    def fail(self, which, failure):
        self.by_holder(which, lambda held: execution.fail(self.app, held, failure))

    @precondition(lambda self: self.claims)
    @rule(which=places)
    def give_back(self, which):
        self.by_holder(which, lambda held: execution.give_back(self.app, held))

    @precondition(lambda self: self.claims)
    @rule(which=places)
    def stop_as_asked(self, which):
        held = self.claims[which % len(self.claims)]
        with self.app.unit(read_only=True) as unit:
            asked = unit.get(Job, held.job_id).cancel_requested
        if asked:
            self.by_holder(which, lambda held: execution.cancelled(self.app, held))

    @precondition(lambda self: self.ids)
    @rule(which=places)
    def expire(self, which):
        """A worker falls silent, and somebody sweeps."""
        one = self.ids[which % len(self.ids)]
        with self.app.unit() as unit:
            job = unit.get(Job, one)
            running = job.state == "running"
            if running:
                job.lease_until = unit.after(-1)
        assert execution.reap(self.app) == int(running)

    def files(self, held):
        return {"result": Stored(f"{held.job_id}/{held.fence}/result", 1, "0" * 64)}

    def by_holder(self, which, action):
        """Whoever holds the job may act; everybody else is refused and changes nothing."""
        held = self.claims[which % len(self.claims)]
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

    @invariant()
    def nothing_is_broken(self):
        Protocol.steps += 1
        if not getattr(self, "ids", None):
            return
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


def walk(tmp_path, migrated, steps, longest):
    """At least so many steps, in walks of at most `longest`; the same ones every time."""
    Protocol.folder, Protocol.migrated, Protocol.steps = tmp_path, migrated, 0
    chosen = settings(
        max_examples=5,
        stateful_step_count=longest,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    number = 0
    while Protocol.steps < steps:
        number += 1
        run_state_machine_as_test(seed(number)(Protocol), settings=chosen)


def test_the_protocol_holds_over_random_steps(tmp_path, migrated):
    walk(tmp_path, migrated, 200, 50)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_protocol_holds_over_ten_thousand_random_steps(tmp_path, migrated):
    walk(tmp_path, migrated, 10_000, 400)
