"""The audit trail, read back; it is written by `UnitOfWork.audit` inside the deed's own transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import AuditRow
from synthgen.service.read_models import Actor


def trail(app: Application, actor: Actor, limit: int = 200) -> list[dict[str, Any]]:
    """The newest audit lines: when, who, what, on which subject."""
    with app.unit(read_only=True) as unit:
        newest = (
            select(AuditRow)
            .where(AuditRow.project_id == actor.project_id)
            .order_by(AuditRow.created_at.desc(), AuditRow.id)
            .limit(limit)
        )
        return [
            {
                "at": row.created_at,
                "person_id": row.person_id,
                "action": row.action,
                "subject": row.subject,
                "detail": row.detail,
            }
            for row in unit.session.scalars(newest)
        ]
