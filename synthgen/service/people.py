"""Accounts: the one-time set-up, invitations, signing in and out, tokens for programs."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from synthgen.errors import Conflict, InputError, NotFound, NotSignedIn, PermissionDenied
from synthgen.service import credentials
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import ApiToken, Person, SessionToken, SetupToken, SignInFailure
from synthgen.service.db.unit_of_work import UnitOfWork
from synthgen.service.read_models import Actor, PersonView, TokenView

FREE_FAILURES = 5  # wrong passwords in a row before a name has to wait
FIRST_WAIT = 15.0  # seconds; doubles with every further failure
LONGEST_WAIT = 900.0
SYSTEM = "system"


def setup_needed(app: Application) -> bool:
    """Whether there is no account yet."""
    with app.unit(read_only=True) as unit:
        return _count(unit) == 0


def new_setup_token(app: Application) -> str:
    """A one-time token that creates the first account; earlier ones stop working."""
    token = credentials.new_token()
    with app.unit() as unit:
        if _count(unit):
            raise Conflict("There is an account already.", "Sign in instead.")
        unused = select(SetupToken).where(SetupToken.project_id == unit.project_id, SetupToken.used_at.is_(None))
        for old in unit.session.scalars(unused):
            old.used_at = unit.now
        expires = unit.after(app.settings.setup_hours * 3600)
        unit.add(SetupToken, token_hash=credentials.token_hash(token), expires_at=expires)
        unit.audit(SYSTEM, "setup.offered")
    return token


def create_first_account(app: Application, setup_token: str, name: str, password: str) -> Actor:
    """Use the set-up token to create the first account, an administrator."""
    name = _checked_name(name)
    password_hash = credentials.hash_password(password)
    with app.unit() as unit:
        token = _offered(unit, setup_token)
        if token is None or token.invited_by is not None or _count(unit):
            raise NotSignedIn(
                "This set-up link is not valid: it was used, replaced, or is too old.",
                "Restart `synthgen up` for a new link, or sign in if there is an account already.",
            )
        token.used_at = unit.now
        person = unit.add(Person, name=name, role="admin", password_hash=password_hash)
        unit.audit(person.id, "account.created", person.id)
        return _actor(person)


def invite(app: Application, actor: Actor) -> str:
    """A one-time token with which another person makes an account of their own; administrators only."""
    if actor.role != "admin":
        raise PermissionDenied("Only an administrator can invite people.", "Ask an administrator.")
    token = credentials.new_token()
    with app.unit() as unit:
        _active(unit, actor.user_id)
        expires = unit.after(app.settings.setup_hours * 3600)
        unit.add(SetupToken, token_hash=credentials.token_hash(token), expires_at=expires, invited_by=actor.user_id)
        unit.audit(actor.user_id, "account.invited")
    return token


def join(app: Application, token: str, name: str, password: str) -> Actor:
    """Use an invitation to create an account of one's own, a member of the project.

    Raises NotSignedIn for a token that is no invitation, was used or is too old, Conflict for a name that is taken.
    """
    name = _checked_name(name)
    password_hash = credentials.hash_password(password)
    with app.unit() as unit:
        found = _offered(unit, token)
        if found is None or found.invited_by is None:
            raise NotSignedIn(
                "This invitation is not valid: it was used or is too old.", "Ask an administrator for another one."
            )
        if _by_name(unit, name) is not None:
            raise Conflict("There is an account of that name already.", "Choose another name, or sign in.")
        found.used_at = unit.now
        person = unit.add(Person, name=name, role="member", password_hash=password_hash)
        unit.audit(person.id, "account.created", person.id, invited_by=found.invited_by)
        return _actor(person)


def list_people(app: Application, actor: Actor) -> list[PersonView]:
    """Everybody with an account in the project, oldest first."""
    with app.unit(read_only=True) as unit:
        mine = select(Person).where(Person.project_id == actor.project_id).order_by(Person.created_at, Person.id)
        return [
            PersonView(id=p.id, name=p.name, role=p.role, created_at=p.created_at, disabled=p.disabled_at is not None)
            for p in unit.session.scalars(mine)
        ]


def sign_in(app: Application, name: str, password: str) -> str:
    """A session token for a name and password; wrong passwords in a row make the name wait."""
    name = name.strip()
    with app.unit(read_only=True) as unit:
        _refuse_while_locked(unit, name)
        person = _by_name(unit, name)
    right = credentials.matches(person.password_hash if person else None, password[: credentials.LONGEST_PASSWORD])
    if person is None or not right or person.disabled_at is not None:
        _count_failure(app, name)
        raise NotSignedIn("The name or the password is wrong.", "Check both and try again.")
    token = credentials.new_token()
    with app.unit() as unit:
        _refuse_while_locked(unit, name)
        failures = _failures(unit, name)
        if failures is not None:
            unit.session.delete(failures)
        expires = unit.after(app.settings.session_hours * 3600)
        unit.add(SessionToken, token_hash=credentials.token_hash(token), person_id=person.id, expires_at=expires)
        unit.audit(person.id, "session.started", person.id)
    return token


def sign_out(app: Application, token: str) -> None:
    """End a session; an unknown token is no error."""
    with app.unit() as unit:
        session = _session(unit, token)
        if session is not None and session.ended_at is None:
            session.ended_at = unit.now
            unit.audit(session.person_id, "session.ended", session.person_id)


def actor_for_session(app: Application, token: str) -> Actor:
    """Who a session token belongs to; raises `NotSignedIn`."""
    with app.unit(read_only=True) as unit:
        session = _session(unit, token)
        if session is None or session.ended_at is not None or session.expires_at <= unit.now:
            raise NotSignedIn("You are not signed in, or were signed out after a while.", "Sign in again.")
        return _active(unit, session.person_id)


def issue_token(app: Application, actor: Actor, label: str) -> str:
    """A token for programs that acts as `actor`; it is shown once and only its hash is kept."""
    label = label.strip()
    if not 1 <= len(label) <= 100:
        raise InputError("A token needs a label of 1 to 100 characters.", "Say what uses it, such as 'nightly export'.")
    token = credentials.new_token("sg_")
    with app.unit() as unit:
        _active(unit, actor.user_id)
        row = unit.add(ApiToken, token_hash=credentials.token_hash(token), person_id=actor.user_id, label=label)
        unit.audit(actor.user_id, "token.issued", row.id)
    return token


def list_tokens(app: Application, actor: Actor, used: str = "") -> list[TokenView]:
    """The actor's tokens that still work, oldest first; `used` is the token this request came with, if it did."""
    current = credentials.token_hash(used) if used else ""
    with app.unit(read_only=True) as unit:
        mine = select(ApiToken).where(
            ApiToken.project_id == unit.project_id,
            ApiToken.person_id == actor.user_id,
            ApiToken.revoked_at.is_(None),
        )
        return [
            TokenView(id=row.id, label=row.label, created_at=row.created_at, current=row.token_hash == current)
            for row in unit.session.scalars(mine.order_by(ApiToken.created_at, ApiToken.id))
        ]


