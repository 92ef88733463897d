"""A blocked set leaves on the word of two different people, or not at all."""

import json

import pytest
from committing import SUMMARY, finish, ready_dataset

from synthgen.contracts import Release
from synthgen.errors import Conflict, GateError, InputError, NotFound, PermissionDenied
from synthgen.service import audit, gate_overrides, jobs, people, reviews
from synthgen.service.db.tables import Person
from synthgen.service.read_models import Actor
from synthgen.spec import RunSpec
from worker.staging import _release as staged

WHY = {"purpose": "teaching", "recipient": "the university"}
REASON = "the recipient works inside this house"


@pytest.fixture
def other(app, password_hash):
    with app.unit() as unit:
        person = unit.add(Person, name="otto", role="member", password_hash=password_hash)
        return Actor(user_id=person.id, name=person.name, project_id=person.project_id, role="member")


def made(app, actor, **summary):
    """A set that the gate blocked for two rules."""
    dataset = ready_dataset(app, actor)
    job = jobs.submit_fit(app, actor, dataset.id, RunSpec())
    told = {**SUMMARY, "verdict": "blocked", "failed_rules": ["pair", "linkability"], **summary}
    finish(app, job.id, told, scorecard_json={}, preview_json={"rows": []})
    return jobs.get(app, actor, job.id).set_id


def test_two_people_release_what_the_gate_blocked_and_it_is_written_down(app, actor, other):
    set_id = made(app, actor)
    asked = gate_overrides.request(app, actor, set_id, f" {REASON} ")
    assert (asked.reason, asked.failed, asked.confirmed_by) == (REASON, ("pair", "linkability"), None)
    with pytest.raises(GateError):
        reviews.release(app, actor, set_id, **WHY)
    confirmed = gate_overrides.confirm(app, other, set_id)
    assert (confirmed.requested_by, confirmed.confirmed_by) == ("eva", "otto")
    assert confirmed == gate_overrides.get(app, actor, set_id)
    assert reviews.get_set(app, actor, set_id).state == "awaiting_review"
    release = reviews.release(app, actor, set_id, **WHY)
    with app.unit(read_only=True) as unit:
        handed = Release(**json.loads(json.dumps(staged(unit, jobs.find(unit, actor, release.export_job_id)))))
    assert handed.override.requested_by == "eva"
    assert handed.override.confirmed_by == "otto"
    assert handed.override.failed == ("pair", "linkability")
    told = {(line["action"], line["person_id"]) for line in audit.trail(app, actor)}
    assert {("override.requested", actor.user_id), ("override.confirmed", other.user_id)} <= told


def test_nobody_confirms_their_own_wish(app, actor):
    set_id = made(app, actor)
    gate_overrides.request(app, actor, set_id, REASON)
    with pytest.raises(PermissionDenied, match="cannot confirm"):
        gate_overrides.confirm(app, actor, set_id)
    assert reviews.get_set(app, actor, set_id).state == "blocked"


def test_an_override_is_asked_for_once_and_confirmed_once(app, actor, other):
    set_id = made(app, actor)
    with pytest.raises(NotFound, match="Nobody asked"):
        gate_overrides.confirm(app, other, set_id)
    assert gate_overrides.get(app, actor, set_id) is None
    gate_overrides.request(app, actor, set_id, REASON)
    for person in (actor, other):
        with pytest.raises(Conflict, match="eva asked"):
            gate_overrides.request(app, person, set_id, REASON)
    gate_overrides.confirm(app, other, set_id)
    with pytest.raises(Conflict, match="otto confirmed"):
        gate_overrides.confirm(app, other, set_id)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 2001])
def test_a_reason_is_needed(app, actor, reason):
    set_id = made(app, actor)
    with pytest.raises(InputError, match="reason"):
        gate_overrides.request(app, actor, set_id, reason)


def test_only_a_blocked_set_can_be_overridden(app, actor, other):
    with pytest.raises(NotFound):
        gate_overrides.request(app, actor, "nothing", REASON)
    passed = made(app, actor, verdict="awaiting_review", failed_rules=[])
    with pytest.raises(Conflict, match="not blocked"):
        gate_overrides.request(app, actor, passed, REASON)
    turned_down = made(app, actor)
    gate_overrides.request(app, actor, turned_down, REASON)
    reviews.reject(app, other, turned_down, "no")
    with pytest.raises(Conflict, match="rejected"):
        gate_overrides.confirm(app, other, turned_down)


def test_what_is_final_cannot_be_overridden(app, actor):
    set_id = made(app, actor, final="Rows of real people.")
    with pytest.raises(GateError, match="No override"):
        gate_overrides.request(app, actor, set_id, REASON)
    with pytest.raises(GateError, match="No override"):
        gate_overrides.request(app, actor, made(app, actor, failed_rules=[]), REASON)


def test_an_invitation_makes_one_member_and_only_administrators_invite(app, actor, other):
    token = people.invite(app, actor)
    joined = people.join(app, token, "ida", "a few unrelated words")
    assert (joined.name, joined.role) == ("ida", "member")
    assert people.sign_in(app, "ida", "a few unrelated words")
    with pytest.raises(Exception, match="invitation is not valid"):
        people.join(app, token, "ivo", "a few unrelated words")
    with pytest.raises(Conflict, match="of that name"):
        people.join(app, people.invite(app, actor), "ida", "a few unrelated words")
    with pytest.raises(PermissionDenied):
        people.invite(app, other)
    assert {p.name for p in people.list_people(app, actor)} == {"eva", "otto", "ida"}


def test_an_invitation_makes_no_first_account_and_a_set_up_link_no_member(app):
    setup = people.new_setup_token(app)
    with pytest.raises(Exception, match="invitation is not valid"):
        people.join(app, setup, "eva", "a few unrelated words")
    assert people.create_first_account(app, setup, "eva", "a few unrelated words").role == "admin"
