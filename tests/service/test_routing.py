import pytest
from pydantic import ValidationError

from synthgen import catalog
from synthgen.service import routing
from synthgen.service.db.tables import Dataset
from synthgen.service.settings import GIB, Settings
from synthgen.spec import RunSpec

SMALL = Dataset(modality="tabular", rows=5_000, columns=20, size=1)
LONG = Dataset(modality="tabular", rows=500_000, columns=20, size=1)
HUGE = Dataset(modality="tabular", rows=50_000_000, columns=20, size=1)
PICTURES = Dataset(modality="images", rows=5_000, columns=10, size=20 << 20)


def where(dataset, kind="fit", offered="quick,cpu,gpu,big-memory", **spec):
    return routing.queue_for(Settings(offered_queues=offered), kind, dataset, RunSpec(**spec))


def test_each_job_goes_where_it_is_served_best():
    assert where(SMALL) == "cpu"
    assert where(LONG) == where(PICTURES) == where(LONG, "sample") == "gpu"
    assert where(HUGE) == "big-memory"
    assert where(LONG, generator="gaussian_copula") == "cpu"
    for kind in ("inspect", "export", "erase"):
        assert where(HUGE, kind) == "quick"


def test_only_generators_that_a_gpu_trains_wait_for_one():
    """Every generator of the catalog is on one of the two sides: a new one, or a new name, has to be put there."""
    trained_on_it = {"autoregressive_gan", "critic_gan"}
    assert set(catalog.modality("tabular").generators) == trained_on_it | routing.PLAIN
    assert not trained_on_it & routing.PLAIN
    for name in routing.PLAIN:
        assert where(LONG, generator=name) == "cpu", name
    for name in trained_on_it:
        assert where(LONG, generator=name) == "gpu", name


def test_a_job_goes_to_no_queue_that_nobody_serves():
    assert where(LONG, offered="quick,cpu") == where(HUGE, offered="quick,cpu") == "cpu"
    assert where(SMALL, offered="quick,gpu") == where(HUGE, offered="quick,gpu") == "gpu"


def test_what_fits_the_workers_is_not_called_big():
    assert routing.memory_estimate(SMALL) < GIB
    assert routing.memory_estimate(HUGE) > 8 * GIB


@pytest.mark.parametrize("offered", ["cpu", "quick", "quick,cpu,gpus", ""])
def test_an_offer_that_would_leave_jobs_waiting_for_ever_is_refused(offered):
    with pytest.raises(ValidationError, match="OFFERED_QUEUES"):
        Settings(offered_queues=offered)


def test_the_old_name_of_the_queue_still_means_it():
    assert Settings(worker_queues="training,quick").queues == ("cpu", "quick")
