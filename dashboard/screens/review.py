"""Review: synthetic sets, those that wait for a person first."""

from __future__ import annotations

from dashboard import session
from dashboard.components import layout, lists


def show() -> None:
    """Draw the page."""
    layout.header("Review", "Every synthetic set has its own scorecard and verdict. Nothing leaves before a release.")
    found = session.connect().sets()
    waiting = [s for s in found if s.state == "awaiting_review"]
    others = [s for s in found if s.state != "awaiting_review"]
    if not found:
        layout.empty("No synthetic set yet", "A finished job leaves one here.")
    if waiting:
        layout.section("Waiting for review")
        lists.sets(waiting)
    if others:
        layout.section("All others")
        lists.sets(others)
