"""What may be asked of a fitted generator: nothing that fewer than k people of the source meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from synthgen.contracts import Split
from synthgen.errors import SpecError, raise_all
from synthgen.spec import OneOf, Range, RunSpec, SampleSpec, Wish
from synthgen.tabular.balancing import values_of
from synthgen.tabular.category_codes import fit_categories
from synthgen.tabular.joint import UNKNOWN, Joint
from synthgen.tabular.mixes import as_words, balanced_columns, levels_held
from synthgen.tabular.modes import DISCRETE, NUMERIC, people_in
from synthgen.tabular.windows import ends
from synthgen.tabular.wishes import all_met, few_whole, grid_for

ELSEWHERE = "or give the table that the model was fitted on (--source), in which people are counted"


def check_request(request: SampleSpec, split: Split, schema: Any, spec: RunSpec) -> None:
    """Refuse unknown columns, and fixed values or target groups that fewer than k people of the source meet.

    Raises SpecError with every problem; it names columns, never the value that was asked for.
    """
    known = {c.name: c for c in schema.modelled}
    problems = _cannot_be_drawn(request, known, schema.target, split.train)
    for what, where in _wanted(request):
        unknown = [c for c in where if c not in known]
        problems += [f"{what}: column {c!r} is not modelled." for c in unknown]
        ranged = {c: w for c, w in where.items() if c in known and isinstance(w, Range) and known[c].kind in DISCRETE}
        unordered = [c for c, w in ranged.items() if not _is_range_of(known[c], w)]
        problems += [
            f"{what}: an end of the range is no category of the ordered column {c!r}."
            if known[c].order
            else f"{what}: column {c!r} was read as {known[c].kind} and has no ranges."
            for c in unordered
        ]
        if not unknown and not unordered and _people_who_meet(where, known, split) < spec.k_floor:
            named = ", ".join(repr(c) for c in where)
            problems.append(f"{what} ({named}): fewer than {spec.k_floor} people of the source meet them.")
        elif not unknown and not unordered:
            problems += _thin_levels(what, where, request, known, split, schema.target, spec.k_floor)
    problems = problems or _thin_cells(request, known, split, schema.target, spec.k_floor)
    raise_all(SpecError, problems, "Ask for values that more people share, leave the condition out, or balance less.")


def check_without_source(
    request: SampleSpec, encoding: Any, joint: Joint | None = None, target: str | None = None
) -> None:
    """The same where a loaded model is all there is: refuse what it cannot tell that k people meet. Raises SpecError.

    One column may be fixed to what holds the whole of a level, each of which has k people. Two columns together, fixed
    or balanced, are allowed where `joint` tells that k people share the levels; of more than two it tells nothing.
    Unknown columns and values are the generator's to refuse.
    """
    together = _balanced_together(request, target)
    for what, where in _wanted(request) or [("The balanced columns", {})]:
        names = list(dict.fromkeys([*where, *together]))
        if encoding is not None and not set(names) <= set(encoding.names):
            continue  # told by the generator
        if len(names) > 1:
            held = _known(what, names, joint or UNKNOWN)
            asked = [_levels_asked(name, where, together, request.balance_within, encoding) for name in names]
            _must_be_held(what, names, held, asked)
        elif where and encoding is not None and not encoding.held(names[0], where[names[0]]):
            raise SpecError(
                f"{what} ({names[0]!r}): a loaded model cannot tell that enough people meet them.",
                f"Ask for a value that many people share or a wider range, {ELSEWHERE}.",
            )


def _known(what: str, names: list[str], joint: Joint) -> np.ndarray:
    """Which levels of two columns are known to have k people. Raises SpecError where nothing is known of them."""
    held = joint.held(*names) if len(names) == 2 else None
    if held is None:
        kept = "it knows of some pairs of columns only" if joint.pairs else "this model keeps no joint counts"
        raise SpecError(
            f"{what} ({', '.join(map(repr, names))}) are about several columns together: whether enough people share "
            f"each combination, a loaded model cannot tell; {kept}.",
            f"Ask for fewer columns, {ELSEWHERE}.",
        )
    return held


def _must_be_held(what: str, names: list[str], held: np.ndarray, wanted: Sequence[tuple[np.ndarray, bool]]) -> None:
    """Refuse two columns together unless every combination that is asked for is known to have k people."""
    asked = held[np.ix_(*(levels for levels, _ in wanted))]
    for axis, (_, every) in enumerate(wanted):
        asked = asked if every else asked.any(axis=axis, keepdims=True)
    if not asked.size or not asked.all():
        raise SpecError(
            f"{what} ({', '.join(map(repr, names))}): a loaded model cannot tell that enough people share every "
            "combination asked for.",
            f"Ask for values that more people share, balance one column alone, {ELSEWHERE}.",
        )


def _levels_asked(
    name: str, where: dict[str, Wish], balanced: list[str], inside: str | None, encoding: Any
) -> tuple[np.ndarray, bool]:
    """The levels of a column that a request is about, and whether each of them must have people, or one is enough.

    Balance makes every level as common as the others; what is fixed takes what comes. The column that others are
    balanced within keeps its gaps and what few people hold.
    """
    column, wish = encoding.names.index(name), {name: where[name]} if name in where else {}
    allowed = encoding.allowed(wish)
    if name == inside:
        return np.flatnonzero(allowed.shares.get(column, np.ones(encoding.sizes[column]))), True
    if name not in balanced:
        return np.flatnonzero(encoding.covered(name, where[name])), False
    return values_of(encoding, column, allowed), True


def _thin_levels(
    what: str,
    where: dict[str, Wish],
    request: SampleSpec,
    known: Mapping[str, Any],
    split: Split,
    target: str | None,
    k: int,
) -> list[str]:
    """Balanced columns of which some value is shared by too few of the people who meet `where`: balance would make them
    as common as the others."""
    problems = []
    for name in balanced_columns(request, target):
        if name not in known or name in where or not is_discrete(known[name], split.train):
            continue
        found = _levels_of(known[name], split, k)
        if any(_people_who_meet({**where, name: value}, known, split) < k for value in found):
            problems.append(
                f"{what}: some values of the balanced column {name!r} are met by fewer than {k} of these people."
            )
    return problems


def _thin_cells(request: SampleSpec, known: Mapping[str, Any], split: Split, target: str | None, k: int) -> list[str]:
    """Columns balanced together, or within another, of whose combinations some are shared by fewer than k of the people
    asked for: balance would make them common. What nobody has is not counted, nor balanced values that are missing; the
    column they are balanced within keeps its gaps and what few people hold, so these are."""
    names, inside = _balanced_together(request, target), request.balance_within
    if len(names) < 2:
        return []
    for where in [where for _, where in _wanted(request)] or [{}]:
        counts: Counter[tuple[int, ...]] = Counter()
        for frame, people in _parts_of(split):
            cells = levels_held(split, frame, [known[c] for c in names], k, [inside] if inside else [])
            rows = (cells >= 0).all(axis=1) & all_met(where, known, frame)
            who = np.arange(len(frame)) if people is None else people
            held = np.unique(np.column_stack([cells, who])[rows], axis=0)[:, :-1]
            counts.update(map(tuple, held.tolist()))
        thin = sum(count < k for count in counts.values())
        if thin:
            named = ", ".join(map(repr, names))
            return [
                f"Columns {named} balanced together: {thin} of the {len(counts)} combinations of their values are "
                f"shared by fewer than {k} people, and balance would make them common."
            ]
    return []


def _balanced_together(request: SampleSpec, target: str | None) -> list[str]:
    """The balanced columns, and the one they are balanced within."""
    inside = [request.balance_within] if request.balance_within is not None else []
    return list(dict.fromkeys([*balanced_columns(request, target), *inside]))


def _parts_of(split: Split) -> list[tuple[pd.DataFrame, np.ndarray | None]]:
    """Each part of the source that has rows, with who its rows are of; no person is in two."""
    parts = (
        (split.train, split.train_people),
        (split.validation, split.validation_people),
        (split.holdout, split.holdout_people),
    )
    return [(frame, people) for frame, people in parts if len(frame)]


def _levels_of(column: Any, split: Split, k: int) -> list[Any]:
    """The values of a discrete column that a generator may balance."""
    values, people = split.train[column.name], split.train_people
    made = fit_categories(as_words(values), column.name, column.kind, bool(column.public), people, k)
    kept = [v for v in made.values if v not in made.alone]
    return [float(v) for v in kept] if column.kind in NUMERIC else list(kept)


def _wanted(request: SampleSpec) -> list[tuple[str, dict[str, Wish]]]:
    """What must be met together, and its name in messages."""
    wanted = [("The fixed values", dict(request.fixed))] if request.fixed else []
    return wanted + [(f"Target group {i + 1}", {**request.fixed, **t.where}) for i, t in enumerate(request.targets)]


def _cannot_be_drawn(
    request: SampleSpec, known: Mapping[str, Any], target: str | None, train: pd.DataFrame
) -> list[str]:
    """What a generator could not do with the request, in words that name columns only."""
    names = balanced_columns(request, target)
    asked = [*names, *([request.balance_within] if request.balance_within is not None else [])]
    problems = [f"Column {c!r} of `balance` is not modelled." for c in asked if c not in known]
    problems += [
        f"Column {c!r} was read as {known[c].kind}; only a discrete column, or whole numbers with at most 20 values, "
        "can be balanced (override it to category)."
        for c in asked
        if c in known and not is_discrete(known[c], train)
    ]
    if request.mix == "balanced" and not names:
        problems.append("A balanced mix was asked for, but no column to balance, and the table has no target.")
    if request.balance_within is not None and (not names or request.balance_within in names):
        problems.append("What is balanced within a column must be another column: name it in `balance`.")
    wishes = [*request.fixed.items(), *(item for t in request.targets for item in t.where.items())]
    held = {c for c, wish in wishes if not isinstance(wish, OneOf)}
    problems += [f"Column {c!r} is both fixed and balanced." for c in asked if c in held]
    for i, group in enumerate(request.targets):
        both = [c for c in group.where if c in request.fixed and c in known]
        clash = [c for c in both if not _is_inside(known[c], group.where[c], request.fixed[c], train)]
        problems += [f"Target group {i + 1}: column {c!r} is fixed to another value." for c in clash]
    return problems


def _is_range_of(column: Any, wish: Range) -> bool:
    """Whether the ends of a range are categories of a column that have an order."""
    return bool(column.order) and {str(end) for end in (wish.low, wish.high) if end is not None} <= set(column.order)


def is_discrete(column: Any, train: pd.DataFrame) -> bool:
    """Whether a column's values can be balanced: categories, and numbers with few whole values (as metrics say)."""
    return column.kind in DISCRETE or (column.kind in NUMERIC and few_whole(train[column.name]))


def _is_inside(column: Any, wish: Wish, other: Wish, frame: pd.DataFrame) -> bool:
    """Whether a target group's wish for a column keeps within what is fixed for every row."""
    if wish == other:
        return True
    if isinstance(wish, Range) and column.kind not in DISCRETE:
        return isinstance(other, Range) and _is_narrower(column, wish, other)
    where, bounds = {column.name: wish}, {column.name: other}
    known = {column.name: column}
    return not (all_met(where, known, frame) & ~all_met(bounds, known, frame)).any()


def _is_narrower(column: Any, wish: Range, other: Range) -> bool:
    try:
        (low, high), (least, most) = (ends(grid_for(column), r, column.name) for r in (wish, other))
    except SpecError:
        return False
    low_inside = least is None or (low is not None and low >= least)
    return bool(low_inside and (most is None or (high is not None and high <= most)))


def _people_who_meet(where: Mapping[str, Wish], known: Mapping[str, Any], split: Split) -> int:
    return sum(people_in(all_met(where, known, f), p) for f, p in _parts_of(split))
