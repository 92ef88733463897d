"""What is known of a column's categories: their order, found or declared, and the list of texts that may come back.

Nothing here names a category that fewer than k people hold: an order or a list says how categories are meant, holding
one is still a fact about people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from synthgen.errors import SchemaError, raise_all
from synthgen.spec import ColumnOverride, RunSpec
from synthgen.tabular import scales
from synthgen.tabular.cells import Distinct, missing_mask
from synthgen.tabular.people import people_per_code
from synthgen.tabular.schema import PLACEHOLDER, Column

ORDERED = ("category", "code")
CODED = (*ORDERED, "text")


def find(columns: Sequence[Column], tables: Mapping[str, Distinct], person: str | None, spec: RunSpec) -> list[Column]:
    """The columns with the `order` of their categories and the `codes` they may hold. SchemaError for nonsense."""
    people = tables[person].codes if person is not None else None
    said = {c.name: spec.columns.get(c.name) or ColumnOverride() for c in columns}
    raise_all(
        SchemaError,
        [problem for c in columns for problem in _problems(c, said[c.name])],
        "Name each value once, for a column of categories or texts; override its kind if need be.",
    )
    out = []
    for column in columns:
        if column.kind in CODED:
            held = _held(column, tables[column.name], people, spec.k_floor)
            column = _ordered(_coded(column, said[column.name], held), said[column.name], held)
        out.append(column)
    return out


def _problems(column: Column, said: ColumnOverride) -> list[str]:
    wanted = {"order": (said.order, ORDERED), "codes": (said.codes, CODED)}
    if said.codes and said.kind is None:
        wanted["order"] = (said.order, CODED)  # a text whose codes are declared becomes a code
    told = {what: values for what, (values, _) in wanted.items() if values}
    wrong = [what for what in told if column.kind not in wanted[what][1]]
    twice = [what for what, values in told.items() if len(set(values)) < len(values)]
    return [f"{column.name!r} was read as {column.kind} and takes no {what}" for what in wrong] + [
        f"the {what} of {column.name!r} names a value twice" for what in twice
    ]


def _held(column: Column, table: Distinct, people: np.ndarray | None, k: int) -> list[str]:
    """The filled values that at least k people hold."""
    count = table.counts if people is None else people_per_code(table.codes, people, len(table.values))
    keep = (count >= k) & ~missing_mask(table.values, column.missing_tokens)
    return [value for value, kept in zip(table.values, keep, strict=True) if kept]


def _coded(column: Column, said: ColumnOverride, held: Sequence[str]) -> Column:
    """The column with the texts its owner lets come back; a placeholder where too few people share any of them."""
    if not said.codes:
        return column.model_copy(update={"public": column.public and not column.rest})
    codes = tuple(value for value in said.codes if value in set(held))
    fields = {"codes": codes, "rest": PLACEHOLDER, "public": False, "kind": "code" if codes else "text"}
    told = f"{len(codes)} of the {len(said.codes)} texts that its owner names are shared by enough people"
    return column.model_copy(update={**fields, "reason": f"read as {fields['kind']} because {told}", "warning": ""})


def _ordered(column: Column, said: ColumnOverride, held: Sequence[str]) -> Column:
    """The column with the order of its categories: as declared, else as their names tell."""
    if column.kind not in ORDERED or said.order == ():
        return column
    if declared := said.order or column.categories:
        order = tuple(value for value in declared if value in set(held))
        why = "its owner says so" if said.order else "its data type says so"
    else:
        found = scales.find(held)
        if found is None:
            return column
        order, why = found[1], f"its values are {found[0]}"
    reason = f"{column.reason}; an ordered category, because {why}"
    return column.model_copy(update={"order": order, "reason": reason})
