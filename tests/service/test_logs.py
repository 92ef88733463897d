"""Log lines name the job they are about and never say what a foreign exception said."""

import io
import json
import logging

import pytest

from synthgen.errors import InputError
from synthgen.service import logs
from synthgen.service.settings import Settings

CELL = "Zebedee Quirke, HIV positive"
JOB = "0123456789abcdef" * 2


@pytest.fixture
def written(monkeypatch):
    """A function that gives what was logged, in the form asked for."""
    root, servers = logging.getLogger(), [logging.getLogger(name) for name in logs.SERVERS]
    before = root.handlers[:], root.level, [(server.handlers[:], server.propagate) for server in servers]
    stream = io.StringIO()

    def configure(form):
        monkeypatch.setattr("sys.stderr", stream)
        logs.configure(Settings(log_format=form))
        return stream

    yield configure
    root.handlers, level = before[0], before[1]
    root.setLevel(level)
    for server, (handlers, propagate) in zip(servers, before[2], strict=True):
        server.handlers, server.propagate = handlers, propagate


def fail(logger, words="it broke: %s"):
    try:
        raise ValueError(CELL)
    except ValueError as error:
        logging.getLogger(logger).error(words, error, exc_info=True)


def test_a_line_is_one_json_object_with_its_job(written):
    out = written("json")
    with logs.about(JOB):
        logging.getLogger("worker.supervise").warning("two\nlines")
    logging.getLogger("worker.lease").warning("job %s: the database did not take a heartbeat", JOB)
    logging.getLogger("uvicorn.error").warning("started")
    first, second, third = map(json.loads, out.getvalue().splitlines())
    assert first["job_id"] == second["job_id"] == JOB
    assert (first["message"], first["level"], first["logger"]) == ("two\nlines", "WARNING", "worker.supervise")
    assert "job_id" not in third


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("logger", ["celery.app.trace", "uvicorn.error", "sqlalchemy.engine", "asyncio"])
def test_what_a_foreign_exception_said_is_not_told(written, form, logger):
    out = written(form)
    fail(logger)
    assert CELL not in out.getvalue()
    assert "ValueError at service/test_logs.py" in out.getvalue()


def test_our_own_words_are_told(written):
    out = written("text")
    try:
        raise InputError("The file is empty.")
    except InputError:
        logging.getLogger("synthgen.api").exception("refused")
    assert "InputError (The file is empty.)" in out.getvalue()
    assert out.getvalue().count("\n") == 1
