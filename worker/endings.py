"""How a child ended that could not say so itself, in a sentence a data steward understands; its last log lines."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from synthgen.errors import InternalError, LimitError
from synthgen.service.outcomes import Failure
from worker import full_disk

KEPT_BYTES = 64 * 1024
KEPT_LINES = 200
RAISED = re.compile(r"^((?:\w+\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt))(?::|$)")  # a traceback's last line
NO_MEMORY = ("bad_alloc", "annot allocate memory", "can't allocate memory", "ut of memory")
CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT})
ASK = "Try again; if it comes back, give the operator the reference: the last lines of its log are kept with the job."
OTHER_FILE = "Save it again, a table as plain CSV or Parquet, images as PNG in a zip, and upload that."
KILLED = Failure(
    "killed",
    "The process doing this job was ended from outside, perhaps because the machine ran out of memory.",
    "Use fewer rows, columns or images, or ask the operator.",
    True,
)
DISK_FULL = Failure("disk_full", full_disk.MESSAGE, full_disk.HINT, True)


def last_lines(log: Path) -> str:
    """The end of a child's log; it may hold cell values, so it is kept as an artifact and never in a row or a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - KEPT_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-KEPT_LINES:])


def failure(kind: str, code: int, lines: str, reference: str) -> Failure:
    """Why a job of that kind has no result when its process ended with `code` (minus the signal) and left no error.

    Of the log only the class of the exception is told; its message may quote a cell.
    """
    raised = _raised(lines)
    if code == -signal.SIGKILL:
        return KILLED
    if code != 0 and any(words in lines[-2000:] for words in full_disk.SPOKEN):
        return DISK_FULL
    if raised == "MemoryError" or (code != 0 and any(words in lines[-2000:] for words in NO_MEMORY)):
        said = "The process doing this job ran out of memory."
        return Failure(LimitError.code, said, "Use fewer rows, columns or images, or ask the operator for more.", False)
    if raised in ("ImportError", "ModuleNotFoundError"):
        said = f"The process doing this job could not start: a part of the installation is missing ({raised})."
        return Failure(InternalError.code, said, f"Ask the operator to repair it; reference {reference}.", False)
    how = _how(code, raised)
    if kind == "inspect":
        return Failure(
            "bad_input", f"The file could not be read: the reader {how} (reference {reference}).", OTHER_FILE, False
        )
    said = f"The process doing this job {how} before it could say why (reference {reference})."
    return Failure(InternalError.code, said, ASK, code < 0)  # a crash may pass; a seeded run that raised raises again


def _how(code: int, raised: str) -> str:
    """The way it ended, in words."""
    if code >= 0:
        return f"stopped with code {code}" + (f", {raised}," if raised else "")
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"crashed inside a library ({name})" if -code in CRASHES else f"was ended from outside ({name})"


def _raised(lines: str) -> str:
    """The class of the exception that the log ends with, without its package; empty if it ends with none."""
    for line in reversed(lines.splitlines()):
        if (found := RAISED.match(line)) is not None:
            return found.group(1).rpartition(".")[2]
        if line.startswith("Traceback "):
            break
    return ""
