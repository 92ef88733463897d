"""The loop: keeps the best, stops for every reason it knows, resumes to the same end."""

import time

import pytest
import torch

from synthgen.errors import Stopped, TrainingError
from synthgen.runtime import RunContext
from synthgen.training import loop
from synthgen.training.checkpoint import State
from synthgen.training.loop import Plan


class Valley:
    """One number rolling down a valley; the validation score is its distance from a goal it rolls past."""

    def __init__(self, goal=5.0, slope=1.0):
        self.place, self.goal, self.slope = torch.zeros(1), goal, slope
        self.best, self.renewed = None, []

    def step(self, step):
        self.place = self.place + self.slope
        return float(self.place)

    def renew(self, step):
        self.renewed.append(step)

    def validate(self):
        return abs(float(self.place) - self.goal)

    def keep(self):
        self.best = float(self.place)

    def state(self):
        return State({"place": self.place}, {"best": self.best})

    def restore(self, state):
        self.place, self.best = state.tensors["place"], state.facts["best"]


def plan(**changes):
    return Plan(**{"stage": "roll", "steps": 20, "validate_every": 1, "patience": 3, **changes})


def test_the_best_is_kept_and_validation_ends_it():
    task = Valley()
    found = loop.run(task, plan(), RunContext())
    assert (task.best, found.best, found.best_step) == (5.0, 0.0, 5)
    assert found.step == 9
    assert found.stopped == "validation no longer improved"
    assert len(found.curve) == 9


def test_all_steps_are_done_when_it_keeps_improving():
    found = loop.run(Valley(goal=100), plan(), RunContext())
    assert (found.step, found.stopped) == (20, "all planned steps done")


def test_the_task_is_renewed_where_planned():
    task = Valley(goal=100)
    loop.run(task, plan(renew_at=(0, 7, 19)), RunContext())
    assert task.renewed == [0, 7, 19]


def test_the_deadline_ends_it_after_a_validation():
    found = loop.run(Valley(goal=100), plan(validate_every=4), RunContext(deadline=time.monotonic() - 1))
    assert (found.step, found.stopped) == (4, "out of time")


def test_a_loss_that_is_no_number_is_a_clear_error():
    with pytest.raises(TrainingError, match="step 0"):
        loop.run(Valley(slope=float("nan")), plan(), RunContext())


def test_progress_and_curves_are_reported():
    events = []
    loop.run(Valley(goal=100), plan(validate_every=10), RunContext(listener=events.append))
    assert [e.payload["step"] for e in events if e.kind == "curve"] == [10, 20]
    last = [e.payload for e in events if e.kind == "progress"][-1]
    assert (last["stage"], last["done"], last["total"]) == ("roll", 20, 20)
    assert last["eta_seconds"] == 0


def stop_after(looks):
    left = iter([False] * looks)
    return lambda: next(left, True)


def test_stopped_on_request_it_saves_and_resumes_to_the_same_end(tmp_path):
    task = Valley()
    with pytest.raises(Stopped):
        loop.run(task, plan(fingerprint="f"), RunContext(checkpoints=tmp_path, stop=stop_after(4)))
    again = Valley()
    found = loop.run(again, plan(fingerprint="f"), RunContext(checkpoints=tmp_path))
    assert (again.best, found.best_step, found.step) == (5.0, 5, 9)
    assert [point["step"] for point in found.curve] == list(range(1, 10))


def test_a_finished_stage_is_not_done_again(tmp_path):
    ctx = RunContext(checkpoints=tmp_path)
    loop.run(Valley(), plan(fingerprint="f"), ctx)
    again = Valley()
    again.step = None
    assert loop.run(again, plan(fingerprint="f"), ctx).step == 9


def test_a_checkpoint_of_another_plan_is_not_used(tmp_path):
    ctx = RunContext(checkpoints=tmp_path)
    loop.run(Valley(), plan(fingerprint="f"), ctx)
    assert loop.run(Valley(goal=2), plan(fingerprint="g"), ctx).best_step == 2


def test_checkpoints_are_written_as_often_as_asked(tmp_path):
    ctx = RunContext(checkpoints=tmp_path, checkpoint_seconds=0, stop=stop_after(3))
    with pytest.raises(Stopped):
        loop.run(Valley(), plan(), ctx)
    assert (tmp_path / "roll" / "facts.json").exists()


@pytest.mark.parametrize("name", ["facts.json", "tensors.safetensors"])
def test_a_checkpoint_that_cannot_be_read_costs_steps_and_not_the_job(tmp_path, name):
    loop.run(Valley(), plan(fingerprint="f"), RunContext(checkpoints=tmp_path))
    (tmp_path / "roll" / name).write_bytes(b"\x00 cut off")
    told = []
    found = loop.run(Valley(), plan(fingerprint="f"), RunContext(checkpoints=tmp_path, listener=told.append))
    assert (found.best_step, found.step) == (5, 9)
    assert any("cannot be read" in str(e.payload) and "afresh" in str(e.payload) for e in told)
    assert loop.run(Valley(), plan(fingerprint="f"), RunContext(checkpoints=tmp_path)).step == 9
