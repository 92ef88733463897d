"""Numbers as people read them."""

from __future__ import annotations


def shown(number: float | None) -> str:
    """At most three decimals, no needless zero."""
    if number is None:
        return "none"
    return f"{number:,.0f}" if number == int(number) and abs(number) >= 10 else f"{number:.3f}".rstrip("0").rstrip(".")
