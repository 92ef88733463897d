"""Streamlit's options, set in code because a plain ASGI server reads neither its flags nor its variables."""

from __future__ import annotations

import logging
from typing import Any

from streamlit import config

from synthgen.service.settings import Settings

SYSTEM_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

OPTIONS: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "client.allowedOrigins": [],
    "client.disableDataExport": True,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    "logger.hideWelcomeMessage": True,
    "runner.magicEnabled": False,
    "server.enableAgentApi": False,
    "server.enableStaticServing": False,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxUploadSize": 1,  # files go to the API as a stream, never through Streamlit's memory
    "server.runOnSave": False,
    "theme.font": SYSTEM_FONT,
    "theme.headingFont": SYSTEM_FONT,
    "theme.baseRadius": "8px",
    "theme.showWidgetBorder": True,
    "theme.light.primaryColor": "#0f766e",
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#f4f6f8",
    "theme.light.textColor": "#17212b",
    "theme.light.borderColor": "#dbe1e7",
    "theme.light.sidebar.backgroundColor": "#f4f6f8",
    "theme.light.sidebar.secondaryBackgroundColor": "#e6ebef",
    "theme.dark.primaryColor": "#2dd4bf",
    "theme.dark.backgroundColor": "#10161d",
    "theme.dark.secondaryBackgroundColor": "#18212b",
    "theme.dark.textColor": "#e6edf3",
    "theme.dark.borderColor": "#2c3947",
    "theme.dark.sidebar.backgroundColor": "#0c1117",
    "theme.dark.sidebar.secondaryBackgroundColor": "#18212b",
}


def apply(settings: Settings) -> None:
    """Set every option; where we run adds nothing but the log level."""
    for name, value in OPTIONS.items():
        config.set_option(name, value)
    config.set_option("logger.level", settings.log_level.lower())
    logging.getLogger("uvicorn.access").addFilter(without_query)


def without_query(record: logging.LogRecord) -> bool:
    """Cut the query off an access line: it may hold the set-up token or the name of a dataset."""
    if isinstance(record.args, tuple) and len(record.args) == 5:
        client, method, path, version, status = record.args
        record.args = (client, method, str(path).partition("?")[0], version, status)
    return True
