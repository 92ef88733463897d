"""The one place where the dashboard shows an error: message and hint, never a traceback."""

from __future__ import annotations

import logging
import secrets

from dashboard.components import layout
from dashboard.components.wording import Tone
from synthgen.errors import InternalError, NotFound, SynthgenError, trail

log = logging.getLogger("synthgen.dashboard")


def show(error: Exception) -> bool:
    """Show any error as a banner; an unknown one is logged under a reference. True: it has been dealt with."""
    if not isinstance(error, SynthgenError):
        reference = secrets.token_hex(4)
        log.error("unexpected error, reference %s: %s", reference, trail(error))
        error = InternalError(reference)
    tone: Tone = "warn" if isinstance(error, NotFound) else "bad"
    layout.banner(tone, error.message, [error.hint] if error.hint else [])
    return True
