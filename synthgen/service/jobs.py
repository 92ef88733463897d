"""Jobs: submit, watch, cancel, retry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from synthgen import catalog
from synthgen.errors import Conflict, NotFound, SpecError
from synthgen.service import datasets, outcomes, quota
from synthgen.service.artifacts import keys
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Artifact, Dataset, Job, JobEvent
from synthgen.service.db.unit_of_work import UnitOfWork, new_id
from synthgen.service.read_models import Actor, EventView, JobState, JobView
from synthgen.service.states import may_follow
from synthgen.service.submission import Request, earlier, keep_spec, kept_spec, submit
from synthgen.service.views import dataset_names, event_view, job_view
from synthgen.spec import GatePolicy, RunSpec, SampleSpec

MOST_EVENTS = 5000
PICTURE_SEEN = "job.picture.seen"
FILLED = "filled."  # how the file that an imputation wrote is named


@dataclass(frozen=True)
class Filled:
    """A filled table on its way out: file name, bytes, SHA-256 and the pieces."""

    filename: str
    size: int
    sha256: str
    pieces: Iterator[bytes]


def submit_fit(
    app: Application, actor: Actor, dataset_id: str, spec: RunSpec, idempotency_key: str | None = None
) -> JobView:
    """Queue the main job: train, sample, score and decide. A spec that names no modality takes the dataset's."""
    spec = _for_dataset(app, actor, dataset_id, spec)
    catalog.check(spec)
    request = Request("fit", dataset_id, spec, idempotency_key=idempotency_key)
    return _submit_with_spec(app, actor, request, lambda unit: _check_ready(unit, actor, dataset_id))


def submit_sample(
    app: Application,
    actor: Actor,
    fit_job_id: str,
    sample: SampleSpec,
    policy: GatePolicy | str | None = None,
    idempotency_key: str | None = None,
) -> JobView:
    """Queue a new set from the model of a finished fit job."""
    with app.unit(read_only=True) as unit:
        parent = find(unit, actor, fit_job_id)
    _check_parent(parent)
    changes: dict[str, object] = {"sample": sample} if policy is None else {"sample": sample, "policy": policy}
    spec = kept_spec(app, parent).model_copy(update=changes)
    catalog.check(spec)
    request = Request("sample", parent.dataset_id, spec, fit_job_id, idempotency_key=idempotency_key)
    return _submit_with_spec(app, actor, request, lambda unit: _check_ready(unit, actor, parent.dataset_id))


def submit_imputation(app: Application, actor: Actor, fit_job_id: str, idempotency_key: str | None = None) -> JobView:
    """Queue the filling of the dataset's missing cells from the model of a finished fit job."""
    with app.unit(read_only=True) as unit:
        parent = find(unit, actor, fit_job_id)
    _check_parent(parent)
    spec = kept_spec(app, parent)
    catalog.check_imputes(spec)
    request = Request("impute", parent.dataset_id, spec, fit_job_id, idempotency_key=idempotency_key)
    return _submit_with_spec(app, actor, request, lambda unit: _check_ready(unit, actor, parent.dataset_id))


def filled(app: Application, actor: Actor, job_id: str) -> Filled:
    """The table that an imputation filled: real people, for those who may see the source; a look is written down."""
    with app.unit() as unit:
        row = find(unit, actor, job_id)
        made = unit.session.scalars(
            select(Artifact).where(Artifact.project_id == actor.project_id, Artifact.job_id == job_id)
        )
        file = next((one for one in made if one.name.startswith(FILLED)), None)
        if row.kind != "impute" or file is None:
            raise NotFound("This job has no filled table.", "Only a finished imputation has; it goes with its dataset.")
        unit.audit(actor.user_id, "job.filled.downloaded", job_id)
        dataset: Dataset = unit.get(Dataset, row.dataset_id)
        stem, ending = PurePath(dataset.filename).name.split(".")[0], PurePath(file.name).suffix
        key, size, sha256 = file.key, file.size, file.sha256
    return Filled(f"{stem}-filled{ending}", size, sha256, app.store.open(key))


