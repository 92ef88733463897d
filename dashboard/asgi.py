"""The one web application: `uvicorn dashboard.asgi:app` serves dashboard, API, account pages and health checks."""

from __future__ import annotations

from pathlib import Path

from starlette.middleware import Middleware
from starlette.routing import Mount
from streamlit.starlette import App

from dashboard import account, backend, options
from dashboard.guard import Guard
from synthgen.api import create_app
from synthgen.service import logs
from synthgen.service.bootstrap import Application

SCRIPT = Path(__file__).with_name("app.py")


def build(application: Application) -> App:
    """Everything the browser and programs talk to, over one composed service."""
    options.apply(application.settings)
    logs.configure(application.settings)
    api = create_app(application)
    return App(
        SCRIPT,
        routes=[Mount("/api", api), Mount("/account", account.create_app(application))],
        middleware=[Middleware(Guard, application=application)],
    )


app = build(backend.application())
