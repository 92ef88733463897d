"""Which queue a job waits in: what it needs, as far as its dataset and specification tell, and what is offered here."""

from __future__ import annotations

from synthgen.service.db.tables import Dataset
from synthgen.service.read_models import JobKind
from synthgen.service.settings import Settings
from synthgen.spec import RunSpec

TRAINED: frozenset[JobKind] = frozenset({"fit", "sample", "impute"})
BASE = 700 << 20  # bytes: Python, pandas and torch before any data
BYTES_PER_CELL = 150  # a table as read, as codes, and as made: the measured peak of a million rows divided by its cells
UNPACKED = 12  # an archive of images against its pixels as numbers
# Fitted without a network, or on the CPU whatever the device: a GPU does nothing for them.
PLAIN = frozenset({"gaussian_copula", "independent", "smote_nc", "ctgan", "tvae"})
LARGE_CELLS = 2_000_000  # smaller tables train as fast on a CPU, which need not move them


def queue_for(settings: Settings, kind: JobKind, dataset: Dataset, spec: RunSpec | None) -> str:
    """The queue for a job: the first of those that suit it that some worker serves."""
    wanted = _suited(settings, kind, dataset, spec or RunSpec())
    return next((name for name in wanted if name in settings.offered), "cpu")


def memory_estimate(dataset: Dataset) -> int:
    """Bytes that a training on the dataset is expected to hold, from what reading it told."""
    if dataset.modality == "images":
        return BASE + UNPACKED * dataset.size
    return BASE + BYTES_PER_CELL * _cells(dataset)


def _suited(settings: Settings, kind: JobKind, dataset: Dataset, spec: RunSpec) -> tuple[str, ...]:
    """Queues from the best to what will do."""
    if kind not in TRAINED:
        return ("quick",)
    if memory_estimate(dataset) > settings.job_memory_bytes:
        return ("big-memory", "gpu", "cpu")
    return ("gpu", "cpu") if _gains_from_gpu(dataset, spec) else ("cpu", "gpu")


def _gains_from_gpu(dataset: Dataset, spec: RunSpec) -> bool:
    return spec.generator not in PLAIN and (dataset.modality == "images" or _cells(dataset) >= LARGE_CELLS)


def _cells(dataset: Dataset) -> int:
    return (dataset.rows or 0) * (dataset.columns or 0)
