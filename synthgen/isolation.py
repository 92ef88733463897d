"""Run one function in a fresh child process with limits on memory and time: the only way uploads are parsed.

The child is a new interpreter, never a fork (a forked torch deadlocks), told what to do on its standard input and
answering in a file. A crash, a timeout or too much memory becomes one clear error; a SynthgenError passes intact.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

from synthgen import errors
from synthgen.errors import InputError, InternalError, LimitError, SynthgenError

GIB = 1 << 30
QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
}


def run_limited(target: str, *args: Any, memory_bytes: int = GIB, seconds: float = 60) -> Any:
    """The JSON-ready result of `target` ("package.module:function") called with JSON-ready `args` in a limited child.

    `memory_bytes` bounds the child's address space, `seconds` its wall-clock time. Raises the SynthgenError that the
    function raised, `LimitError` for a limit, `InputError` for a crash, `InternalError` for any other exception.
    """
    with tempfile.TemporaryDirectory(prefix="synthgen-limited-") as folder:
        answer = Path(folder) / "answer.json"
        request = {"target": target, "args": args, "memory": memory_bytes, "answer": str(answer), "path": sys.path}
        status = _wait(_start(), json.dumps(request), seconds)
        return _outcome(answer, status, memory_bytes, seconds)


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", "from synthgen.isolation import child; child()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=None,
        env={**os.environ, **QUIET, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        start_new_session=True,
    )


def _wait(process: subprocess.Popen[bytes], request: str, seconds: float) -> int | None:
    """The exit status, or None when time ran out and the child was ended."""
    try:
        process.communicate(request.encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
        return None
    return process.returncode


def _outcome(answer: Path, status: int | None, memory_bytes: int, seconds: float) -> Any:
    if status is None:
        raise LimitError(
            f"Reading took longer than {seconds:.0f} seconds and was ended.",
            "Submit a smaller file, or ask for a higher limit.",
        )
    if not answer.is_file():
        if status in (-9, -6):  # the kernel or the allocator ended it
            raise _out_of_memory(memory_bytes)
        raise InputError("Reading the file ended the reader without an answer.", "The file is damaged; save it again.")
    reply = json.loads(answer.read_text(encoding="utf-8"))
    if "result" in reply:
        return reply["result"]
    if reply["kind"] == "MemoryError":
        raise _out_of_memory(memory_bytes)
    if reply["kind"] == "InternalError":
        raise InternalError(reply["reference"])
    raise getattr(errors, reply["kind"])(reply["message"], reply["hint"])


def _out_of_memory(memory_bytes: int) -> LimitError:
    return LimitError(
        f"The file needs more than the {memory_bytes >> 20} MB of memory that reading may take.",
        "Submit a part of it.",
    )


def child() -> None:
    """What the child runs: set the limits, call the function, write the answer."""
    request = json.loads(sys.stdin.read())
    resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.path[:] = request["path"]
    _deliver(_call(request["target"], request["args"]), Path(request["answer"]))


def _call(target: str, args: list[Any]) -> dict[str, Any]:
    try:
        module, _, name = target.partition(":")
        return {"result": getattr(importlib.import_module(module), name)(*args)}
    except SynthgenError as error:
        return _described(error)
    except MemoryError:
        return {"kind": "MemoryError"}
    except Exception as error:
        if _is_memory(error):
            return {"kind": "MemoryError"}
        reference = uuid.uuid4().hex[:12]
        sys.stderr.write(f"reference {reference}: {errors.trail(error)}\n")
        return {"kind": "InternalError", "reference": reference}


def _is_memory(error: BaseException) -> bool:
    """Whether a library wrapped a failed allocation in an error of its own."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or "llocate memory" in str(cause) or "lloc of size" in str(cause):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _described(error: SynthgenError) -> dict[str, Any]:
    """An error of the family by name; a kind that this package does not define travels as its nearest parent."""
    if isinstance(error, InternalError):
        return {"kind": "InternalError", "reference": error.reference}
    if _is_memory(error):
        return {"kind": "MemoryError"}
    kind = next(cls.__name__ for cls in type(error).__mro__ if getattr(errors, cls.__name__, None) is cls)
    return {"kind": kind, "message": error.message, "hint": error.hint}


def _deliver(reply: dict[str, Any], path: Path) -> None:
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(reply), encoding="utf-8")
    os.replace(draft, path)
