"""What a full disk is called, for the worker and for its child, which imports nothing of the service."""

from __future__ import annotations

import errno

MESSAGE = "The worker's disk is full."
HINT = "Ask the operator to free some space; the job goes on from its last checkpoint."
SPOKEN = ("No space left on device", "Disk quota exceeded")


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk had no room."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
