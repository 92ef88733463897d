"""What is wrong with the fields of a request, in words: each field once, where it is and what it takes.

Never the value that was sent, which may be one of a cell, and never the validator's own text, which may quote it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

WISH = (
    "takes a text, a number, true or false, null for missing, {low, high} for a range, or {values} for one of several"
)
POLICY = "takes the name of a policy, or a policy with rules"
LIMIT = "takes a number, or a text for a date"
WORDS = {
    "missing": "is needed",
    "extra_forbidden": "is not known",
    "json_invalid": "is not JSON",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "needs at least {min_length} of them",
    "too_long": "takes at most {max_length} of them",
    "string_too_short": "needs at least {min_length} characters",
    "string_too_long": "takes at most {max_length} characters",
    "literal_error": "must be {expected}",
    "union_tag_invalid": "must say as {discriminator} one of {expected_tags}",
    "union_tag_not_found": "must say its {discriminator}",
}
KINDS = (
    ("int", "must be a whole number"),
    ("float", "must be a number"),
    ("finite_number", "must be a finite number"),
    ("string", "must be a text"),
    ("bool", "must be true or false"),
    ("date", "must be a date, such as 2026-12-31T23:59:59Z"),
    ("list", "must be a list"),
    ("tuple", "must be a list"),
    ("dict", "must hold named fields"),
    ("model", "must hold named fields"),
)


def told(problems: Sequence[Mapping[str, Any]]) -> list[str]:
    """Pydantic's problems (from `errors()`), one sentence for each field."""
    found: dict[str, str] = {}
    for problem in problems:
        place, words = _place(tuple(problem.get("loc", ()))), _words(problem)
        if place not in found or found[place] in (WISH, POLICY):
            found[place] = words
    deeper = tuple(found)
    return [
        f"{place} {words}"
        for place, words in found.items()
        if words != POLICY or not any(other.startswith(f"{place}.") for other in deeper)
    ]


def _place(loc: tuple[Any, ...]) -> str:
    """spec.sample.targets[1].rows: where a problem is, without the branches that pydantic tried there."""
    text = ""
    for part in _known(loc):
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "the request"


def _known(loc: tuple[Any, ...]) -> tuple[Any, ...]:
    """The place cut where a union begins: at a wish for a column; a policy and a constraint lose the branch's name."""
    loc = loc[1:] if loc and loc[0] in ("body", "query", "path", "header") else loc
    for i, part in enumerate(loc):
        if part in ("columns", "params"):  # what follows are names of columns or parameters
            return loc
        if part in ("fixed", "where"):
            return loc[: i + 2]
        if part == "policy":
            return (*loc[: i + 1], *loc[i + 2 :])
        if part == "constraints":
            return (*loc[: i + 2], *loc[i + 3 : i + 4 if _is_limit(loc) else None])
    return loc


def _words(problem: Mapping[str, Any]) -> str:
    kind, loc, ctx = str(problem.get("type", "")), tuple(problem.get("loc", ())), dict(problem.get("ctx") or {})
    if kind == "value_error":
        return _own(ctx.get("error"))
    if any(part in loc[:-2] for part in ("fixed", "where")):
        return WISH
    if loc[-2:] in (("policy", "GatePolicy"), ("policy", "str")):
        return POLICY
    if _is_limit(loc):
        return LIMIT
    if kind in WORDS:
        return WORDS[kind].format_map(ctx)
    return next((words for start, words in KINDS if kind.startswith(start)), "is not valid")


def _is_limit(loc: tuple[Any, ...]) -> bool:
    """Whether a place is one of the types that the end of a range may have."""
    return "constraints" in loc and loc[-2] in ("low", "high")


def _own(error: Any) -> str:
    """What a validator of ours says; one that passed on pydantic's text is told in words again."""
    if isinstance(error, ValidationError):
        return ", ".join(_words(problem) for problem in error.errors())
    return f"does not fit: {error}"
