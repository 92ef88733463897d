"""Files to and from the store: the child finds its inputs in a private directory and leaves its outputs there."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from synthgen.errors import NotFound, SynthgenError
from synthgen.service import gate_overrides
from synthgen.service.artifacts import keys
from synthgen.service.artifacts.base import Counting, Stored, file_frames
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Artifact, Dataset, Job, ReleaseRow
from synthgen.service.db.unit_of_work import UnitOfWork
from synthgen.service.execution import Claim
from synthgen.service.settings import GIB
from synthgen.service.submission import kept_spec
from worker.limits import memory_for

KNOWN_ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".xlsx", ".xlsm", ".gz", ".zip", ".npz", ".dat", ".data")
MODEL = "model/"
REVIEW_ONLY = "gallery.json"  # real images: an export never sees them
LIBRARIES_RESERVE = GIB  # address space that pandas and pyarrow map without using it
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Input:
    """A file in the store, and the SHA-256 of what was written there."""

    key: str
    sha256: str


class Damaged(SynthgenError):
    """The store gave back something else than was written."""

    code = "damaged"


def stage(app: Application, held: Claim, directory: Path) -> None:
    """Fill `directory` with everything the child needs, job.json last."""
    with app.unit(read_only=True) as unit:
        job: Job = unit.get(Job, held.job_id)
        dataset: Dataset = unit.get(Dataset, held.dataset_id)
        inputs = _inputs(unit, job, dataset)
        release = _release(unit, job)
    shutil.rmtree(directory, ignore_errors=True)  # an earlier try may have ended half way
    directory.mkdir(parents=True, mode=0o700)
    for folder in ("inputs", "outputs", "checkpoint", "live"):
        (directory / folder).mkdir()
    for name, one in inputs.items():
        fetch(app, one, directory / name)
    _checkpoint(app, job, directory / "checkpoint")
    described = {
        "kind": held.kind,
        "name": dataset.name,
        "source": _source_name(dataset.filename),
        "spec": kept_spec(app, job).model_dump(mode="json"),
        "device": app.settings.device,
        "image_features": str(app.settings.image_features or ""),
        "checkpoint_seconds": app.settings.checkpoint_seconds / 2,  # the other half is for the way to the store
        "memory": memory_for(app.settings, held.kind),
        "address_space": app.settings.inspect_memory_bytes + LIBRARIES_RESERVE if held.kind == "inspect" else None,
        "release": release,
        "parent": os.getpid(),
    }
    (directory / "job.json").write_text(json.dumps(described))


def fetch(app: Application, one: Input, path: Path) -> None:
    """Copy one object from the store to a file. Raises Damaged where its content is not what was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = Counting(app.store.open(one.key))
    with path.open("wb") as file:
        for frame in frames:
            file.write(frame)
    if frames.stored(one.key).sha256 != one.sha256:
        raise Damaged("A file in the artifact store is not what was written.", "Ask the operator to check the store.")


def upload(app: Application, folder: Path, prefix: str) -> dict[str, Stored]:
    """Copy every file below `folder` to the store under `prefix`; keyed by its path inside `folder`."""
    return {
        name: app.store.put(f"{prefix}/{name}", file_frames(folder / name))
        for name in sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    }


def upload_outputs(app: Application, held: Claim, directory: Path) -> dict[str, Stored]:
    """Copy the outputs to keys that belong to this attempt alone."""
    return upload(app, directory / "outputs", outputs_prefix(app, held))


def outputs_prefix(app: Application, held: Claim) -> str:
    """The folder of the store that this attempt's outputs go to: a bundle's is its release, which outlives the data."""
    with app.unit(read_only=True) as unit:
        job: Job = unit.get(Job, held.job_id)
    if job.release_id is not None:
        return f"{keys.release_folder(job.project_id, job.release_id)}/{held.fence}"
    return f"{keys.attempt_folder(job, held.fence)}/outputs"


def read_summary(directory: Path) -> dict[str, Any]:
    """The child's summary, fit for a database row: no NaN, no infinity."""
    path = directory / "outputs" / "summary.json"
    if not path.exists():
        return {}
    found: dict[str, Any] = _finite(json.loads(path.read_text()))
    return found


