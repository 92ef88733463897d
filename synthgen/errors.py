"""The one error family: what came, what was expected, what to do. Messages never carry a cell value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

MOST_FRAMES = 30


class SynthgenError(Exception):
    """An error a person can act on.

    `message` says what came and what was expected; `hint` says what to do. `code` is stable and machine readable;
    `retryable` tells the queue whether the same job may succeed when it is run again.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InputError(SynthgenError):
    """A file or a data frame cannot be read as data."""

    code = "bad_input"


class SchemaError(SynthgenError):
    """A schema or an override does not fit the data."""

    code = "bad_schema"


class SpecError(SynthgenError):
    """A run, sample or policy specification is wrong or cannot be met by this data."""

    code = "bad_spec"


class LimitError(SynthgenError):
    """A limit on size, memory or time was exceeded."""

    code = "limit_exceeded"


class TrainingError(SynthgenError):
    """Training could not produce a usable model."""

    code = "training_failed"


class Stopped(SynthgenError):
    """The run was asked to stop (cancel, drain) and did so at a safe point."""

    code = "stopped"


class GateError(SynthgenError):
    """A release was asked for that the gate does not allow."""

    code = "gate"


class NotFound(SynthgenError):
    """The thing named does not exist, or the actor may not know that it does."""

    code = "not_found"


class Conflict(SynthgenError):
    """The thing named is in a state that does not allow the request."""

    code = "conflict"


class PermissionDenied(SynthgenError):
    """The actor may not do this."""

    code = "permission_denied"


class NotSignedIn(SynthgenError):
    """No valid session or token came with the request."""

    code = "not_signed_in"


class Unavailable(SynthgenError):
    """A component we depend on (database, broker, store, disk) did not answer; trying again may help."""

    code = "unavailable"
    retryable = True


class InternalError(SynthgenError):
    """An unknown exception, reported under a reference number; the log has its class and place."""

    code = "internal"
    retryable = True

    def __init__(self, reference: str) -> None:
        super().__init__(
            f"Something went wrong inside synthgen (reference {reference}).",
            "The operator finds the details in the log under this reference.",
        )
        self.reference = reference


def raise_all(kind: type[SynthgenError], problems: Iterable[str], hint: str = "") -> None:
    """Raise one `kind` that lists every problem, or return when there is none."""
    found = list(problems)
    if found:
        raise kind(found[0] if len(found) == 1 else f"{len(found)} problems: " + "; ".join(found), hint)


def trail(error: BaseException) -> str:
    """What may be logged of any exception: classes and places of its chain, and the words of our own errors only.

    The message of a foreign exception may quote a cell, so it is left out.
    """
    return "; caused by ".join(_told(one) for one in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _told(error: BaseException) -> str:
    trace, places = error.__traceback__, []
    while trace is not None:
        file = "/".join(trace.tb_frame.f_code.co_filename.replace("\\", "/").split("/")[-2:])
        places.append(f"{file}:{trace.tb_lineno}")
        trace = trace.tb_next
    words = f" ({error})" if isinstance(error, SynthgenError) else ""
    return f"{type(error).__name__}{words} at {' > '.join(places[-MOST_FRAMES:]) or 'no place'}"
