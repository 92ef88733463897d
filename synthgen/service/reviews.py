"""Reviews: look at a synthetic set with its scorecard, release it, reject it, withdraw a release."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from synthgen.contracts import Scorecard, Verdict
from synthgen.errors import Conflict, GateError, InputError, NotFound
from synthgen.service import outcomes
from synthgen.service.bootstrap import Application
from synthgen.service.datasets import read_artifact
from synthgen.service.db.tables import Dataset, GateOverrideRow, Job, ReleaseRow, SyntheticSetRow
from synthgen.service.db.unit_of_work import UnitOfWork
from synthgen.service.read_models import Actor, ReleaseView, SetView
from synthgen.service.submission import Request, submit
from synthgen.service.views import as_utc, dataset_names, release_view, set_view

LONGEST_TEXT = 2000


def list_sets(app: Application, actor: Actor) -> list[SetView]:
    """Every synthetic set, newest first."""
    with app.unit(read_only=True) as unit:
        newest = (
            select(SyntheticSetRow)
            .where(SyntheticSetRow.project_id == actor.project_id)
            .order_by(SyntheticSetRow.created_at.desc(), SyntheticSetRow.id)
        )
        rows = list(unit.session.scalars(newest))
        names = dataset_names(unit, {row.dataset_id for row in rows})
        return [set_view(row, names.get(row.dataset_id, "")) for row in rows]


def get_set(app: Application, actor: Actor, set_id: str) -> SetView:
    """One synthetic set."""
    with app.unit(read_only=True) as unit:
        return _view(unit, find(unit, actor, set_id))


def scorecard(app: Application, actor: Actor, set_id: str) -> Scorecard:
    """The review rendering of the scorecard: everything, cell values included."""
    return Scorecard.model_validate(_artifact(app, actor, set_id, "scorecard.json"))


def verdict(app: Application, actor: Actor, set_id: str) -> Verdict:
    """What the gate decided, rule by rule."""
    return Verdict.model_validate(_artifact(app, actor, set_id, "verdict.json"))


def preview(app: Application, actor: Actor, set_id: str) -> dict[str, Any]:
    """Rows of the synthetic set."""
    found: dict[str, Any] = _artifact(app, actor, set_id, "preview.json")
    return found


def gallery(app: Application, actor: Actor, set_id: str) -> dict[str, Any]:
    """Real beside synthetic images by class, and the closest pairs: real images, which no bundle ever holds."""
    found: dict[str, Any] = _artifact(app, actor, set_id, "gallery.json")
    return found


def release(
    app: Application,
    actor: Actor,
    set_id: str,
    *,
    purpose: str,
    recipient: str,
    expires_at: datetime | None = None,
    note: str = "",
) -> ReleaseView:
    """Release a set that the gate lets through; the export job then writes the bundle."""
    purpose, recipient = said(purpose, "purpose"), said(recipient, "recipient")
    expires = as_utc(expires_at)
    with app.unit() as unit:
        row = find(unit, actor, set_id, lock=True)
        _check_releasable(unit, row)
        if expires is not None and expires <= unit.now:
            raise InputError("The release would expire before it begins.", "Choose a later date, or none.")
        made: ReleaseRow = unit.add(
            ReleaseRow,
            set_id=row.id,
            dataset_id=row.dataset_id,
            purpose=purpose,
            recipient=recipient,
            note=note.strip()[:LONGEST_TEXT],
            released_by=actor.name,
            expires_at=expires,
            filename=f"synthgen-{row.id[:12]}.zip",
        )
        request = Request("export", row.dataset_id, parent_id=row.job_id, set_id=row.id, release_id=made.id)
        made.export_job_id = submit(app.settings, unit, actor, request).id
        row.state, row.release_id = "exporting", made.id
        unit.audit(actor.user_id, "set.released", row.id, release_id=made.id)
        return release_view(made)


def reject(app: Application, actor: Actor, set_id: str, reason: str) -> SetView:
    """Turn a set down for good."""
    reason = said(reason, "reason")
    with app.unit() as unit:
        row = find(unit, actor, set_id, lock=True)
        if row.state not in {"awaiting_review", "blocked"}:
            raise Conflict(f"This set is {row.state} and cannot be rejected.", "Withdraw its release instead.")
        row.state, row.reason = "rejected", reason
        unit.audit(actor.user_id, "set.rejected", row.id)
        return _view(unit, row)


def withdraw(app: Application, actor: Actor, release_id: str, reason: str) -> ReleaseView:
    """Stop a release: its bundle can no longer be downloaded."""
    reason = said(reason, "reason")
    with app.unit() as unit:
        row = find_release(unit, actor, release_id)
        if row.withdrawn_at is not None:
            raise Conflict("This release was withdrawn already.", "Nothing more needs to be done.")
        row.withdrawn_at, row.withdrawn_by, row.withdrawn_because = unit.now, actor.name, reason
        made: SyntheticSetRow = unit.get(SyntheticSetRow, row.set_id)
        if made.release_id == row.id:
            made.state = "withdrawn"
        job: Job | None = unit.get(Job, row.export_job_id or "")
        if job is not None and job.state in {"queued", "running"}:
            job.cancel_requested = True
            if job.state == "queued":
                outcomes.cancelled(unit, job)
        unit.audit(actor.user_id, "release.withdrawn", row.id, set_id=row.set_id)
        return release_view(row)


def find(unit: UnitOfWork, actor: Actor, set_id: str, *, lock: bool = False) -> SyntheticSetRow:
    """The row of a set of the actor's project."""
    query = select(SyntheticSetRow).where(SyntheticSetRow.id == set_id, SyntheticSetRow.project_id == actor.project_id)
    row = unit.session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound("There is no such synthetic set.", "Look at the list of sets.")
    return row


