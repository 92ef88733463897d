"""What the policies of one data kind have in common: data, so that each kind's file declares its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from synthgen.spec import GatePolicy, GateRule


@dataclass(frozen=True)
class PolicyKind:
    """The policies of a data kind and what no policy of that kind may leave out.

    `base` are rules every policy keeps. `copying` are the attacks that look for copies, of which `always_told` may not
    be answered by "cannot be told". `copies` is the metric whose share no override releases (see `gate`).
    """

    policies: Mapping[str, GatePolicy]
    base: tuple[GateRule, ...]
    copying: tuple[str, ...]
    always_told: tuple[str, ...]
    copies: str
    records: str  # what a record is called: rows, images
