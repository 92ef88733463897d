"""Health checks for operators and load balancers, and the workers for those who are signed in."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from synthgen.api import access
from synthgen.api.access import App, SignedIn
from synthgen.errors import PermissionDenied
from synthgen.service import operations, queues
from synthgen.service.bootstrap import Application
from synthgen.service.metrics import Metrics
from synthgen.service.read_models import QueueView, WorkerView

open_router = APIRouter(tags=["health"])
router = APIRouter(tags=["health"])


@open_router.get("/healthz")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@open_router.get("/readyz")
def ready(app: App) -> JSONResponse:
    """Database, broker and store answer; says which does not, and nothing else."""
    health: dict[str, Any] = operations.health(app)
    good = bool(health.get("ok", False))
    return JSONResponse(health, status_code=200 if good else 503)


@open_router.get("/metrics", response_class=Response)
def metrics(request: Request, app: App) -> Response:
    """Figures for Prometheus: of every project with the monitor's token, of this one for an administrator."""
    told: dict[bool, Metrics] = request.app.state.metrics
    text = told[_is_monitor(request, app)].text()
    return Response(text, media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def figures(app: Application, followers: Callable[[], int]) -> dict[bool, Metrics]:
    """What `metrics` tells: True, of every project; False, of the one this server serves."""
    return {every: Metrics(app, followers, every) for every in (True, False)}


def _is_monitor(request: Request, app: Application) -> bool:
    """Whether the monitor's token was sent; if not, it must be an administrator who asks. Raises PermissionDenied."""
    wanted, sent = app.settings.metrics_token.get_secret_value(), access.bearer(request) or ""
    if wanted and secrets.compare_digest(wanted.encode(), sent.encode()):
        return True
    if access.actor(request, app).role != "admin":
        raise PermissionDenied("Only a monitor with its token or an administrator reads this.", "Ask an administrator.")
    return False


@router.get("/workers")
def workers(app: App, actor: SignedIn) -> list[WorkerView]:
    """Worker processes as last seen."""
    return operations.workers(app, actor)


@router.get("/queues")
def list_queues(app: App, actor: SignedIn) -> list[QueueView]:
    """The queues: what waits and runs in each, and who serves it."""
    return queues.overview(app, actor)
