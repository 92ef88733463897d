"""Values of cells that a person typed into a specification: taken out where source values may not stand.

A request that fewer than k people meet is refused, but a number or a date says more than a group's name, and a bundle
may name no category that its report does not name. So a value stays only where `nameable` holds it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from synthgen.spec import Predicate, RunSpec, SampleSpec

VALUE, RANGE, MISSING = "a fixed value", "a range of values", "missing"
ABOUT_COLUMNS = frozenset({"kind", "column", "columns", "low_column", "high_column", "strict", "source_may_break"})
Nameable = Mapping[str, Collection[str]]
NOTHING: Nameable = {}


def safe_spec(spec: RunSpec, nameable: Nameable = NOTHING) -> dict[str, Any]:
    """The specification with words in the place of typed values: positive class, missing tokens, requests, limits."""
    shown = spec.model_dump(mode="json")
    shown["positive"] = None if spec.positive is None else VALUE
    for override in shown["columns"].values():
        for typed in ("missing_tokens", "order", "codes"):
            override[typed] = [VALUE for _ in override.get(typed) or ()] or None
    shown["sample"] = safe_sample(spec.sample, nameable)
    shown["constraints"] = [
        {**_limits(told), "columns": list(rule.columns)} if isinstance(rule, Predicate) else _limits(told)
        for rule, told in zip(spec.constraints, shown["constraints"], strict=True)
    ]
    return shown


def safe_sample(sample: SampleSpec, nameable: Nameable = NOTHING) -> dict[str, Any]:
    """What was asked to be drawn: column names and row counts stay, of the values only those that may be named."""
    shown = sample.model_dump(mode="json")
    shown["fixed"] = _wishes(shown["fixed"], nameable)
    for target in shown["targets"]:
        target["where"] = _wishes(target["where"], nameable)
    return shown


def _wishes(where: Mapping[str, Any], nameable: Nameable) -> dict[str, Any]:
    return {column: _wish(wish, frozenset(nameable.get(column, ()))) for column, wish in where.items()}


def _wish(wish: Any, names: Collection[str]) -> Any:
    """What a column was fixed to, as it may be told: a value that may be named, else in words."""
    if wish is None:
        return MISSING
    if isinstance(wish, Mapping):
        return [_wish(one, names) for one in wish["values"]] if "values" in wish else RANGE
    return wish if str(wish) in names else VALUE


def _limits(constraint: Mapping[str, Any]) -> dict[str, Any]:
    """A constraint with its columns, its limits in words; a field this list does not know is not told."""
    return {name: told if name in ABOUT_COLUMNS or told is None else VALUE for name, told in constraint.items()}
