"""The GPUs of this machine as the driver sees them; no GPU library is imported for it."""

from __future__ import annotations

import csv
import shutil
import subprocess
from typing import Any

FIELDS = ("index", "name", "memory.used", "memory.total", "utilization.gpu")
MIB = 1 << 20
PATIENCE = 10  # seconds


def seen() -> list[dict[str, Any]]:
    """Index, name, bytes of memory used and in all, and busy share of each GPU; empty where there is no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return read(done.stdout)


def read(text: str) -> list[dict[str, Any]]:
    """The driver's table as records; a figure that it does not know (`[N/A]`) is None."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if len(row) == len(FIELDS)]
    return [
        {
            "index": int(index),
            "name": name,
            "memory_used": _number(used, MIB),
            "memory_total": _number(total, MIB),
            "busy": None if (share := _number(busy)) is None else share / 100,
        }
        for index, name, used, total, busy in rows
    ]


def _number(text: str, unit: int = 1) -> int | None:
    return int(float(text)) * unit if text.replace(".", "", 1).isdigit() else None
