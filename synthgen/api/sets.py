"""Routes for review: synthetic sets, their scorecards and verdicts, release and rejection."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from synthgen.api.access import App, SignedIn
from synthgen.contracts import Scorecard, Verdict
from synthgen.errors import NotFound
from synthgen.service import gate_overrides, reviews
from synthgen.service.read_models import OverrideView, ReleaseView, SetView

router = APIRouter(prefix="/sets", tags=["review"])


class ReleaseRequest(BaseModel):
    """Why, to whom and until when a set is released."""

    purpose: str = Field(min_length=1, max_length=1000)
    recipient: str = Field(min_length=1, max_length=300)
    expires_at: datetime | None = None
    note: str = Field("", max_length=5000)


class ReasonRequest(BaseModel):
    """Why a set is rejected or a release withdrawn."""

    reason: str = Field(min_length=1, max_length=5000)


@router.get("")
def list_sets(app: App, actor: SignedIn) -> list[SetView]:
    """Synthetic sets, newest first."""
    return reviews.list_sets(app, actor)


@router.get("/{set_id}")
def get(set_id: str, app: App, actor: SignedIn) -> SetView:
    """One synthetic set."""
    return reviews.get_set(app, actor, set_id)


@router.get("/{set_id}/scorecard")
def scorecard(set_id: str, app: App, actor: SignedIn) -> Scorecard:
    """Every score of a set, in the review rendering."""
    return reviews.scorecard(app, actor, set_id)


@router.get("/{set_id}/verdict")
def verdict(set_id: str, app: App, actor: SignedIn) -> Verdict:
    """What the gate decided and by which rules."""
    return reviews.verdict(app, actor, set_id)


@router.get("/{set_id}/preview")
def preview(set_id: str, app: App, actor: SignedIn) -> dict[str, Any]:
    """Some synthetic rows, for those who may see the source."""
    return reviews.preview(app, actor, set_id)


@router.get("/{set_id}/gallery")
def gallery(set_id: str, app: App, actor: SignedIn) -> dict[str, Any]:
    """Real beside synthetic images and the closest pairs, for those who may see the source."""
    return reviews.gallery(app, actor, set_id)


@router.post("/{set_id}/release", status_code=201)
def release(set_id: str, body: ReleaseRequest, app: App, actor: SignedIn) -> ReleaseView:
    """Release a set that awaits review; the bundle is written by an export job."""
    return reviews.release(
        app,
        actor,
        set_id,
        purpose=body.purpose,
        recipient=body.recipient,
        expires_at=body.expires_at,
        note=body.note,
    )


@router.post("/{set_id}/reject")
def reject(set_id: str, body: ReasonRequest, app: App, actor: SignedIn) -> SetView:
    """Reject a set, with a reason."""
    return reviews.reject(app, actor, set_id, body.reason)


@router.get("/{set_id}/override")
def override(set_id: str, app: App, actor: SignedIn) -> OverrideView:
    """What two people say about a set that the gate blocked."""
    found = gate_overrides.get(app, actor, set_id)
    if found is None:
        raise NotFound("Nobody asked for an override of this set.", "Ask for it with a written reason.")
    return found


@router.post("/{set_id}/override", status_code=201)
def request_override(set_id: str, body: ReasonRequest, app: App, actor: SignedIn) -> OverrideView:
    """Ask, with a reason, that a blocked set be released; another person has to confirm it."""
    return gate_overrides.request(app, actor, set_id, body.reason)


@router.post("/{set_id}/override/confirm")
def confirm_override(set_id: str, app: App, actor: SignedIn) -> OverrideView:
    """Confirm what another person asked for; the set then waits for review."""
    return gate_overrides.confirm(app, actor, set_id)
