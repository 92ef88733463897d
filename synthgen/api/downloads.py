"""What a browser is told of a file to keep."""

from __future__ import annotations

from urllib.parse import quote


def headers(filename: str, size: int, tag: str) -> dict[str, str]:
    """Headers of a download; never cached, never compressed on the way."""
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename)}",
        "Content-Length": str(size),
        "ETag": tag,
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
