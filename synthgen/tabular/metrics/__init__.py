"""What can be measured on a synthetic table: names only, nothing heavy is imported here.

To add a metric: write its class in one of these files and add one line.
"""

from __future__ import annotations

from synthgen.contracts import Entry

_HERE = "synthgen.tabular.metrics"

METRICS: dict[str, Entry] = {
    "quality": Entry(f"{_HERE}.sdmetrics_reports:Quality", "sdmetrics quality score"),
    "diagnostic": Entry(f"{_HERE}.sdmetrics_reports:Diagnostic", "sdmetrics diagnostic score"),
    "marginal": Entry(f"{_HERE}.fidelity:Marginal", "Single columns"),
    "pair": Entry(f"{_HERE}.fidelity:Pair", "Column pairs"),
    "detection": Entry(f"{_HERE}.detection:Detection", "Telling synthetic from real"),
    "mode_census": Entry(f"{_HERE}.census:ModeCensus", "Mode census"),
    "worst_group": Entry(f"{_HERE}.coverage:WorstGroup", "Worst group: distance"),
    "surprise": Entry(f"{_HERE}.coverage:Surprise", "Worst group: surprise"),
    "utility": Entry(f"{_HERE}.utility:Utility", "Train on synthetic, test on real"),
    "closest_record": Entry(f"{_HERE}.privacy:ClosestRecord", "Distance to the closest record"),
    "near_copies": Entry(f"{_HERE}.privacy:NearCopies", "Near copies"),
    "copied_rows": Entry(f"{_HERE}.privacy:CopiedRows", "Copied rows"),
    "lone_numbers": Entry(f"{_HERE}.privacy:LoneNumbers", "Numbers that belong to one person"),
}
