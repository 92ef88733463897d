"""Nothing of the dashboard is served to anyone who is not signed in: no page, no socket, no stored file."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synthgen.api.access import COOKIE
from synthgen.errors import SynthgenError
from synthgen.service import people
from synthgen.service.bootstrap import Application

OPEN = ("/api/", "/account/")  # these check for themselves, route by route
ASSETS = ("/static/", "/favicon")  # the dashboard's own scripts and fonts, the same in every installation
HEALTH = {"/healthz": "/api/healthz", "/readyz": "/api/readyz", "/metrics": "/api/metrics"}
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
]


class Guard:
    """Checks the session cookie against the database before Streamlit sees a request, and adds protective headers."""

    def __init__(self, app: ASGIApp, application: Application) -> None:
        self.app = app
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http":
            await self._page(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        path = scope["path"]
        if path in HEALTH:
            scope = dict(scope, path=HEALTH[path], raw_path=HEALTH[path].encode())
        elif not path.startswith(OPEN + ASSETS) and not await self._signed_in(scope):
            await self._refusal(scope)(scope, receive, protected)
            return
        await self.app(scope, receive, protected)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        same = origin is None or urlsplit(origin).netloc == headers.get("host", "")
        if same and await self._signed_in(scope):
            await self.app(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": "Sign in first."})

    async def _signed_in(self, scope: Scope) -> bool:
        token = session_token(Headers(scope=scope).get("cookie", ""))
        if token is None:
            return False
        try:
            await run_in_threadpool(people.actor_for_session, self.application, token)
        except SynthgenError:
            return False
        return True

    def _refusal(self, scope: Scope) -> Response:
        if "text/html" in Headers(scope=scope).get("accept", ""):
            return RedirectResponse("/account/sign-in", status_code=303)
        return PlainTextResponse("Sign in first, at /account/sign-in.", status_code=401)


def session_token(cookies: str) -> str | None:
    """The session token in a Cookie header, if there is one."""
    try:
        found = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return None
    return found.value if found and found.value else None
