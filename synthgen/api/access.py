"""Who is asking: a bearer token, or the browser's session cookie with a same-origin check on every change."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from synthgen.errors import NotSignedIn, PermissionDenied
from synthgen.service import people
from synthgen.service.bootstrap import Application
from synthgen.service.read_models import Actor

COOKIE = "synthgen_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def application(request: Request) -> Application:
    """The composed service behind this API."""
    built: Application = request.app.state.application
    return built


def same_origin(request: Request) -> bool:
    """Whether a browser sent this request from a page of ours.

    Browsers state it in `Sec-Fetch-Site`; older ones send `Origin`. A request that states neither is not trusted with
    a cookie: programs use a token.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    ours = {request.headers.get("host", ""), urlsplit(application(request).settings.address).netloc}
    return origin is not None and urlsplit(origin).netloc in ours


def bearer(request: Request) -> str | None:
    """The token of the Authorization header, if there is one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def actor(request: Request, app: Annotated[Application, Depends(application)]) -> Actor:
    """The signed-in person; raises `NotSignedIn` or, for a change from another site, `PermissionDenied`."""
    token = bearer(request)
    if token is not None:
        return people.actor_for_token(app, token)
    session = request.cookies.get(COOKIE)
    if not session:
        raise NotSignedIn(
            "This request carries neither a token nor a session.",
            "Send the header 'Authorization: Bearer TOKEN' or sign in at /account/sign-in.",
        )
    who = people.actor_for_session(app, session)
    if request.method not in SAFE_METHODS and not same_origin(request):
        raise PermissionDenied(
            "A change was asked for with a session cookie from another site.",
            "Use the dashboard itself, or send a token instead of the cookie.",
        )
    return who


App = Annotated[Application, Depends(application)]
SignedIn = Annotated[Actor, Depends(actor)]
