"""Routes for releases: list, download the bundle in ranges, withdraw."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from synthgen.api.access import App, SignedIn
from synthgen.api.downloads import headers
from synthgen.api.sets import ReasonRequest
from synthgen.service import exports, reviews
from synthgen.service.read_models import ReleaseView

router = APIRouter(prefix="/releases", tags=["releases"])

RANGE = re.compile(r"bytes=(\d*)-(\d*)")
PARTS = {"Accept-Ranges": "bytes"}


@router.get("")
def list_releases(app: App, actor: SignedIn) -> list[ReleaseView]:
    """Releases, newest first."""
    return exports.list_releases(app, actor)


@router.get("/{release_id}")
def get(release_id: str, app: App, actor: SignedIn) -> ReleaseView:
    """One release."""
    return exports.get(app, actor, release_id)


@router.get("/{release_id}/bundle")
def bundle(release_id: str, request: Request, app: App, actor: SignedIn) -> Response:
    """The released bundle as a zip; `Range` continues a broken download, `If-Range` only one of these very bytes."""
    release = exports.get(app, actor, release_id)
    wanted, tag = request.headers.get("range"), f'"{release.sha256}"'
    if wanted is None or not RANGE.fullmatch(wanted) or request.headers.get("if-range", tag) != tag:
        filename, size, chunks = exports.open_bundle(app, actor, release_id)
        return StreamingResponse(
            chunks, headers={**headers(filename, size, tag), **PARTS}, media_type="application/zip"
        )
    total = release.size or 0
    span = _span(wanted, total)
    if span is None:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{total}"})
    start, end = span
    filename, _, chunks = exports.open_bundle(app, actor, release_id, start, end)
    told = headers(filename, end - start, tag) | PARTS | {"Content-Range": f"bytes {start}-{end - 1}/{total}"}
    return StreamingResponse(chunks, status_code=206, headers=told, media_type="application/zip")


@router.post("/{release_id}/withdraw")
def withdraw(release_id: str, body: ReasonRequest, app: App, actor: SignedIn) -> ReleaseView:
    """Withdraw a release: no further download."""
    return reviews.withdraw(app, actor, release_id, body.reason)


def _span(header: str, total: int) -> tuple[int, int] | None:
    """The half-open byte range that a `Range` header of one part asks for, or None when it cannot be met."""
    match = RANGE.fullmatch(header)
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return (max(0, total - int(last)), total) if int(last) and total else None
    start, end = int(first), min(int(last) + 1 if last else total, total)
    return (start, end) if start < end else None