def list_all(app: Application, actor: Actor, limit: int = 100, state: JobState | None = None) -> list[JobView]:
    """The newest jobs, of one state if asked."""
    with app.unit(read_only=True) as unit:
        newest = select(Job).where(Job.project_id == actor.project_id)
        if state is not None:
            newest = newest.where(Job.state == state)
        rows = list(unit.session.scalars(newest.order_by(Job.created_at.desc(), Job.id).limit(limit)))
        names = dataset_names(unit, {row.dataset_id for row in rows})
        return [job_view(row, names.get(row.dataset_id, "")) for row in rows]


def get(app: Application, actor: Actor, job_id: str) -> JobView:
    """One job."""
    with app.unit(read_only=True) as unit:
        return _view(unit, find(unit, actor, job_id))


def spec(app: Application, actor: Actor, job_id: str) -> RunSpec:
    """The whole specification of a job, enough to repeat it; it may hold values a person typed in."""
    with app.unit() as unit:
        row = find(unit, actor, job_id)
        if row.spec_key is None:
            raise NotFound("This job has no specification, or it was erased with its dataset.", "")
        unit.audit(actor.user_id, "job.spec.seen", job_id)
    return kept_spec(app, row)


def events(
    app: Application, actor: Actor, job_id: str, after: int = 0, limit: int = 1000, kind: str | None = None
) -> list[EventView]:
    """A job's history after event number `after`, oldest first; of one kind of event, or of all."""
    with app.unit(read_only=True) as unit:
        find(unit, actor, job_id)
        lines = (
            select(JobEvent)
            .where(JobEvent.project_id == actor.project_id, JobEvent.job_id == job_id, JobEvent.seq > after)
            .order_by(JobEvent.seq)
            .limit(min(limit, MOST_EVENTS))
        )
        lines = lines if kind is None else lines.where(JobEvent.kind == kind)
        return [event_view(row) for row in unit.session.scalars(lines)]


def log(app: Application, actor: Actor, job_id: str) -> str:
    """The end of what the newest attempt printed; it may hold cell values, so looking at it is written down."""
    with app.unit() as unit:
        row = find(unit, actor, job_id)
        if not unit.seen_lately(actor.user_id, "job.log.seen", job_id):
            unit.audit(actor.user_id, "job.log.seen", job_id)
    kept = set(app.store.keys(keys.job_folder(row)))
    logs = [key for fence in keys.attempts(row, kept) if (key := keys.log(row, fence)) in kept]
    if not logs:
        raise NotFound(
            "This job has no log: nothing was printed yet, it succeeded, or it was erased.", "See its history."
        )
    return b"".join(app.store.open(logs[-1])).decode("utf-8", errors="replace")


def picture(app: Application, actor: Actor, job_id: str) -> bytes:
    """What a job at work generates just now, as a PNG; it may look like real images, so a look is written down."""
    with app.unit(read_only=True) as unit:
        row = find(unit, actor, job_id)
        known = unit.seen_lately(actor.user_id, PICTURE_SEEN, job_id)
    kept = set(app.store.keys(keys.job_folder(row))) if row.state in ("queued", "running") else set()
    pictures = [key for fence in keys.attempts(row, kept) if (key := keys.picture(row, fence)) in kept]
    if not pictures:
        raise NotFound("There is no picture of this job.", "Jobs on images show one while they train.")
    if not known:
        with app.unit() as unit:
            unit.audit(actor.user_id, PICTURE_SEEN, job_id)
    return b"".join(app.store.open(pictures[-1]))


def cancel(app: Application, actor: Actor, job_id: str) -> JobView:
    """Cancel a queued job at once; ask a running one to stop at its next safe point."""
    with app.unit() as unit:
        row = find(unit, actor, job_id, lock=True)
        if row.kind == "erase" or row.state not in {"queued", "running"}:
            raise Conflict(f"This {row.kind} job is {row.state} and cannot be cancelled.", "Nothing was changed.")
        row.cancel_requested = True
        if row.state == "queued":
            outcomes.cancelled(unit, row)
        else:
            unit.record(row.id, [("state", {"state": "running", "cancel_requested": True})])
        unit.audit(actor.user_id, "job.cancelled", row.id)
        return _view(unit, row)


