import threading

import pytest
from sqlalchemy import select

from synthgen.errors import Conflict, InputError, NotFound, NotSignedIn
from synthgen.service import people
from synthgen.service.db.tables import ApiToken, AuditRow, Person, SessionToken, SetupToken

PASSWORD = "correct horse battery staple"


def test_the_first_account_needs_the_newest_setup_token_and_uses_it_up(app):
    assert people.setup_needed(app)
    stale, token = people.new_setup_token(app), people.new_setup_token(app)
    with pytest.raises(NotSignedIn):
        people.create_first_account(app, stale, "mallory", PASSWORD)
    actor = people.create_first_account(app, token, "eva", PASSWORD)
    assert (actor.name, actor.role) == ("eva", "admin")
    assert not people.setup_needed(app)
    with pytest.raises(NotSignedIn):
        people.create_first_account(app, token, "mallory", PASSWORD)
    with pytest.raises(Conflict):
        people.new_setup_token(app)


def test_a_short_password_is_refused_and_leaves_the_link_usable(app):
    token = people.new_setup_token(app)
    with pytest.raises(InputError, match="5 characters"):
        people.create_first_account(app, token, "eva", "short")
    assert people.create_first_account(app, token, "eva", PASSWORD).name == "eva"


def test_sign_in_gives_a_session_that_sign_out_ends(app, actor):
    token = people.sign_in(app, "eva", PASSWORD)
    assert people.actor_for_session(app, token) == actor
    people.sign_out(app, token)
    with pytest.raises(NotSignedIn):
        people.actor_for_session(app, token)


def test_wrong_passwords_make_a_name_wait_even_for_the_right_one(app, actor):
    for _ in range(people.FREE_FAILURES):
        with pytest.raises(NotSignedIn, match="wrong"):
            people.sign_in(app, "eva", "not the password")
    with pytest.raises(NotSignedIn, match="too many"):
        people.sign_in(app, "eva", PASSWORD)


def test_an_unknown_name_and_a_wrong_password_read_the_same(app, actor):
    with pytest.raises(NotSignedIn) as unknown:
        people.sign_in(app, "nobody", PASSWORD)
    with pytest.raises(NotSignedIn) as wrong:
        people.sign_in(app, "eva", "not the password")
    assert str(unknown.value) == str(wrong.value)


def test_an_expired_session_is_no_session(app, actor):
    token = people.sign_in(app, "eva", PASSWORD)
    with app.unit() as unit:
        unit.session.scalar(select(SessionToken)).expires_at = unit.after(-1)
    with pytest.raises(NotSignedIn):
        people.actor_for_session(app, token)


def test_api_tokens_work_until_revoked_or_the_person_is_disabled(app, actor):
    token = people.issue_token(app, actor, "nightly")
    assert people.actor_for_token(app, token) == actor
    with app.unit() as unit:
        unit.session.scalar(select(Person)).disabled_at = unit.now
    with pytest.raises(NotSignedIn):
        people.actor_for_token(app, token)


def test_a_person_revokes_their_own_tokens_only(app, actor):
    token = people.issue_token(app, actor, "nightly")
    (listed,) = people.list_tokens(app, actor, used=token)
    assert (listed.label, listed.current) == ("nightly", True)
    assert token not in repr(listed)
    token_id = listed.id
    with pytest.raises(NotFound):
        people.revoke_token(app, actor.model_copy(update={"user_id": "another"}), token_id)
    people.revoke_token(app, actor, token_id)
    assert people.list_tokens(app, actor) == []
    with pytest.raises(NotSignedIn):
        people.actor_for_token(app, token)


def test_the_database_holds_no_secret(app, actor):
    session, token = people.sign_in(app, "eva", PASSWORD), people.issue_token(app, actor, "nightly")
    rows = []
    with app.unit(read_only=True) as unit:
        for table in (Person, SessionToken, ApiToken, SetupToken, AuditRow):
            rows += [str(vars(row)) for row in unit.session.scalars(select(table))]
    text = "\n".join(rows)
    assert not any(secret in text for secret in (PASSWORD, session, token))


def test_a_session_token_is_no_api_token(app, actor):
    with pytest.raises(NotSignedIn):
        people.actor_for_token(app, people.sign_in(app, "eva", PASSWORD))


def test_one_link_makes_one_account_however_many_use_it_at_once(app):
    token, made = people.new_setup_token(app), []

    def take(name):
        try:
            made.append(people.create_first_account(app, token, name, PASSWORD))
        except NotSignedIn:
            return

    threads = [threading.Thread(target=take, args=(f"person {i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
