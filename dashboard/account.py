"""The pages outside the dashboard: first account, invitations, sign-in, sign-out. Small HTML, no script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from synthgen.api.access import COOKIE, same_origin
from synthgen.api.errors import STATUS
from synthgen.errors import InputError, PermissionDenied, SynthgenError
from synthgen.service import people
from synthgen.service.bootstrap import Application
from synthgen.service.read_models import Actor

PAGES = Environment(loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True)
FORM_BYTES = 16 * 1024
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
}


def create_app(application: Application) -> Starlette:
    """The account pages over one composed service; mount it at /account."""
    app = Starlette(
        routes=[
            Route("/setup", set_up, methods=["GET", "POST"]),
            Route("/join", join, methods=["GET", "POST"]),
            Route("/sign-in", sign_in, methods=["GET", "POST"]),
            Route("/sign-out", sign_out, methods=["GET", "POST"]),
        ]
    )
    app.state.application = application
    return app


async def set_up(request: Request) -> Response:
    """The first account, with the one-time token of the link."""
    app: Application = request.app.state.application
    if request.method == "GET":
        if not await run_in_threadpool(people.setup_needed, app):
            return RedirectResponse("/account/sign-in", status_code=303)
        return page("setup", token=request.query_params.get("token", ""))
    return await new_account(request, "setup", people.create_first_account)


async def join(request: Request) -> Response:
    """A further account, with the one-time token of an invitation."""
    if request.method == "GET":
        return page("join", token=request.query_params.get("token", ""))
    return await new_account(request, "join", people.join)


async def new_account(request: Request, kind: str, create: Callable[[Application, str, str, str], Actor]) -> Response:
    """Make the account that the form of page `kind` asks for and sign it in; the page again with what is wrong."""
    app: Application = request.app.state.application
    form: dict[str, str] = {}
    try:
        form = await fields(request)
        if form.get("password", "") != form.get("again", ""):
            raise InputError("The two passwords differ.", "Type the same password twice.")
        said = (form.get(name, "") for name in ("token", "name", "password"))
        await run_in_threadpool(create, app, *said)
        return await signed_in(app, request, form)
    except SynthgenError as error:
        return page(kind, error, token=form.get("token", ""), name=form.get("name", ""))


async def sign_in(request: Request) -> Response:
    """Name and password for a session cookie."""
    app: Application = request.app.state.application
    if request.method == "GET":
        return page("sign-in", waiting=await run_in_threadpool(people.setup_needed, app))
    form: dict[str, str] = {}
    try:
        form = await fields(request)
        return await signed_in(app, request, form)
    except SynthgenError as error:
        return page("sign-in", error, name=form.get("name", ""))


async def sign_out(request: Request) -> Response:
    """End the session; a link alone does not, so that no other site can."""
    if request.method == "GET":
        return page("sign-out")
    app: Application = request.app.state.application
    if not same_origin(request):
        return page("sign-out", PermissionDenied("This came from another site.", "Sign out here."))
    await run_in_threadpool(people.sign_out, app, request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/account/sign-in", status_code=303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


async def signed_in(app: Application, request: Request, form: dict[str, str]) -> Response:
    """Start a session and go to the dashboard; the cookie is out of reach of scripts and other sites."""
    token = await run_in_threadpool(people.sign_in, app, form.get("name", ""), form.get("password", ""))
    answer = RedirectResponse("/", status_code=303)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(app.settings.session_hours * 3600),
        httponly=True,
        samesite="lax",
        secure="https" in (request.url.scheme, app.settings.address.partition(":")[0]),
        path="/",
    )
    return answer


async def fields(request: Request) -> dict[str, str]:
    """The text fields of a small form that came from a page of ours."""
    if not same_origin(request):
        raise PermissionDenied("This form was sent from another site.", "Fill it in here.")
    if int(request.headers.get("content-length") or FORM_BYTES + 1) > FORM_BYTES:
        raise InputError("The form is too large.", "Fill it in here.")
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


def page(kind: str, error: SynthgenError | None = None, **values: Any) -> HTMLResponse:
    """One of the pages, with an error above the form if there was one."""
    html = PAGES.get_template("account.html").render(page=kind, error=error, **values)
    return HTMLResponse(html, status_code=STATUS.get(error.code, 400) if error else 200, headers=HEADERS)
