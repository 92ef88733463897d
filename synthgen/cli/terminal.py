"""What the command line shows: errors, progress with a time to go, and plain tables."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TextIO

from synthgen.errors import SynthgenError
from synthgen.runtime import Event

WIDTH = 28
SAID = ("auto", "estimate", "planned")  # log lines that say, before training, which generator it is and what it takes


def explain(error: BaseException) -> str:
    """Message and hint of any error; for an unknown one the traceback is shown only where SYNTHGEN_DEBUG is set."""
    if isinstance(error, SynthgenError):
        return f"Error: {error.message}" + (f"\n{error.hint}" if error.hint else "")
    if os.environ.get("SYNTHGEN_DEBUG"):
        return "".join(traceback.format_exception(error))
    return (
        f"Error: Something went wrong inside synthgen ({type(error).__name__}).\n"
        "Run the same command with SYNTHGEN_DEBUG=1 to see where, and report it."
    )


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 45 s, 3 min 20 s, 2 h 5 min; a dash when unknown."""
    if seconds is None:
        return "-"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(when: datetime) -> str:
    """A time of the service as people read it, in UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M}"


def size(count: int | None) -> str:
    """Bytes as people say them; a dash when unknown."""
    if count is None:
        return "-"
    unit, amount = next(
        (u, count / n) for u, n in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3), ("B", 1)) if count >= n or n == 1
    )
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows under headings, columns as wide as they need."""
    lines = [[str(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


class Progress:
    """One line that says what is going on, how far it is and how long it will take.

    On a terminal the line is redrawn; elsewhere a new line is written at every stage and every tenth.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stderr
        self.stage, self.said = "", ""
        self.began = time.monotonic()
        self.tenth = -1

    def show(self, stage: str, share: float, eta: float | None = None) -> None:
        """Draw the state: `share` runs from 0 to 1."""
        share = min(1.0, max(0.0, share))
        if stage != self.stage:
            self.stage, self.began, self.tenth = stage, time.monotonic(), -1
        if self.out.isatty():
            self._redraw(share, eta)
        elif int(share * 10) > self.tenth:
            self.tenth = int(share * 10)
            self.out.write(self._text(share, eta) + "\n")
            self.out.flush()

    def listen(self, event: Event) -> None:
        """Follow a run in this process; the time to go is the pace of the present stage."""
        if event.kind == "health":
            self.say(" ".join([str(event.payload.get("text", "")), *event.payload.get("acted", ())]))
        if event.kind == "log" and event.payload.get("warning"):
            self.say(f"Note: {event.payload['text']}")
        elif event.kind == "log" and any(event.payload.get(mark) for mark in SAID):
            self.say(str(event.payload["text"]))
        if event.kind != "progress":
            return
        done, total = float(event.payload["done"]), float(event.payload["total"])
        stage = str(event.payload["stage"])
        if stage != self.stage:
            self.show(stage, 0.0)
        share = done / total if total else 1.0
        passed = time.monotonic() - self.began
        self.show(stage, share, passed * (1 - share) / share if share > 0.02 else None)

    def say(self, text: str) -> None:
        """A line that stays, unless it is what was said last."""
        if text != self.said:
            self.said = text
            self.out.write(("\r\x1b[K" if self.out.isatty() else "") + text + "\n")
            self.out.flush()

    def finish(self) -> None:
        """Leave the line behind."""
        if self.out.isatty() and self.stage:
            self.out.write("\n")
            self.out.flush()

    def _text(self, share: float, eta: float | None) -> str:
        filled = round(share * WIDTH)
        bar = "#" * filled + "-" * (WIDTH - filled)
        left = f"  {duration(eta)} to go" if eta is not None and share < 1 else ""
        return f"[{bar}] {share:4.0%}  {self.stage}{left}"

    def _redraw(self, share: float, eta: float | None) -> None:
        self.out.write("\r\x1b[K" + self._text(share, eta))
        self.out.flush()
