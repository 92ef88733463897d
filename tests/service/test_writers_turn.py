"""Threads of one process write to SQLite in turn, readers beside them."""

import threading

import pytest

from synthgen.service.db import connection
from synthgen.service.db.tables import Person


def names(app):
    with app.unit(read_only=True) as unit:
        return {person.name for person in unit.session.query(Person)}


def add(app, name):
    with app.unit() as unit:
        unit.add(Person, name=name, role="admin", password_hash="none")


def test_a_writer_waits_for_the_one_before_it_and_readers_do_not(app):
    inside, leave = threading.Event(), threading.Event()

    def long_write():
        with app.unit() as unit:
            unit.add(Person, name="first", role="admin", password_hash="none")
            inside.set()
            leave.wait(30)

    first, second = threading.Thread(target=long_write), threading.Thread(target=add, args=(app, "second"))
    first.start()
    assert inside.wait(30)
    second.start()
    assert names(app) == set(), "a reader sees what was there, at once"
    second.join(0.3)
    assert second.is_alive()
    leave.set()
    for thread in (first, second):
        thread.join(30)
    assert names(app) == {"first", "second"}


def test_a_write_that_failed_gives_its_turn_away(app):
    with pytest.raises(ZeroDivisionError), app.unit():
        raise ZeroDivisionError
    add(app, "next")
    assert names(app) == {"next"}


def test_every_engine_has_a_turn_of_its_own(app, tmp_path):
    other = connection.connect(f"sqlite:///{tmp_path / 'other.db'}")
    with connection.turn(app.engine), connection.turn(other):
        pass
    other.dispose()
