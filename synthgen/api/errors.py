"""The one place where an error becomes an HTTP answer: {code, message, hint}, never a traceback, never a cell value."""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synthgen.api import fields
from synthgen.errors import InternalError, SpecError, SynthgenError, trail

log = logging.getLogger("synthgen.api")

SOON = 5.0  # seconds until it is worth asking a part that does not answer again
STATUS: dict[str, int] = {
    "bad_input": 422,
    "bad_schema": 422,
    "bad_spec": 422,
    "limit_exceeded": 413,
    "training_failed": 409,
    "stopped": 409,
    "gate": 409,
    "not_found": 404,
    "conflict": 409,
    "permission_denied": 403,
    "not_signed_in": 401,
    "too_many": 429,
    "unavailable": 503,
    "internal": 500,
    "damaged": 500,  # this one and the next are of workers: they end a job and are read there
    "stalled": 500,
}


def render(error: BaseException) -> JSONResponse:
    """The answer for any exception; an unknown one is logged under a reference number and told by that only."""
    if not isinstance(error, SynthgenError):
        reference = secrets.token_hex(4)
        log.error("unexpected error, reference %s: %s", reference, trail(error))
        error = InternalError(reference)
    status = STATUS.get(error.code, 400)
    return answer(status, error.code, error.message, error.hint, _headers(status, error))


def _headers(status: int, error: SynthgenError) -> dict[str, str]:
    """How to sign in, or when to come again."""
    if status == 401:
        return {"WWW-Authenticate": "Bearer"}
    after = getattr(error, "retry_after", SOON if status == 503 else None)
    return {} if after is None else {"Retry-After": str(math.ceil(after))}


def answer(status: int, code: str, message: str, hint: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error body of the one shape the API knows."""
    return JSONResponse({"code": code, "message": message, "hint": hint}, status_code=status, headers=headers)


def malformed_request(problems: Sequence[Any]) -> SpecError:
    """One error that names every field at fault, without the values that were sent."""
    found = fields.told(problems)
    message = found[0] if len(found) == 1 else f"{len(found)} problems: {'; '.join(found)}"
    return SpecError(f"The request does not fit: {message}.", "Correct these fields and send it again.")


def install(app: FastAPI) -> None:
    """Make `render` the only way an error leaves `app`."""

    @app.exception_handler(SynthgenError)
    def known(request: Request, error: SynthgenError) -> JSONResponse:
        return render(error)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        return render(malformed_request(error.errors()))

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, "http", str(error.detail), "The routes are listed at /api/openapi.json.")

    app.add_middleware(LastResort)


class LastResort:
    """Turns whatever no handler knew into an internal error with a reference, if nothing has been sent yet."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            if scope["type"] != "http":
                raise
            said = render(error)
            if started:  # the connection must break off, and the server logs what it catches with its message
                raise ConnectionError("The answer broke off.") from None
            await said(scope, receive, send)
