"""Exports: the bundles of released sets, downloaded only while their release stands."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from synthgen.errors import Conflict, GateError
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import ReleaseRow
from synthgen.service.read_models import Actor, ReleaseView
from synthgen.service.reviews import find_release
from synthgen.service.views import release_view


def list_releases(app: Application, actor: Actor) -> list[ReleaseView]:
    """Every release, newest first, withdrawn ones too."""
    with app.unit(read_only=True) as unit:
        newest = (
            select(ReleaseRow)
            .where(ReleaseRow.project_id == actor.project_id)
            .order_by(ReleaseRow.created_at.desc(), ReleaseRow.id)
        )
        return [release_view(row) for row in unit.session.scalars(newest)]


def get(app: Application, actor: Actor, release_id: str) -> ReleaseView:
    """One release."""
    with app.unit(read_only=True) as unit:
        return release_view(find_release(unit, actor, release_id))


def open_bundle(
    app: Application, actor: Actor, release_id: str, start: int = 0, end: int | None = None
) -> tuple[str, int, Iterator[bytes]]:
    """File name, total size and the bytes from `start` up to but not including `end` of a release's bundle."""
    with app.unit() as unit:
        row = find_release(unit, actor, release_id)
        if row.withdrawn_at is not None:
            raise GateError("This release was withdrawn.", "Ask the person who withdrew it.")
        if row.expires_at is not None and row.expires_at <= unit.now:
            raise GateError("This release has expired.", "Ask for a new release of the set.")
        if row.bundle_key is None or row.size is None:
            raise Conflict("The bundle is still being written.", "Try again when the export job is done.")
        unit.audit(actor.user_id, "release.downloaded", row.id, start=start, end=end)
        key, size, filename = row.bundle_key, row.size, row.filename
    return filename, size, app.store.open(key, start, end)
