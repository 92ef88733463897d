"""Health checks for operators and load balancers, and the workers for those who are signed in."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from synthgen.api.access import App, SignedIn
from synthgen.service import operations
from synthgen.service.read_models import WorkerView

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


@router.get("/workers")
def workers(app: App, actor: SignedIn) -> list[WorkerView]:
    """Worker processes as last seen."""
    return operations.workers(app, actor)