def snapshot(checkpoint: Path, copy: Path) -> tuple[Any, ...] | None:
    """Copy a checkpoint while the child may be writing it; its signature, or None when there is none to be had.

    The copy is good only if the files were the same before and after it was made.
    """
    before = _signature(checkpoint)
    if not before:
        return None
    shutil.rmtree(copy, ignore_errors=True)
    try:
        shutil.copytree(checkpoint, copy, ignore=shutil.ignore_patterns("*.new"))
    except (OSError, shutil.Error):
        return None
    return before if _signature(checkpoint) == before else None


def changed(checkpoint: Path, since: tuple[Any, ...] | None) -> bool:
    """Whether the checkpoint differs from the one with that signature."""
    now = _signature(checkpoint)
    return bool(now) and now != since


def _signature(folder: Path) -> tuple[Any, ...]:
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            status = path.stat()
        except OSError:
            continue
        if path.is_file():
            found.append((str(path.relative_to(folder)), status.st_size, status.st_mtime_ns, status.st_ino))
    return tuple(found)


def _checkpoint(app: Application, job: Job, folder: Path) -> None:
    """The checkpoint to go on from; one that is damaged or gone is left out: steps lost are less than the job lost."""
    try:
        for file in job.checkpoint:
            fetch(app, Input(file["key"], file["sha256"]), folder / file["name"])
    except (Damaged, NotFound) as error:
        log.warning("job %s: starts from the beginning, its checkpoint cannot be used: %s", job.id, error.message)
        shutil.rmtree(folder)
        folder.mkdir()


def _inputs(unit: UnitOfWork, job: Job, dataset: Dataset) -> dict[str, Input]:
    """What this kind of job needs, by its path in the job's directory."""
    if job.kind == "export":
        made = _artifacts(unit, job.parent_id or "")
        return {f"inputs/outputs/{name}": one for name, one in made.items() if _may_leave(name)}
    inputs = {_source_name(dataset.filename): Input(dataset.source_key, dataset.sha256)}
    if job.kind in ("sample", "impute"):
        model = {n: one for n, one in _artifacts(unit, job.parent_id or "").items() if n.startswith(MODEL)}
        if not model:
            raise NotFound("The model of this job is no longer there.", "Fit it again.")
        inputs |= {f"inputs/{name}": one for name, one in model.items()}
    return inputs


def _may_leave(name: str) -> bool:
    """Whether an export may see an output of the job that made the set."""
    return not name.startswith(MODEL) and name != REVIEW_ONLY


def _artifacts(unit: UnitOfWork, job_id: str) -> Mapping[str, Input]:
    rows = select(Artifact).where(Artifact.project_id == unit.project_id, Artifact.job_id == job_id)
    return {row.name: Input(row.key, row.sha256) for row in unit.session.scalars(rows)}


def _release(unit: UnitOfWork, job: Job) -> dict[str, Any] | None:
    if job.release_id is None:
        return None
    row: ReleaseRow = unit.get(ReleaseRow, job.release_id)
    return {
        "purpose": row.purpose,
        "recipient": row.recipient,
        "released_by": row.released_by,
        "released_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        "note": row.note,
        "override": _override(unit, row.set_id),
    }


def _override(unit: UnitOfWork, set_id: str) -> dict[str, Any] | None:
    """What two people said about a set that the gate blocked; None where they did not have to."""
    row = gate_overrides.find(unit, set_id)
    if row is None or row.confirmed_at is None:
        return None
    return {
        "reason": row.reason,
        "failed": row.failed,
        "requested_by": row.requested_by,
        "requested_at": row.created_at.isoformat(),
        "confirmed_by": row.confirmed_by,
        "confirmed_at": row.confirmed_at.isoformat(),
    }


def _source_name(filename: str) -> str:
    """A plain name with the endings that say how to read the file."""
    endings = [ending.lower() for ending in Path(filename).suffixes[-2:]]
    return "inputs/source" + "".join(e for e in endings if e in KNOWN_ENDINGS)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
