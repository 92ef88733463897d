"""Parts g, h and i of the chaos suite."""

from benchmarks.bars import Bar


class NotHere(Exception):
    """A part that this machine cannot run."""


def full_disk(database: str, seeds: int) -> list[Bar]:
    raise NotHere("x")


ordinary_user = two_machines = full_disk
