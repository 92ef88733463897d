"""What can be measured on a synthetic set of images: names only, nothing heavy is imported here."""

from __future__ import annotations

from synthgen.contracts import Entry

METRICS: dict[str, Entry] = {}
