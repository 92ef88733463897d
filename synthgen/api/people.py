"""Routes for accounts, invitations and tokens."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from synthgen.api.access import App, SignedIn, bearer
from synthgen.service import people
from synthgen.service.read_models import Actor, PersonView, TokenView

open_router = APIRouter(tags=["people"])
router = APIRouter(tags=["people"])


class SetUp(BaseModel):
    """What an account needs: the one-time token that `synthgen up` or an invitation gives, a name and a password."""

    token: str
    name: str = Field(min_length=1, max_length=100)
    password: str = Field(max_length=1000)


class Credentials(BaseModel):
    """A name and a password, for a token; `label` says later what the token is for."""

    name: str = Field(max_length=100)
    password: str = Field(max_length=1000)
    label: str = Field("API", max_length=100)


class Label(BaseModel):
    """What a new token is for."""

    label: str = Field("API", min_length=1, max_length=100)


class Token(BaseModel):
    """A token, shown once."""

    token: str


@open_router.post("/setup", status_code=201)
def set_up(body: SetUp, app: App) -> Actor:
    """Create the first account with the one-time token."""
    return people.create_first_account(app, body.token, body.name, body.password)


@open_router.post("/join", status_code=201)
def join(body: SetUp, app: App) -> Actor:
    """Create an account of one's own with the one-time token of an invitation."""
    return people.join(app, body.token, body.name, body.password)


@open_router.post("/tokens", status_code=201)
def token(body: Credentials, app: App) -> Token:
    """Exchange name and password for an API token."""
    session = people.sign_in(app, body.name, body.password)
    try:
        return Token(token=people.issue_token(app, people.actor_for_session(app, session), body.label))
    finally:
        people.sign_out(app, session)


@router.get("/me")
def me(actor: SignedIn) -> Actor:
    """Who the sent token or session belongs to."""
    return actor


@router.get("/people")
def list_people(app: App, actor: SignedIn) -> list[PersonView]:
    """Everybody with an account."""
    return people.list_people(app, actor)


@router.post("/people/invitations", status_code=201)
def invite(app: App, actor: SignedIn) -> Token:
    """A one-time token with which another person makes an account; for administrators."""
    return Token(token=people.invite(app, actor))


@router.post("/me/tokens", status_code=201)
def my_token(body: Label, app: App, actor: SignedIn) -> Token:
    """A further token for the signed-in person."""
    return Token(token=people.issue_token(app, actor, body.label))


@router.get("/me/tokens")
def my_tokens(request: Request, app: App, actor: SignedIn) -> list[TokenView]:
    """Tokens of the signed-in person that still work, without the secrets."""
    return people.list_tokens(app, actor, bearer(request) or "")


@router.delete("/me/tokens/{token_id}", status_code=204)
def revoke(token_id: str, app: App, actor: SignedIn) -> None:
    """End one of the signed-in person's tokens."""
    people.revoke_token(app, actor, token_id)
