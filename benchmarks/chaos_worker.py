"""A worker of the chaos suite: the real worker with a light trainer, and with one accident built in if asked.

`python -m benchmarks.chaos_worker [ACCIDENT ...]` with `unfenced` (every check of the fence is taken out: the control),
`dies-before-bell`, `dies-after-bell` (SIGKILL of itself around the first publication), `cut` (one commit in ten is
answered by a broken connection although it was made), `real` (the real trainer). None of these can be set in the
product: they are patches of this process.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

import worker.app
from synthgen.service import bootstrap, execution, outcomes, relay
from synthgen.service.artifacts.base import Stored
from synthgen.service.db.tables import Job
from synthgen.service.db.unit_of_work import UnitOfWork
from synthgen.service.execution import Claim
from worker.supervise import Attempt

TRAINER = Path(__file__).with_name("chaos_trainer.py")
TALLY = "tally"  # a folder in the home: what steps were done, also those that were lost
CUT_ONE_IN = 10


def main(accidents: list[str]) -> None:
    """Serve until SIGTERM, or until the accident."""
    if "real" not in accidents:
        program = (sys.executable, "-P", str(TRAINER), str(bootstrap.read_settings().root / TALLY))
        worker.app.Attempt = partial(Attempt, program=program)  # type: ignore[misc,assignment]
    if "unfenced" in accidents:
        execution._held = _anybody
        outcomes._ON_SUCCESS["fit"] = _one_set
    if "cut" in accidents:
        _cut_after_commit()
    for when in ("before", "after"):
        if f"dies-{when}-bell" in accidents:
            _die_at_the_bell(when)
    worker.app.serve()


def _anybody(unit: UnitOfWork, held: Claim, *, lock: bool = True) -> Job:
    """The job, whoever owns it and whatever became of it."""
    job: Job = unit.session.scalars(select(Job).where(Job.id == held.job_id)).one()
    return job


def _one_set(unit: UnitOfWork, job: Job, summary: Mapping[str, Any], files: Mapping[str, Stored]) -> None:
    """The second line of defence, that a job has one set, would hide that the first is missing."""
    if job.set_id is None:
        outcomes._made_a_set(unit, job, summary, files)


def _die_at_the_bell(when: str) -> None:
    ring = relay.bell.ring

    def last_act(*given: Any) -> None:
        if when == "after":
            ring(*given)
        os.kill(os.getpid(), signal.SIGKILL)

    relay.bell.ring = last_act


def _cut_after_commit() -> None:
    """Break the connection after a commit was made and before it is answered, one time in ten, seeded by the pid."""
    draw, connect = random.Random(os.getpid()), bootstrap.connect

    def connected(address: str) -> Engine:
        engine = connect(address)
        commit = engine.dialect.do_commit

        def cut(connection: Any) -> None:
            commit(connection)
            if draw.randrange(CUT_ONE_IN) == 0:
                if engine.dialect.name != "sqlite":  # which has no connection to lose
                    connection.driver_connection.close()
                raise engine.dialect.loaded_dbapi.OperationalError("the connection was cut after COMMIT")

        engine.dialect.do_commit = cut  # type: ignore[method-assign]
        return engine

    bootstrap.connect = connected


if __name__ == "__main__":
    main(sys.argv[1:])
