"""Requests and answers: one place where an HTTP error becomes a `SynthgenError`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from synthgen import errors
from synthgen.errors import SynthgenError, Unavailable

CHUNK = 1 << 20

KINDS: dict[str, type[SynthgenError]] = {
    kind.code: kind
    for kind in (
        errors.InputError,
        errors.SchemaError,
        errors.SpecError,
        errors.LimitError,
        errors.TrainingError,
        errors.Stopped,
        errors.GateError,
        errors.NotFound,
        errors.Conflict,
        errors.PermissionDenied,
        errors.NotSignedIn,
        errors.Unavailable,
    )
}


def checked(response: httpx.Response) -> httpx.Response:
    """The response itself, or the service's error raised as the same class it had there."""
    if response.is_success:
        return response
    try:
        body = response.json()
        code, message, hint = body["code"], body["message"], body.get("hint", "")
    except (ValueError, KeyError, TypeError):
        raise Unavailable(
            f"The server answered {response.status_code} without an explanation.",
            "Check that the address is a synthgen service.",
        ) from None
    raise KINDS.get(code, SynthgenError)(message, hint)


def unreachable(url: str, error: httpx.HTTPError) -> Unavailable:
    """The error for a service that does not answer."""
    return Unavailable(
        f"No synthgen service answered at {url} ({type(error).__name__}).",
        "Start one with 'synthgen up', or correct --url or SYNTHGEN_URL.",
    )


def pieces(path: Path, told: Callable[[int], Any]) -> Iterator[bytes]:
    """A file in pieces; `told` hears after each how many bytes have gone."""
    sent = 0
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece
            sent += len(piece)
            told(sent)
