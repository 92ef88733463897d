"""Overrides of the gate: one person asks in writing that a blocked set be released, a second one confirms.

Both are members of the project, signed in as themselves. Confirmed, the set waits for review like one that passed; what
was not met, the reason, both names and both times go with every release of it.
"""

from __future__ import annotations

from sqlalchemy import select

from synthgen.errors import Conflict, GateError, NotFound, PermissionDenied
from synthgen.service import reviews
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import GateOverrideRow, SyntheticSetRow
from synthgen.service.db.unit_of_work import UnitOfWork
from synthgen.service.read_models import Actor, OverrideView
from synthgen.service.views import override_view


def get(app: Application, actor: Actor, set_id: str) -> OverrideView | None:
    """What was asked and confirmed about a set; None where nobody asked."""
    with app.unit(read_only=True) as unit:
        row = find(unit, reviews.find(unit, actor, set_id).id)
        return override_view(row) if row is not None else None


def request(app: Application, actor: Actor, set_id: str, reason: str) -> OverrideView:
    """Ask that a blocked set be released; it stays blocked until another person confirms.

    Raises Conflict for a set that is not blocked or was asked for already, GateError where no override may release it.
    """
    reason = reviews.said(reason, "reason")
    with app.unit() as unit:
        row = reviews.find(unit, actor, set_id, lock=True)
        _check_blocked(row)
        earlier = find(unit, row.id)
        if earlier is not None:
            raise Conflict(
                f"{earlier.requested_by} asked for this already.", "Another person than that may confirm or reject it."
            )
        made: GateOverrideRow = unit.add(
            GateOverrideRow,
            set_id=row.id,
            reason=reason,
            failed=list(row.summary.get("failed_rules") or []),
            requested_by_id=actor.user_id,
            requested_by=actor.name,
        )
        unit.audit(actor.user_id, "override.requested", row.id, failed=made.failed)
        return override_view(made)


def confirm(app: Application, actor: Actor, set_id: str) -> OverrideView:
    """Confirm what another person asked for: the set then waits for review.

    Raises NotFound where nobody asked, PermissionDenied for the person who did, Conflict once it was confirmed.
    """
    with app.unit() as unit:
        row = reviews.find(unit, actor, set_id, lock=True)
        found = find(unit, row.id)
        if found is None:
            raise NotFound("Nobody asked for an override of this set.", "Ask for it first, with a written reason.")
        if found.confirmed_at is not None:
            raise Conflict(f"{found.confirmed_by} confirmed this already.", "The set can be released.")
        _check_blocked(row)
        if actor.user_id == found.requested_by_id:
            raise PermissionDenied(
                "Who asked for an override cannot confirm it.", "A second person of the project has to."
            )
        found.confirmed_by_id, found.confirmed_by, found.confirmed_at = actor.user_id, actor.name, unit.now
        row.state = "awaiting_review"
        unit.audit(actor.user_id, "override.confirmed", row.id, requested_by=found.requested_by_id)
        return override_view(found)


def find(unit: UnitOfWork, set_id: str) -> GateOverrideRow | None:
    """The row about a set of this project."""
    mine = select(GateOverrideRow).where(
        GateOverrideRow.project_id == unit.project_id, GateOverrideRow.set_id == set_id
    )
    return unit.session.scalar(mine)


def _check_blocked(row: SyntheticSetRow) -> None:
    if row.state != "blocked":
        raise Conflict(
            f"This set is {row.state.replace('_', ' ')}, not blocked.", "Only a set the gate blocked needs an override."
        )
    final = row.summary.get("final")
    if final or not row.summary.get("failed_rules"):
        raise GateError("No override can release this set.", str(final or "Its verdict names no rule that was missed."))
