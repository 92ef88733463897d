"""Puts the routes together; everything but setting up, signing in and the health checks needs an actor."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, FastAPI

import synthgen
from synthgen.api import access, datasets, errors, health, jobs, people, releases, sets
from synthgen.api.following import Following
from synthgen.service.bootstrap import Application


def create_app(application: Application) -> FastAPI:
    """The API over one composed service; mount it at /api."""
    app = FastAPI(title="synthgen", version=synthgen.__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.application = application
    app.state.following = Following(application)
    app.state.metrics = health.figures(application, app.state.following.count)
    errors.install(app)
    app.include_router(people.open_router)
    app.include_router(health.open_router)
    for router in (people.router, datasets.router, jobs.router, sets.router, releases.router, health.router):
        app.include_router(router, dependencies=[Depends(access.actor)])
    app.include_router(_description(app), dependencies=[Depends(access.actor)])
    return app


def _description(app: FastAPI) -> APIRouter:
    """GET /openapi.json, for those who are signed in."""
    router = APIRouter()

    @router.get("/openapi.json")
    def openapi() -> dict[str, Any]:
        return app.openapi()

    return router
