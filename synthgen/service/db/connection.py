"""The engine: SQLite set up for several processes, or PostgreSQL, behind one function."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url

from synthgen.errors import Unavailable

BUSY_TIMEOUT_MS = 15_000
_turns: WeakKeyDictionary[Engine, threading.Lock] = WeakKeyDictionary()


def connect(address: str) -> Engine:
    """An engine for `address`; PostgreSQL goes through psycopg 3."""
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        return _sqlite(address)
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)


@contextmanager
def turn(engine: Engine) -> Iterator[None]:
    """Let one thread of this process at a time write to SQLite; for PostgreSQL nothing has to be done.

    SQLite lets a writer that finds the lock taken sleep and try again: the unlucky would wait for seconds.
    """
    lock = _turns.get(engine)
    if lock is None:
        yield
        return
    if not lock.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
        raise Unavailable("The database did not answer.", "Try again; if it stays so, ask the operator.")
    try:
        yield
    finally:
        lock.release()


def _sqlite(address: str) -> Engine:
    database = make_url(address).database
    if database and database != ":memory:":
        Path(database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(address, pool_size=10, max_overflow=20, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin_immediate)
    _turns[engine] = threading.Lock()
    return engine


def _configure(connection: Any, record: Any) -> None:
    """WAL so that readers never wait; synchronous=FULL so that a commit survives a power cut."""
    connection.isolation_level = None  # the driver must not open transactions behind SQLAlchemy's back
    cursor = connection.cursor()
    for setting in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    """Take the write lock first: a transaction that starts by reading can then never fail to write."""
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
