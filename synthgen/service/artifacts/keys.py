"""Store keys: project first, then the dataset, so that erasing a dataset is deleting one folder."""

from __future__ import annotations

from synthgen.service.db.tables import Job

SPEC_FILE = "spec.json"


def datasets_folder(project_id: str) -> str:
    """The folders of all datasets."""
    return f"projects/{project_id}/datasets"


def dataset_folder(project_id: str, dataset_id: str) -> str:
    """Everything that belongs to a dataset and is erased with it."""
    return f"{datasets_folder(project_id)}/{dataset_id}"


def source(project_id: str, dataset_id: str) -> str:
    """The uploaded file."""
    return f"{dataset_folder(project_id, dataset_id)}/source"


def overrides_folder(project_id: str, dataset_id: str) -> str:
    """What the owner says about columns."""
    return f"{dataset_folder(project_id, dataset_id)}/overrides"


def job_folder(job: Job) -> str:
    """Everything one job wrote."""
    return f"{dataset_folder(job.project_id, job.dataset_id)}/jobs/{job.id}"


def spec(project_id: str, dataset_id: str, job_id: str) -> str:
    """The whole specification of a job, with the values a person typed in."""
    return f"{dataset_folder(project_id, dataset_id)}/jobs/{job_id}/{SPEC_FILE}"


def log_folder(job: Job) -> str:
    """What the last failed attempt printed."""
    return f"{job_folder(job)}/log"


def log(job: Job) -> str:
    """The end of the log of the last failed attempt; it may hold cell values."""
    return f"{log_folder(job)}/lines.txt"


def attempt_folder(job: Job, fence: int) -> str:
    """What one attempt wrote; the fence in the key keeps two attempts apart."""
    return f"{job_folder(job)}/{fence}"


def release_folder(project_id: str, release_id: str) -> str:
    """A released bundle; it outlives the source data."""
    return f"projects/{project_id}/releases/{release_id}"
