"""Receiving a file at constant memory: the event loop's stream becomes a plain iterator for the service's thread."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from pathlib import PurePosixPath

import anyio.from_thread
from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from synthgen.errors import InputError, LimitError

CHUNK = 1 << 20


def check_declared_size(request: Request, limit: int) -> None:
    """Refuse before reading when the request says itself that it is too large."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)


def too_large(limit: int) -> LimitError:
    """The error for an upload over the limit."""
    return LimitError(
        f"The file is larger than the {limit / 2**20:,.0f} MiB this service accepts.",
        "Upload a sample of the rows or a Parquet file, or ask the operator to raise the limit.",
    )


async def counted(request: Request, limit: int) -> AsyncGenerator[bytes]:
    """The request body, at most `limit` bytes of it."""
    seen = 0
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > limit:
            raise too_large(limit)
        yield chunk


def pulled(stream: AsyncGenerator[bytes]) -> Iterator[bytes]:
    """`stream` as an iterator for a worker thread, in pieces of about 1 MiB; the sender waits while we write."""
    piece = bytearray()
    while True:
        try:
            piece += anyio.from_thread.run(stream.__anext__)
        except StopAsyncIteration:
            break
        if len(piece) >= CHUNK:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


async def form_file(request: Request, limit: int) -> UploadFile:
    """The one file of a multipart form; it waits on disk, not in memory."""
    try:
        form = await MultiPartParser(
            request.headers, counted(request, limit + CHUNK), max_files=1, max_fields=10
        ).parse()
    except MultiPartException as error:
        raise InputError(
            "The multipart form cannot be read.", "Send one file field, or the file as the body."
        ) from error
    found = next((value for value in form.values() if isinstance(value, UploadFile)), None)
    if found is None:
        raise InputError(
            "The form holds no file.", "Send the table in a form field named 'file', or as the request body."
        )
    return found


def pieces(file: UploadFile) -> Iterator[bytes]:
    """An uploaded form file in pieces."""
    while piece := file.file.read(CHUNK):
        yield piece


def clean_filename(name: str | None) -> str:
    """The last part of a file name as a browser or program sent it; never a path."""
    return PurePosixPath((name or "table.csv").replace("\\", "/")).name[:200] or "table.csv"
