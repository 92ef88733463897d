"""The chaos suite in short (`python -m benchmarks.chaos` is the whole): real processes, killed and frozen."""

import random

import pytest

from benchmarks import chaos_kills, chaos_rules
from benchmarks.chaos_site import outcome, result, site, unreferenced

pytestmark = [pytest.mark.valkey, pytest.mark.slow, pytest.mark.timeout(600)]
SEEDS = (1, 2, 3)


def test_nothing_is_lost_or_done_twice_while_processes_are_killed():
    with site("sqlite") as here:
        here.broker()
        for title in ("worker-1", "worker-2"):
            here.worker(title)
        dataset = here.dataset("honest")
        quiet = [here.submit(dataset, seed) for seed in SEEDS]
        here.all_over(quiet)
        expected = [result(here, one) for one in quiet]
        assert len(set(expected)) == len(SEEDS)

        draw = random.Random(3)
        with here.healing():
            ids = [here.submit(dataset, seed) for seed in SEEDS * 2]
            for victim in ("worker", "trainer", "broker", "tree", "database"):
                here.until(lambda: any(here.job(one).state == "running" for one in ids) or not here.unfinished(ids), "")
                chaos_kills.strike(here, victim, draw)
            here.all_over(ids)
        found = outcome(here, ids, dict(zip(ids, expected * 2, strict=True)))
        assert (found.lost, found.duplicated, found.failed, found.different) == (0, 0, 0, 0), found
        assert sum(here.job(one).attempts for one in ids) > len(ids)
        here.until(lambda: not unreferenced(here, ids), "what lost attempts left to be deleted")


@pytest.mark.parametrize(("accidents", "twice"), [((), 0), (("unfenced",), 1)])
def test_a_thawed_worker_makes_no_second_result_and_without_the_fence_it_does(accidents, twice):
    """The second case proves that the first could fail: there every check of the fence is taken out of the worker."""
    with site("sqlite") as here:
        here.broker()
        for title in ("worker-1", "worker-2"):
            here.worker(title, *accidents)
        dataset = here.dataset("twin")
        here.until(lambda: len(chaos_kills.living(here)) == 2, "two workers")
        for seed in range(5):  # a worker frozen inside a transaction of SQLite holds everybody: again
            job = here.submit(dataset, seed)
            if chaos_rules.freeze_and_thaw(here, job):
                break
        found = outcome(here, [job])
        assert (found.lost, found.duplicated) == (0, twice)
