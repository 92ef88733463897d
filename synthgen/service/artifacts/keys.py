"""Store keys: project first, then the dataset, so that erasing a dataset is deleting one folder."""

from __future__ import annotations

from collections.abc import Iterable

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


def jobs_folder(project_id: str, dataset_id: str) -> str:
    """Everything that the jobs of a dataset wrote."""
    return f"{dataset_folder(project_id, dataset_id)}/jobs"


def job_folder(job: Job) -> str:
    """Everything one job wrote."""
    return f"{jobs_folder(job.project_id, job.dataset_id)}/{job.id}"


def spec(project_id: str, dataset_id: str, job_id: str) -> str:
    """The whole specification of a job, with the values a person typed in."""
    return f"{jobs_folder(project_id, dataset_id)}/{job_id}/{SPEC_FILE}"


def attempt_folder(job: Job, fence: int) -> str:
    """What one attempt wrote; the fence in the key keeps two attempts apart."""
    return f"{job_folder(job)}/{fence}"


def log_folder(job: Job, fence: int) -> str:
    """What an attempt at work or one that failed printed."""
    return f"{attempt_folder(job, fence)}/log"


def log(job: Job, fence: int) -> str:
    """The end of an attempt's log; it may hold cell values."""
    return f"{log_folder(job, fence)}/lines.txt"


def live_folder(job: Job, fence: int) -> str:
    """What an attempt at work shows of itself."""
    return f"{attempt_folder(job, fence)}/live"


def picture(job: Job, fence: int) -> str:
    """The newest picture of what an attempt at work generates."""
    return f"{live_folder(job, fence)}/samples.png"


def attempts(job: Job, stored: Iterable[str]) -> list[int]:
    """The numbers of the attempts that left files, in order; `stored` are the keys in the job's folder."""
    names = {key.removeprefix(f"{job_folder(job)}/").split("/")[0] for key in stored}
    return sorted(int(name) for name in names if name.isdigit())


def releases_folder(project_id: str) -> str:
    """The folders of all releases."""
    return f"projects/{project_id}/releases"


def release_folder(project_id: str, release_id: str) -> str:
    """A released bundle; it outlives the source data."""
    return f"{releases_folder(project_id)}/{release_id}"
