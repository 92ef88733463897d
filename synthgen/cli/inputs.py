"""What people type: COL=WISH, groups, constraints, NAME=JSON parameters; wrong ones are named all at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from synthgen.errors import InputError, SpecError, raise_all
from synthgen.spec import (
    ColumnKind,
    ColumnOverride,
    Constraint,
    FixedCombinations,
    GatePolicy,
    GroupTarget,
    Inequality,
    OneOf,
    Predicate,
    Range,
    Unique,
    Wish,
    Within,
)

KEEP = (
    "A constraint every row keeps: COL=LOW..HIGH, COL<=COL, COL<COL, unique:COL,COL, together:COL,COL or "
    "where:CONDITION as in SQL; repeatable. may-break: before it lets the table's own rows break it."
)
COLUMN = (
    "COL=KIND (another kind than the one found), COL=public, COL=drop, COL=by:COL (the column that decides it; none: "
    "by:), COL=order:LOW|...|HIGH (none: order:), COL=place:COL (the other coordinate; none: place:), "
    "COL=codes:TEXT|TEXT; once for each column."
)

GROUP = "ROWS:COL=VALUE[,COL=VALUE]: so many rows of that group; repeatable, in the place of --rows."

POLICY = "Gate policy: open, standard, strict, or a .json file with rules of your own."
LOOSE = "may-break:"

Epsilon = Annotated[
    float | None,
    typer.Option(min=0.01, help="Differential privacy to this epsilon, one person a unit; none if left out."),
]
Delta = Annotated[float | None, typer.Option(help="Its delta; a tenth of one over the people when left out.")]


class Resampling(StrEnum):
    """How many candidates are drawn for each row kept: see `synthgen.spec.SampleSpec`."""

    off = "off"
    twice = "2x"
    four_times = "4x"


Resample = Annotated[
    Resampling | None,
    typer.Option(help="Candidates drawn for each row kept, by how real the critic finds them; 2x when left out."),
]
Device = Annotated[
    str, typer.Option(envvar="SYNTHGEN_DEVICE", help="Where networks run: cpu, cuda, or cuda:1 for the second GPU.")
]

DROP = "near-copies (of training rows) or outliers: such rows are dropped and drawn again; repeatable."


def pairs(items: Sequence[str], option: str) -> dict[str, str]:
    """["a=b", ...] as a mapping; raises SpecError for an item without '=' or a name given twice."""
    split = [item.partition("=") for item in items]
    names = [name for name, _, _ in split]
    problems = [f"item {i + 1} of {option} has no '='" for i, (_, mark, _) in enumerate(split) if not mark]
    problems += [f"{option} names {name!r} twice" for name in sorted({n for n in names if names.count(n) > 1})]
    raise_all(SpecError, problems, f"Write {option} NAME=VALUE, once for each name.")
    return {name: value for name, _, value in split}


def conditions(items: Sequence[str]) -> dict[str, Wish]:
    """What --where says of each column.

    COL=VALUE; COL= for missing; COL=LOW..HIGH, COL=LOW.. or COL=..HIGH for a range, both ends included; COL=A|B for any
    of several values, an empty one among them for missing. COL==TEXT takes TEXT as it stands, dots and bars and all.
    """
    return {name: _wish(text) for name, text in pairs(items, "--where").items()}


def _wish(text: str) -> Wish:
    if text.startswith("="):
        return text[1:]
    if "|" in text:
        return OneOf(values=tuple(part or None for part in text.split("|")))
    low, dots, high = text.partition("..")
    if dots and (low or high):
        return Range(low=low or None, high=high or None)
    return text or None


def groups(items: Sequence[str]) -> tuple[GroupTarget, ...]:
    """Target counts: ROWS:COL=WISH, several conditions of one group joined by commas; wishes as for --where."""
    problems = [f"item {i + 1} of --group does not begin with ROWS:" for i, t in enumerate(items) if not _counted(t)]
    raise_all(SpecError, problems, "Write --group ROWS:COL=VALUE[,COL=VALUE], such as 500:stroke=1,sex=F.")
    parts = [item.partition(":") for item in items]
    return tuple(GroupTarget(where=conditions(text.split(",")), rows=int(rows)) for rows, _, text in parts)


def _counted(item: str) -> bool:
    rows, colon, _ = item.partition(":")
    return bool(colon) and rows.strip().isdigit()


def constraints(items: Sequence[str]) -> tuple[Constraint, ...]:
    """Constraints that every row keeps: COL=LOW..HIGH, COL<=COL, COL<COL, unique:COL,COL, together:COL,COL, where:TEXT.

    may-break:CONSTRAINT is one that the source's own rows may break.
    """
    found = [_loosened(_constraint(item.removeprefix(LOOSE)), item.startswith(LOOSE)) for item in items]
    problems = [f"item {i + 1} of --keep is no constraint" for i, one in enumerate(found) if one is None]
    raise_all(
        SpecError,
        problems,
        "Write COL=LOW..HIGH, COL<=COL, COL<COL, unique:COL,COL, together:COL,COL or where:CONDITION; may-break: "
        "before any but together: lets the source break it.",
    )
    return tuple(one for one in found if one is not None)


def _loosened(rule: Constraint | None, loose: bool) -> Constraint | None:
    """The constraint, where asked for one that the source may break; none of fixed combinations, which it makes."""
    if rule is None or not loose:
        return rule
    return None if isinstance(rule, FixedCombinations) else rule.model_copy(update={"source_may_break": True})


def _constraint(item: str) -> Constraint | None:
    kind, colon, names = item.partition(":")
    if colon and kind == "where":
        return Predicate(expression=names)
    if colon and kind in ("unique", "together"):
        columns = tuple(name.strip() for name in names.split(","))
        return Unique(columns=columns) if kind == "unique" else FixedCombinations(columns=columns)
    low, below, high = item.partition("<")
    if below:
        strict = not high.startswith("=")
        return Inequality(low_column=low.strip(), high_column=high.removeprefix("=").strip(), strict=strict)
    column, _, text = item.partition("=")
    wish = _wish(text)
    return Within(column=column, low=wish.low, high=wish.high) if isinstance(wish, Range) else None


def dropped(items: Sequence[str]) -> tuple[str, ...]:
    """What --drop names; raises SpecError for an unknown word."""
    found = [item.strip().replace("-", "_") for item in items]
    problems = [
        f"item {i + 1} of --drop is unknown" for i, w in enumerate(found) if w not in ("near_copies", "outliers")
    ]
    raise_all(SpecError, problems, "Write --drop near-copies or --drop outliers.")
    return tuple(found)


def policy(text: str) -> GatePolicy | str:
    """What --policy names: a policy of ours, or the one in a JSON file. Raises InputError, SpecError."""
    if not text.lower().endswith(".json"):
        return text
    from synthgen.release import policies

    try:
        return policies.parsed(Path(text).read_text(encoding="utf-8"))
    except OSError as problem:
        raise InputError(f"The policy cannot be read from {text}.", "Check the path, or name a policy.") from problem
    except UnicodeDecodeError as problem:
        raise InputError(f"{text} is no JSON text.", "Write it as UTF-8.") from problem


def parameters(items: Sequence[str]) -> dict[str, Any]:
    """Generator parameters; a value is read as JSON where it is JSON, else as text."""
    return {name: _value(text) for name, text in pairs(items, "--set").items()}


def overrides(items: Sequence[str]) -> dict[str, dict[str, Any]]:
    """COL=WHAT items as column -> fields of a ColumnOverride; raises SpecError for a WHAT that is none.

    WHAT is a kind, public, drop, by:COL (by: none), order:LOW|...|HIGH (order: none), codes:TEXT|TEXT, or place:COL
    (place: alone).
    """
    words: dict[str, dict[str, Any]] = {kind: {"kind": kind} for kind in get_args(ColumnKind)}
    words |= {"public": {"public": True}, "drop": {"drop": True}}
    given = pairs(items, "--column")
    said = {name: words.get(what) or _declared(what) for name, what in given.items()}
    problems = [f"--column {name!r} is to be something unknown" for name, fields in said.items() if not fields]
    raise_all(
        SpecError,
        problems,
        f"After '=' write one of: {', '.join(words)}, by:COL, order:LOW|HIGH, codes:TEXT|TEXT, place:COL.",
    )
    return said


def columns(items: Sequence[str]) -> dict[str, ColumnOverride]:
    """The same as the library takes it."""
    return {name: ColumnOverride(**fields) for name, fields in overrides(items).items()}


def _declared(text: str) -> dict[str, Any]:
    """What a decider, an order, a list of codes or a place says of a column; nothing for any other text."""
    what, colon, told = text.partition(":")
    if colon and what == "order":
        return {"order": tuple(name.strip() for name in told.split("|") if name.strip())}
    if what == "codes" and told:
        return {"codes": tuple(told.split("|"))}
    other = {"place": "place_with", "by": "determined_by"}.get(what) if colon else None
    return {other: told.strip()} if other else {}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