def retry(app: Application, actor: Actor, job_id: str) -> JobView:
    """Queue a failed or cancelled job again; it goes on from its last checkpoint if it has one."""
    with app.unit() as unit:
        row = find(unit, actor, job_id, lock=True)
        if not may_follow(row.state, "queued") or row.state == "running":  # type: ignore[arg-type]
            raise Conflict(f"This job is {row.state}; only a failed or cancelled job can be retried.", "")
        quota.admit(app.settings, unit, row.kind)
        outcomes.before_retry(unit, row)
        outcomes.requeue(unit, row, because="asked by a person")
        row.attempts, row.cancel_requested = 0, False
        row.error = row.error_code = row.hint = row.finished_at = None
        unit.audit(actor.user_id, "job.retried", row.id)
        return _view(unit, row)


def find(unit: UnitOfWork, actor: Actor, job_id: str, *, lock: bool = False) -> Job:
    """The row of a job of the actor's project; `lock` keeps others from changing it meanwhile."""
    query = select(Job).where(Job.id == job_id, Job.project_id == actor.project_id)
    row = unit.session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound("There is no such job.", "Look at the list of jobs.")
    return row


def _view(unit: UnitOfWork, row: Job) -> JobView:
    return job_view(row, dataset_names(unit, {row.dataset_id}).get(row.dataset_id, ""))


def _submit_with_spec(app: Application, actor: Actor, request: Request, check: Callable[[UnitOfWork], None]) -> JobView:
    """Keep the specification in the store first, then insert the job; a repeated request gets the first job."""
    with app.unit(read_only=True) as unit:
        datasets.find(unit, actor, request.dataset_id)
        if (found := earlier(unit, request)) is not None:
            return _view(unit, found)
        check(unit)
        quota.refuse_if_full(app.settings, unit)
    assert request.spec is not None
    job_id = new_id()
    key = keep_spec(app, actor.project_id, request.dataset_id, job_id, request.spec)
    try:
        with app.unit() as unit:
            check(unit)
            return _view(unit, submit(app.settings, unit, actor, request, job_id=job_id, spec_key=key))
    except BaseException as error:
        app.store.delete_all(key.rsplit("/", 1)[0])
        if not isinstance(error, IntegrityError):
            raise
    with app.unit(read_only=True) as unit:
        found = earlier(unit, request)
        assert found is not None
        return _view(unit, found)


def _for_dataset(app: Application, actor: Actor, dataset_id: str, spec: RunSpec) -> RunSpec:
    """The specification for what the dataset holds. Raises SpecError where it names another kind of data."""
    with app.unit(read_only=True) as unit:
        holds = datasets.find(unit, actor, dataset_id)
    if spec.modality == holds.modality or holds.state != "ready":
        return spec
    if "modality" in spec.model_fields_set:
        known = catalog.modality(spec.modality).title.lower()
        raise SpecError(
            f"The job is for {known}, and this dataset holds {catalog.modality(holds.modality).title.lower()}.",
            "Leave the job's modality out: it then takes the dataset's. Or choose another dataset.",
        )
    return spec.model_copy(update={"modality": holds.modality})


def _check_ready(unit: UnitOfWork, actor: Actor, dataset_id: str) -> None:
    row: Dataset = datasets.find(unit, actor, dataset_id)
    if row.state != "ready":
        raise Conflict(f"This dataset is not ready: {row.state}.", row.error or "Wait until it has been read.")


def _check_parent(parent: Job) -> None:
    if parent.kind != "fit" or parent.state != "succeeded":
        raise Conflict(
            f"A set can be sampled only from a finished fit job; this is a {parent.kind} job that is {parent.state}.",
            "Choose a fit job that succeeded.",
        )
