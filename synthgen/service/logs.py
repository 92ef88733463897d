"""Log lines of our processes: text for people or one JSON object a line, with the job they are about, without cells.

The words of a foreign exception may quote a cell, so of any exception only classes and places are told, and a foreign
record that carries one loses its arguments.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from synthgen.errors import trail
from synthgen.service.settings import Settings

OURS = ("synthgen", "worker", "dashboard")
NAMED = re.compile(r"\bjob ([0-9a-f]{32})\b")
SERVERS = ("uvicorn", "uvicorn.error", "uvicorn.access")
_about: ContextVar[str | None] = ContextVar("job", default=None)


@contextmanager
def about(job_id: str) -> Iterator[None]:
    """Lines written inside the block say which job they are about."""
    token = _about.set(job_id)
    try:
        yield
    finally:
        _about.reset(token)


class Line(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger and message; of an exception what may be told."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        error = _error(record)
        job = _job(record, words := _words(record))
        told = f" [job {job}]" if job and job not in words else ""
        return f"{at} {record.levelname} {record.name}:{told} {words}{f' ({error})' if error else ''}"


class JsonLine(logging.Formatter):
    """A line for a log collector: at, level, logger, message, and where they apply job and error."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object, never with a line break."""
        words = _words(record)
        fields = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": words,
            "process": record.process,
            "job_id": _job(record, words),
            "error": _error(record),
        }
        return json.dumps({name: value for name, value in fields.items() if value is not None}, ensure_ascii=False)


def configure(settings: Settings) -> None:
    """Send every record of this process to its standard error stream in the chosen form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if settings.log_format == "json" else Line())
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for name in SERVERS:  # the web server brings handlers of its own, which print exceptions whole
        server = logging.getLogger(name)
        server.handlers, server.propagate = [], True


def _words(record: logging.LogRecord) -> str:
    if record.exc_info and record.name.split(".")[0] not in OURS:
        return str(record.msg)
    return record.getMessage()


def _job(record: logging.LogRecord, words: str) -> str | None:
    """The job of the block the line was written in, or the one it names: heartbeats come from threads of their own."""
    found = NAMED.search(words)
    return _about.get() or (found.group(1) if found else None)


def _error(record: logging.LogRecord) -> str | None:
    return trail(record.exc_info[1]) if record.exc_info and record.exc_info[1] is not None else None