def revoke_token(app: Application, actor: Actor, token_id: str) -> None:
    """End one of the actor's own tokens."""
    with app.unit() as unit:
        row = unit.get(ApiToken, token_id)
        if row is None or row.person_id != actor.user_id:
            raise NotFound("There is no such token of yours.", "Look at the list of your tokens.")
        row.revoked_at = row.revoked_at or unit.now
        unit.audit(actor.user_id, "token.revoked", token_id)


def actor_for_token(app: Application, token: str) -> Actor:
    """Who an API token belongs to; raises `NotSignedIn`."""
    with app.unit(read_only=True) as unit:
        found = unit.session.scalar(
            select(ApiToken).where(
                ApiToken.project_id == unit.project_id, ApiToken.token_hash == credentials.token_hash(token)
            )
        )
        if found is None or found.revoked_at is not None:
            raise NotSignedIn("This token is not valid.", "Issue a new one in the dashboard.")
        return _active(unit, found.person_id)


def _offered(unit: UnitOfWork, token: str) -> SetupToken | None:
    """The unused and timely row of a one-time token, locked."""
    row = unit.session.scalar(
        select(SetupToken)
        .where(SetupToken.project_id == unit.project_id, SetupToken.token_hash == credentials.token_hash(token))
        .with_for_update()
    )
    return None if row is None or row.used_at is not None or row.expires_at <= unit.now else row


def _checked_name(name: str) -> str:
    cleaned = name.strip()
    if not 1 <= len(cleaned) <= 100 or not cleaned.isprintable():
        raise InputError("An account name needs 1 to 100 printable characters.", "An e-mail address is a good one.")
    return cleaned


def _count(unit: UnitOfWork) -> int:
    found = unit.session.scalar(select(func.count()).select_from(Person).where(Person.project_id == unit.project_id))
    return found or 0


def _by_name(unit: UnitOfWork, name: str) -> Person | None:
    return unit.session.scalar(select(Person).where(Person.project_id == unit.project_id, Person.name == name))


def _session(unit: UnitOfWork, token: str) -> SessionToken | None:
    return unit.session.scalar(
        select(SessionToken).where(
            SessionToken.project_id == unit.project_id, SessionToken.token_hash == credentials.token_hash(token)
        )
    )


def _active(unit: UnitOfWork, person_id: str) -> Actor:
    person = unit.get(Person, person_id)
    if person is None or person.disabled_at is not None:
        raise NotSignedIn("This account does not exist or was disabled.", "Ask an administrator.")
    return _actor(person)


def _actor(person: Person) -> Actor:
    return Actor(user_id=person.id, name=person.name, project_id=person.project_id, role=person.role)  # type: ignore[arg-type]


def _failures(unit: UnitOfWork, name: str) -> SignInFailure | None:
    key = name.lower()[:200]
    return unit.session.scalar(
        select(SignInFailure).where(SignInFailure.project_id == unit.project_id, SignInFailure.name == key)
    )


def _refuse_while_locked(unit: UnitOfWork, name: str) -> None:
    failures = _failures(unit, name)
    if failures is not None and failures.locked_until is not None and failures.locked_until > unit.now:
        seconds = int((failures.locked_until - unit.now).total_seconds()) + 1
        raise NotSignedIn("There were too many wrong passwords for this name.", f"Try again in {seconds} seconds.")


def _count_failure(app: Application, name: str) -> None:
    try:
        with app.unit() as unit:
            row = _failures(unit, name)
            if row is None:
                row = unit.add(SignInFailure, name=name.lower()[:200], failures=0, last_at=unit.now)
            row.failures += 1
            row.last_at = unit.now
            over = row.failures - FREE_FAILURES
            if over >= 0:
                row.locked_until = unit.after(min(FIRST_WAIT * 2 ** min(over, 16), LONGEST_WAIT))
            unit.audit(SYSTEM, "session.refused")
    except IntegrityError:  # another process counted the first failure of this name at the same moment
        return
