"""The schema without what the rows told of people, and what is declared in its place.

Kinds, names and formats of columns are taken as known, unless the owner wants them declared. Everything else that
inference reads from the rows (formulas, orders, places, ranges, keys) is either declared or not there.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from synthgen.contracts import FitData
from synthgen.errors import SpecError, raise_all
from synthgen.spec import ColumnOverride, RunSpec, Within
from synthgen.tabular import cells
from synthgen.tabular.keys import KeyModel
from synthgen.tabular.private import numbers
from synthgen.tabular.schema import NUMERIC, TIMES, Column, Schema

FIXED_KINDS = ("constant", "empty")


def private_schema(schema: Schema, spec: RunSpec) -> Schema:
    """The schema with nothing of the rows but kinds and formats. Raises SpecError for what cannot be without."""
    assert spec.privacy is not None
    said = {c.name: spec.columns.get(c.name) or ColumnOverride() for c in schema.columns}
    problems = [p for c in schema.columns for p in _undeclared(c, said[c.name], spec.privacy.kinds_declared)]
    raise_all(SpecError, problems, "Declare the kind of the column if it is known without the rows, or drop it.")
    return schema.model_copy(update={"columns": tuple(_bare(c, said[c.name]) for c in schema.columns)})


def _undeclared(column: Column, said: ColumnOverride, strict: bool) -> Iterator[str]:
    if column.kind in FIXED_KINDS and said.kind is None:
        yield f"column {column.name!r}: that every cell is the same is read from the rows and would be released"
    elif strict and said.kind is None:
        yield f"column {column.name!r}: its kind was read from the rows"
    words = [t for t in (column.true_token, column.false_token) if t is not None]
    if column.kind == "boolean" and words and cells.boolean_pair(words) is None:
        yield f"column {column.name!r}: its two words are read from the rows (name them as codes of a category)"
    if strict and column.numeric and said.decimals is None:
        yield f"column {column.name!r}: its decimals were read from the rows"


def _bare(column: Column, said: ColumnOverride) -> Column:
    return column.model_copy(
        update={
            "reason": "its kind is taken as known",
            "warning": "",
            "order": tuple(said.order or ()),
            "categories": (),
            "codes": tuple(said.codes or ()),
            "public": bool(said.public),
            "sentinels": (),
            "marks": (),
            "formula": None,
            "determined_by": None,
            "follows": None,
            "place_with": None,
            "within_person_constant": False,
            "key": column.key and column.key.model_copy(update={"start": 1}),
        }
    )


def prepare(data: FitData, schema: Schema) -> tuple[FitData, Schema, KeyModel]:
    """Training data, schema and keys where nothing may be learnt of keys: every row made is a person of its own."""
    return data, schema, KeyModel(person=schema.person)


def declared_ends(schema: Schema, spec: RunSpec) -> dict[str, tuple[int, int]]:
    """The ranges that constraints declare at both ends, in positions on the columns' grids."""
    known = {c.name: c for c in schema.modelled if c.kind in (*NUMERIC, *TIMES)}
    rules = [r for r in spec.constraints if isinstance(r, Within) and r.column in known]
    both = [r for r in rules if r.low is not None and r.high is not None]
    return {r.column: _positions(known[r.column], r) for r in both}


def _positions(column: Column, rule: Within) -> tuple[int, int]:
    grid = numbers.grid_of(column)
    ends = pd.Series([grid.parse(end, column.name) for end in (rule.low, rule.high)])
    low, high = numbers.positions(ends, grid)[0].tolist()
    return low, max(low, high)