def find_release(unit: UnitOfWork, actor: Actor, release_id: str) -> ReleaseRow:
    """The row of a release of the actor's project."""
    row: ReleaseRow | None = unit.get(ReleaseRow, release_id) if actor.project_id == unit.project_id else None
    if row is None:
        raise NotFound("There is no such release.", "Look at the list of releases.")
    return row


def _view(unit: UnitOfWork, row: SyntheticSetRow) -> SetView:
    return set_view(row, dataset_names(unit, {row.dataset_id}).get(row.dataset_id, ""))


def _artifact(app: Application, actor: Actor, set_id: str, name: str) -> Any:
    return read_artifact(app, actor, get_set(app, actor, set_id).job_id, name, "set.seen")


def _check_releasable(unit: UnitOfWork, row: SyntheticSetRow) -> None:
    if row.verdict != "awaiting_review" and not _overridden(unit, row):
        raise GateError(
            "The gate blocked this set.",
            "Its verdict says which rules were not met. Two people together can override it, with a written reason.",
        )
    if row.state != "awaiting_review":
        raise Conflict(f"This set is {row.state} and cannot be released.", "Only a set awaiting review can be.")
    dataset: Dataset = unit.get(Dataset, row.dataset_id)
    if dataset.state in {"erasing", "erased"}:
        raise Conflict(f"The dataset of this set is {dataset.state}.", "A set is erased with its dataset.")


def _overridden(unit: UnitOfWork, row: SyntheticSetRow) -> bool:
    """Whether a second person confirmed that the set be released although the gate blocked it."""
    confirmed = select(GateOverrideRow.id).where(
        GateOverrideRow.project_id == unit.project_id,
        GateOverrideRow.set_id == row.id,
        GateOverrideRow.confirmed_at.is_not(None),
    )
    return unit.session.scalar(confirmed) is not None


def said(text: str, what: str) -> str:
    """What a person wrote, without blanks around it; raises InputError for nothing and for too much."""
    cleaned = text.strip()
    if not 1 <= len(cleaned) <= LONGEST_TEXT:
        raise InputError(f"A {what} of 1 to {LONGEST_TEXT} characters is needed.", f"Say the {what} in a few words.")
    return cleaned
